"""What a clock that was far ahead (a dead battery, 2036) left in the store, brought back to now.

Decisions go by Unix times, since they outlive a restart. Once such a clock is right again, all that it dated
would wait for years: pages that wait to be gathered, escalations, penalties, silences. Nobody knows how
much time has passed; so whatever lies ahead is taken to have happened now, and waits its time once more.
"""

from typing import Final

from alerts.answers import LONGEST_SILENCE_SECONDS
from alerts.handling import REPLACE
from alerts.store import Store

_AHEAD: Final = (
    "UPDATE handling SET since = :now WHERE since > :now",
    "UPDATE penalties SET at = :now WHERE at > :now",
    "UPDATE witnesses SET since = :now WHERE since > :now",
    "UPDATE outages SET closed_at = :now WHERE closed_at > :now",
    "UPDATE deliveries SET created_at = :now WHERE created_at > :now AND state = 'pending'",
)
_SILENCED: Final = (
    "UPDATE handling SET silenced_until = :longest, silence_id = :mark || ltrim(silence_id, :mark)"
    " WHERE silenced_until > :longest"
)
"""Nobody can ask for more; what Alertmanager was given lasts as long, so it is to be replaced."""


def undo(store: Store, now: float) -> int:
    """Bring back what lies ahead of ``now`` (Unix seconds); return how much did. Raises StoreError."""
    with store.transaction():
        moved = sum(store.change_named(statement, now=now) for statement in _AHEAD)
        return moved + store.change_named(_SILENCED, longest=now + LONGEST_SILENCE_SECONDS, mark=REPLACE)
