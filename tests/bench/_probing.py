"""Runs a probe of ours so many times: ``python -m tests.bench._probing JOB`` (JSON, :class:`Job`).

The probe function itself in a minimal loop: what an agent adds is measured elsewhere. Prints one JSON
object (:class:`Seen`) a line.
"""

import asyncio
import sys
import time

import msgspec

from exporters.base import Target
from exporters.registry import convert_options, kinds
from inventory.names import Metric


class Job(msgspec.Struct, frozen=True, kw_only=True):
    """What to run. The probe starts every ``interval_seconds``, or when the last has ended."""

    kind: str
    address: str
    count: int = 1
    interval_seconds: float = 0.0
    timeout_seconds: float = 5.0
    source: str | None = None
    options: dict[str, object] = {}


class Value(msgspec.Struct, frozen=True):
    """One sample."""

    name: str
    labels: dict[str, str]
    value: float


class Seen(msgspec.Struct, frozen=True):
    """One outcome; times of CLOCK_MONOTONIC."""

    start_seconds: float
    end_seconds: float
    reason: str
    evidence: str
    values: tuple[Value, ...]

    def get(self, metric: Metric, **labels: str) -> list[float]:
        """Return the values of the samples of ``metric`` with these labels."""
        wanted = labels.items()
        return [v.value for v in self.values if v.name == metric.name and wanted <= v.labels.items()]


def decode(said: str) -> list[Seen]:
    """Return what a run printed."""
    return [msgspec.json.decode(line, type=Seen) for line in said.splitlines()]


async def _run(job: Job) -> None:
    probe, config = kinds()[job.kind].probe, convert_options(job.kind, job.options)
    target = Target(name="bench", address=job.address, timeout_seconds=job.timeout_seconds, source=job.source)
    due = time.monotonic()
    for _ in range(job.count):
        await asyncio.sleep(max(0.0, due - time.monotonic()))
        start = time.monotonic()
        outcome = await probe(target, config)
        samples = tuple(Value(s.metric.name, dict(s.labels), s.value) for s in outcome.samples)
        seen = Seen(start, time.monotonic(), outcome.reason.value, outcome.evidence, samples)
        sys.stdout.write(msgspec.json.encode(seen).decode() + "\n")
        due += job.interval_seconds


if __name__ == "__main__":
    asyncio.run(_run(msgspec.json.decode(sys.argv[1], type=Job)))
