"""From one sight to its causes: what the locator finds, as far as enough witnesses bear it out. Pure."""

from collections.abc import Iterable

import msgspec

from alerts.locate.locator import Locator
from alerts.locate.model import Cause
from alerts.pinpoint.attest import attested
from alerts.pinpoint.sight import Sight
from alerts.pinpoint.watching import Watching

_ALL = 0.95
"""From this loss on, what passes nevertheless is noise: it is down."""


def causes(
    locator: Locator, watching: Watching, sight: Sight, planned: Iterable[str] = ()
) -> tuple[Cause, ...]:
    """Return who is to blame for what is seen; of a ``deaf`` sight nobody."""
    if sight.deaf:
        return ()
    found = locator.locate(sight.sent, sight.failed, planned).causes
    return tuple(_measured(cause, sight) for cause in found if attested(cause, sight, watching))


def _measured(cause: Cause, sight: Sight) -> Cause:
    """Return a cause of partial loss with the share of packets that pings over it lost: that was counted,
    while the likeliest loss leans towards what the prior thinks of faint faults."""
    pings = [sight.bursts[route] for route in cause.affected if route in sight.bursts]
    bursts = sum(number for _, number in pings)
    lost = sum(loss for loss, _ in pings)
    if cause.loss >= _ALL or not bursts or not lost:
        return cause
    return msgspec.structs.replace(cause, loss=round(lost / bursts, 3))
