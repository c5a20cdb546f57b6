"""What a spool holds, in numbers."""

import msgspec


class Held(msgspec.Struct, frozen=True):
    """What a spool holds. ``oldest_ms``: of what waits and is dated, None where nothing is."""

    bytes: int = 0
    waiting: int = 0
    acked: int = 0
    samples: int = 0
    oldest_ms: int | None = None

    def less(self, samples: int) -> "Held":
        """Return what is held without a row that waited."""
        return msgspec.structs.replace(
            self, waiting=max(0, self.waiting - 1), samples=max(0, self.samples - samples)
        )

    def plus(self, other: "Held") -> "Held":
        """Return what both hold together."""
        times = [ms for ms in (self.oldest_ms, other.oldest_ms) if ms is not None]
        return Held(
            self.bytes + other.bytes,
            self.waiting + other.waiting,
            self.acked + other.acked,
            self.samples + other.samples,
            min(times) if times else None,
        )
