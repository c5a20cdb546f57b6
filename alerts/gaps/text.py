"""Gaps as people read them, in both languages, and as data. Pure."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

from alerts.gaps.model import DEAD, Edge, Fact, Gap, GapLabel, Piece
from common.i18n import t


def label_text(label: GapLabel, language: str | None = None) -> str:
    """Return a label in words."""
    return t(f"gaps.label_{label}", language)


def fact_text(fact: Fact, zone: ZoneInfo, language: str | None = None) -> str:
    """Return a piece of evidence as a sentence; moments in local time."""
    values = {
        name: moment(float(value), zone) if name.endswith("_unix") else value
        for name, value in fact.values.items()
    }
    return t(f"gaps.fact_{fact.kind}", language, **values)


def moment(at: float, zone: ZoneInfo) -> str:
    """Return a moment in local time, to the second; one that no calendar has as a number."""
    try:
        return datetime.fromtimestamp(at, UTC).astimezone(zone).strftime("%Y-%m-%d %H:%M:%S")
    except (OverflowError, ValueError, OSError):
        return f"{at:g} s"


def length(seconds: float) -> str:
    """Return a length of time as ``d h:mm:ss``.

    >>> length(90061)
    '1d 1:01:01'
    """
    whole = round(seconds)
    days, rest = divmod(whole, 86400)
    text = f"{rest // 3600}:{rest // 60 % 60:02}:{rest % 60:02}"
    return f"{days}d {text}" if days else text


def table(gaps: Sequence[Gap], names: Mapping[str, str], zone: ZoneInfo) -> str:
    """Return a table, a row a piece with its evidence below; ``names`` of the communes by code."""
    if not gaps:
        return t("gaps.none") + "\n"
    heads = [
        t(f"gaps.column_{name}") for name in ("start", "unsure", "end", "unsure", "length", "label", "by")
    ]
    rows = [_cells(gap, piece, zone) for gap in gaps for piece in gap.pieces]
    widths = [max(len(row[column]) for row in [heads, *rows]) for column in range(len(heads))]
    lines = ["  " + _line(heads, widths)]
    commune = ""
    for gap in gaps:
        if gap.commune != commune:
            commune = gap.commune
            lines += ["", f"{commune} {names.get(commune, '')}".rstrip()]
        lines += _gap_lines(gap, zone, widths)
    return "\n".join([*lines, "", t("gaps.explained")]) + "\n"


def _gap_lines(gap: Gap, zone: ZoneInfo, widths: Sequence[int]) -> Iterator[str]:
    for piece in gap.pieces:
        yield "  " + _line(_cells(gap, piece, zone), widths)
        yield from (f"      {fact_text(fact, zone)}" for fact in piece.facts)
    if any(piece.label not in DEAD for piece in gap.pieces):
        yield f"      {t('gaps.data', percent=round(100 * gap.data_ratio))}"


def _cells(gap: Gap, piece: Piece, zone: ZoneInfo) -> list[str]:
    goes_on = gap.open and piece is gap.pieces[-1]
    by = t("gaps.by_nobody") if not piece.sides else ", ".join(t(f"gaps.by_{side}") for side in piece.sides)
    return [
        moment(piece.start.at, zone), _unsure(piece.start),
        t("gaps.open") if goes_on else moment(piece.end.at, zone), "" if goes_on else _unsure(piece.end),
        length(piece.seconds), label_text(piece.label), by,
    ]  # fmt: skip


def _unsure(edge: Edge) -> str:
    return f"{edge.uncertainty_seconds:.0f} s"


def _line(cells: Iterable[str], widths: Sequence[int]) -> str:
    return "  ".join(cell.ljust(width) for cell, width in zip(cells, widths, strict=True)).rstrip()


def as_data(gap: Gap, zone: ZoneInfo) -> dict[str, Any]:
    """Return a gap as JSON has it: times in Unix seconds, evidence as data and in English."""
    return {
        "commune": gap.commune,
        "start": _edge(gap.start),
        "end": _edge(gap.end),
        "open": gap.open,
        "data_ratio": round(gap.data_ratio, 4),
        "pieces": [_piece(piece, zone) for piece in gap.pieces],
    }


def _piece(piece: Piece, zone: ZoneInfo) -> dict[str, Any]:
    return {
        "label": str(piece.label),
        "start": _edge(piece.start),
        "end": _edge(piece.end),
        "seconds": round(piece.seconds, 3),
        "certain_seconds": round(piece.certain_seconds, 3),
        "vouched_by": [str(side) for side in piece.sides],
        "planned": piece.planned,
        "evidence": [
            {"kind": fact.kind, **fact.values, "text": fact_text(fact, zone, "en")} for fact in piece.facts
        ],
    }


def _edge(edge: Edge) -> dict[str, float]:
    return {
        "at": round(edge.at, 3),
        "earliest": round(edge.earliest, 3),
        "latest": round(edge.latest, 3),
        "uncertainty_seconds": round(edge.uncertainty_seconds, 3),
    }
