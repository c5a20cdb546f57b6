"""The receiver's own series, under the names of ``inventory.names``."""

from collections.abc import Iterable

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from inventory import names

DELAY_BUCKETS = (0.1, 0.25, 0.5, 1, 2, 5, 10, 30, 60, 300, 1800, 7200)
TO_PAGE_BUCKETS = (2, 4, 6, 8, 10, 12, 15, 20, 25, 30, 45, 60, 120, 300, 1800)
RESULTS = ("sent", "retried", "failed")
SEND_BUCKETS = (0.01, 0.05, 0.1, 0.25, 0.5, 1, 2, 5, 10, 30)


def _counter(metric: names.Metric, registry: CollectorRegistry) -> Counter:
    return Counter(metric.name, metric.help, metric.labels, registry=registry)


def _gauge(metric: names.Metric, registry: CollectorRegistry) -> Gauge:
    return Gauge(metric.name, metric.help, metric.labels, registry=registry)


def _histogram(metric: names.Metric, buckets: tuple[float, ...], registry: CollectorRegistry) -> Histogram:
    return Histogram(metric.name, metric.help, metric.labels, buckets=buckets, registry=registry)


class Telemetry:
    """Counters of one receiver."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.registry = registry
        self._failing: dict[str, float] = {}
        self.webhooks = _counter(names.WEBHOOKS, registry)
        self.notifications = _counter(names.NOTIFICATIONS, registry)
        self.delay = _histogram(names.NOTIFICATION_DELAY, DELAY_BUCKETS, registry)
        self.to_page = _histogram(names.TIME_TO_PAGE, TO_PAGE_BUCKETS, registry)
        self.send_duration = _histogram(names.SEND_DURATION, SEND_BUCKETS, registry)
        self.decisions = _counter(names.DECISIONS, registry)
        self.answers = _counter(names.ANSWERS, registry)
        self.silences_failed = _counter(names.SILENCES_FAILED, registry)
        self.last_success = _gauge(names.CHANNEL_LAST_SUCCESS, registry)
        self.failing_since = _gauge(names.CHANNEL_FAILING, registry)
        self.pending = _gauge(names.CHANNEL_PENDING, registry)
        self.deadman_failing = _gauge(names.DEADMAN_FAILING, registry)
        self.store_bytes = Gauge(
            names.RECEIVER_STORE_BYTES.name, names.RECEIVER_STORE_BYTES.help, registry=registry
        )
        self.open_pages = Gauge(names.OPEN_PAGES.name, names.OPEN_PAGES.help, registry=registry)

    def notified(self, channel: str, result: str) -> None:
        """Count what became of an attempt: ``sent``, ``retried`` or ``failed``."""
        self.notifications.labels(channel, result).inc()

    def channels(self, ids: Iterable[str]) -> None:
        """Show exactly these channels: a failing one that was taken out of the file fails no longer."""
        self._failing.clear()
        self.failing_since.clear()
        self.pending.clear()
        self.last_success.clear()
        for channel in ids:
            self.failing_since.labels(channel).set(0)
            self.pending.labels(channel).set(0)
            for result in RESULTS:
                self.notifications.labels(channel, result)  # from 0, so that the first is an increase

    def works(self, channel: str, now: float) -> None:
        """Note that ``channel`` took a message at ``now`` (Unix seconds)."""
        self.last_success.labels(channel).set(now)
        self.failing_since.labels(channel).set(0)
        self._failing.pop(channel, None)

    def fails(self, channel: str, now: float) -> None:
        """Note that ``channel`` did not take one; since when it fails is since the first time, or now where a
        clock that was put back leaves that ahead."""
        self._failing[channel] = min(now, self._failing.get(channel, now))
        self.failing_since.labels(channel).set(self._failing[channel])

    def decided(self, decision: str) -> None:
        """Count a decision of the dispatcher."""
        self.decisions.labels(decision).inc()
