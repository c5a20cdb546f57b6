"""What gaps say of outages: against a known truth, and whatever gaps there may be."""

from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from alerts.gaps.model import DEAD, Edge, Gap, GapLabel, Piece, Side, between, exactly
from alerts.pinpoint.revise import (
    MOST_ASKED,
    Places,
    Waiting,
    asks,
    decide,
    is_ambiguous,
    is_news,
    meeting,
    undecided,
)
from alerts.revision import Revision, Said
from tests.alerts.gaps.world import START, STARTS_IN, Is, Phase, World

CODE, OTHER = "21040", "21061"
PLACES = Places({CODE: ("main",), OTHER: ("main", "4g")}, "hub:main")
BEGAN, LASTED = START + 300, 600


def said(
    kind: str = "power|line", since: float = BEGAN + 1, until: float = BEGAN + LASTED, **more: object
) -> Said:
    found = {"component": f"{kind}:{CODE}", "communes": (CODE,), **more}
    return Said(kind=kind, since=since, until=until, **found)  # type: ignore[arg-type]  # plain values


def suffered(state: Is, **how: bool) -> list[Gap]:
    return World((Phase(300, Is.FINE), Phase(LASTED, state), Phase(400, Is.FINE)), **how).gaps()


# --- against a known truth ---------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("kind", "state", "component", "verdict"),
    [
        ("power|line", Is.POWER, f"power:{CODE}", "cause"),
        ("power|line", Is.LINE, f"line:{CODE}/main", "cause"),
        ("power|line", Is.CRASH, f"agent:{CODE}", "cause"),
        ("power|line", Is.HUB, "hub:main", "cause"),
        ("lan|agent", Is.LAN, f"lan:{CODE}", "cause"),
        ("lan|agent", Is.CRASH, f"agent:{CODE}", "cause"),
        ("lan|agent", Is.STOP, f"agent:{CODE}", "cause"),
        ("agent", Is.REBOOT, f"agent:{CODE}", "edges"),
        ("power", Is.POWER, f"power:{CODE}", "edges"),
        ("power", Is.LINE, f"line:{CODE}/main", "cause"),
    ],
)  # fmt: skip
def test_what_it_was_is_said_with_the_edges_of_the_gap(
    kind: str, state: Is, component: str, verdict: str
) -> None:
    (gap,) = suffered(state)
    found = decide(said(kind), [gap], PLACES)
    assert isinstance(found, Revision)
    assert (found.component, found.verdict, found.kind) == (component, verdict, component.partition(":")[0])
    assert (found.start, found.end, found.pieces) == (gap.start, gap.end, gap.pieces)
    late = STARTS_IN if state in (Is.POWER, Is.REBOOT) else 0
    assert found.start.earliest <= BEGAN <= found.start.latest
    assert found.end.earliest - 1 <= BEGAN + LASTED + late <= found.end.latest
    assert found.said == said(kind)


def test_both_sides_vouch_for_a_line_behind_which_it_was_measured() -> None:
    found = decide(said(), suffered(Is.LINE), PLACES)
    assert isinstance(found, Revision)
    assert found.vouched_by == (Side.HUB, Side.SITE)


def test_what_arrived_does_not_decide() -> None:
    gaps = suffered(Is.CLOCK, spool=False)  # afterwards nothing speaks for the clock
    assert decide(said("lan|agent"), gaps, PLACES) is Waiting.UNKNOWN


def test_while_the_commune_is_still_silent_nothing_is_said() -> None:
    gaps = World((Phase(300, Is.FINE), Phase(LASTED, Is.LINE))).gaps()
    assert [gap.open for gap in gaps] == [True]
    assert decide(said(), gaps, PLACES) is Waiting.OPEN


def test_gaps_of_other_times_and_communes_say_nothing() -> None:
    gaps = suffered(Is.LINE)
    assert decide(said(since=BEGAN + 5000, until=BEGAN + 6000), gaps, PLACES) is Waiting.NO_GAP
    elsewhere = [replace(gap, commune=OTHER) for gap in gaps]
    assert decide(said(), elsewhere, PLACES) is Waiting.NO_GAP


