"""The series of one target: the common metrics, kept the same for every kind of probe."""

from collections.abc import Callable, Mapping

from agent.build import Traits
from agent.config import AgentTarget
from agent.expose import Histogram, Point, Series, Site, Tier
from agent.samples import Samples
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

    ``shown`` returns the seconds per state that are on disk, None before they are. A kind that does not
    judge has no states, and nothing of it is in a hurry; of one that does, the results are, and with them
    what ``traits`` call prompt.
    """

    def __init__(
        self,
        site: Site,
        target: AgentTarget,
        shown: Callable[[str], Seconds | None],
        unix: Callable[[float], float],
        traits: Traits = Traits(),  # noqa: B008 - frozen
    ) -> None:
        self._key = target.identity
        self._site, self._target = site, target
        self._shown, self._unix, self._judges = shown, unix, traits.judges
        self._success = self._series(PROBE_SUCCESS)
        self._duration = self._series(PROBE_DURATION)
        self._up = self._series(TARGET_UP)
        self._changed = self._series(TARGET_STATE_CHANGED)
        states = (State.UP, State.DOWN, State.UNKNOWN)
        self._seconds = tuple(self._series(TARGET_STATE_SECONDS, (Label.STATE, state)) for state in states)
        self._results: dict[Reason, Series] = {}
        self._counts: dict[Reason, int] = {}
        prompt = traits.prompt if traits.judges else ()
        self._own = Samples(self._series_of, self._histogram, prompt)
        self.last: Outcome | None = None
        """The last measurement that took place; one that was deferred changes nothing but its count."""
        self.seen = False
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
        self.seen = True
        if outcome.reason is not Reason.DEFERRED:
            self.last = outcome
            self._own.take(outcome.samples)
        else:
            self._own.add(outcome.samples)  # what was broken off has cost bytes

    def take_aside(self, outcome: Outcome) -> None:
        """Keep what a probe outside the schedule counted; what it says is not recorded."""
        self._own.add(outcome.samples)

    def confirm(self, state: State, at_seconds: float) -> None:
        """Note a confirmed change of state, at a time of the agent's clock."""
        self.state, self.changed_seconds = state, at_seconds

    @property
    def changed_unix(self) -> float | None:
        """Unix time of the last confirmed change."""
        return None if self.changed_seconds is None else self._unix(self.changed_seconds)

    def points(self, tier: Tier) -> list[Point]:
        """Return the values of a tier."""
        points: list[Point] = []
        if tier is (Tier.STATE if self._judges else Tier.DETAIL):
            points += self._result_points()
        if tier is Tier.STATE and self._judges:
            points += self._state_points()
            points += self._own.prompt_points()
        elif tier is Tier.DETAIL:
            if self.last is not None:
                points.append((self._duration, self.last.duration_seconds))
            points += self._own.points()
        return points

    def _result_points(self) -> list[Point]:
        points: list[Point] = []
        if self.last is not None:
            points.append((self._success, 1.0 if self.last.ok else 0.0))
        points += [(self._results[reason], count) for reason, count in self._counts.items()]
        return points

    def _state_points(self) -> list[Point]:
        points: list[Point] = []
        if self.state is not State.UNKNOWN:
            points.append((self._up, 1.0 if self.state is State.UP else 0.0))
        if (changed := self.changed_unix) is not None:
            points.append((self._changed, round(changed, 3)))
        if (shown := self._shown(self._key)) is not None:
            points += zip(self._seconds, (shown.up, shown.down, shown.unknown), strict=True)
        return points

    def _count(self, reason: Reason, times: int) -> None:
        if reason not in self._results:
            series = self._series(PROBE_RESULTS, (Label.RESULT, reason))
            series.from_zero = True
            self._results[reason] = series
        self._counts[reason] = self._counts.get(reason, 0) + times

    def _series(self, metric: Metric, *labels: tuple[str, str]) -> Series:
        return self._series_of(metric, dict(labels))

    def _series_of(self, metric: Metric, labels: Mapping[str, str]) -> Series:
        return self._site.series(metric, self._labels(labels), commune=self._target.commune)

    def _histogram(self, metric: Metric, labels: Mapping[str, str]) -> Histogram:
        own = self._labels(labels)
        return Histogram(self._site, metric, metric.buckets, own, commune=self._target.commune)

    def _labels(self, labels: Mapping[str, str]) -> dict[str, str]:
        target = self._target
        return {
            Label.LINE: target.line,
            Label.TARGET: target.target,
            Label.PROBE: target.probe,
            **labels,
        }
