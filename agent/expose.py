"""The agent's own series: one model for ``/metrics`` and for the push.

A :class:`Series` is made once and kept by whoever moves its value: its labels are sorted and encoded
once (``labels()`` of prometheus_client costs a microsecond for every sample, and more to encode). A
:class:`Group` is the unit that appears and disappears together: one target, or the agent itself.
"""

from bisect import bisect_left
from collections.abc import Iterable, Mapping
from enum import IntEnum
from itertools import accumulate
from typing import Protocol

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

    __slots__ = ("_prefix", "from_zero", "labels", "metric", "name")

    def __init__(self, metric: Metric, labels: dict[str, str], suffix: str = "") -> None:
        self.metric = metric
        self.labels = labels
        self.name = metric.name + suffix if suffix else metric.name
        self.from_zero = False
        self._prefix: bytes | None = None

    @property
    def prefix(self) -> bytes:
        """The series' labels as remote write wants them, encoded and sorted."""
        if self._prefix is None:
            self._prefix = self._encoded()
        return self._prefix

    def _encoded(self) -> bytes:
        from agent.remote_write import encode_labels  # noqa: PLC0415 - only a pushing agent needs it

        pushed = {
            "__name__": self.name,
            Label.JOB: JOB_AGENT,
            Label.INSTANCE: self.labels[Label.SITE],
            **self.labels,
        }
        return encode_labels(pushed)

    @property
    def line_head(self) -> str:
        """The series' line in ``/metrics`` up to the value."""
        labels = ",".join(f'{key}="{escape(value)}"' for key, value in sorted(self.labels.items()))
        return f"{self.name}{{{labels}}} " if labels else f"{self.name} "


def escape(value: str) -> str:
    """Return a label's value as it stands between quotes in ``/metrics``."""
    return value.replace("\\", r"\\").replace("\n", r"\n").replace('"', r"\"")


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
        self._counts[bisect_left(self._bounds, value)] += 1
        self._total += value

    def points(self) -> list[Point]:
        """Return the buckets, the sum and the count."""
        return [
            *zip(self._buckets, accumulate(self._counts), strict=True),
            (self._sum, self._total),
            (self._count, sum(self._counts)),
        ]
