"""What comes and goes is not told each time: a penalty that grows and decays (after RFC 2439). Pure.

Only notifying is damped, never measuring, and never the end of what was told. The first outage always
goes. A damped one is told to be flapping, once; what stays down meanwhile is told all the same.
"""

from typing import Final

import msgspec

from alerts import storm
from alerts.book import commune_of, split
from alerts.outage import OWN, Outage
from inventory.model import Damping

ONE: Final = 1.0
"""What one outage adds."""
FLAPPING: Final = "Flapping"


class Penalty(msgspec.Struct, frozen=True, kw_only=True):
    """What one thing has gathered: ``value`` at ``at`` (Unix seconds), ``times`` outages since it began to
    flap; ``outage_id`` is the outage by which people were told that it does."""

    key: str
    value: float = 0.0
    at: float = 0.0
    times: int = 0
    outage_id: str | None = None

    @property
    def damped(self) -> bool:
        """Whether single outages are not told now."""
        return self.outage_id is not None


def key(outage: Outage) -> str:
    """Return what flaps: an alert of a component; a commune that is cut off by whatever of its own is one
    thing, one of several lines is another. What ails the same component otherwise is told all the same."""
    kinds, _ = split(outage.component)
    component = outage.component
    if commune_of(component) and not ({"line"} == set(kinds) and "/" in component):
        component = f"site:{commune_of(component)}"
    return f"{outage.alertname}/{component or outage.fingerprint}"


def value(penalty: Penalty, now: float, rules: Damping) -> float:
    """Return the penalty decayed until ``now``; what a clock was put back by decays nothing."""
    half_lives = max(0.0, now - penalty.at) / (rules.half_life_minutes * 60)
    return float(penalty.value * 2.0**-half_lives)


def ceiling(rules: Damping) -> float:
    """Return the penalty from which ``reuse`` is reached in ``longest_minutes``; at least ``suppress``."""
    # A float holds 2 to the 1023rd; nobody's patience does.
    half_lives = min(1000.0, rules.longest_minutes / rules.half_life_minutes)
    return max(rules.suppress, float(rules.reuse * 2.0**half_lives))


def add(penalty: Penalty, now: float, rules: Damping) -> Penalty:
    """Return ``penalty`` after one more outage at ``now``, also where a clock was put back since the last:
    else nothing would decay until that moment comes again."""
    grown = min(ceiling(rules), value(penalty, now, rules) + ONE)
    return msgspec.structs.replace(penalty, value=grown, at=now, times=penalty.times + 1)


def suppresses(penalty: Penalty, now: float, rules: Damping) -> bool:
    """Whether it begins to be damped."""
    return not penalty.damped and value(penalty, now, rules) >= rules.suppress


def flapping(penalty: Penalty, outage: Outage) -> Outage:
    """Return the outage that tells that ``outage`` comes and goes."""
    return msgspec.structs.replace(
        outage,
        id=penalty.outage_id or f"flapping:{penalty.key}@{round(penalty.at * 1000)}",
        fingerprint="",
        alertname=FLAPPING,
        source=OWN,
        labels={},
        listed=(storm.listed(outage),),
        times=penalty.times,
        ends_at=None,
    )


def ends(penalty: Penalty, now: float, rules: Damping) -> bool:
    """Whether it is steady again."""
    return value(penalty, now, rules) < rules.reuse
