"""``/metrics`` of thousands of targets without holding up the loop.

The text is byte for byte what prometheus_client writes for the same series (a test compares them), in
the text format 0.0.4 and in OpenMetrics 1.0. Three things make it cheap: the part of a line before its
value is made once and kept by its :class:`agent.expose.Series`, a family's head once per metric, and
everything is done in slices between which the loop goes on. A thread would not help: it holds the same
lock as the probes, for as long as it pleases.
"""

import asyncio
from collections.abc import Iterator, Mapping
from functools import cache
from typing import Final

from prometheus_client.exposition import choose_encoder

from agent.expose import Group, Point, Tier
from agent.slices import Slices
from inventory.names import Metric

PIECE_BYTES: Final = 1 << 16
_OPENMETRICS: Final = "application/openmetrics-text"
_NO_NUMBERS: Final = {"nan": "NaN", "inf": "+Inf"}
_END: Final = b"# EOF\n"


def number(value: float) -> str:
    """Return a value as Go prints it: like Python, but with an exponent from a million on.

    >>> number(0.25), number(2_000_000), number(float("inf"))
    ('0.25', '2e+06', '+Inf')
    """
    text = repr(float(value))
    if value < 1e6:  # false for NaN
        return text if text != "-inf" else "-Inf"
    if text in _NO_NUMBERS:
        return _NO_NUMBERS[text]
    whole, dot, rest = text.partition(".")
    if not dot or len(whole) < 7:
        return text
    mantissa = f"{whole[0]}.{whole[1:]}{rest}".rstrip("0.")
    return f"{mantissa}e+{len(whole) - 1:02d}"


@cache  # one entry per metric that there is
def head(metric: Metric, *, openmetrics: bool) -> str:
    """Return the HELP and TYPE lines of a family."""
    counter = metric.type == "counter"
    name = metric.name.removesuffix("_total") if counter and openmetrics else metric.name
    kind = "gauge" if metric.type == "info" else metric.type
    told = metric.help.replace("\\", r"\\").replace("\n", r"\n")
    told = told.replace('"', r"\"") if openmetrics else told
    return f"# HELP {name} {told}\n# TYPE {name} {kind}\n"


class Renderer:
    """Renders ``groups``, which may change meanwhile; requests at the same time share one rendering."""

    def __init__(self, groups: Mapping[str, Group]) -> None:
        self._groups = groups
        self._running: dict[bool, asyncio.Task[list[bytes]]] = {}

    async def render(self, accept: str) -> tuple[list[bytes], str]:
        """Return the text in one part per family, and its content type, for an ``Accept`` header."""
        content_type = choose_encoder(accept)[1]
        openmetrics = content_type.startswith(_OPENMETRICS)
        task = self._running.get(openmetrics)
        if task is None:
            task = asyncio.create_task(self._render(openmetrics))
            self._running[openmetrics] = task
            task.add_done_callback(lambda _: self._running.pop(openmetrics))
        return await asyncio.shield(task), content_type

    async def _render(self, openmetrics: bool) -> list[bytes]:
        slices = Slices()
        families: dict[str, list[str]] = {}
        for group in list(self._groups.values()):
            await slices.used(_add(group, families, openmetrics=openmetrics))
        parts = []
        for lines in families.values():
            parts.append("".join(lines).encode())
            await slices.used(len(lines) // 4)  # joining is that much cheaper than making a line
        return [*parts, _END] if openmetrics else parts


def _points(group: Group) -> Iterator[Point]:
    for tier in Tier:
        yield from group.points(tier)


def _add(group: Group, families: dict[str, list[str]], *, openmetrics: bool) -> int:
    """Add the lines of a group to their families; returns how many."""
    count = 0
    for series, value in _points(group):
        lines = families.get(series.metric.name)
        if lines is None:
            lines = families[series.metric.name] = [head(series.metric, openmetrics=openmetrics)]
        lines.append(f"{series.line_head}{number(value)}\n")
        count += 1
    return count


def pieces(parts: list[bytes]) -> Iterator[bytes]:
    """Return the text in pieces of at most :data:`PIECE_BYTES`, as a connection can take them."""
    for part in parts:
        for start in range(0, len(part), PIECE_BYTES):
            yield part[start : start + PIECE_BYTES]
