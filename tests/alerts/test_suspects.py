"""Lines in the wrong place are found by their outages, and sound inventories accuse nobody."""

import random
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from alerts.outage_history import spans
from alerts.promapi import Series
from alerts.suspects import DAYS, Down, suspects, tail
from inventory.model import Carrier, Commune, Hub, Inventory, Line, Province, Segment, Text

WINDOW = DAYS * 86400.0
POPS, LINES_EACH = 6, 8


def province() -> Inventory:
    """Six POPs of two carriers, in two rings, with eight communes each."""
    name = Text(vi="x", en="x")
    segments = [Segment(id=f"p{n}", kind="pop", name=name, carrier=f"c{n % 2}") for n in range(POPS)]
    segments += [Segment(id=f"r{n}", kind="ring", name=name, carrier=f"c{n}") for n in range(2)]
    communes = [
        Commune(
            code=f"{10000 + n}", name=f"Xã {n}",
            lines=(Line(carrier=f"c{n % POPS % 2}", down_mbps=100, up_mbps=100,
                        segments=(f"p{n % POPS}", f"r{n % POPS % 2}")),),
        )
        for n in range(POPS * LINES_EACH)
    ]  # fmt: skip
    return Inventory(
        version=1, province=Province(code="51", name="x"),
        hub=Hub(name=name, address="10.0.0.1", remote_write_url="http://10.0.0.1/"),
        carriers=tuple(Carrier(id=f"c{n}", name=name) for n in range(2)),
        segments=tuple(segments), communes=tuple(communes), systems=(),
    )  # fmt: skip


def moved(inventory: Inventory, number: int, pop: int) -> Inventory:
    """What is true while the inventory stays as it is: a commune runs behind another POP."""
    communes = list(inventory.communes)
    line = replace(communes[number].lines[0], carrier=f"c{pop % 2}", segments=(f"p{pop}", f"r{pop % 2}"))
    communes[number] = replace(communes[number], lines=(line,))
    return replace(inventory, communes=tuple(communes))


def weeks(truth: Inventory, dice: random.Random, pop_faults: int = 5) -> dict[str, list[Down]]:
    """Outages of four weeks: each POP some times, carriers and rings now and then, lines by themselves."""
    found: dict[str, list[Down]] = {}
    shared = [(f"p{n}", pop_faults) for n in range(POPS)] + [(f"r{n}", 1) for n in range(2)]
    shared += [(f"c{n}", 1) for n in range(2)]
    faults = [(one, dice.uniform(1000, WINDOW - 1e5)) for one, count in shared for _ in range(count)]
    for commune in truth.communes:
        line = commune.lines[0]
        downs = [
            (start + dice.uniform(0, 25), start + dice.uniform(600, 7200))
            for one, start in faults
            if one in (*line.segments, line.carrier) and dice.random() > 0.03
        ]
        for _ in range(dice.randint(0, 12)):
            start = dice.uniform(0, WINDOW - 1e5)
            downs.append((start, start + dice.expovariate(1 / 3000) + 20))
        found[f"line:{commune.code}/main"] = joined(downs)
    return found


def joined(downs: Sequence[Down]) -> list[Down]:
    kept: list[Down] = []
    for start, end in sorted(downs):
        if kept and start <= kept[-1][1]:
            kept[-1] = (kept[-1][0], max(end, kept[-1][1]))
        else:
            kept.append((start, end))
    return kept


def test_a_sound_inventory_accuses_nobody() -> None:
    inventory = province()
    dice = random.Random(2026)
    assert [suspects(inventory, weeks(inventory, dice)) for _ in range(40)] == [()] * 40


def test_a_line_behind_another_pop_is_found() -> None:
    inventory, dice = province(), random.Random(4242)
    right = 0
    for _ in range(30):
        number = dice.randrange(len(inventory.communes))
        pop = dice.choice([n for n in range(POPS) if n != number % POPS])
        found = suspects(inventory, weeks(moved(inventory, number, pop), dice))
        assert {one.line for one in found} <= {f"line:{10000 + number}/main"}
        right += bool(found) and found[0].suspected == f"pop:p{pop}"
        for one in found:
            assert one.declared.startswith(one.suspected.partition(":")[0])
            assert one.together >= 3
            assert one.chance <= 0.01
    assert right >= 28


def test_a_tenth_of_wrong_lines_is_found_all_the_same() -> None:
    inventory, dice = province(), random.Random(7)
    truth, wrong = inventory, {}
    for number in dice.sample(range(len(inventory.communes)), 5):
        pop = (number % POPS + dice.randint(1, POPS - 1)) % POPS
        truth, wrong[f"line:{10000 + number}/main"] = moved(truth, number, pop), f"pop:p{pop}"
    found = {one.line: one.suspected for one in suspects(inventory, weeks(truth, dice))}
    assert found == wrong


def test_two_coincidences_are_no_evidence() -> None:
    """One fault of the ring and one of the carrier are all that the POP failed in."""
    inventory, dice = province(), random.Random(3)
    assert suspects(inventory, weeks(moved(inventory, 0, 1), dice, pop_faults=0)) == ()


def test_a_carrier_that_takes_all_down_says_nothing_of_its_pops() -> None:
    inventory = province()
    faults = [10_000.0 * n for n in range(1, 20)]
    outages = {
        f"line:{commune.code}/main": [(start, start + 900) for start in faults]
        for commune in inventory.communes
    }
    assert suspects(inventory, outages) == ()


def test_a_line_that_is_down_for_good_is_no_suspect() -> None:
    inventory, dice = province(), random.Random(5)
    outages = weeks(inventory, dice)
    outages["line:10000/main"] = [(0.0, WINDOW)]
    assert suspects(inventory, outages) == ()


def test_what_cannot_be_told_apart_is_said() -> None:
    """The POP of a ring of its own, which has no other."""
    inventory = province()
    own = Segment(id="own", kind="ring", name=Text(vi="x", en="x"), carrier="c1")
    behind = ("p1", "own")
    communes = [
        replace(one, lines=(replace(one.lines[0], segments=behind),)) if number % POPS == 1 else one
        for number, one in enumerate(inventory.communes)
    ]
    lonely = replace(inventory, segments=(*inventory.segments, own), communes=tuple(communes))
    line = replace(communes[0].lines[0], carrier="c1", segments=behind)
    truth = replace(lonely, communes=(replace(communes[0], lines=(line,)), *communes[1:]))
    dice = random.Random(9)
    (found,) = suspects(lonely, weeks(truth, dice))
    assert {found.suspected, *found.indistinct} == {"pop:p1", "ring:own"}


@given(st.dictionaries(
    st.sampled_from([f"line:{10000 + n}/main" for n in range(POPS * LINES_EACH)]),
    st.lists(st.tuples(st.floats(0, WINDOW), st.floats(1, 1e5)), max_size=8), max_size=20,
))  # fmt: skip
def test_whatever_happened_there_is_an_answer(drawn: dict[str, list[tuple[float, float]]]) -> None:
    outages = {
        line: joined([(start, start + long) for start, long in downs]) for line, downs in drawn.items()
    }
    for found in suspects(province(), outages):
        assert found.line in outages
        assert found.together <= found.events


def test_the_tail_is_the_sum_of_its_parts() -> None:
    assert tail(2, 2, 0.1) == pytest.approx(0.01)
    assert tail(1, 10, 1.0) == 1.0


def test_points_become_outages() -> None:
    points = tuple((float(at), 1.0) for at in (0, 15, 30, 60, 300, 315))
    assert list(spans(Series({}, points))) == [(0.0, 75.0), (300.0, 330.0)]
    assert list(spans(Series({}, ()))) == []
