"""Who bears witness to a cause: nobody alone can accuse what others use. Pure.

A commune's agent that is broken, or lies, may say that everything fails. What only it depends on may then be
blamed; what others depend on needs a second commune that says so, or the hub's own agent. A commune that
falls silent bears witness too, of its own path.
"""

from alerts.locate.model import Cause
from alerts.pinpoint.sight import Sight
from alerts.pinpoint.watching import Watching
from inventory.names import HUB_SITE

_ENOUGH = 2


def attested(cause: Cause, sight: Sight, watching: Watching) -> bool:
    """Whether enough witnesses saw what ``cause`` is said to do, or nobody else could have."""
    concerned: set[str] = set()
    witnesses: set[str] = set()
    for route in cause.affected:
        if not sight.sent[route]:
            continue
        concerned.add(watching.witnesses[route])
        if sight.failed[route]:
            witnesses.add(watching.witnesses[route])
            if len(witnesses) >= _ENOUGH or HUB_SITE in witnesses:
                return True
    return len(concerned) < _ENOUGH
