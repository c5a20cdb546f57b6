"""What the gateway says about itself on its own page of metrics."""

from collections.abc import Iterable
from typing import Final

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from inventory import names
from inventory.names import Metric

FRESH_TOO_OLD: Final = "fresh_too_old"
"""The result of a push of what was just measured and is too old all the same: a clock is wrong."""
_BOUNDS: Final = (0.005, 0.02, 0.1, 0.5, 1.0, 2.0, 4.0)


class Meters:
    """Counters and gauges of one gateway, in the registry given."""

    def __init__(self, registry: CollectorRegistry) -> None:
        def counter(metric: Metric) -> Counter:
            return Counter(metric.name, metric.help, metric.labels, registry=registry)

        def gauge(metric: Metric) -> Gauge:
            return Gauge(metric.name, metric.help, metric.labels, registry=registry)

        self.requests = counter(names.INGEST_REQUESTS)
        self.requests.labels(FRESH_TOO_OLD)  # there from the start, so that its first increase is seen
        self.stored = counter(names.INGEST_STORED)
        self.left_out = counter(names.INGEST_LEFT_OUT)
        self.unauthorised = counter(names.INGEST_UNAUTHORISED)
        self.foreign = counter(names.INGEST_FOREIGN)
        self.configs = counter(names.INGEST_CONFIGS)
        self.config_info = gauge(names.INGEST_CONFIG_INFO)
        self.waiting = gauge(names.INGEST_WAITING)
        self.connections = gauge(names.INGEST_CONNECTIONS)
        self.clock_doubt = gauge(names.INGEST_CLOCK_DOUBT)
        self.tokens = gauge(names.INGEST_TOKENS)
        self.certificates = gauge(names.CERTIFICATE_EXPIRY)
        duration = names.INGEST_FORWARD_DURATION
        self.forwards = Histogram(duration.name, duration.help, buckets=_BOUNDS, registry=registry)

    def show_configs(self, versions: Iterable[tuple[str, str]]) -> None:
        """Show which version each commune is handed: (commune, version)."""
        self.config_info.clear()
        for commune, version in versions:
            self.config_info.labels(commune, version).set(1)
