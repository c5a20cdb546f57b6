"""The locator's own series, and those of the outages that it found."""

from collections.abc import Iterable, Iterator, Sequence
from typing import Final

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from alerts.pinpoint.holding import Open
from inventory import names

_TICK_BOUNDS: Final = (0.01, 0.025, 0.05, 0.1, 0.2, 0.3, 0.5, 1.0, 2.0, 5.0)
_LOCATE_BOUNDS: Final = (4, 5, 6, 8, 10, 12, 15, 20, 30, 60)


class Meters(Collector):
    """All of them, in a registry of their own."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self._open: tuple[Open, ...] = ()
        self.ticks = _counter(names.LOCATOR_TICKS, self.registry)
        self.posts = _counter(names.LOCATOR_POSTS, self.registry)
        self.last = Gauge(names.LOCATOR_TICK_AT.name, names.LOCATOR_TICK_AT.help, registry=self.registry)
        self.tick_seconds = _histogram(names.LOCATOR_TICK, _TICK_BOUNDS, self.registry)
        self.inference_seconds = _histogram(names.LOCATOR_INFERENCE, _TICK_BOUNDS, self.registry)
        self.locate_seconds = _histogram(names.LOCATOR_TIME, _LOCATE_BOUNDS, self.registry)
        self.registry.register(self)

    def show(self, outages: Iterable[Open]) -> None:
        """Show these as the outages of now."""
        self._open = tuple(outages)

    def collect(self) -> Iterator[Metric]:
        """Yield the outages."""
        for metric, value in (
            (names.OUTAGE, lambda _: 1.0),
            (names.OUTAGE_COMMUNES, lambda one: float(len(one.cause.communes))),
            (names.OUTAGE_SINCE, lambda one: one.since),
            (names.OUTAGE_CONFIDENCE, lambda one: one.cause.confidence),
        ):
            family = GaugeMetricFamily(metric.name, metric.help, labels=metric.labels)
            for one in self._open:
                family.add_metric([one.identity, one.kind], value(one))
            yield family


def _counter(metric: names.Metric, registry: CollectorRegistry) -> Counter:
    return Counter(metric.name, metric.help, metric.labels, registry=registry)


def _histogram(metric: names.Metric, bounds: Sequence[float], registry: CollectorRegistry) -> Histogram:
    return Histogram(metric.name, metric.help, buckets=tuple(bounds), registry=registry)
