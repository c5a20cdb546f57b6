"""A gap: a stretch of time in which the hub heard nothing of a commune, and why. Pure.

A gap is cut into pieces that follow one another without overlap, each with one label. Where one piece ends
and the next begins is known within some seconds only: an :class:`Edge` says within which.
"""

from enum import StrEnum
from typing import Final

import msgspec


class GapLabel(StrEnum):
    """Why nothing was heard. Closed list."""

    LINE_DOWN = "line_down"  # the agent ran and could not reach the hub: line, or what it runs through
    LAN_DOWN = "lan_down"  # the agent ran and could not reach its own gateway
    POWER_DOWN = "power_down"  # the machine was off and the power with it
    AGENT_DOWN = "agent_down"  # the agent or its machine did not run, with nobody having asked for it
    AGENT_STOPPED = "agent_stopped"  # somebody stopped the agent on purpose
    HUB_DOWN = "hub_down"  # the hub was not listening
    CLOCK_WRONG = "clock_wrong"  # the agent held everything back since its clock was not trusted
    UNKNOWN = "unknown"  # what is known does not decide


DEAD: Final = frozenset({GapLabel.POWER_DOWN, GapLabel.AGENT_DOWN, GapLabel.AGENT_STOPPED})
"""Labels under which no agent ran, so that nothing was measured or counted."""


class Side(StrEnum):
    """Who vouches for a label."""

    HUB = "hub"  # the hub's own measurements: pings from outside, what it evaluated
    SITE = "site"  # what the site measured or counted meanwhile, and told later


class Edge(msgspec.Struct, frozen=True):
    """A moment, Unix seconds: ``at`` is the best guess, and it lies between the other two."""

    at: float
    earliest: float
    latest: float

    @property
    def uncertainty_seconds(self) -> float:
        """How far apart the earliest and the latest possible moment are."""
        return self.latest - self.earliest

    def hull(self, other: "Edge") -> "Edge":
        """Return this edge, uncertain enough to be the other one too."""
        return Edge(self.at, min(self.earliest, other.earliest), max(self.latest, other.latest))


def exactly(at: float) -> Edge:
    """Return a moment that is known."""
    return Edge(at, at, at)


def between(earliest: float, latest: float) -> Edge:
    """Return a moment somewhere in between. The two may come in any order."""
    low, high = min(earliest, latest), max(earliest, latest)
    return Edge((low + high) / 2, low, high)


def after(at: float, seconds: float) -> Edge:
    """Return a moment at or up to ``seconds`` after ``at``: the last sign of something."""
    return Edge(at, at, at + max(0.0, seconds))


def before(at: float, seconds: float) -> Edge:
    """Return a moment at or up to ``seconds`` before ``at``: the first sign of something."""
    return Edge(at, at - max(0.0, seconds), at)


class Fact(msgspec.Struct, frozen=True):
    """A piece of evidence: a key of the catalogues (``gaps.fact_<kind>``) and its values. Values whose name
    ends in ``_unix`` are moments."""

    kind: str
    values: dict[str, float | str] = {}


class Piece(msgspec.Struct, frozen=True, kw_only=True):
    """A part of a gap with one reason. ``planned`` is the id of the maintenance window that it lies in."""

    label: GapLabel
    start: Edge
    end: Edge
    sides: tuple[Side, ...] = ()
    planned: str = ""
    facts: tuple[Fact, ...] = ()

    @property
    def seconds(self) -> float:
        """Its length by the best guess."""
        return self.end.at - self.start.at

    @property
    def certain_seconds(self) -> float:
        """Its length at least."""
        return max(0.0, self.end.earliest - self.start.latest)


class Gap(msgspec.Struct, frozen=True, kw_only=True):
    """``pieces`` cover the gap exactly. ``open``: it goes on. ``data_ratio``: of how much of it samples
    arrived later, 0 to 1."""

    commune: str
    start: Edge
    end: Edge
    open: bool
    data_ratio: float
    pieces: tuple[Piece, ...]


class Window(msgspec.Struct, frozen=True):
    """A declared maintenance window of a commune, Unix seconds."""

    id: str
    starts: float
    ends: float
