"""A kind's own series: gauges as last measured, counters added up, histograms filled."""

from collections.abc import Callable, Mapping
from typing import Final

from agent.expose import Histogram, Point, Series
from exporters.base import Sample
from inventory.names import Metric

MAX_GAUGES: Final = 256
"""Gauges that are kept for when they come back, as those of a hop do after a change of path."""
Key = tuple[str, tuple[tuple[str, str], ...]]


class _Cell:
    """One value. ``turn`` is the outcome that set it. Changed in place: what lives on from outcome to
    outcome is not visited by the garbage collector again and again."""

    __slots__ = ("series", "turn", "value")

    def __init__(self, series: Series) -> None:
        self.series, self.turn, self.value = series, 0, 0.0


class Samples:
    """The samples of one target. ``series`` and ``histogram`` make what carries them; counters of the metrics
    in ``prompt`` are told apart from the rest.

    A gauge that the latest outcome no longer has disappears; counters and histograms stay.
    """

    def __init__(
        self,
        series: Callable[[Metric, Mapping[str, str]], Series],
        histogram: Callable[[Metric, Mapping[str, str]], Histogram],
        prompt: tuple[Metric, ...] = (),
    ) -> None:
        self._make_series, self._make_histogram = series, histogram
        self._gauges: dict[Key, _Cell] = {}
        self._totals: dict[Key, _Cell] = {}
        self._histograms: dict[Key, Histogram] = {}
        self._prompt: dict[Key, _Cell] = {}
        self._are_prompt = frozenset(metric.name for metric in prompt)
        self._turn = 0

    def take(self, samples: tuple[Sample, ...]) -> None:
        """Take in the samples of a completed measurement."""
        self._turn += 1
        for sample in samples:
            if _is_gauge(sample.metric):
                cell = self._cell(self._gauges, sample)
                cell.turn, cell.value = self._turn, sample.value
        if len(self._gauges) > MAX_GAUGES:
            self._gauges = {key: cell for key, cell in self._gauges.items() if cell.turn == self._turn}
        self.add(samples)

    def add(self, samples: tuple[Sample, ...]) -> None:
        """Take in only what was counted: a measurement aside of the schedule moves no gauge."""
        for sample in samples:
            if sample.metric.type == "counter":
                prompt = sample.metric.name in self._are_prompt
                cell = self._cell(self._prompt if prompt else self._totals, sample)
                cell.series.from_zero = True
                cell.value += max(0.0, sample.value)
            elif sample.metric.type == "histogram":
                self._histogram(sample).observe(sample.value)

    def points(self) -> list[Point]:
        """Return every value there is that is not prompt."""
        turn = self._turn
        points: list[Point] = [
            (cell.series, cell.value) for cell in self._gauges.values() if cell.turn == turn
        ]
        points += [(cell.series, cell.value) for cell in self._totals.values()]
        for histogram in self._histograms.values():
            points += histogram.points()
        return points

    def prompt_points(self) -> list[Point]:
        """Return the counters that are prompt."""
        return [(cell.series, cell.value) for cell in self._prompt.values()]

    def _histogram(self, sample: Sample) -> Histogram:
        key = sample.metric.name, sample.labels
        known = self._histograms.get(key)
        if known is None:
            known = self._histograms[key] = self._make_histogram(sample.metric, dict(sample.labels))
        return known

    def _cell(self, cells: dict[Key, _Cell], sample: Sample) -> _Cell:
        key = sample.metric.name, sample.labels
        known = cells.get(key)
        if known is None:
            known = cells[key] = _Cell(self._make_series(sample.metric, dict(sample.labels)))
        return known


def _is_gauge(metric: Metric) -> bool:
    return metric.type in ("gauge", "info")
