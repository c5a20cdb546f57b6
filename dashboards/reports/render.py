"""A report as a table for people, as CSV and as JSON. Pure.

A percentage is rounded away from flattery: the lower bound down, the upper bound up.
"""

import csv
import io
import math
import unicodedata
from collections.abc import Sequence
from typing import Any, Final

import msgspec

from alerts.gaps.text import label_text
from common.i18n import t
from dashboards.reports.availability import Report, Row, Subject
from dashboards.reports.month import local
from dashboards.reports.unheard import Note

BOM: Final = "\ufeff"
"""Spreadsheet programs take a CSV file for UTF-8 only with it."""
_DECIMALS: Final = 3

CSV_COLUMNS: Final = (
    "subject", "commune", "commune_name", "line", "system", "system_name", "availability_min",
    "availability_max", "coverage", "up_seconds", "down_seconds", "unknown_seconds", "target", "verdict",
    "month", "provisional", "excluded_seconds",
)  # fmt: skip


def percent(ratio: float, language: str, *, up: bool) -> str:
    """Return a ratio as a percentage of three decimals, rounded up or down, never over an edge.

    >>> percent(0.9999999, "en", up=False), percent(0.9999999, "vi", up=True)
    ('99.999 %', '100,000 %')
    """
    scale = 10**_DECIMALS
    exact = ratio * 100 * scale
    nearest = round(exact)
    whole = nearest if abs(exact - nearest) < 1e-6 else (math.ceil if up else math.floor)(exact)
    text = f"{whole / scale:.{_DECIMALS}f} %"
    return text.replace(".", ",") if language == "vi" else text


def duration(seconds: float) -> str:
    """Return seconds as ``d hh:mm:ss``, to the second.

    >>> duration(90061.4)
    '1d 01:01:01'
    """
    whole = round(seconds)
    days, rest = divmod(whole, 86400)
    text = f"{rest // 3600:02}:{rest // 60 % 60:02}:{rest % 60:02}"
    return f"{days}d {text}" if days else text


def table(report: Report, language: str) -> str:
    """Return the report for a terminal: a heading, then one table for each subject."""
    month = report.month
    parts = [
        t("report.title", language, month=month.name),
        t(
            "report.period",
            language,
            start=local(month.start, month.timezone),
            end=local(report.until, month.timezone),
            timezone=month.timezone,
        ),
    ]
    if report.provisional:
        parts.append(t("report.provisional", language))
    subjects: tuple[Subject, ...] = ("line", "system", "commune_system")
    for subject in subjects:
        rows = [row for row in report.rows if row.subject == subject]
        if rows:
            parts += ["", t(f"report.section_{subject}", language), _grid(rows, language)]
    parts += _footnotes(report, language)
    parts += ["", t("report.explained", language)]
    return "\n".join(parts) + "\n"


def _grid(rows: Sequence[Row], language: str) -> str:
    heads = [
        t(f"report.column_{name}", language)
        for name in ("name", "lowest", "highest", "coverage", "down", "unknown", "target", "verdict")
    ]
    return align([heads, *(_cells(row, language) for row in rows)])


def _footnotes(report: Report, language: str) -> list[str]:
    """Return why time is unknown, and what of it counts otherwise: a paragraph a line."""
    noted = [row for row in report.rows if row.notes]
    if not noted:
        return []
    lines = ["", t("report.notes", language)]
    for row in noted:
        lines.append(f"* {_name(row, language)}")
        lines += (f"    {_note(note, language)}" for note in row.notes)
    return lines


def _note(note: Note, language: str) -> str:
    return t(
        f"report.note_{note.treated}", language, label=label_text(note.label, language),
        count=note.count, length=duration(note.seconds), windows=", ".join(note.windows) or "-",
    )  # fmt: skip


def _cells(row: Row, language: str) -> list[str]:
    found = row.availability
    return [
        _name(row, language) + (" *" if row.notes else ""),
        percent(found.lowest, language, up=False),
        percent(found.highest, language, up=True),
        percent(found.coverage, language, up=False),
        duration(row.down_seconds),
        duration(row.unknown_seconds),
        "" if row.target is None else percent(row.target, language, up=False),
        _verdict(row, language),
    ]


def _verdict(row: Row, language: str) -> str:
    if not row.heard:
        return t("report.verdict_silent", language)
    return "" if row.verdict == "none" else t(f"report.verdict_{row.verdict}", language)


def _name(row: Row, language: str) -> str:
    system = getattr(row.system_name, language) if row.system_name else ""
    place = f"{row.commune} {row.commune_name}" if row.commune else ""
    if row.subject == "line":
        return f"{place} / {row.line}"
    return f"{place}: {system}" if place else system


def align(rows: Sequence[Sequence[str]]) -> str:
    """Return rows in columns, the first to the left and numbers to the right; the first row is a head."""
    plain = [[unicodedata.normalize("NFC", cell) for cell in row] for row in rows]
    widths = [max(len(row[column]) for row in plain) for column in range(len(plain[0]))]

    def line(row: Sequence[str]) -> str:
        last = len(row) - 1
        cells = (
            cell.ljust(width) if column in {0, last} else cell.rjust(width)
            for column, (cell, width) in enumerate(zip(row, widths, strict=True))
        )
        return "  ".join(cells).rstrip()

    return "\n".join([line(plain[0]), "-" * (sum(widths) + 2 * (len(widths) - 1)), *map(line, plain[1:])])


def as_csv(report: Report, language: str, *, bom: bool = False) -> str:
    """Return one row a subject with ratios and seconds as plain numbers (RFC 4180)."""
    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerow(CSV_COLUMNS)
    for row in report.rows:
        record = _record(row, report, language)
        writer.writerow([record[column] for column in CSV_COLUMNS])
    return (BOM if bom else "") + out.getvalue()


def _record(row: Row, report: Report, language: str) -> dict[str, Any]:
    return {
        "subject": row.subject,
        "commune": row.commune,
        "commune_name": row.commune_name,
        "line": row.line,
        "system": row.system,
        "system_name": getattr(row.system_name, language) if row.system_name else "",
        "availability_min": f"{row.availability.lowest:.6f}",
        "availability_max": f"{row.availability.highest:.6f}",
        "coverage": f"{row.availability.coverage:.6f}",
        "up_seconds": round(row.up_seconds),
        "down_seconds": round(row.down_seconds),
        "unknown_seconds": round(row.unknown_seconds),
        "target": "" if row.target is None else row.target,
        "verdict": row.verdict,
        "month": report.month.name,
        "provisional": int(report.provisional),
        "excluded_seconds": round(row.excluded_seconds),
    }


def as_json(report: Report) -> str:
    """Return everything, names in both languages, times in Unix seconds."""
    month = report.month
    body = {
        "month": month.name,
        "timezone": month.timezone,
        "start": month.start,
        "end": month.end,
        "until": report.until,
        "provisional": report.provisional,
        "rows": [_json_row(row) for row in report.rows],
    }
    return msgspec.json.format(msgspec.json.encode(body), indent=2).decode() + "\n"


def _json_row(row: Row) -> dict[str, Any]:
    plain: dict[str, Any] = msgspec.to_builtins(row)
    found = plain.pop("availability")
    return {
        **plain,
        "availability_min": found["lowest"],
        "availability_max": found["highest"],
        "coverage": found["coverage"],
    }
