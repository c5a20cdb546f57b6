"""Which delivery of a channel is next, and how long a failed one waits. Pure."""

from collections.abc import Mapping, Sequence
from typing import Final

from alerts.store import Delivery

FIRST_SECONDS: Final = 1.0
LONGEST_SECONDS: Final = 120.0
MAX_ATTEMPTS: Final = 200  # with the waits above: given up after four to seven hours


def backoff(attempts: int, chance: float, asked_seconds: float | None = None) -> float:
    """Return seconds to wait after the ``attempts``-th failure.

    Doubling from 1 s to 2 min, of which ``chance`` (0 to 1) takes up to half away, so that many
    messages do not come back at once; never less than what the other side asked for.
    """
    grown = min(LONGEST_SECONDS, FIRST_SECONDS * 2.0 ** min(attempts - 1, 30))
    return max(grown * (1 - chance / 2), asked_seconds or 0.0)


def choose(pending: Sequence[Delivery], due: Mapping[int, float], now: float) -> Delivery | None:
    """Return the first of ``pending`` that may go now; ``due`` maps seq to a monotonic time.

    A resolution waits for its page only while that page was never tried. Once a page has failed, the
    resolution goes alone and tells of both: nobody gains from a page about what is over.
    """
    untried = {d.outage.id for d in pending if d.status == "firing" and d.attempts == 0}
    superseded = {d.outage.id for d in pending if d.status == "resolved"} - untried
    for delivery in pending:
        waits = untried if delivery.status == "resolved" else superseded
        if delivery.outage.id not in waits and due.get(delivery.seq, 0.0) <= now:
            return delivery
    return None


def sleep_seconds(pending: Sequence[Delivery], due: Mapping[int, float], now: float, longest: float) -> float:
    """Return how long nothing can be due, at most ``longest``."""
    waits = [due[d.seq] - now for d in pending if d.seq in due]
    return min([longest, *(max(0.05, wait) for wait in waits)])
