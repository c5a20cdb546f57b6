"""The receiver's own series, under the names of ``inventory.names``."""

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from inventory import names

DELAY_BUCKETS = (0.1, 0.25, 0.5, 1, 2, 5, 10, 30, 60, 300, 1800, 7200)


def _counter(metric: names.Metric, registry: CollectorRegistry) -> Counter:
    return Counter(metric.name, metric.help, metric.labels, registry=registry)


class Telemetry:
    """Counters of one receiver."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.registry = registry
        self.webhooks = _counter(names.WEBHOOKS, registry)
        self.notifications = _counter(names.NOTIFICATIONS, registry)
        self.delay = Histogram(
            names.NOTIFICATION_DELAY.name,
            names.NOTIFICATION_DELAY.help,
            names.NOTIFICATION_DELAY.labels,
            buckets=DELAY_BUCKETS,
            registry=registry,
        )
        self.open_pages = Gauge(names.OPEN_PAGES.name, names.OPEN_PAGES.help, registry=registry)

    def notified(self, channel: str, result: str) -> None:
        """Count what became of an attempt: ``sent``, ``retried`` or ``failed``."""
        self.notifications.labels(channel, result).inc()
