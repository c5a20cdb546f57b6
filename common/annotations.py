"""What alerts say beside their labels, as receiver and wall read it. Pure.

Our rules write ``evidence_vi``, ``evidence_en``, ``since``, ``until`` and ``shared``; alerts of others may
have a plain ``evidence`` in whatever language, or none of them. All of it is text from outside.
"""

import re
from collections.abc import Mapping
from typing import Final

EVIDENCE: Final = "evidence"
SINCE: Final = "since"
UNTIL: Final = "until"
SHARED: Final = "shared"
"""Ids of the shared lines that the alert is about."""
LATEST_SECONDS: Final = 5.0
"""How far clocks may differ: an outage that began so much after its alert began with it."""
EARLIEST_SECONDS: Final = 40 * 86400.0
HELD_SECONDS: Final = 120.0
"""For how long at most an alert may outlast its outage: its rule waits for the last to come back."""
_LINE: Final = re.compile(r"[A-Za-z0-9._-]{1,64}")
_UNIX: Final = re.compile(r"[0-9]{1,11}(?:\.[0-9]{1,9})?")


def evidence(annotations: Mapping[str, str], language: str) -> str:
    """Return the evidence in ``language``, else in the other, else as a foreign source wrote it."""
    other = "en" if language == "vi" else "vi"
    names = (f"{EVIDENCE}_{language}", f"{EVIDENCE}_{other}", EVIDENCE)
    return next((annotations[name] for name in names if annotations.get(name)), "")


def shared(annotations: Mapping[str, str]) -> tuple[str, ...]:
    """Return the ids of the shared lines that the alert is about, as far as its source says so."""
    return tuple(one for one in annotations.get(SHARED, "").split() if _LINE.fullmatch(one))


def began(annotations: Mapping[str, str], fired: float) -> float:
    """Return when the outage began: annotation ``since`` where it is credible, else ``fired``.

    ``fired`` is when the alert fired; all are Unix seconds. An alert fires some seconds after the last
    sign of life; what is later than the alert, or over 40 days before it, is a mistake or a lie.
    """
    since = _unix(annotations, SINCE)
    if since is None or not fired - EARLIEST_SECONDS <= since <= fired + LATEST_SECONDS:
        return fired
    return min(since, fired)


def ended(annotations: Mapping[str, str], start: float, resolved: float) -> float:
    """Return when the outage ended: annotation ``until`` where it is credible, else ``resolved``.

    ``start`` is when it began, ``resolved`` when its alert ended; all are Unix seconds.
    """
    until = _unix(annotations, UNTIL)
    earliest = max(start, resolved - HELD_SECONDS)
    return until if until is not None and earliest <= until <= resolved else resolved


def _unix(annotations: Mapping[str, str], name: str) -> float | None:
    given = annotations.get(name, "")
    return float(given) if _UNIX.fullmatch(given) else None
