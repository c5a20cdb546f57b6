"""From one sight to its causes: what the locator finds, as far as enough witnesses bear it out. Pure."""

from collections.abc import Iterable, Iterator, Sequence

import msgspec

from alerts.locate.locator import Locator
from alerts.locate.model import Cause
from alerts.pinpoint.attest import attested
from alerts.pinpoint.events import Event
from alerts.pinpoint.grade import is_partial
from alerts.pinpoint.holding import Open
from alerts.pinpoint.sight import Sight
from alerts.pinpoint.watching import Watching
from inventory.names import ComponentKind, Reason

_ALL = 0.95
"""From this loss on, what passes nevertheless is noise: it is down."""
_MOST_PARTIAL = 0.89
"""Something else passes, or nobody would have called it partial; it waits as long as what is."""
PUSHED_SECONDS = 5.0
"""So often results are pushed that are no news."""
_SEVERAL = 2
_SYSTEM = f"{ComponentKind.SYSTEM}:"
_BEHIND = frozenset({ComponentKind.HOST, ComponentKind.DATACENTRE})
"""What systems run on, and share their paths with where each carries one."""


def causes(
    locator: Locator,
    watching: Watching,
    sight: Sight,
    planned: Iterable[str] = (),
    outages: Sequence[Open] = (),
) -> tuple[Cause, ...]:
    """Return who is to blame for what is seen; of a ``deaf`` sight nobody. ``outages``: what is open."""
    if sight.deaf:
        return ()
    found = locator.locate(sight.sent, sight.failed, planned).causes
    borne_out = (cause for cause in found if attested(cause, sight, watching))
    return tuple(
        _measured(_named(_or_last_line(cause, watching, outages), sight, watching), sight)
        for cause in borne_out
    )


def _or_last_line(cause: Cause, watching: Watching, outages: Sequence[Open]) -> Cause:
    """Return a cause that may as well be the last line of a commune whose other lines were down before.

    One power cut is likelier than all lines at once, but no likelier than one line; and from the hub, and by
    the silence of the agent, they look alike. What was down before is part of this outage once it is told of,
    so that its class remembers which line that was.
    """
    kind, _, commune = cause.component.partition(":")
    lines = watching.lines.get(commune, ())
    if kind != ComponentKind.POWER or len(lines) < _SEVERAL:
        return cause
    told = [one.cause.members for one in outages if cause.component in one.cause.members]
    last = [line for line in lines if told and line in told[0]]
    if not told:
        down = {one.identity for one in outages}
        left = [line for line in lines if line not in down]
        last = left if len(left) == 1 else []
    new = [line for line in last if line not in cause.members]
    return msgspec.structs.replace(cause, members=(*cause.members, *new)) if new else cause


def _named(cause: Cause, sight: Sight, watching: Watching) -> Cause:
    """Return a cause under the name of its system, where nothing tells that from what it runs on.

    So the plain rules decide as well. A checkpoint of the machine that fails does tell them apart, and so
    does another system that fails with it.
    """
    systems = [member for member in cause.members if member.startswith(_SYSTEM)]
    if len(systems) != 1 or cause.kind not in _BEHIND:
        return cause
    (system,) = systems
    # what the machine carries besides may not have been asked of late
    affected = tuple(route for route in cause.affected if system in watching.routes[route].path)
    return msgspec.structs.replace(
        cause,
        component=system,
        kind=str(ComponentKind.SYSTEM),
        members=(system, *(member for member in cause.members if member != system)),
        affected=affected,
        systems=tuple(one for one in cause.systems if _SYSTEM + one == system),
        evidence=tuple(seen for seen in cause.evidence if seen.path in affected),
        sent=sum(sight.sent[route] for route in affected),
        failed=sum(sight.failed[route] for route in affected),
    )


def _measured(cause: Cause, sight: Sight) -> Cause:
    """Return a cause of partial loss with the share of packets that pings over it lost: that was counted,
    while the likeliest loss leans towards what the prior thinks of faint faults.

    Bursts count from the first on that lost any: those before it are about a time before the fault. So may be
    what is dated a little later and lost none, since only what lost some is pushed at once.
    """
    pings = [[_share(event) for event in sight.bursts.get(route, ())] for route in cause.affected]
    since = min((at for found in pings for at, loss, _ in found if loss), default=None)
    if cause.loss >= _ALL or since is None:
        return cause
    present = [one for found in pings for one in _after(found, since)]
    share = sum(loss * count for _, loss, count in present) / sum(count for _, _, count in present)
    most = _MOST_PARTIAL if is_partial(cause) else 1.0
    return msgspec.structs.replace(cause, loss=round(min(share, most), 3))


def _share(event: Event) -> tuple[float, float, int]:
    """Return when bursts completed, what share of their packets was lost, and how many bursts."""
    return event.at, event.loss if event.reason is Reason.OK else 1.0, event.count


def _after(found: list[tuple[float, float, int]], since: float) -> Iterator[tuple[float, float, int]]:
    """Yield the bursts of one route that completed after ``since``, of which it is sure."""
    lossy = False
    for at, loss, count in found:
        lossy = lossy or (loss > 0 and at >= since)
        if lossy or at >= since + PUSHED_SECONDS:
            yield at, loss, count
