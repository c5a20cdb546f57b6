"""The renderer of /metrics: byte for byte what prometheus_client writes, and never long on the loop."""

import asyncio
import math
import re
from collections.abc import Iterable, Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry
from prometheus_client.exposition import choose_encoder
from prometheus_client.metrics_core import Metric as Family
from prometheus_client.samples import Sample

from agent import slices
from agent.expose import Group, Histogram, Point, Site, Tier
from agent.exposition import PIECE_BYTES, Renderer, pieces, prefers_openmetrics
from inventory.names import Metric
from tests.agent import virtual

OPENMETRICS = "application/openmetrics-text;version=1.0.0;q=0.5,text/plain;version=0.0.4;q=0.3"
GAUGE = Metric("thongsuot_a_seconds", "gauge", 'A "gauge"\\ with\na line')
COUNTER = Metric("thongsuot_b_total", "counter", "A counter")
SPREAD = Metric("thongsuot_c_seconds", "histogram", "A histogram")


class Fake:
    """A group with values set by hand, and a histogram."""

    def __init__(self, key: str, site: Site, values: list[tuple[Metric, str, float]]) -> None:
        self.key = key
        self._points: list[Point] = [
            (site.series(metric, {"target": key, "result": text}), value) for metric, text, value in values
        ]
        self._histogram = Histogram(site, SPREAD, (0.001, 0.5, 2_500_000), {"target": key})
        for _, _, value in values:
            self._histogram.observe(value)

    def points(self, tier: Tier) -> Iterable[Point]:
        if tier is Tier.STATE:
            return self._points
        return self._histogram.points() if tier is Tier.DETAIL else ()


class Collector:
    """The same groups for prometheus_client: the oracle."""

    def __init__(self, groups: dict[str, Group]) -> None:
        self._groups = groups

    def collect(self) -> Iterator[Family]:
        families: dict[str, Family] = {}
        for group in self._groups.values():
            for tier in Tier:
                for series, value in group.points(tier):
                    metric = series.metric
                    name = metric.name.removesuffix("_total")
                    family = families.setdefault(metric.name, Family(name, metric.help, metric.type))
                    family.samples.append(Sample(series.name, series.labels, value))
        yield from families.values()


def expected(groups: dict[str, Group], accept: str) -> tuple[bytes, str]:
    registry = CollectorRegistry(auto_describe=False)
    registry.register(Collector(groups))
    encoder, content_type = choose_encoder(accept)
    text = re.sub(rb"^([^#].*) (\S+)$", _in_python, encoder(registry), flags=re.MULTILINE)
    return text, content_type.partition("; escaping=")[0]  # no name of ours needs any


def _in_python(line: re.Match[bytes]) -> bytes:
    """Write the number of a line as Python does: the library writes as Go does, which nothing asks for."""
    return b"%s %s" % (line[1], repr(float(line[2])).encode())


def rendered(groups: dict[str, Group], accept: str) -> tuple[bytes, str]:
    parts, content_type = virtual.run(lambda: Renderer(groups).render(accept))
    return b"".join(pieces(parts)), content_type


values = st.lists(
    st.tuples(
        st.sampled_from((GAUGE, COUNTER)),
        st.text(max_size=12),
        st.floats().map(lambda value: value + 0.0) | st.integers(0, 2**70),
    ),
    max_size=8,
)


@given(st.dictionaries(st.text(max_size=8), values, max_size=6), st.sampled_from(("", OPENMETRICS, "*/*")))
def test_the_text_is_the_librarys(content: dict[str, list[tuple[Metric, str, float]]], accept: str) -> None:
    site = Site("21040", "21040")
    groups: dict[str, Group] = {key: Fake(key, site, points) for key, points in content.items()}
    assert rendered(groups, accept) == expected(groups, accept)


@given(st.lists(st.tuples(st.floats(0, 10), st.sampled_from((1, 2, True, 1e9))), min_size=2, max_size=6))
def test_what_changes_between_two_readings_is_written_anew(rounds: list[tuple[float, float]]) -> None:
    site = Site("21040", "")
    group = Fake("a", site, [(GAUGE, "x", 0.0), (COUNTER, "y", 0.0)])
    groups: dict[str, Group] = {"a": group}
    renderer = Renderer(groups)
    for one, two in rounds:
        (gauge, _), (counter, _) = group._points
        group._points = [(gauge, one), (counter, two)]
        parts, _ = virtual.run(lambda: renderer.render(""))
        assert b"".join(parts) == expected(groups, "")[0]


