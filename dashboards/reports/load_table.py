"""The load of lines as rows for people and for programs, and what the figures mean. Pure."""

from collections.abc import Iterator, Sequence
from typing import Any, Final

from common.i18n import t
from dashboards.reports.availability import Report
from dashboards.reports.load import BYTES_PER_MEGABIT, Load, Way
from dashboards.reports.words import align, number, percent

COLUMNS: Final = (
    "name", "direction", "contracted", "percentile", "busiest", "over", "known", "carried", "goodput",
    "load_verdict", "contract",
)  # fmt: skip
_GIGABYTE: Final = 1e9


def heads(language: str) -> list[str]:
    """Return the titles of the columns."""
    return [t(f"report.column_{name}", language) for name in COLUMNS]


def cells(load: Load, way: Way, language: str) -> list[str]:
    """Return one direction of a line as text; what is not known is a dash."""
    return [
        name(load, language),
        t(f"report.direction_{way.direction}", language),
        number(way.contracted / BYTES_PER_MEGABIT, language),
        _share(way.percentile, language),
        _share(way.busiest, language),
        _share(way.over, language),
        percent(way.known, language, up=False, decimals=1),
        "–" if way.carried_bytes is None else number(way.carried_bytes / _GIGABYTE, language, 1),
        _goodput(way, language),
        t(f"report.load_{way.verdict}", language),
        t(f"report.contract_{way.contract}", language),
    ]


def name(load: Load, language: str) -> str:
    """Return how a line is named in a row; a shared one says so."""
    shared = f" ({t('report.shared', language)})" if load.shared else ""
    return f"{load.commune} {load.commune_name} / {load.line}{shared}"


def _share(value: float | None, language: str) -> str:
    return "–" if value is None else percent(value, language, up=True, decimals=1)


def _goodput(way: Way, language: str) -> str:
    if way.goodput is None:
        return "–"
    share = percent(way.goodput / way.contracted, language, up=False, decimals=0)
    return f"{number(way.goodput / BYTES_PER_MEGABIT, language, 1)} ({share}, n={way.tests})"


def grid(loads: Sequence[Load], language: str) -> str:
    """Return a table for a terminal."""
    return align([heads(language), *(cells(load, way, language) for load in loads for way in load.ways)])


def footnotes(report: Report, language: str) -> Iterator[str]:
    """Yield what the figures mean, a sentence each."""
    if report.loads:
        for number_ in range(1, 5):
            yield t(f"report.load_note_{number_}", language)


def record(load: Load, way: Way, report: Report) -> dict[str, Any]:
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
