"""The dead-man's switch: an alert that always fires, passed on to the world outside.

Its absence is the news: the receiver tells its own channels, and whoever waits outside for the forwarded
sign notices even when the receiver itself is gone.
"""

import logging
import math
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Final, Literal

from alerts.channels.base import MAX_SECRET_BYTES, TIMEOUTS, TransportError
from alerts.channels.http import check, new_session
from alerts.complaint import Complaint
from alerts.threads import abandonable

ABSENT_SECONDS: Final = 120.0
FORWARD_SECONDS: Final = 60.0
RETRY_SECONDS: Final = 10.0
DEADLINE_SECONDS: Final = 20.0
log = logging.getLogger(__name__)


class Pulse:
    """When the watchdog was last seen. Pure: times are monotonic seconds.

    ``seen_before``: it has been up at some time, so that its absence now means something.
    """

    def __init__(self, now: float, *, seen_before: bool, absent_seconds: float = ABSENT_SECONDS) -> None:
        self._absent_seconds = absent_seconds
        self._last = now
        self._seen = seen_before

    def beat(self, now: float) -> None:
        """Note a sign of life."""
        self._last = now
        self._seen = True

    def state(self, now: float) -> Literal["waiting", "alive", "dead"]:
        """Return how the monitoring is; ``waiting`` before the first sign ever."""
        if not self._seen:
            return "waiting"
        return "dead" if now - self._last > self._absent_seconds else "alive"

    def silent_seconds(self, now: float) -> float:
        """Return for how long nothing was seen."""
        return now - self._last


class Forwarder:
    """Calls the outside address on signs of life, at most once in ``every_seconds``.

    The address is a secret: it is read from its file each time and named nowhere. ``tell`` is given 0 while
    it is reached, else the Unix time since when it is not.
    """

    def __init__(
        self,
        url_file: str,
        every_seconds: float = FORWARD_SECONDS,
        tell: Callable[[float], object] | None = None,
    ) -> None:
        self._url_file = Path(url_file)
        self._tell = tell or (lambda _: None)
        self._failing = 0.0
        self._every_seconds = every_seconds
        self._next = 0.0
        self._busy = False
        self._complaint = Complaint(log, "the dead-man's switch outside was not reached")

    async def beat(self) -> None:
        """Pass a sign of life on, if one is due. Raises nothing: failures are logged once."""
        now = time.monotonic()
        if self._busy or now < self._next:
            return
        self._busy = True
        try:
            await abandonable(partial(_call, self._url_file), DEADLINE_SECONDS)
        except (TransportError, TimeoutError) as error:
            self._complaint.broken(str(error) or "no answer in time")
            self._next = now + min(RETRY_SECONDS, self._every_seconds)
            self._failing = min(self._failing or math.inf, time.time())  # the clock may have been put back
        else:
            self._complaint.works()
            self._next = now + self._every_seconds
            self._failing = 0.0
        finally:
            self._busy = False
        self._tell(self._failing)


def _call(url_file: Path) -> None:
    try:
        with url_file.open("rb") as stream:
            url = stream.read(MAX_SECRET_BYTES).decode().strip()
    except (OSError, UnicodeDecodeError) as error:
        raise TransportError(f"{url_file}: {type(error).__name__}", permanent=False) from None
    try:
        with new_session() as session:
            answer = session.get(url, timeout=TIMEOUTS, allow_redirects=False, stream=True)
            answer.close()
            check(answer.status_code, None, 0.0)
    except TransportError:
        raise
    except (OSError, ValueError) as error:  # requests' own errors are OSErrors
        raise TransportError(type(error).__name__, permanent=False) from None