def test_the_label_of_most_of_it_is_its_cause_and_all_its_pieces_are_kept() -> None:
    world = World((Phase(300, Is.FINE), Phase(500, Is.LINE), Phase(100, Is.LAN), Phase(400, Is.FINE)))
    found = decide(said(), world.gaps(), PLACES)
    assert isinstance(found, Revision)
    assert found.component == f"line:{CODE}/main"
    assert [piece.label for piece in found.pieces] == [GapLabel.LINE_DOWN, GapLabel.LAN_DOWN]
    assert (found.start, found.end) == (found.pieces[0].start, found.pieces[-1].end)


# --- made by hand ------------------------------------------------------------------------------------
def piece(label: GapLabel, start: float, end: float) -> Piece:
    return Piece(label=label, start=between(start, start + 2), end=between(end - 2, end), sides=(Side.HUB,))


def gap(*pieces: Piece, commune: str = CODE, open_: bool = False) -> Gap:
    return Gap(
        commune=commune, start=pieces[0].start, end=pieces[-1].end, open=open_, data_ratio=0.0, pieces=pieces
    )


@pytest.mark.parametrize(
    ("members", "component"),
    [
        ((), f"line:{OTHER}"),
        ((f"power:{OTHER}", f"line:{OTHER}/4g"), f"line:{OTHER}/4g"),
        ((f"line:{OTHER}/main", f"line:{OTHER}/4g"), f"line:{OTHER}"),
    ],
)
def test_of_two_lines_the_one_that_was_named_else_both(members: tuple[str, ...], component: str) -> None:
    told = said(component=f"power|line:{OTHER}", communes=(OTHER,), members=members)
    down = gap(piece(GapLabel.LINE_DOWN, BEGAN, BEGAN + LASTED), commune=OTHER)
    found = decide(told, [down], PLACES)
    assert isinstance(found, Revision)
    assert found.component == component


def test_what_gaps_cannot_tell_is_not_asked() -> None:
    assert asks(said()) == (CODE,)
    assert asks(said(loss=0.3)) == ()
    many = tuple(f"{21000 + n}" for n in range(50))
    assert asks(said("pop", component="pop:a", communes=many)) == many[:MOST_ASKED]
    assert asks(said("system", component="system:a", communes=many)) == ()
    assert (is_ambiguous(said()), is_ambiguous(said("pop", component="pop:a"))) == (True, False)


# --- wide --------------------------------------------------------------------------------------------
WIDE = ("21061", "21085", "21040")
POP = said("pop", component="pop:a", communes=WIDE)


def wide(*edges: tuple[float, float], label: GapLabel = GapLabel.LINE_DOWN) -> list[Gap]:
    return [gap(piece(label, *one), commune=code) for code, one in zip(WIDE, edges, strict=False)]


def test_the_edges_of_a_wide_outage_are_where_its_communes_meet() -> None:
    gaps = wide((BEGAN - 1, BEGAN + 600), (BEGAN, BEGAN + 601), (BEGAN + 0.5, BEGAN + 600.5))
    found = decide(POP, gaps, PLACES)
    assert isinstance(found, Revision)
    assert (found.component, found.verdict, found.agreeing, found.asked) == ("pop:a", "edges", 3, 3)
    assert (found.start.earliest, found.start.latest) == (BEGAN + 0.5, BEGAN + 1)
    assert (found.end.earliest, found.end.latest) == (BEGAN + 599, BEGAN + 600)
    assert found.start.earliest <= found.start.at <= found.start.latest


def test_who_was_silent_for_longer_does_not_move_the_edges_of_the_others() -> None:
    gaps = wide((BEGAN, BEGAN + 600), (BEGAN, BEGAN + 600), (BEGAN - 9000, BEGAN + 600))
    found = decide(POP, gaps, PLACES)
    assert isinstance(found, Revision)
    assert (found.agreeing, found.start.earliest) == (2, BEGAN)


@pytest.mark.parametrize(
    ("gaps", "why"),
    [
        ([], Waiting.UNKNOWN),
        (wide((BEGAN, BEGAN + 600)), Waiting.UNKNOWN),  # one of three
        (wide(*[(BEGAN, BEGAN + 600)] * 3, label=GapLabel.POWER_DOWN), Waiting.UNKNOWN),
        (wide((BEGAN, BEGAN + 600), (BEGAN + 90, BEGAN + 600), (BEGAN + 200, BEGAN + 600)), Waiting.DISAGREE),
        ([replace(one, open=True) for one in wide(*[(BEGAN, BEGAN + 600)] * 3)], Waiting.UNKNOWN),
    ],
)
def test_communes_that_do_not_agree_correct_nothing(gaps: list[Gap], why: Waiting) -> None:
    assert decide(POP, gaps, PLACES) is why


