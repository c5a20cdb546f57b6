"""How often a password may be tried: token buckets per client and for everybody together. Pure."""

import math
from typing import Final

PER_CLIENT: Final = 5
CLIENT_SECONDS: Final = 12.0  # one more attempt every so often
TOGETHER: Final = 30
TOGETHER_SECONDS: Final = 2.0
_MOST_CLIENTS: Final = 4096


class Bucket:
    """Holds ``size`` tokens; one comes back every ``seconds``. Times are monotonic seconds."""

    def __init__(self, size: int, seconds: float, now: float) -> None:
        self._size = size
        self._seconds = seconds
        self._tokens = float(size)
        self._at = now

    def refill(self, now: float) -> float:
        """Return the tokens at ``now``."""
        self._tokens = min(self._size, self._tokens + max(0.0, now - self._at) / self._seconds)
        self._at = max(self._at, now)
        return self._tokens

    def wait(self, now: float) -> int:
        """Return the whole seconds until there is a token; 0 when there is one."""
        missing = 1.0 - self.refill(now)
        return max(0, math.ceil(missing * self._seconds - 1e-6))

    def take(self) -> None:
        """Take one token."""
        self._tokens -= 1.0

    def full(self, now: float) -> bool:
        """Whether nothing was taken lately, so that the bucket may be forgotten."""
        return self.refill(now) >= self._size


class Attempts:
    """Attempts to log in, by client address. Bounded memory: full buckets are forgotten first."""

    def __init__(self, now: float) -> None:
        self._together = Bucket(TOGETHER, TOGETHER_SECONDS, now)
        self._clients: dict[str, Bucket] = {}

    def attempt(self, client: str, now: float) -> int:
        """Count one attempt; return 0 when it may go on, else the seconds to wait."""
        bucket = self._clients.get(client)
        if bucket is None:
            self._make_room(now)
            bucket = self._clients[client] = Bucket(PER_CLIENT, CLIENT_SECONDS, now)
        wait = max(bucket.wait(now), self._together.wait(now))
        if wait == 0:
            bucket.take()
            self._together.take()
        return wait

    def _make_room(self, now: float) -> None:
        if len(self._clients) < _MOST_CLIENTS:
            return
        self._clients = {client: b for client, b in self._clients.items() if not b.full(now)}
        while len(self._clients) >= _MOST_CLIENTS:
            self._clients.pop(next(iter(self._clients)))
