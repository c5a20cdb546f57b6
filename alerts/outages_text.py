"""The ledger as people read it, in both languages, and as data. Pure."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any
from zoneinfo import ZoneInfo

import msgspec

from alerts import words
from alerts.gaps.model import Edge
from alerts.gaps.text import fact_text, label_text, length, moment
from alerts.revision import Revision, Shown
from common.i18n import t
from inventory.model import Language
from inventory.names import ComponentKind

_KINDS = frozenset(str(kind) for kind in ComponentKind)


def kind_text(kind: str, language: str | None = None) -> str:
    """Return a kind of component, or a class such as ``power|line``, in words."""
    *others, last = [t(f"wall.kind_{one}", language) if one in _KINDS else one for one in kind.split("|")]
    return t("wall.one_of", language, first=", ".join(others), last=last) if others else last


def verdict_text(revised: Revision, language: str | None = None) -> str:
    """Return in short what was learned of an outage."""
    return t(f"outages.verdict_{revised.verdict}", language, label=label_text(revised.label, language))


def sentences(revised: Revision, timezone: str, language: Language) -> Iterator[str]:
    """Yield what was learned of an outage, then what had been told, where that was something else."""
    if revised.verdict == "undecided":
        yield t("answer.revised_undecided", language)
        return
    yield t(
        f"answer.revised_{revised.verdict}", language, label=label_text(revised.label, language),
        start=words.moment(revised.start.at, timezone, language),
        end=words.moment(revised.end.at, timezone, language),
    )  # fmt: skip
    said = revised.said
    yield t(
        "answer.revised_said", language, kind=kind_text(said.kind, language),
        start=words.moment(said.since, timezone, language), end=words.moment(said.until, timezone, language),
    )  # fmt: skip


def table(rows: Sequence[Shown], names: Mapping[str, str], zone: ZoneInfo) -> str:
    """Return a table, a row an outage, what was learned of it below; ``names`` of communes by code."""
    if not rows:
        return t("outages.none") + "\n"
    heads = [t(f"outages.column_{name}") for name in ("start", "end", "length", "component", "kind", "where")]
    cells = [_cells(row, names, zone) for row in rows]
    widths = [max(len(one[column]) for one in [heads, *cells]) for column in range(len(heads))]
    lines = [_line(heads, widths)]
    for row, one in zip(rows, cells, strict=True):
        lines.append(_line(one, widths))
        lines += [f"    {text}" for text in _learned(row, zone)]
    return "\n".join([*lines, "", t("outages.explained")]) + "\n"


def _cells(row: Shown, names: Mapping[str, str], zone: ZoneInfo) -> list[str]:
    lasts = row.until is None
    return [
        moment(row.since, zone),
        t("outages.open") if row.until is None else moment(row.until, zone),
        "" if lasts or row.until is None else length(row.until - row.since),
        row.component,
        kind_text(row.kind),
        _where(row.communes, names),
    ]


def _where(communes: Sequence[str], names: Mapping[str, str]) -> str:
    if len(communes) == 1:
        return names.get(communes[0], communes[0])
    return t("outages.communes", count=len(communes)) if communes else ""


def _learned(row: Shown, zone: ZoneInfo) -> Iterator[str]:
    revised = row.revised
    if revised is None:
        return
    said = revised.said
    yield verdict_text(revised)
    yield t(
        "outages.said", component=said.component, kind=kind_text(said.kind),
        start=moment(said.since, zone), end=moment(said.until, zone),
    )  # fmt: skip
    if revised.verdict == "undecided":
        return
    yield t(
        "outages.edges", start=_unsure(revised.start), end=_unsure(revised.end),
        by=", ".join(t(f"gaps.by_{side}") for side in revised.vouched_by) or t("gaps.by_nobody"),
    )  # fmt: skip
    if revised.asked > 1:
        yield t("outages.agreeing", agreeing=revised.agreeing, asked=revised.asked)
    for piece in revised.pieces:
        yield f"{label_text(piece.label)}: {moment(piece.start.at, zone)} – {moment(piece.end.at, zone)}"
        yield from (f"  {fact_text(fact, zone)}" for fact in piece.facts)


def _unsure(edge: Edge) -> str:
    return f"{edge.uncertainty_seconds:.0f} s"


def _line(cells: Iterable[str], widths: Sequence[int]) -> str:
    return "  ".join(cell.ljust(width) for cell, width in zip(cells, widths, strict=True)).rstrip()


def as_data(row: Shown) -> dict[str, Any]:
    """Return an outage as JSON has it, as ``GET /api/ledger`` of the locator answers too."""
    plain: dict[str, Any] = msgspec.to_builtins(row)
    return plain
