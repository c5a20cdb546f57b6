"""What a site measures, as data: one probe or collector, and the path that its results speak about."""

from typing import Any, Literal

import msgspec

Role = Literal["gateway", "checkpoint", "hub", "system", "outside-in", "measure"]
"""``measure`` says nothing about up or down: how well a line carries, and how the site is."""
Leg = tuple[str, ...]


class Path(msgspec.Struct, frozen=True):
    """Component ids of one leg, or of two where a dual-homed site may use either line.

    Components shared by both legs stand in both.
    """

    legs: tuple[tuple[str, ...], ...]


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """One probe that a site runs, and the path that its results speak about."""

    name: str
    site: str
    commune: str
    line: str
    target: str
    role: Role
    kind: str
    address: str
    interval_seconds: float
    timeout_seconds: float
    path: Path
    options: dict[str, Any] = {}
    source: str | None = None
    gate: str | None = None
    on_failure_of: str | None = None
    sla: bool = False
