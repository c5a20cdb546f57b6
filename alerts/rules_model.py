"""What a rule is, and the times that all of them share. Pure."""

import msgspec

from inventory.names import Metric


class Rule(msgspec.Struct, frozen=True):
    """A recording rule. ``record`` is a name of :class:`inventory.names.Recorded`.

    Two rules may record under one name; ``labels`` then tell them apart for promtool's lint.
    """

    record: str
    expr: str
    labels: dict[str, str] = {}


class AlertRule(msgspec.Struct, frozen=True, kw_only=True):
    """An alerting rule. Labels that the expression carries are kept beside ``labels``."""

    name: str
    expr: str
    for_seconds: float = 0
    labels: dict[str, str] = {}
    annotations: dict[str, str] = {}


class Group(msgspec.Struct, frozen=True):
    """Rules evaluated in order, every ``interval_seconds``."""

    name: str
    interval_seconds: float
    rules: tuple[Rule | AlertRule, ...]


class Tuning(msgspec.Struct, frozen=True, kw_only=True):
    """Times and shares of the rules.

    A blip of 3 s leaves a gap of up to 8 s between heartbeats, since TCP backs off meanwhile: silence
    and hold together stay well above that, for single communes as for wide causes.
    """

    heartbeat_seconds: float = 2
    scraped: bool = False  # some communes are scraped
    scrape_seconds: float = 5
    evaluation_seconds: float = 2
    slow_evaluation_seconds: float = 15
    line_evaluation_seconds: float = 60
    hourly_evaluation_seconds: float = 3600
    share: float = 0.6  # of a shared component's members must fail
    wide_evaluations: int = 3  # in a row, before a wide cause counts
    area_evaluations: int = 7  # the same for a power area, which has no checkpoint to wait for
    heal_seconds: float = 20  # a wide cause is held while its members come back
    commune_hold_seconds: float = 8  # longer than wide causes need, so that those win
    line_hold_seconds: float = 14  # longer than a commune that was cut off needs to see its lines again
    resume_seconds: float = 30  # agents need this long to push again after the hub's own pause

    @property
    def silent_seconds(self) -> float:
        """Age of the last heartbeat of an agent that pushes, above which it is silent."""
        return 3 * self.heartbeat_seconds + 0.5

    @property
    def silent_scraped_seconds(self) -> float:
        """The same for an agent that is scraped: two scrapes may be missed."""
        return 3 * self.scrape_seconds + 2

    def window_seconds(self, evaluations: int) -> float:
        """Return a window that holds exactly so many evaluations."""
        return evaluations * self.evaluation_seconds - self.evaluation_seconds / 2


def selector(metric: Metric | str, matchers: str = "") -> str:
    """Return ``name{matchers}``."""
    name = metric.name if isinstance(metric, Metric) else str(metric)
    return f"{name}{{{matchers}}}" if matchers else name
