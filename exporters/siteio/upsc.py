"""What ``upsc`` says of a UPS (Network UPS Tools; variables: NUT user manual, appendix "Variables").

``upsc`` prints ``name: value`` lines; ``ups.status`` holds words such as ``OL CHRG`` or ``OB DISCHRG LB``.
"""

from typing import Final

import msgspec

from exporters.net.failure import Failure
from exporters.siteio.command import Answer
from inventory.names import Reason

_ON_MAINS: Final = frozenset({"OL"})
_ON_BATTERY: Final = frozenset({"OB", "FSD"})
"""Not LB, a low battery: for hours after mains came back it stands beside OL."""
_COMPLAINTS: Final = (
    ("connection refused", Reason.REFUSED),
    ("unknown ups", Reason.LOCAL),
    ("no such host", Reason.DNS),
    ("data stale", Reason.STALLED),
    ("driver not connected", Reason.STALLED),
    ("timed out", Reason.TIMEOUT),
    ("timeout", Reason.TIMEOUT),
    ("access denied", Reason.AUTH),
)
_MAX_SECONDS: Final = 365 * 86400.0


class Supply(msgspec.Struct, frozen=True):
    """How a site is supplied. ``charge_ratio`` 0 to 1; None for what is not known."""

    on_mains: bool
    charge_ratio: float | None = None
    runtime_seconds: float | None = None


def parse(text: bytes) -> Supply:
    """Return the supply that the lines of ``upsc`` describe. Raises Failure(protocol).

    >>> parse(b"battery.charge: 95\\nbattery.runtime: 1620\\nups.status: OB DISCHRG\\n")
    Supply(on_mains=False, charge_ratio=0.95, runtime_seconds=1620.0)
    """
    known = dict(_variables(text))
    words = frozenset(known.get("ups.status", "").split())
    if not words & (_ON_MAINS | _ON_BATTERY):
        status = known.get("ups.status", "no ups.status")
        raise Failure(Reason.PROTOCOL, f"upsc: neither on mains nor on battery: {status[:60]!r}")
    charge = _number(known.get("battery.charge"), 100.0)
    return Supply(
        on_mains=not words & _ON_BATTERY,
        charge_ratio=None if charge is None else charge / 100,
        runtime_seconds=_number(known.get("battery.runtime"), _MAX_SECONDS),
    )


def refused(answer: Answer) -> Failure:
    """Return why ``upsc`` did not answer, from what it complained about."""
    said = answer.complaint.lower()
    reason = next((reason for words, reason in _COMPLAINTS if words in said), Reason.PROTOCOL)
    return Failure(reason, f"upsc: {answer.complaint}")


def _variables(text: bytes) -> list[tuple[str, str]]:
    lines = text.decode("utf-8", "replace").splitlines()
    return [(name.strip(), value.strip()) for name, _, value in (line.partition(":") for line in lines)]


def _number(text: str | None, most: float) -> float | None:
    try:
        value = float(text or "")
    except ValueError:
        return None
    return value if 0 <= value <= most else None
