"""A report as a table for people, as CSV and as JSON. Pure.

A percentage is rounded away from flattery: the lower bound down, the upper bound up.
"""

import csv
import io
from collections.abc import Sequence
from typing import Any, Final

import msgspec

from common.i18n import t
from dashboards.reports import load_table as tables
from dashboards.reports.availability import Report, Row, Subject
from dashboards.reports.month import local
from dashboards.reports.words import align, percent

BOM: Final = "\ufeff"
"""Spreadsheet programs take a CSV file for UTF-8 only with it."""

CSV_COLUMNS: Final = (
    "subject", "commune", "commune_name", "line", "system", "system_name", "availability_min",
    "availability_max", "coverage", "up_seconds", "down_seconds", "unknown_seconds", "target", "verdict",
    "month", "provisional", "direction", "contracted_mbps", "percentile", "busiest", "over", "known",
    "carried_bytes", "goodput_mbps", "tests", "contract",
)  # fmt: skip
"""Rows of subject ``load`` fill those from ``direction`` on; their ``verdict`` is the regulation's."""


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
    if report.loads:
        parts += ["", t("report.section_load", language), tables.grid(report.loads, language)]
    parts += ["", t("report.explained", language)]
    parts += tables.footnotes(report, language)
    return "\n".join(parts) + "\n"


def _grid(rows: Sequence[Row], language: str) -> str:
    heads = [
        t(f"report.column_{name}", language)
        for name in ("name", "lowest", "highest", "coverage", "down", "unknown", "target", "verdict")
    ]
    return align([heads, *(_cells(row, language) for row in rows)])


def _cells(row: Row, language: str) -> list[str]:
    found = row.availability
    return [
        _name(row, language),
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


def as_csv(report: Report, language: str, *, bom: bool = False) -> str:
    """Return one row a subject with ratios and seconds as plain numbers (RFC 4180)."""
    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerow(CSV_COLUMNS)
    records = [_record(row, report, language) for row in report.rows]
    records += (tables.record(load, way, report) for load in report.loads for way in load.ways)
    for record in records:
        writer.writerow([record.get(column, "") for column in CSV_COLUMNS])
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
        "loads": msgspec.to_builtins(report.loads),
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
