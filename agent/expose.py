"""The agent's own series: one model for ``/metrics`` and for the push.

A :class:`Series` is made once and kept by whoever moves its value: its labels are sorted and encoded
once (``labels()`` of prometheus_client costs a microsecond for every sample, and more to encode). A
:class:`Group` is the unit that appears and disappears together: one target, or the agent itself.
"""

from collections.abc import Iterable, Iterator, Mapping
from enum import IntEnum
from functools import cached_property
from typing import Final, Protocol

from prometheus_client.metrics_core import Metric as Family
from prometheus_client.samples import Sample

from inventory.names import JOB_AGENT, Label, Metric


class Tier(IntEnum):
    """How often a series is pushed."""

    HEARTBEAT = 0
    STATE = 1
    DETAIL = 2


class Site:
    """Whose series these are: labels ``site`` and ``commune``; ``job`` and ``instance`` when pushed."""

    def __init__(self, site: str, commune: str) -> None:
        self.site, self.commune = site, commune

    def series(
        self,
        metric: Metric,
        labels: Mapping[str, str] | None = None,
        *,
        suffix: str = "",
        commune: str | None = None,
    ) -> "Series":
        """Return a new series; ``commune`` overrides the site's, empty labels are left out."""
        about = self.commune if commune is None else commune
        full = {Label.SITE: self.site, Label.COMMUNE: about, **(labels or {})}
        return Series(metric, {str(key): value for key, value in full.items() if value}, suffix)


class Series:
    """One series. ``from_zero``: a counter that begins at 0 whenever it appears, so that the push can
    say so when it appears later than its group; else ``increase()`` would miss its first increment."""

    def __init__(self, metric: Metric, labels: dict[str, str], suffix: str = "") -> None:
        self.metric = metric
        self.labels = labels
        self.name = metric.name + suffix
        self.from_zero = False

    @cached_property
    def prefix(self) -> bytes:
        """The series' labels as remote write wants them, encoded and sorted."""
        from agent.remote_write import encode_labels  # noqa: PLC0415 - only a pushing agent needs it

        pushed = {
            "__name__": self.name,
            Label.JOB: JOB_AGENT,
            Label.INSTANCE: self.labels[Label.SITE],
            **self.labels,
        }
        return encode_labels(pushed)


Point = tuple[Series, float]


class Group(Protocol):
    """What appears and disappears together. ``key`` is unique and the same for the same series."""

    @property
    def key(self) -> str: ...

    def points(self, tier: Tier) -> Iterable[Point]:
        """Return the current values of a tier; a series without value is left out."""
        ...


class Histogram:
    """Cumulative buckets, as cheap as a list. ``labels`` and ``commune`` as for :meth:`Site.series`."""

    def __init__(
        self,
        site: Site,
        metric: Metric,
        bounds: tuple[float, ...],
        labels: Mapping[str, str] | None = None,
        *,
        commune: str | None = None,
    ) -> None:
        def make(suffix: str, **more: str) -> Series:
            return site.series(metric, {**(labels or {}), **more}, suffix=suffix, commune=commune)

        self._bounds = bounds
        self._counts = [0] * (len(bounds) + 1)
        self._total = 0.0
        texts = [f"{bound:g}" for bound in bounds] + ["+Inf"]
        self._buckets = [make("_bucket", le=text) for text in texts]
        self._sum = make("_sum")
        self._count = make("_count")

    def observe(self, value: float) -> None:
        """Count one value."""
        place = 0
        while place < len(self._bounds) and value > self._bounds[place]:
            place += 1
        self._counts[place] += 1
        self._total += value

    def points(self) -> Iterator[Point]:
        """Return the buckets, the sum and the count."""
        running = 0
        for series, count in zip(self._buckets, self._counts, strict=True):
            running += count
            yield series, running
        yield self._sum, self._total
        yield self._count, running


class Collector:
    """Hands all groups to a prometheus_client registry; runs in the thread that renders."""

    def __init__(self, groups: Mapping[str, Group]) -> None:
        self._groups = groups

    def describe(self) -> list[Family]:
        """Return nothing: families come and go with the targets."""
        return []

    def collect(self) -> Iterator[Family]:
        """Yield one family per metric name, with all its samples."""
        families: dict[str, Family] = {}
        for group in list(self._groups.values()):
            for tier in Tier:
                for series, value in list(group.points(tier)):
                    family = families.get(series.metric.name) or _family(series.metric, families)
                    family.samples.append(Sample(series.name, series.labels, value))
        yield from families.values()


_SUFFIXES: Final = {"counter": "_total"}


def _family(metric: Metric, families: dict[str, Family]) -> Family:
    name = metric.name.removesuffix(_SUFFIXES.get(metric.type, ""))
    families[metric.name] = Family(name, metric.help, metric.type)
    return families[metric.name]
