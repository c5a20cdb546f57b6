"""What the wall page says about itself on ``/metrics``."""

from prometheus_client import CollectorRegistry, Counter, Gauge

from inventory.names import WALL_NEWEST, WALL_POLLS, WALL_REFUSED, WALL_VIEWERS


class Meters:
    """Counters and gauges of one wall page, in the registry given."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.viewers = Gauge(WALL_VIEWERS.name, WALL_VIEWERS.help, registry=registry)
        self._newest = Gauge(WALL_NEWEST.name, WALL_NEWEST.help, registry=registry)
        self._polls = Counter(WALL_POLLS.name, WALL_POLLS.help, WALL_POLLS.labels, registry=registry)
        self._refused = Counter(WALL_REFUSED.name, WALL_REFUSED.help, WALL_REFUSED.labels, registry=registry)

    def newest(self, time: float | None) -> None:
        """Note the newest heartbeat shown; None is nothing yet."""
        self._newest.set(float("nan") if time is None else time)

    def polled(self, source: str, *, ok: bool) -> None:
        """Count one read of a source."""
        self._polls.labels(source, "ok" if ok else "failed").inc()

    def refused(self, reason: str) -> None:
        """Count one request that was refused."""
        self._refused.labels(reason).inc()
