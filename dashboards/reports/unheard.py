"""What labelled gaps change in the account, and what they say about the time that stays unknown. Pure.

A site's counters go on while nobody hears them, so most of a gap is accounted already once it is over. What
they leave unknown stays unknown, with two exceptions. Where the line was down on the word of both sides, and
the counters of that time were lost, it counts as down. Where the agent was stopped on purpose within a
declared maintenance window, that time is excluded. Of both only as much as is certain, between the latest
beginning and the earliest end.

A stop that nobody declared excludes nothing, or whoever stops the agent would improve the line.
"""

from collections.abc import Iterable
from typing import Final, Literal

import msgspec

from alerts.gaps.model import DEAD, Gap, GapLabel, Piece, Side
from alerts.slo import Seconds

LEAST_SECONDS: Final = 60.0
"""Unknown time below this needs no explanation."""
Treated = Literal["down", "excluded", "unknown"]


class Note(msgspec.Struct, frozen=True):
    """A footnote: so many gaps of one label took so many seconds, and how they count. ``windows``: ids of the
    maintenance windows that they lay in."""

    label: GapLabel
    treated: Treated
    count: int
    seconds: float
    windows: tuple[str, ...] = ()


class Unheard(msgspec.Struct, frozen=True):
    """What the gaps of a commune change for one line."""

    down_seconds: float = 0.0
    excluded_seconds: float = 0.0
    notes: tuple[Note, ...] = ()


class Heard(msgspec.Struct, frozen=True):
    """A gap, and what the line's counters gained between its beginning and its end."""

    gap: Gap
    counted: Seconds


class _Share(msgspec.Struct, frozen=True):
    piece: Piece
    treated: Treated
    seconds: float


def is_vouched_down(piece: Piece) -> bool:
    """Whether both sides say that the line was down."""
    return piece.label is GapLabel.LINE_DOWN and set(piece.sides) == set(Side)


def unheard(found: Iterable[Heard], start: float, until: float, known: Seconds) -> Unheard:
    """Return what gaps change of a period of which ``known`` is counted already."""
    shares = [share for heard in found for share in _shares(heard, start, until)]
    left = max(0.0, until - start - known.up - known.down)
    down = min(left, sum(share.seconds for share in shares if share.treated == "down"))
    excluded = min(left - down, sum(share.seconds for share in shares if share.treated == "excluded"))
    return Unheard(down, excluded, tuple(_notes(shares)) if left >= LEAST_SECONDS else ())


def _shares(heard: Heard, start: float, until: float) -> Iterable[_Share]:
    gap = heard.gap
    whole = max(0.0, gap.end.at - gap.start.at)
    lost = max(0.0, whole - heard.counted.up - heard.counted.down)
    vouched = sum(_certain(piece, start, until) for piece in gap.pieces if is_vouched_down(piece))
    down = vouched + lost - whole  # had all that was counted been counted then, this much of it was not
    for piece in gap.pieces:
        length = _overlap(piece.start.at, piece.end.at, start, until)
        certain = _certain(piece, start, until)
        if piece.label is GapLabel.AGENT_STOPPED and piece.planned:
            yield _Share(piece, "excluded", certain)
        elif is_vouched_down(piece) and (surely := min(certain, down)) > 0:
            down -= surely
            yield _Share(piece, "down", surely)
        elif piece.label in DEAD:
            yield _Share(piece, "unknown", length)
        else:
            yield _Share(piece, "unknown", min(length, lost))


def _certain(piece: Piece, since: float, until: float) -> float:
    return _overlap(piece.start.latest, piece.end.earliest, since, until)


def _overlap(start: float, end: float, since: float, until: float) -> float:
    return max(0.0, min(end, until) - max(start, since))


def _notes(shares: Iterable[_Share]) -> Iterable[Note]:
    by: dict[tuple[GapLabel, Treated], list[_Share]] = {}
    for share in shares:
        if share.seconds > 0:
            by.setdefault((share.piece.label, share.treated), []).append(share)
    for (label, treated), members in by.items():
        seconds = sum(share.seconds for share in members)
        windows = sorted({share.piece.planned for share in members if share.piece.planned})
        if seconds >= LEAST_SECONDS or treated != "unknown":
            yield Note(label, treated, len(members), seconds, tuple(windows))