@pytest.mark.parametrize("value", [0.0, -0.0, 1e6, 999999.5, 1e16, 123456789.25, math.inf, -math.inf])
def test_numbers_are_those_of_the_series(value: float) -> None:
    groups: dict[str, Group] = {"a": Fake("a", Site("21040", ""), [(GAUGE, "x", value)])}
    line = next(line for line in rendered(groups, "")[0].splitlines() if line.startswith(b"thongsuot_a_"))
    assert float(line.split()[-1]) == value


PROMETHEUS_3 = (
    "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.6,"
    "application/openmetrics-text;version=0.0.1;q=0.5,text/plain;version=1.0.0;escaping=allow-utf-8;q=0.4,"
    "text/plain;version=0.0.4;q=0.3,*/*;q=0.2"
)


@pytest.mark.parametrize(
    "accept",
    [
        "", "*/*", "text/plain", "x/y,,;", OPENMETRICS, PROMETHEUS_3, "application/openmetrics-text",
        "application/openmetrics-text;version=0.0.1", "application/vnd.google.protobuf," + OPENMETRICS,
        "text/plain;version=0.0.4;q=0.3,*/*;q=0.2",
    ],
)  # fmt: skip
def test_every_content_type_is_the_librarys(accept: str) -> None:
    assert rendered({}, accept) == expected({}, accept)


def test_a_later_version_of_the_text_format_is_not_spoken() -> None:
    assert rendered({}, "text/plain;version=1.0.0")[1] == "text/plain; version=0.0.4; charset=utf-8"


@given(st.text())
def test_no_header_breaks_the_choice(accept: str) -> None:
    assert prefers_openmetrics(accept) in (True, False)


def test_the_loop_has_its_turn_after_every_slice() -> None:
    """A task that counts its turns gets one for each slice."""
    site = Site("hub", "")
    groups: dict[str, Group] = {
        str(number): Fake(str(number), site, [(GAUGE, "x", 1.0)] * 95) for number in range(50)
    }

    async def main() -> int:
        turns = 0

        async def count() -> None:
            nonlocal turns
            while True:
                await asyncio.sleep(0)
                turns += 1

        counting = asyncio.create_task(count())
        await Renderer(groups).render("")
        counting.cancel()
        await asyncio.gather(counting, return_exceptions=True)
        return turns

    assert virtual.run(main) >= 50 * 100 // slices.UNITS // 2


def test_readers_at_the_same_time_share_one_rendering_and_one_may_leave() -> None:
    asked = 0

    class Counting(Fake):
        def points(self, tier: Tier) -> Iterable[Point]:
            nonlocal asked
            asked += tier is Tier.STATE
            return super().points(tier)

    groups: dict[str, Group] = {"a": Counting("a", Site("hub", ""), [(GAUGE, "x", 1.0)])}

    async def main() -> list[tuple[list[bytes], str]]:
        renderer = Renderer(groups)
        leaves = asyncio.create_task(renderer.render(""))
        stays = [asyncio.create_task(renderer.render("")) for _ in range(3)]
        await asyncio.sleep(0)
        leaves.cancel()
        await asyncio.gather(leaves, return_exceptions=True)
        first = await asyncio.gather(*stays)
        return [*first, await renderer.render("")]

    answers = virtual.run(main)
    assert asked == 2
    assert len({b"".join(parts) for parts, _ in answers}) == 1


def test_a_group_that_goes_meanwhile_breaks_nothing() -> None:
    site = Site("hub", "")
    groups: dict[str, Group] = {
        str(number): Fake(str(number), site, [(GAUGE, "x", 1.0)] * 300) for number in range(5)
    }

    async def main() -> list[bytes]:
        task = asyncio.create_task(Renderer(groups).render(""))
        for _ in range(3):  # the request, the rendering, its first slice
            await asyncio.sleep(0)
        groups.clear()
        return (await task)[0]

    assert b"thongsuot_a_seconds" in b"".join(virtual.run(main))


def test_pieces_are_small_and_complete() -> None:
    parts = [b"a" * (2 * PIECE_BYTES + 7), b"", b"b"]
    cut = list(pieces(parts))
    assert b"".join(cut) == b"".join(parts)
    assert max(map(len, cut)) == PIECE_BYTES
