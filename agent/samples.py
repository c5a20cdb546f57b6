"""A kind's own series: gauges as last measured, counters added up, histograms filled."""

from collections.abc import Callable, Iterator, Mapping

from agent.expose import Histogram, Point, Series
from exporters.base import Sample
from inventory.names import Metric

Key = tuple[str, tuple[tuple[str, str], ...]]


class Samples:
    """The samples of one target. ``series`` and ``histogram`` make what carries them.

    A gauge that the latest outcome no longer has disappears; counters and histograms stay.
    """

    def __init__(
        self,
        series: Callable[[Metric, Mapping[str, str]], Series],
        histogram: Callable[[Metric, Mapping[str, str]], Histogram],
    ) -> None:
        self._make_series, self._make_histogram = series, histogram
        self._series: dict[Key, Series] = {}
        self._histograms: dict[Key, Histogram] = {}
        self._gauges: dict[Key, float] = {}
        self._totals: dict[Key, float] = {}

    def take(self, samples: tuple[Sample, ...]) -> None:
        """Take in the samples of a completed measurement."""
        self._gauges = {_key(sample): sample.value for sample in samples if _is_gauge(sample.metric)}
        for sample in samples:
            if _is_gauge(sample.metric):
                self._find(sample)
        self.add(samples)

    def add(self, samples: tuple[Sample, ...]) -> None:
        """Take in only what was counted: a measurement aside of the schedule moves no gauge."""
        for sample in samples:
            if sample.metric.type == "counter":
                self._count(sample)
            elif sample.metric.type == "histogram":
                self._observe(sample)

    def points(self) -> Iterator[Point]:
        """Return every value there is."""
        for key, value in list(self._gauges.items()):
            yield self._series[key], value
        for key, value in list(self._totals.items()):
            yield self._series[key], value
        for histogram in list(self._histograms.values()):
            yield from histogram.points()

    def _count(self, sample: Sample) -> None:
        self._find(sample).from_zero = True
        self._totals[_key(sample)] = self._totals.get(_key(sample), 0.0) + max(0.0, sample.value)

    def _observe(self, sample: Sample) -> None:
        histogram = self._histograms.get(_key(sample))
        if histogram is None:
            histogram = self._make_histogram(sample.metric, dict(sample.labels))
            self._histograms[_key(sample)] = histogram
        histogram.observe(sample.value)

    def _find(self, sample: Sample) -> Series:
        known = self._series.get(_key(sample))
        if known is None:
            known = self._series[_key(sample)] = self._make_series(sample.metric, dict(sample.labels))
        return known


def _key(sample: Sample) -> Key:
    return sample.metric.name, sample.labels


def _is_gauge(metric: Metric) -> bool:
    return metric.type in ("gauge", "info")
