"""The definition of a dead zone: its bound against simulation, and its edges."""

import random
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from alerts import deadzone
from alerts.clusters import clusters, nearest
from alerts.deadzone import BELOW, DAY_SECONDS, DAYS, Judged, commune_dead, first_second, judge, upper_bound
from alerts.slo import Gain, Seconds
from inventory.model import Inventory
from tests.inventory.provinces import inventories, small

HOUR = 3600.0
UNTIL = 20_000 * DAY_SECONDS


def ups(dice: random.Random, available: float, mean_hours: float) -> Iterator[float]:
    """Yield the share of each hour of 30 days that a place is up: outages and what lies between them are
    exponential, in equilibrium from the start."""
    down = dice.random() < available  # it turns at once
    left = 0.0
    for _ in range(30 * 24):
        free, up = 1.0, 0.0
        while free > 0:
            if left <= 0:
                down = not down
                mean = mean_hours if down else mean_hours * available / (1 - available)
                left = dice.expovariate(1 / mean)
            spent = min(free, left)
            up += 0.0 if down else spent
            free, left = free - spent, left - spent
        yield up


def gains(shares: Iterator[float]) -> list[Gain]:
    start = first_second(UNTIL)
    return [
        Gain(start + hour * HOUR, start + (hour + 1) * HOUR, Seconds(up * HOUR, (1 - up) * HOUR))
        for hour, up in enumerate(shares)
    ]


def accused(available: float, mean_hours: float, runs: int, seed: int = 2026) -> float:
    """The share of runs in which such a place is called dead."""
    dice = random.Random(f"{seed}/{available}/{mean_hours}")
    found = (judge(gains(ups(dice, available, mean_hours)), UNTIL) for _ in range(runs))
    return sum(bool(one and one.dead) for one in found) / runs


# --- the bound ---------------------------------------------------------------------------------------
@pytest.mark.parametrize("mean_hours", [0.5, 3, 8, 24, 72])
def test_a_place_at_the_limit_is_accused_in_one_of_twenty_at_most(mean_hours: float) -> None:
    """With 400 runs, 0.05 is measured as 0.07 or less in 97 of 100 cases."""
    assert accused(BELOW, mean_hours, 400) <= 0.07


def test_a_bad_place_is_found() -> None:
    assert accused(0.90, 0.5, 60) > 0.9
    assert accused(0.85, 3, 60) > 0.9
    assert accused(0.70, 8, 60) > 0.9


def test_a_cut_of_every_day_is_certain_and_as_much_in_one_piece_is_not() -> None:
    daily = judge(gains(iter(([0.0] * 2 + [1.0] * 22) * 30)), UNTIL)
    once = judge(gains(iter([1.0] * 300 + [0.0] * 60 + [1.0] * 360)), UNTIL)
    assert daily is not None
    assert once is not None
    assert daily.availability == pytest.approx(22 / 24)
    assert once.availability == pytest.approx(1 - 60 / 672)
    assert (daily.dead, once.dead) == (True, False)


def test_seconds_as_trials_would_accuse_half_of_those_at_the_limit() -> None:
    """Why the bound is not Wilson's over seconds: it would be the availability itself."""
    dice = random.Random(7)
    found = [judge(gains(ups(dice, BELOW, 8)), UNTIL) for _ in range(100)]
    assert sum(one is not None and one.availability < BELOW - 0.001 for one in found) > 30


@given(st.lists(st.floats(0, 1), min_size=2, max_size=14))
def test_the_bound_is_a_bound(blocks: list[float]) -> None:
    mean = sum(blocks) / len(blocks)
    found = upper_bound(mean, blocks)
    assert found is not None
    assert min(1.0, mean) <= found <= 1


def test_of_one_block_there_is_no_bound() -> None:
    assert upper_bound(0.5, [0.5]) is None


