"""How bad an outage is: down, losing packets so that people are called, or something for a ticket. Pure."""

from typing import Final, Literal

from alerts.locate.model import Cause
from alerts.locate.priors import HARD, PARTIAL_BELOW, RIGID
from inventory.graph import CLASS_KINDS

Grade = Literal["ticket", "lossy", "down"]
RANK: Final[dict[Grade, int]] = {"ticket": 0, "lossy": 1, "down": 2}
PAGED_LOSS: Final = 0.15
"""Wide losses from here on are paged: office work still goes on below, slowly, and rules file tickets. What
loses a fifth is measured as a little less at first, and its page must not wait behind a ticket."""
_OF_COMMUNE: Final = frozenset(str(kind) for kind in CLASS_KINDS)


def grade(cause: Cause) -> Grade:
    """Return the grade of a cause; one line that loses packets is a ticket, whatever it loses."""
    if not is_partial(cause):
        return "down"
    return "lossy" if is_wide(cause) and cause.loss >= PAGED_LOSS else "ticket"


def is_partial(cause: Cause) -> bool:
    """Whether some of what is sent passes."""
    return cause.loss < PARTIAL_BELOW


def is_wide(cause: Cause) -> bool:
    """Whether more than one commune depends on the component."""
    return cause.kind not in _OF_COMMUNE


def blamed(cause: Cause) -> tuple[str, ...]:
    """Return the members that can have such a fault at all: a power cut is never partial."""
    if cause.loss >= HARD:
        return cause.members
    return tuple(m for m in cause.members if m.partition(":")[0] not in RIGID) or cause.members
