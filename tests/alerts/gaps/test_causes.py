"""Communes with two lines, and witnesses who do not agree."""

import pytest

from alerts.gaps.causes import Causes, Witnesses
from alerts.gaps.model import GapLabel, Side, exactly
from alerts.gaps.parts import Part
from alerts.gaps.tracks import Track, track
from alerts.slo import Seconds

LINES = ("main", "backup")
LENGTH = 600.0


def pings(*down: tuple[float, float], until: float = LENGTH + 60) -> Track:
    """Pings every 5 s that fail within some stretches."""
    times = [n * 5.0 - 60 for n in range(int((until + 60) / 5) + 1)]
    return track([(at, float(not any(a <= at < b for a, b in down))) for at in times], 20)


UP, DOWN = pings(), pings((0, LENGTH))


def causes(seen: Witnesses) -> list[Part]:
    found = Causes(seen, Track(), Track(), exactly(0), exactly(LENGTH))
    return found.parts(exactly(0), exactly(LENGTH))


def labels(seen: Witnesses) -> list[tuple[GapLabel, tuple[Side, ...]]]:
    return [(part.label, part.sides) for part in causes(seen) if part.end.at - part.start.at > 10]


def two(outside: dict[str, Track], own: dict[str, Track]) -> Witnesses:
    return Witnesses(lines=LINES, routers=tuple(outside), outside=outside, own=own)


def test_both_lines_down_on_the_word_of_both_sides() -> None:
    both = {"main": DOWN, "backup": DOWN}
    assert labels(two(both, both)) == [(GapLabel.LINE_DOWN, (Side.HUB, Side.SITE))]


@pytest.mark.parametrize("up", LINES)
def test_one_line_that_answers_refutes_that_the_site_was_cut_off(up: str) -> None:
    seen = {line: UP if line == up else DOWN for line in LINES}
    assert labels(two(seen, seen)) == [(GapLabel.UNKNOWN, ())]
    assert labels(two(seen, {})) == [(GapLabel.UNKNOWN, ())]
    assert labels(two({}, seen)) == [(GapLabel.UNKNOWN, ())]


def test_a_line_without_a_router_may_have_carried_so_the_hub_alone_says_nothing() -> None:
    assert labels(two({"main": DOWN}, {})) == [(GapLabel.UNKNOWN, ())]
    own = {"main": DOWN, "backup": DOWN}
    assert labels(two({"main": DOWN}, own)) == [(GapLabel.LINE_DOWN, (Side.SITE,))]


def test_only_while_both_fail_is_the_site_cut_off() -> None:
    seen = {"main": pings((0, 400)), "backup": pings((200, LENGTH))}
    found = causes(two(seen, seen))
    (cut,) = [part for part in found if part.label is GapLabel.LINE_DOWN]
    assert cut.start.earliest <= 200 <= cut.start.latest
    assert cut.end.earliest <= 400 <= cut.end.latest


def test_without_samples_the_counters_of_every_line_speak() -> None:
    down, up = Seconds(down=LENGTH), Seconds(up=LENGTH)
    both = Witnesses(lines=LINES, counted={"main": down, "backup": down})
    one = Witnesses(lines=LINES, counted={"main": down, "backup": up})
    assert labels(both) == [(GapLabel.LINE_DOWN, (Side.SITE,))]
    assert labels(one) == [(GapLabel.UNKNOWN, ())]


def test_a_router_that_does_not_answer_is_refuted_by_the_sites_own_pings() -> None:
    seen = Witnesses(lines=("main",), routers=("main",), outside={"main": DOWN}, own={"main": UP})
    assert labels(seen) == [(GapLabel.UNKNOWN, ())]


def test_a_hub_whose_agent_ends_midway_is_believed_until_then_and_refutes_nothing_afterwards() -> None:
    outside = pings((0, LENGTH), until=200)
    seen = Witnesses(lines=("main",), routers=("main",), outside={"main": outside}, own={"main": DOWN})
    assert labels(seen) == [(GapLabel.LINE_DOWN, (Side.SITE,))], "a third of the time is not the whole"