# --- days and what is known --------------------------------------------------------------------------
@pytest.mark.parametrize(("known_days", "dead"), [(19, None), (20, True), (28, True)])
def test_twenty_days_with_data_are_needed(known_days: int, dead: bool | None) -> None:
    hours = known_days * 24
    found = judge(gains(iter([0.5] * 720))[-hours:], UNTIL)
    assert found is not None
    assert found.days == known_days
    assert found.dead is dead


def test_a_day_of_which_little_is_known_is_none() -> None:
    full = gains(iter([1.0] * 720))
    thin = [gain for number, gain in enumerate(full) if number % 24 < 11]
    found = judge(thin, UNTIL)
    assert found is not None
    assert found.days == 0
    assert found.upper is None


def test_what_was_counted_over_a_gap_counts_but_belongs_to_no_day() -> None:
    late = Gain(UNTIL - 5 * DAY_SECONDS, UNTIL - 1 * DAY_SECONDS, Seconds(0, 4 * DAY_SECONDS))
    found = judge([late], UNTIL)
    assert found == Judged(0.0, None, 0)


def test_nothing_known_is_no_verdict() -> None:
    assert judge([], UNTIL) is None
    assert judge([Gain(UNTIL - HOUR, UNTIL, Seconds(unknown=HOUR))], UNTIL) is None


COUNTED = st.tuples(st.floats(0, 40 * DAY_SECONDS), *(st.floats(0, 1e5) for _ in range(3)))


@given(st.lists(COUNTED))
def test_whatever_was_counted_there_is_an_answer(drawn: list[tuple[float, float, float, float]]) -> None:
    found = judge([Gain(UNTIL - a - b, UNTIL - a, Seconds(up, down)) for a, b, up, down in drawn], UNTIL)
    if found is not None:
        assert 0 <= found.availability <= 1
        assert 0 <= found.days <= DAYS + 1
        assert found.upper is None or found.availability <= found.upper


LIVES, DEAD, UNSURE = Judged(0.99, 1.0, 28), Judged(0.5, 0.6, 28), Judged(0.5, 0.6, 12)


@pytest.mark.parametrize(("lines", "dead"), [
    ((DEAD,), True), ((DEAD, DEAD), True), ((DEAD, LIVES), False), ((LIVES, None), False),
    ((DEAD, UNSURE), None), ((DEAD, None), None), ((), None),
])  # fmt: skip
def test_a_commune_is_dead_where_every_line_is(lines: tuple[Judged | None, ...], dead: bool | None) -> None:
    assert commune_dead(lines) is dead


# --- clusters ----------------------------------------------------------------------------------------
def test_three_behind_one_pop_are_its_cluster() -> None:
    (found,) = clusters(small(), ["21484", "21496", "21499", "21040"])
    assert (found.component, found.communes, found.behind) == ("pop:ba-to", ("21484", "21496", "21499"), 3)


def test_neighbours_count_where_nothing_shared_explains_them() -> None:
    province = small()
    apart = inventory_without_segments()
    dead = [commune.code for commune in province.communes][:5]
    (found,) = clusters(apart, dead)
    assert (found.component, found.communes) == ("", tuple(sorted(dead)))
    assert clusters(apart, dead[:4]) == ()


def inventory_without_segments() -> Inventory:
    province = small()
    return replace(
        province,
        communes=tuple(
            replace(one, lines=(replace(one.lines[0], segments=()),)) for one in province.communes
        ),
    )


@given(inventories(), st.randoms(use_true_random=False))
def test_each_commune_is_in_one_cluster_at_most(province: Inventory, dice: random.Random) -> None:
    dead = [commune.code for commune in province.communes if dice.random() < 0.7]
    listed = [code for cluster in clusters(province, dead) for code in cluster.communes]
    assert len(listed) == len(set(listed))
    assert set(listed) <= set(dead)


def test_the_nearest_are_near() -> None:
    found = nearest(small().communes)
    assert found["21040"][0] == "21061"
    assert all(len(near) == 5 for near in found.values())


def test_the_definition_is_the_one_that_was_agreed() -> None:
    assert (deadzone.DAYS, deadzone.MIN_DAYS, deadzone.BELOW) == (28, 20, 0.95)
