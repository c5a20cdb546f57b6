"""How much one agent may send: requests and bytes, a bucket each. Pure: time is passed in."""

import math

from deploy.ingest.limits import AgentLimits


class Bucket:
    """Fills at ``rate`` a second up to ``burst``; starts full."""

    def __init__(self, rate: float, burst: float) -> None:
        self._rate, self._burst = rate, burst
        self._level, self._at = burst, -math.inf

    def wait_seconds(self, amount: float, now_seconds: float) -> float:
        """Take ``amount`` and return 0, or take nothing and return how long to wait. What is larger than the
        whole bucket passes when it is full."""
        passed = max(0.0, now_seconds - self._at)
        self._level = min(self._burst, self._level + passed * self._rate)
        self._at = now_seconds
        needed = min(amount, self._burst)
        if needed <= self._level:
            self._level -= needed
            return 0.0
        return (needed - self._level) / self._rate


class Rates:
    """Both buckets of one agent, and how many of its pushes are being dealt with."""

    def __init__(self, limits: AgentLimits) -> None:
        burst = limits.burst_seconds
        self._requests = Bucket(limits.requests_per_second, limits.requests_per_second * burst)
        self._bytes = Bucket(limits.bytes_per_second, limits.bytes_per_second * burst)
        self._most = limits.waiting
        self.under_way = 0

    def wait_seconds(self, size_bytes: int, now_seconds: float) -> float:
        """Return 0 for a push that may be taken now, else how long to wait."""
        if self.under_way >= self._most:
            return 1.0
        wait = self._requests.wait_seconds(1.0, now_seconds)
        return wait or self._bytes.wait_seconds(float(size_bytes), now_seconds)
