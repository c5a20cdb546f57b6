"""A report as headings, tables and notes: what terminal, PDF and spreadsheet all show. Pure."""

from collections.abc import Iterator, Sequence
from typing import Final, Literal

import msgspec

from alerts.gaps.text import label_text
from common.i18n import t
from dashboards.reports.availability import Report, Row, Subject
from dashboards.reports.load import BYTES_PER_MEGABIT, Load, Way
from dashboards.reports.month import local
from dashboards.reports.unheard import Note
from dashboards.reports.words import duration, number, percent
from inventory.model import Quality

Form = Literal["text", "share", "number", "duration"]
_SUBJECTS: Final[tuple[Subject, ...]] = ("line", "system", "commune_system")
_AVAILABILITY: Final = (
    "name", "lowest", "highest", "coverage", "down", "unknown", "target", "verdict",
)  # fmt: skip
_LOAD: Final = (
    "name", "direction", "contracted", "percentile", "busiest", "over", "known", "carried", "goodput",
    "load_verdict", "contract",
)  # fmt: skip
_GIGABYTE: Final = 1e9
_NOTES: Final = 4


class Cell(msgspec.Struct, frozen=True):
    """What people read, and the number behind it for a spreadsheet: shares of 1, seconds, or plain."""

    text: str
    value: float | None = None
    form: Form = "text"


class Section(msgspec.Struct, frozen=True):
    """A table with its title; ``bad`` are the rows that do not meet what was promised."""

    name: str
    title: str
    heads: tuple[str, ...]
    rows: tuple[tuple[Cell, ...], ...]
    bad: tuple[bool, ...]


class Footnote(msgspec.Struct, frozen=True):
    """What stands behind the star of a row; ``of`` names it."""

    of: str
    lines: tuple[str, ...]


class Document(msgspec.Struct, frozen=True, kw_only=True):
    """The whole report in one language; ``warning`` while figures may still change. ``starred`` says what
    ``footnotes`` are about, ``notes`` what all figures mean."""

    title: str
    period: str
    warning: str
    sections: tuple[Section, ...]
    starred: str
    footnotes: tuple[Footnote, ...]
    notes: tuple[str, ...]


def document(report: Report, language: str) -> Document:
    """Return the report as people read it in ``language``."""
    month = report.month
    start, end = (local(time, month.timezone) for time in (month.start, report.until))
    return Document(
        title=t("report.title", language, month=month.name),
        period=t("report.period", language, start=start, end=end, timezone=month.timezone),
        warning=t("report.provisional", language) if report.provisional else "",
        sections=tuple(_sections(report, language)),
        starred=t("report.notes", language),
        footnotes=tuple(_footnotes(report, language)),
        notes=tuple(_notes(report, language)),
    )


def _sections(report: Report, language: str) -> Iterator[Section]:
    for subject in _SUBJECTS:
        rows = [row for row in report.rows if row.subject == subject]
        if rows:
            cells = tuple(_availability(row, language) for row in rows)
            bad = tuple(row.verdict == "missed" for row in rows)
            yield _section(subject, _AVAILABILITY, language, cells, bad)
    if report.loads:
        ways = [(load, way) for load in report.loads for way in load.ways]
        cells = tuple(_load(load, way, language) for load, way in ways)
        bad = tuple(way.verdict == "exceeded" or way.contract == "missed" for _, way in ways)
        yield _section("load", _LOAD, language, cells, bad, **_limits(report.quality, language))


def _limits(quality: Quality, language: str) -> dict[str, str]:
    """Return the inventory's numbers as the notes and heads name them."""

    def said(value: float) -> str:
        text = f"{value:g}"
        return text.replace(".", ",") if language == "vi" else text

    return {
        "percentile": said(quality.congestion_percentile * 100),
        "days": said(quality.congestion_days),
        "limit": said(quality.congestion_ratio_max * 100),
        "least": said(quality.contracted_ratio_min),
    }


def _section(
    name: str, columns: Sequence[str], language: str, rows: tuple[tuple[Cell, ...], ...],
    bad: tuple[bool, ...], **values: str,
) -> Section:  # fmt: skip
    heads = tuple(t(f"report.column_{column}", language, **values) for column in columns)
    return Section(name, t(f"report.section_{name}", language), heads, rows, bad)


def _notes(report: Report, language: str) -> Iterator[str]:
    yield t("report.explained", language)
    if report.loads:
        for place in range(1, _NOTES + 1):
            yield t(f"report.load_note_{place}", language, **_limits(report.quality, language))


def _footnotes(report: Report, language: str) -> Iterator[Footnote]:
    """Yield why time is unknown, and what of it counts otherwise, for each row of which that is known."""
    for row in report.rows:
        if row.notes:
            yield Footnote(_name(row, language), tuple(_note(note, language) for note in row.notes))


def _note(note: Note, language: str) -> str:
    return t(
        f"report.note_{note.treated}", language, label=label_text(note.label, language),
        count=note.count, length=duration(note.seconds), windows=", ".join(note.windows) or "-",
    )  # fmt: skip


# --- availability ------------------------------------------------------------------------------------
def _availability(row: Row, language: str) -> tuple[Cell, ...]:
    found = row.availability
    target = Cell("") if row.target is None else _share(row.target, language, up=False, decimals=3)
    return (
        Cell(_name(row, language) + (" *" if row.notes else "")),
        _share(found.lowest, language, up=False, decimals=3),
        _share(found.highest, language, up=True, decimals=3),
        _share(found.coverage, language, up=False, decimals=3),
        Cell(duration(row.down_seconds), row.down_seconds, "duration"),
        Cell(duration(row.unknown_seconds), row.unknown_seconds, "duration"),
        target,
        Cell(_verdict(row, language)),
    )


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


# --- load --------------------------------------------------------------------------------------------
def _load(load: Load, way: Way, language: str) -> tuple[Cell, ...]:
    carried = None if way.carried_bytes is None else way.carried_bytes / _GIGABYTE
    return (
        Cell(_line(load, language)),
        Cell(t(f"report.direction_{way.direction}", language)),
        _plain(way.contracted / BYTES_PER_MEGABIT, language, 0),
        *(_share(value, language, up=True, decimals=1) for value in (way.percentile, way.busiest, way.over)),
        _share(way.known, language, up=False, decimals=1),
        _plain(carried, language, 1),
        _goodput(way, language),
        Cell(t(f"report.load_{way.verdict}", language)),
        Cell(t(f"report.contract_{way.contract}", language)),
    )


def _line(load: Load, language: str) -> str:
    shared = f" ({t('report.shared', language)})" if load.shared else ""
    return f"{load.commune} {load.commune_name} / {load.line}{shared}"


def _goodput(way: Way, language: str) -> Cell:
    if way.goodput is None:
        return Cell("–")
    rate = way.goodput / BYTES_PER_MEGABIT
    share = percent(way.goodput / way.contracted, language, up=False, decimals=0)
    return Cell(f"{number(rate, language, 1)} ({share}, n={way.tests})", rate, "number")


def _share(value: float | None, language: str, *, up: bool, decimals: int) -> Cell:
    if value is None:
        return Cell("–")
    return Cell(percent(value, language, up=up, decimals=decimals), value, "share")


def _plain(value: float | None, language: str, decimals: int) -> Cell:
    return Cell("–") if value is None else Cell(number(value, language, decimals), value, "number")