# --- whatever there is -------------------------------------------------------------------------------
MOMENTS = st.integers(0, 4000).map(lambda at: float(START + at))
WIDTHS = st.integers(0, 60).map(float)


@st.composite
def gaps_of_one(draw: st.DrawFn) -> list[Gap]:
    """Gaps of a commune, in order and without overlap, as ``alerts.gaps`` makes them."""
    moments = sorted(draw(st.lists(MOMENTS, min_size=2, max_size=8, unique=True)))
    found = []
    for start, end in zip(moments[::2], moments[1::2], strict=False):
        cuts = sorted({start, end, *(at for at in draw(st.lists(MOMENTS, max_size=2)) if start < at < end)})
        edges = [Edge(at, at - draw(WIDTHS) / 2, at + draw(WIDTHS) / 2) for at in cuts]
        pieces = tuple(
            Piece(label=draw(st.sampled_from(GapLabel)), start=one, end=two, sides=tuple(draw(SIDES)))
            for one, two in pairwise(edges)
        )
        found.append(gap(*pieces, open_=draw(st.booleans()) and end == moments[-1]))
    return found


SIDES = st.sets(st.sampled_from(Side)).map(sorted)
KINDS = st.sampled_from(["power|line", "lan|agent", "power", "lan", "agent", "power|lan|line|agent"])


@settings(max_examples=200)
@given(gaps_of_one(), KINDS, MOMENTS, st.integers(1, 2000))
def test_a_revision_is_what_a_gap_says_and_nothing_else(
    gaps: list[Gap], kind: str, since: float, seconds: int
) -> None:
    told = said(kind, since, since + seconds)
    found = decide(told, gaps, PLACES)
    assert decide(told, list(reversed(gaps)), PLACES) == found
    if isinstance(found, Waiting):
        return
    everything = [one for each in gaps for one in each.pieces]
    overlapping = [one for one in everything if one.start.at < told.until and one.end.at > told.since]
    assert found.pieces
    assert set(found.pieces) <= set(overlapping)
    assert (found.start, found.end) == (found.pieces[0].start, found.pieces[-1].end)
    assert found.label in {one.label for one in found.pieces} - {GapLabel.UNKNOWN}
    assert (found.verdict == "edges") == (found.component == told.component)
    assert (found.kind == "agent") == (found.label in (DEAD | {GapLabel.CLOCK_WRONG}) - {GapLabel.POWER_DOWN})
    assert not is_news(found, found)
    assert is_news(found, undecided(told))


@given(st.lists(st.tuples(MOMENTS, WIDTHS, WIDTHS), min_size=1, max_size=8))
def test_where_edges_meet_most_of_them_can_be(found: list[tuple[float, float, float]]) -> None:
    edges = [Edge(at, at - low, at + high) for at, low, high in found]
    met = meeting(edges)
    most = max(sum(one.earliest <= at.earliest <= one.latest for one in edges) for at in edges)
    assert (met is None) == (2 * most <= len(edges))
    if met is not None:
        edge, count = met
        assert count == most
        assert edge.earliest <= edge.at <= edge.latest
        assert sum(one.earliest <= edge.earliest and edge.latest <= one.latest for one in edges) >= most


def test_what_moved_or_found_another_witness_is_news() -> None:
    known = decide(said(), [gap(piece(GapLabel.LINE_DOWN, BEGAN, BEGAN + LASTED))], PLACES)
    assert isinstance(known, Revision)
    assert is_news(known, None)
    assert not is_news(
        replace(known, start=exactly(known.start.at)), replace(known, start=exactly(known.start.at))
    )
    assert is_news(replace(known, start=exactly(known.start.at + 2)), known)
    assert is_news(replace(known, vouched_by=(Side.HUB, Side.SITE)), known)
    assert not is_news(replace(known, end=replace(known.end, at=known.end.at + 0.1)), known)
