"""Encodes what is due as pieces: the series of groups, and an end for those that are there no more.

A series that was collected and is there no more (a target removed, a state unknown, the agent stopping)
gets a stale marker, as a scrape would give it: else its last value stays current for five minutes.
"""

from collections.abc import Callable, Mapping
from typing import Final

from agent.clock import HubClock
from agent.expose import Group, Tier
from agent.remote_write import Encoder, encode_series
from agent.slices import Slices
from agent.spool.piece import Piece

MAX_SERIES: Final = 5000
"""Series in one piece: about 1 MB, which takes 2 ms to compress."""
Work = list[tuple[Tier, set[str] | None]]
"""Tiers, and of which groups: of all (None), or of those with these keys."""


class Pieces:
    """Encoded series on their way into pieces of about :data:`MAX_SERIES`; ``blank`` is one without any."""

    def __init__(self, blank: Callable[[], Piece]) -> None:
        self._blank = blank
        self._closed: list[Piece] = []
        self._parts: list[bytes] = []
        self._samples = 0

    def add(self, parts: list[bytes], samples: int) -> None:
        """Take in the series of a group."""
        self._parts += parts
        self._samples += samples
        if len(self._parts) >= MAX_SERIES:
            self._close()

    def taken(self) -> list[Piece]:
        """Return all pieces, and begin anew. The first goes before what else there is to send."""
        if self._parts:
            self._close()
        closed, self._closed = self._closed, []
        return closed

    def _close(self) -> None:
        piece = self._blank()
        piece.raw, piece.samples, piece.first = b"".join(self._parts), self._samples, not self._closed
        self._closed.append(piece)
        self._parts, self._samples = [], 0


class Collector:
    """Collects from ``groups``, and knows what it has collected."""

    def __init__(self, clock: HubClock, groups: Mapping[str, Group]) -> None:
        self._clock, self._groups = clock, groups
        self._known: dict[Tier, dict[str, dict[bytes, None]]] = {tier: {} for tier in Tier}
        self._last_ms = 0

    def follow(self, other: "Collector") -> None:
        """Go on where ``other`` stopped, knowing what it collected."""
        self._known, self._last_ms = other._known, other._last_ms

    async def collect(
        self, work: Work, take: Callable[[Piece], None], *, change: bool = False
    ) -> list[Piece]:
        """Encode ``work`` in slices, hand the pieces over and return them. One that is cancelled hands
        over what it has."""
        pieces = Pieces(self._blank(self._stamp(), change))
        encoder, born, slices = Encoder(self._last_ms), Encoder(self._last_ms - 1000), Slices()
        try:
            for tier, keys in work:
                for key in list(self._known[tier].keys() | self._groups.keys() if keys is None else keys):
                    parts, samples = self._encode_group(tier, key, encoder, born)
                    pieces.add(parts, samples)
                    await slices.used(len(parts) + 1)
        finally:
            made = pieces.taken()
            for piece in made:
                take(piece)
        return made

    def end(self, take: Callable[[Piece], None]) -> None:
        """Hand over the last states, and the end of every series."""
        time_ms = self._stamp()
        pieces = Pieces(self._blank(time_ms, True))
        last, end = Encoder(time_ms), Encoder(time_ms + 1)
        for tier, groups in self._known.items():
            for key, known in groups.items():
                values = self._values(tier, key) if tier is Tier.STATE else {}
                for prefix in known | dict.fromkeys(values):
                    value = [last.sample(values[prefix])] if prefix in values else []
                    pieces.add([encode_series(prefix, *value, end.stale())], 1 + len(value))
        for piece in pieces.taken():
            take(piece)

    def _blank(self, time_ms: int, change: bool) -> Callable[[], Piece]:
        made = self._clock.now()
        epoch_ms = None if self._clock.trusted else round(self._clock.epoch_seconds * 1000)
        return lambda: Piece(b"", 0, time_ms, made, change, epoch_ms=epoch_ms)

    def _encode_group(self, tier: Tier, key: str, encoder: Encoder, born: Encoder) -> tuple[list[bytes], int]:
        """Return the series of a group, with an end for each that is there no more; and how many samples."""
        known, group = self._known[tier], self._groups.get(key)
        before = known.get(key)
        after: dict[bytes, None] = {}
        parts, samples = [], 0
        for series, value in group.points(tier) if group else ():
            prefix = series.prefix
            after[prefix] = None
            new = series.from_zero and before is not None and prefix not in before
            first = (born.sample(0.0),) if new else ()
            parts.append(encode_series(prefix, *first, encoder.sample(value)))
            samples += new
        parts += [encode_series(prefix, encoder.stale()) for prefix in before or () if prefix not in after]
        if after:
            known[key] = after
        else:
            known.pop(key, None)
        return parts, samples + len(parts)

    def _values(self, tier: Tier, key: str) -> dict[bytes, float]:
        group = self._groups.get(key)
        return {series.prefix: value for series, value in group.points(tier)} if group else {}

    def _stamp(self) -> int:
        """Return this moment in ms; never the same twice, even when the clock is slewed back a little."""
        time_ms = round(self._clock.unix() * 1000)
        if 0 <= self._last_ms - time_ms < 1000:
            time_ms = self._last_ms + 1
        self._last_ms = time_ms
        return time_ms
