"""The series of one target: the common metrics, kept the same for every kind of probe."""

from collections.abc import Callable, Iterator

from agent.config import AgentTarget
from agent.expose import Point, Series, Site, Tier
from agent.state import Seconds
from exporters.base import Outcome
from inventory.names import (
    PROBE_DURATION,
    PROBE_RESULTS,
    PROBE_SUCCESS,
    TARGET_STATE_CHANGED,
    TARGET_STATE_SECONDS,
    TARGET_UP,
    Label,
    Metric,
    Reason,
    State,
)


class Measured:
    """What is known of one target (a :class:`agent.expose.Group`).

    ``shown`` returns the seconds per state that are on disk, None before they are.
    """

    def __init__(
        self,
        site: Site,
        target: AgentTarget,
        shown: Callable[[str], Seconds | None],
        unix: Callable[[float], float],
    ) -> None:
        self._key = target.identity
        self._site, self._target = site, target
        self._shown, self._unix = shown, unix
        self._success = self._series(PROBE_SUCCESS)
        self._duration = self._series(PROBE_DURATION)
        self._up = self._series(TARGET_UP)
        self._changed = self._series(TARGET_STATE_CHANGED)
        self._seconds = {state: self._series(TARGET_STATE_SECONDS, (Label.STATE, state)) for state in State}
        self._results: dict[Reason, Series] = {}
        self._counts: dict[Reason, int] = {}
        self._own: dict[tuple[str, tuple[tuple[str, str], ...]], Series] = {}
        self.last: Outcome | None = None
        self.state = State.UNKNOWN
        self.changed_seconds: float | None = None
        self._count(Reason.OK, 0)

    @property
    def key(self) -> str:
        """See :func:`agent.config.AgentTarget.identity`."""
        return self._key

    def take(self, outcome: Outcome) -> None:
        """Take in one completed probe."""
        self._count(outcome.reason, 1)
        self.last = outcome

    def confirm(self, state: State, at_seconds: float) -> None:
        """Note a confirmed change of state, at a time of the agent's clock."""
        self.state, self.changed_seconds = state, at_seconds

    @property
    def changed_unix(self) -> float | None:
        """Unix time of the last confirmed change."""
        return None if self.changed_seconds is None else self._unix(self.changed_seconds)

    def points(self, tier: Tier) -> Iterator[Point]:
        """Return the values of a tier."""
        if tier is Tier.STATE:
            yield from self._state_points()
        elif tier is Tier.DETAIL and self.last is not None:
            yield self._duration, self.last.duration_seconds
            for sample in self.last.samples:
                yield self._sample_series(sample.metric, sample.labels), sample.value

    def _state_points(self) -> Iterator[Point]:
        if self.last is not None:
            yield self._success, float(self.last.ok)
        for reason, count in list(self._counts.items()):
            yield self._results[reason], count
        if self.state is not State.UNKNOWN:
            yield self._up, float(self.state is State.UP)
        if (changed := self.changed_unix) is not None:
            yield self._changed, round(changed, 3)
        if (shown := self._shown(self._key)) is not None:
            for state, series in self._seconds.items():
                yield series, getattr(shown, state.value)

    def _count(self, reason: Reason, times: int) -> None:
        if reason not in self._results:
            series = self._series(PROBE_RESULTS, (Label.RESULT, reason))
            series.from_zero = True
            self._results[reason] = series
        self._counts[reason] = self._counts.get(reason, 0) + times

    def _sample_series(self, metric: Metric, labels: tuple[tuple[str, str], ...]) -> Series:
        known = self._own.get((metric.name, labels))
        if known is None:
            known = self._own[metric.name, labels] = self._series(metric, *labels)
        return known

    def _series(self, metric: Metric, *labels: tuple[str, str]) -> Series:
        target = self._target
        own: dict[str, str] = {
            Label.LINE: target.line,
            Label.TARGET: target.target,
            Label.PROBE: target.probe,
            **dict(labels),
        }
        return self._site.series(metric, own, commune=target.commune)
