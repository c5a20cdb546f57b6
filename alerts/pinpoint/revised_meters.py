"""Series about what was learned of outages afterwards."""

from collections.abc import Iterable, Iterator
from typing import Final

from prometheus_client import CollectorRegistry, Counter, Gauge
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from alerts.ledger import Entry
from alerts.revision import Revision, revision_of
from inventory import names

MOST_SHOWN: Final = 50
DAY_SECONDS: Final = 86400.0


class RevisedMeters(Collector):
    """All of them; ``show`` says which outages there are."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._revised: tuple[Revision, ...] = ()
        self.revisions = _counter(names.OUTAGE_REVISIONS, registry)
        self.looks = _counter(names.OUTAGE_LOOKS, registry)
        undecided = names.OUTAGES_UNDECIDED
        self._undecided = Gauge(undecided.name, undecided.help, registry=registry)
        registry.register(self)

    def show(self, entries: Iterable[Entry], now: float) -> None:
        """Count what is not decided yet, and show whose cause was revised, of those that ended within a day
        before ``now`` (Unix seconds)."""
        known = tuple(entries)
        self._undecided.set(sum("|" in one.kind and one.why == "ended" for one in known))
        found = [
            revision
            for one in known
            if one.until is not None and one.until > now - DAY_SECONDS
            and (revision := revision_of(one)) is not None and revision.verdict == "cause"
        ]  # fmt: skip
        self._revised = tuple(sorted(found, key=lambda one: -one.start.at)[:MOST_SHOWN])

    def collect(self) -> Iterator[Metric]:
        """Yield the revised causes; of equal ones the latest."""
        metric = names.OUTAGE_REVISED
        family = GaugeMetricFamily(metric.name, metric.help, labels=metric.labels)
        latest: dict[tuple[str, str, str], float] = {}
        for one in self._revised:
            latest.setdefault((one.component, one.kind, one.said.component), one.start.at)
        for labels, since in latest.items():
            family.add_metric(labels, since)
        yield family


def _counter(metric: names.Metric, registry: CollectorRegistry) -> Counter:
    return Counter(metric.name, metric.help, metric.labels, registry=registry)
