"""How fast one token's transfers may go together. No I/O."""

from typing import Final

BURST_SECONDS: Final = 0.05


class Pace:
    """A leaky bucket: :meth:`delay` says how long to wait before the next bytes."""

    def __init__(self, bytes_per_second: float) -> None:
        self._rate = bytes_per_second
        self._free_at = 0.0

    @property
    def piece(self) -> int:
        """Bytes of a hundredth of a second."""
        return max(1024, int(self._rate / 100))

    def delay(self, count: int, now: float) -> float:
        """Take ``count`` bytes out of the bucket; returns the seconds to wait, 0 while within the burst."""
        self._free_at = max(self._free_at, now) + count / self._rate
        return max(0.0, self._free_at - now - BURST_SECONDS)
