"""What a trace shows, and whether it is still the path of before. Pure.

Routers often stay silent, for rate limits or on principle, and a trace of an outage ends midway: silence
is never a change. The path has changed when a router that answered at some distance has been replaced
by another, or when the target is nearer or farther than it was.
"""

import zlib
from collections.abc import Sequence
from typing import Final

import msgspec

from exporters.icmpio.errors import IcmpError

MAX_PATHS: Final = 8
"""Paths remembered besides the one in use, so that a line that swings between two shows two numbers."""
MAX_TEXT: Final = 300


class Hop(msgspec.Struct, frozen=True):
    """One distance. ``address`` is None where nobody answered."""

    ttl: int
    address: str | None = None
    rtt_seconds: float = 0.0


class Trace(msgspec.Struct, frozen=True):
    """``hops`` from 1 to the target, or to the last that answered; ``refused`` is what a router said
    instead of passing packets on."""

    hops: tuple[Hop, ...]
    reached: bool
    refused: IcmpError | None = None

    @property
    def last(self) -> Hop | None:
        """The last hop that answered."""
        return next((hop for hop in reversed(self.hops) if hop.address), None)

    def answered(self) -> dict[int, str]:
        """Return by distance who passed packets on, and the target."""
        hops = self.hops[:-1] if self.refused else self.hops  # who refuses may stand in for another
        return {hop.ttl: hop.address for hop in hops if hop.address}


class _Path:
    """What traces have shown of one path. ``number`` is that of the first complete trace over it."""

    def __init__(self, trace: Trace) -> None:
        self.routers: dict[int, str] = {}
        self.length: int | None = None
        self.number: int | None = None
        self.add(trace)

    def fits(self, trace: Trace) -> bool:
        """Whether nothing in ``trace`` contradicts this path."""
        answered = trace.answered()
        if trace.reached and self.length not in (None, len(trace.hops)):
            return False
        return all(self.routers.get(ttl, address) == address for ttl, address in answered.items())

    def add(self, trace: Trace) -> None:
        self.routers.update(trace.answered())
        if trace.reached:
            self.length = len(trace.hops)
            if self.number is None:
                self.number = zlib.crc32(repr(sorted(self.routers.items())).encode())


class Paths:
    """The paths of one target. ``number`` stays the same while the path does (32 bits), and is None until
    a trace over it was complete."""

    def __init__(self) -> None:
        self._paths: list[_Path] = []  # the one in use first

    @property
    def number(self) -> int | None:
        """See the class."""
        return self._paths[0].number if self._paths else None

    def take(self, trace: Trace) -> bool:
        """Take a trace; returns whether the path has changed since the last one."""
        if not trace.answered():
            return False
        found = next((path for path in self._paths if path.fits(trace)), None)
        changed = bool(self._paths) and found is not self._paths[0]
        if found is None:
            found = _Path(trace)
        else:
            self._paths.remove(found)
            found.add(trace)
        self._paths = [found, *self._paths][: MAX_PATHS + 1]
        return changed


def describe(hops: Sequence[Hop]) -> str:
    """Return the hops as one line; what is too long loses its times first and its middle then.

    >>> describe([Hop(1, "192.0.2.1", 0.0004), Hop(2), Hop(3), Hop(4, "198.51.100.7", 0.0121)])
    '1 192.0.2.1 0.4 ms, 2-3 *, 4 198.51.100.7 12.1 ms'
    """
    for timed in (True, False):
        parts = _parts(hops, timed)
        if len(", ".join(parts)) <= MAX_TEXT:
            return ", ".join(parts)
    head, tail = parts[:2], parts[2:]
    while len(", ".join((*head, "...", *tail))) > MAX_TEXT:
        del tail[0]
    return ", ".join((*head, "...", *tail))


def _parts(hops: Sequence[Hop], timed: bool) -> list[str]:
    parts: list[str] = []
    silent: list[int] = []
    for hop in hops:
        if hop.address is None:
            silent.append(hop.ttl)
            continue
        parts += _stars(silent)
        silent = []
        parts.append(f"{hop.ttl} {hop.address}" + (f" {hop.rtt_seconds * 1000:.1f} ms" if timed else ""))
    return parts + _stars(silent)


def _stars(silent: list[int]) -> list[str]:
    if not silent:
        return []
    return [f"{silent[0]} *" if len(silent) == 1 else f"{silent[0]}-{silent[-1]} *"]
