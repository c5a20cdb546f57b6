"""What the reflector of test packets says about itself on ``/metrics``."""

from collections.abc import Iterator

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.registry import Collector

from exporters.stampio.reflector import Reflector
from inventory.names import REFLECTOR_EVICTED, REFLECTOR_PACKETS, REFLECTOR_SESSIONS


class StampCollector(Collector):
    """The counters of one reflector, read when they are asked for: a packet must cost nothing here."""

    def __init__(self, reflector: Reflector) -> None:
        self._reflector = reflector

    def collect(self) -> Iterator[CounterMetricFamily | GaugeMetricFamily]:
        """Yield packets by result, sessions, and sessions given up."""
        packets = CounterMetricFamily(REFLECTOR_PACKETS.name, REFLECTOR_PACKETS.help, labels=["result"])
        for verdict, count in list(self._reflector.results.items()):
            packets.add_metric([verdict.value], count)
        yield packets
        yield GaugeMetricFamily(
            REFLECTOR_SESSIONS.name, REFLECTOR_SESSIONS.help, value=len(self._reflector.sessions)
        )
        yield CounterMetricFamily(
            REFLECTOR_EVICTED.name, REFLECTOR_EVICTED.help, value=self._reflector.sessions.evicted
        )
