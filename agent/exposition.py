"""``/metrics`` of thousands of targets without holding up the loop.

The text is what prometheus_client writes for the same series (a test compares them) in the text format
0.0.4 and in OpenMetrics 1.0, but for numbers, which are Python's: 1234567.0, not 1.234567e+06. It is
cheap because all but the values is made once: each group has a :class:`_Template` for as long as its
series are the same. And it is done in slices between which the loop goes on. A thread would not help: it
holds the same lock as the probes, for as long as it pleases.
"""

import asyncio
import math
from collections.abc import Iterator, Mapping
from functools import cache
from itertools import chain
from typing import Final

from agent.expose import Group, Series, Tier
from agent.slices import Slices
from inventory.names import Metric

PIECE_BYTES: Final = 1 << 18
_OPENMETRICS: Final = "application/openmetrics-text; version=1.0.0; charset=utf-8"
_TEXT: Final = "text/plain; version=0.0.4; charset=utf-8"
_OPENMETRICS_VERSIONS: Final[tuple[list[str], ...]] = ([], ["1.0.0"])
_MOST_ACCEPT: Final = 2000
_BETWEEN: Final = "\n\n"  # never inside a block: what breaks a line is escaped in labels
_END: Final = b"# EOF\n"


@cache  # one entry per metric that there is
def head(metric: Metric, *, openmetrics: bool) -> str:
    """Return the HELP and TYPE lines of a family, without the last line break."""
    counter = metric.type == "counter"
    name = metric.name.removesuffix("_total") if counter and openmetrics else metric.name
    kind = "gauge" if metric.type == "info" else metric.type
    told = metric.help.replace("\\", r"\\").replace("\n", r"\n")
    told = told.replace('"', r"\"") if openmetrics else told
    return f"# HELP {name} {told}\n# TYPE {name} {kind}"


def prefers_openmetrics(accept: str) -> bool:
    """Whether who sends this ``Accept`` header would rather have OpenMetrics 1.0. Readers name what they
    like best first, which here counts for more than ``q``; who knows neither format gets the text format.

    >>> prefers_openmetrics("application/openmetrics-text;version=1.0.0;q=0.6,text/plain;q=0.5")
    True
    """
    for wanted in accept[:_MOST_ACCEPT].split(","):
        kind, *parameters = (part.strip().lower() for part in wanted.split(";"))
        if kind == "text/plain":
            return False
        versions = [part.removeprefix("version=") for part in parameters if part.startswith("version=")]
        if kind == "application/openmetrics-text" and versions in _OPENMETRICS_VERSIONS:
            return True
    return False


class Renderer:
    """Renders ``groups``, which may change meanwhile; requests at the same time share one rendering."""

    def __init__(self, groups: Mapping[str, Group]) -> None:
        self._groups = groups
        self._templates: dict[str, _Template] = {}
        self._metrics: dict[str, Metric] = {}
        self._running: dict[bool, asyncio.Task[list[bytes]]] = {}

    async def render(self, accept: str) -> tuple[list[bytes], str]:
        """Return the text in one part per family, and its content type, for an ``Accept`` header."""
        openmetrics = prefers_openmetrics(accept)
        task = self._running.get(openmetrics)
        if task is None:
            task = asyncio.create_task(self._render(openmetrics))
            self._running[openmetrics] = task
            task.add_done_callback(lambda _: self._running.pop(openmetrics))
        return await asyncio.shield(task), _OPENMETRICS if openmetrics else _TEXT

    async def _render(self, openmetrics: bool) -> list[bytes]:
        slices = Slices()
        families: dict[str, list[str]] = {}
        for key, group in list(self._groups.items()):
            await slices.used(self._add(key, group, families))
        for gone in self._templates.keys() - self._groups.keys():
            del self._templates[gone]
        parts = []
        for name, lines in families.items():
            text = "\n".join((head(self._metrics[name], openmetrics=openmetrics), *lines, ""))
            parts.append(text.encode())
            await slices.used(len(lines))
        return [*parts, _END] if openmetrics else parts

    def _add(self, key: str, group: Group, families: dict[str, list[str]]) -> int:
        """Add the lines of a group to their families; returns how many."""
        points = [*chain.from_iterable(group.points(tier) for tier in Tier)]
        if not points:
            return 1
        series, values = zip(*points, strict=True)
        template = self._templates.get(key)
        if template is None or template.series != series:
            template = self._templates[key] = _Template(series)
            self._metrics.update((one.metric.name, one.metric) for one in series)
        for name, lines in zip(template.families, template.fill(values), strict=True):
            if name in families:
                families[name].append(lines)
            else:
                families[name] = [lines]
        return len(points)


class _Template:
    """The lines of a group, one block per family: all but the values is made once, and a value is written
    anew only where it has changed."""

    def __init__(self, series: tuple[Series, ...]) -> None:
        self.series = series
        places: dict[str, list[int]] = {}
        for place, one in enumerate(series):
            places.setdefault(one.metric.name, []).append(place)
        self.families = tuple(places)
        self._order = [place for own in places.values() for place in own]
        self._values: list[float] = [math.nan] * len(series)  # unlike any value
        self._texts = [""] * len(series)
        self._parts: list[str] = []
        for number, own in enumerate(places.values()):
            for place in own:
                before = "\n" if place != own[0] else _BETWEEN if number else ""
                self._parts += (before + series[place].line_head, "")

    def fill(self, values: tuple[float, ...]) -> list[str]:
        """Return the block of each family, lines without the last line break."""
        new = [values[place] for place in self._order]
        known = zip(new, self._values, self._texts, strict=True)
        self._texts = [text if value == old else repr(float(value)) for value, old, text in known]
        self._values = new
        self._parts[1::2] = self._texts
        return "".join(self._parts).split(_BETWEEN)


def pieces(parts: list[bytes]) -> Iterator[bytes]:
    """Return the text in pieces of at most :data:`PIECE_BYTES`, as a connection can take them."""
    for part in parts:
        for start in range(0, len(part), PIECE_BYTES):
            yield part[start : start + PIECE_BYTES]
