"""Let no recorded series speak for longer than it was recorded. Pure.

Some series exist only while something is wrong. When their rule yields nothing more, Prometheus marks them
stale and they are gone at once; a Prometheus that was killed in between knows nothing of them and marks
nothing, so they would count for another five minutes (its lookback) and raise alerts about what is long
over. Hence every reader but the rule that records it asks how old the sample is.
"""

import re
from typing import Final

import msgspec

from alerts.rules_model import AlertRule, Rule, Tuning
from inventory.names import Recorded

ONLY_WHILE_WRONG: Final = (
    Recorded.OUTAGE,
    Recorded.UNEXPLAINED,
    Recorded.FAILED_SINCE,
    Recorded.FAILED_MEMBER,
    Recorded.FAILED_MEMBERS,
    Recorded.FAILED_ORIGINS,
    Recorded.OUTSIDE_RATIO,
    Recorded.SUSPECT,
    Recorded.LASTING,
    Recorded.DOWN,
    Recorded.DOWN_SINCE,
    Recorded.DOWN_UNTIL,
    Recorded.SYSTEM_LOST,
    Recorded.LINE_NOT_JUDGED,
    Recorded.LINE_UNSETTLED,
    Recorded.LINE_VERDICT,
    Recorded.MAINTENANCE_PAGE,
    Recorded.NAMES_LOST,
)
# A name with its matchers, where it is not the start of a longer name and no range follows: a range says
# itself how far back it looks.
_INSTANT: Final = re.compile(
    rf"(?<![\w:])({'|'.join(map(re.escape, ONLY_WHILE_WRONG))})(?![\w:])({{[^}}]*}})?(?!\[)(?!{{)"
)


def fresh(rule: Rule | AlertRule, tuned: Tuning) -> Rule | AlertRule:
    """Return ``rule`` such that it reads those series only where they are a few evaluations old.

    A rule may read its own last result however old: what it holds on to is bounded otherwise, and a
    restart must not break an outage in two.
    """
    own = rule.record if isinstance(rule, Rule) else None
    oldest = f"{3 * tuned.evaluation_seconds + 1:g}"

    def guarded(found: re.Match[str]) -> str:
        series = found[0]
        return series if found[1] == own else f"({series} and timestamp({series}) > time() - {oldest})"

    return msgspec.structs.replace(rule, expr=_INSTANT.sub(guarded, rule.expr))
