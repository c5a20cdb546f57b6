"""A report as a table for a terminal, as CSV and as JSON. Pure."""

import csv
import io
from collections.abc import Iterator
from typing import Any, Final

import msgspec

from dashboards.reports.availability import Report, Row
from dashboards.reports.document import Document, document
from dashboards.reports.load import BYTES_PER_MEGABIT, Load, Way
from dashboards.reports.words import align

BOM: Final = "\ufeff"
"""Spreadsheet programs take a CSV file for UTF-8 only with it."""

CSV_COLUMNS: Final = (
    "subject", "commune", "commune_name", "line", "system", "system_name", "availability_min",
    "availability_max", "coverage", "up_seconds", "down_seconds", "unknown_seconds", "target", "verdict",
    "month", "provisional", "direction", "contracted_mbps", "percentile", "busiest", "over", "known",
    "carried_bytes", "goodput_mbps", "tests", "contract", "excluded_seconds",
)  # fmt: skip
"""Rows of subject ``load`` fill those from ``direction`` on; their ``verdict`` is the regulation's."""


def table(report: Report, language: str) -> str:
    """Return the report for a terminal: a heading, then one table for each subject, then notes."""
    shown = document(report, language)
    parts = [shown.title, shown.period, *([shown.warning] if shown.warning else [])]
    for section in shown.sections:
        rows = [section.heads, *([cell.text for cell in row] for row in section.rows)]
        parts += ["", section.title, align(rows)]
    return "\n".join([*parts, "", *_footnotes(shown), *shown.notes]) + "\n"


def _footnotes(shown: Document) -> Iterator[str]:
    if shown.footnotes:
        yield f"* {shown.starred}"
    for note in shown.footnotes:
        yield f"  {note.of}"
        yield from (f"    {line}" for line in note.lines)
    if shown.footnotes:
        yield ""


def as_csv(report: Report, language: str, *, bom: bool = False) -> str:
    """Return one row a subject with ratios and seconds as plain numbers (RFC 4180)."""
    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerow(CSV_COLUMNS)
    records = [_record(row, report, language) for row in report.rows]
    records += (_load_record(load, way, report) for load in report.loads for way in load.ways)
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
        "excluded_seconds": round(row.excluded_seconds),
    }


def _load_record(load: Load, way: Way, report: Report) -> dict[str, Any]:
    """Return one direction of a line as plain values by CSV column."""
    values = {
        "contracted_mbps": way.contracted / BYTES_PER_MEGABIT,
        "percentile": way.percentile,
        "busiest": way.busiest,
        "over": way.over,
        "known": way.known,
        "carried_bytes": way.carried_bytes,
        "goodput_mbps": None if way.goodput is None else way.goodput / BYTES_PER_MEGABIT,
    }
    return {
        "subject": "load",
        "commune": load.commune,
        "commune_name": load.commune_name,
        "line": load.line,
        "direction": way.direction,
        **{key: "" if value is None else f"{value:.6g}" for key, value in values.items()},
        "carried_bytes": "" if way.carried_bytes is None else round(way.carried_bytes),
        "tests": way.tests,
        "verdict": way.verdict,
        "contract": way.contract,
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
