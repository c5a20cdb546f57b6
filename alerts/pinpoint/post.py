"""Telling Alertmanager: outages as alerts of its API v2.

An alert that is not posted again before ``endsAt`` counts as resolved there, which would be a false
"resolved": so each post says that the outage lasts for ten minutes more, and an end is told, not awaited.
API: https://github.com/prometheus/alertmanager/blob/main/api/v2/openapi.yaml
"""

from datetime import UTC, datetime
from typing import Final

import msgspec
import requests

LASTS_SECONDS: Final = 600.0
TIMEOUTS: Final = (2.0, 5.0)
"""To connect, and to answer."""


class PostError(Exception):
    """Alertmanager did not take the alerts; ``str()`` is one line."""


class Posted(msgspec.Struct, frozen=True, rename="camel"):
    """One alert as Alertmanager takes it; times are RFC 3339."""

    labels: dict[str, str]
    annotations: dict[str, str]
    starts_at: str
    ends_at: str


def lasting(
    labels: dict[str, str],
    annotations: dict[str, str],
    since: float,
    now: float,
    seconds: float = LASTS_SECONDS,
) -> Posted:
    """Return an alert that fires, and goes on for so long without a word from us."""
    return Posted(labels, annotations, stamp(since), stamp(now + seconds))


def ended(labels: dict[str, str], annotations: dict[str, str], since: float, until: float) -> Posted:
    """Return an alert that is over."""
    return Posted(labels, annotations, stamp(since), stamp(max(until, since + 0.001)))


def stamp(unix: float) -> str:
    """Return a Unix time as RFC 3339 in UTC, to the millisecond.

    >>> stamp(0.5)
    '1970-01-01T00:00:00.500+00:00'
    """
    return datetime.fromtimestamp(unix, UTC).isoformat(timespec="milliseconds")


def post(url: str, alerts: tuple[Posted, ...]) -> None:
    """Send alerts to the Alertmanager below ``url``. Blocking. Raises PostError."""
    try:
        with requests.Session() as session:
            session.trust_env = False  # an own Alertmanager is never behind a proxy
            answer = session.post(
                f"{url.rstrip('/')}/api/v2/alerts",
                data=msgspec.json.encode(alerts),
                headers={"Content-Type": "application/json"},
                timeout=TIMEOUTS,
                allow_redirects=False,
                stream=True,
            )
            answer.close()
    except (requests.RequestException, OSError, ValueError) as error:
        raise PostError(type(error).__name__) from None
    if answer.status_code != 200:
        raise PostError(f"HTTP status {answer.status_code}")
