"""What the hub's end of throughput tests says about itself on ``/metrics``."""

from prometheus_client import CollectorRegistry, Counter, Gauge

from inventory.names import REFLECTED_BYTES, REFLECTED_LEASES, REFLECTED_REFUSED, REFLECTED_TESTS

REASONS = ("token", "busy", "full", "lease", "limit", "request", "connections")


class Meters:
    """Counters and gauges of one server, in the registry given."""

    def __init__(self, registry: CollectorRegistry) -> None:
        moved = Counter(REFLECTED_BYTES.name, REFLECTED_BYTES.help, REFLECTED_BYTES.labels, registry=registry)
        self.moved = {direction: moved.labels(direction) for direction in ("up", "down", "echo")}
        self.tests = Counter(REFLECTED_TESTS.name, REFLECTED_TESTS.help, registry=registry)
        self.leases = Gauge(REFLECTED_LEASES.name, REFLECTED_LEASES.help, registry=registry)
        refused = Counter(
            REFLECTED_REFUSED.name, REFLECTED_REFUSED.help, REFLECTED_REFUSED.labels, registry=registry
        )
        self._refused = {reason: refused.labels(reason) for reason in REASONS}

    def refused(self, reason: str) -> None:
        """Count one request that was refused."""
        self._refused[reason].inc()
