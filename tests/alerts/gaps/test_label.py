"""Labels against a known truth: which, from when to when, and on whose word."""

from itertools import pairwise

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from alerts.gaps.model import Gap, GapLabel, Piece, Side, Window, exactly
from tests.alerts.gaps.world import BOOTS, DEAD, HELD, LABELS, START, STARTS_IN, Is, Phase, World

FAULTS = [state for state in Is if state is not Is.FINE]


def one_fault(state: Is, seconds: int = 600, **how: bool) -> Gap:
    world = World((Phase(300, Is.FINE), Phase(seconds, state), Phase(400, Is.FINE)), **how)
    (gap,) = world.gaps()
    return gap


def whole(gap: Gap) -> None:
    """Pieces cover the gap exactly: no hole, no overlap, and every edge lies within its uncertainty."""
    assert gap.pieces[0].start == gap.start
    assert gap.pieces[-1].end == gap.end
    assert all(one.end == following.start for one, following in pairwise(gap.pieces))
    for piece in gap.pieces:
        assert piece.start.at <= piece.end.at
        for edge in (piece.start, piece.end):
            assert edge.earliest <= edge.at <= edge.latest
        assert (
            0
            <= piece.certain_seconds
            <= piece.seconds
            + 1e-9
            + max(piece.start.latest - piece.start.earliest, piece.end.latest - piece.end.earliest)
        )


@pytest.mark.parametrize("state", FAULTS)
@pytest.mark.parametrize("spool", [True, False])
def test_each_fault_has_its_label_and_its_edges(state: Is, spool: bool) -> None:
    if state is Is.CLOCK and not spool:
        gap = one_fault(state, spool=False)  # nobody was told: afterwards nothing speaks for the clock
        assert [piece.label for piece in gap.pieces] == [GapLabel.UNKNOWN]
        return
    if state is Is.LAN and not spool:
        gap = one_fault(state, spool=False)
        assert [piece.label for piece in gap.pieces] == [GapLabel.UNKNOWN]
        return
    gap = one_fault(state, spool=spool)
    whole(gap)
    (piece,) = gap.pieces
    assert piece.label is LABELS[state]
    late = STARTS_IN if state in BOOTS else 0
    assert piece.start.earliest <= START + 300 <= piece.start.latest
    assert piece.end.earliest - 1 <= START + 900 + late <= piece.end.latest
    assert not gap.open


@pytest.mark.parametrize("moved", [-2.0, -0.5, 0.5, 1.0, 2.4])
@pytest.mark.parametrize("state", sorted(DEAD))
def test_a_start_that_is_told_from_a_clock_that_moved_changes_no_label(state: Is, moved: float) -> None:
    """The first samples of a run may then be older than its start, and its start later than the gap's end."""
    world = World((Phase(300, Is.FINE), Phase(20, state), Phase(400, Is.FINE)), moved=moved)
    (gap,) = world.gaps()
    whole(gap)
    assert [piece.label for piece in gap.pieces] == [LABELS[state]]


def test_the_data_of_a_line_that_was_down_arrived_later_and_so_the_agent_ran() -> None:
    kept, lost = one_fault(Is.LINE), one_fault(Is.LINE, spool=False)
    assert kept.data_ratio > 0.98
    assert lost.data_ratio == 0
    assert kept.pieces[0].sides == (Side.HUB, Side.SITE)
    assert lost.pieces[0].sides == (Side.HUB,)
    for gap in (kept, lost):
        assert next(fact.kind for fact in gap.pieces[0].facts) == "same_run"


def test_without_a_router_the_site_alone_vouches() -> None:
    assert one_fault(Is.LINE, router=False).pieces[0].sides == (Side.SITE,)
    assert one_fault(Is.LINE, router=False, spool=False).pieces[0].label is GapLabel.UNKNOWN


def test_while_the_hubs_own_agent_is_down_nobody_says_that_there_is_no_router() -> None:
    silent, none = one_fault(Is.LINE, pinging=False), one_fault(Is.LINE, router=False)
    assert silent.pieces[0].label is none.pieces[0].label is GapLabel.LINE_DOWN
    assert silent.pieces[0].sides == (Side.SITE,)
    assert "not_pinged" in kinds(silent)
    assert "no_router" in kinds(none)
    assert "no_router" not in kinds(silent)


def kinds(gap: Gap) -> set[str]:
    return {fact.kind for piece in gap.pieces for fact in piece.facts}


def test_a_machine_that_was_started_anew_was_without_power_unless_a_router_answered() -> None:
    for spool in (True, False):
        assert [p.label for p in one_fault(Is.REBOOT, spool=spool).pieces] == [GapLabel.AGENT_DOWN]
        alone = one_fault(Is.POWER, spool=spool, battery=True, router=False)
        assert [p.label for p in alone.pieces] == [GapLabel.POWER_DOWN]
    assert {"rebooted", "outside_up"} <= kinds(one_fault(Is.REBOOT))
    assert "same_boot" in kinds(one_fault(Is.CRASH))


@pytest.mark.parametrize("clock", [True, False])
def test_a_short_power_cut_is_one_although_the_router_is_back_before_the_agent(
    monkeypatch: pytest.MonkeyPatch, clock: bool
) -> None:
    """Where the boot's time is told, and where only its id is."""
    if not clock:
        monkeypatch.setattr(World, "_booted", lambda self, boot: START - 5000)
    (piece,) = one_fault(Is.POWER, seconds=15).pieces
    assert (piece.label, piece.sides) == (GapLabel.POWER_DOWN, (Side.HUB, Side.SITE))
    assert [p.label for p in one_fault(Is.REBOOT, seconds=15).pieces] == [GapLabel.AGENT_DOWN]


@pytest.mark.parametrize("spool", [True, False])
@pytest.mark.parametrize(
    ("states", "labels", "turn"),
    [((Is.HUB, Is.BOTH, Is.LINE), [GapLabel.HUB_DOWN, GapLabel.LINE_DOWN], 1000),
     ((Is.LINE, Is.BOTH, Is.HUB), [GapLabel.LINE_DOWN, GapLabel.HUB_DOWN], 600)],
)  # fmt: skip
def test_what_of_hub_and_line_was_down_when_is_told_apart(
    states: tuple[Is, ...], labels: list[GapLabel], turn: float, spool: bool
) -> None:
    """As long as the hub does not listen nobody can be heard, whatever lines do."""
    lengths = (300, 400, 300)
    faults = (Phase(seconds, state) for seconds, state in zip(lengths, states, strict=True))
    (gap,) = World((Phase(300, Is.FINE), *faults, Phase(300, Is.FINE)), spool=spool).gaps()
    whole(gap)
    assert [piece.label for piece in gap.pieces] == labels
    edge = gap.pieces[1].start
    assert edge.earliest - 1 <= START + turn <= edge.latest + 1


def test_a_crash_while_the_line_was_down_is_told_apart() -> None:
    world = World(
        (
            Phase(300, Is.FINE),
            Phase(600, Is.LINE),
            Phase(120, Is.CRASH),
            Phase(600, Is.LINE),
            Phase(300, Is.FINE),
        )
    )
    (gap,) = world.gaps()
    whole(gap)
    labels = [piece.label for piece in gap.pieces]
    assert labels == [GapLabel.LINE_DOWN, GapLabel.AGENT_DOWN, GapLabel.LINE_DOWN]
    crash = gap.pieces[1]
    assert crash.start.at == pytest.approx(START + 900, abs=3)
    assert crash.end.at == pytest.approx(START + 1020, abs=3)
    assert crash.start.uncertainty_seconds <= 61  # what a spool may lose
    assert gap.start.at == pytest.approx(START + 300, abs=3)


STOPPED = World((Phase(300, Is.FINE), Phase(600, Is.STOP), Phase(300, Is.FINE)))


def test_a_stop_inside_a_window_is_planned() -> None:
    windows = (Window("other", 0, 1), Window("ups", START + 250, START + 1000))
    (gap,) = STOPPED.gaps(windows)
    (piece,) = gap.pieces
    assert piece.planned == "ups"
    assert [fact.values for fact in piece.facts if fact.kind == "planned"] == [{"window": "ups"}]


def test_only_what_lies_inside_a_window_is_planned() -> None:
    windows = (
        Window("first", START + 200, START + 500), Window("same", START + 250, START + 450),
        Window("second", START + 700, START + 800),
    )  # fmt: skip
    (gap,) = STOPPED.gaps(windows)
    whole(gap)
    assert [piece.planned for piece in gap.pieces] == ["first", "", "second", ""]
    assert [piece.end for piece in gap.pieces[:-1]] == [exactly(START + at) for at in (500, 700, 800)]
    assert {piece.label for piece in gap.pieces} == {GapLabel.AGENT_STOPPED}


def test_windows_side_by_side_leave_nothing_between_them() -> None:
    windows = (Window("day", START, START + 600), Window("night", START + 600, START + 2000))
    (gap,) = STOPPED.gaps(windows)
    assert [piece.planned for piece in gap.pieces] == ["day", "night"]


@pytest.mark.parametrize(
    ("state", "expected"),
    [(Is.LINE, GapLabel.UNKNOWN), (Is.POWER, GapLabel.UNKNOWN), (Is.CRASH, GapLabel.AGENT_DOWN),
     (Is.STOP, GapLabel.AGENT_STOPPED), (Is.HUB, GapLabel.HUB_DOWN)],
)  # fmt: skip
def test_while_it_goes_on_only_the_hub_and_the_last_words_speak(state: Is, expected: GapLabel) -> None:
    world = World((Phase(300, Is.FINE), Phase(600, state)), spool=False)
    (gap,) = world.gaps()
    whole(gap)
    assert gap.open
    assert gap.end.uncertainty_seconds == 0
    assert [piece.label for piece in gap.pieces] == [expected]


def test_a_commune_that_was_never_heard_is_one_open_gap() -> None:
    world = World((Phase(900, Is.POWER),))
    (gap,) = world.gaps()
    assert (gap.start.at, gap.end.at, gap.open) == (START, world.end, True)
    assert gap.pieces[0].label is GapLabel.UNKNOWN
    assert "never" in [fact.kind for fact in gap.pieces[0].facts]


def test_a_commune_that_is_fine_has_no_gap() -> None:
    assert World((Phase(3000, Is.FINE),)).gaps() == []


FINE = st.integers(200, 600).map(lambda seconds: Phase(seconds, Is.FINE))
FAULT = st.builds(Phase, seconds=st.integers(30, 900), state=st.sampled_from(FAULTS))
STORIES = st.lists(st.tuples(FINE, FAULT), min_size=1, max_size=5)


@settings(max_examples=120, deadline=None)
@given(STORIES, st.booleans(), st.booleans(), st.booleans())
def test_labels_partition_gaps_and_never_contradict_the_truth(
    story: list[tuple[Phase, Phase]], spool: bool, router: bool, battery: bool
) -> None:
    phases = tuple(phase for pair in story for phase in pair)
    assume(router or all(phase.state is not Is.REBOOT for phase in phases))  # then only a router knows
    world = World((*phases, Phase(300, Is.FINE)), spool=spool, router=router, battery=battery)
    gaps = world.gaps()
    assert len(gaps) == len(story)
    for gap, (start, end, state) in zip(gaps, [one for one in world.spans if one[2] in LABELS], strict=True):
        whole(gap)
        late = STARTS_IN if state in BOOTS else 0
        assert gap.start.earliest <= start <= gap.start.latest
        assert gap.end.earliest - 1 <= end + late <= gap.end.latest
        for piece in gap.pieces:
            assert true_label(world, piece)
    for one, following in pairwise(gaps):
        assert one.end.at <= following.start.at


def true_label(world: World, piece: Piece) -> bool:
    """Whether a piece says what was so in its middle, or admits that it does not know."""
    state = world.state((piece.start.at + piece.end.at) / 2)
    return piece.label in {GapLabel.UNKNOWN, LABELS.get(state, GapLabel.UNKNOWN)}


@settings(max_examples=120, deadline=None)
@given(
    st.lists(
        st.builds(Phase, seconds=st.integers(1, 400), state=st.sampled_from(list(Is))), min_size=1, max_size=8
    ),
    st.booleans(),
)
def test_whatever_comes_after_what_pieces_stay_whole(phases: list[Phase], spool: bool) -> None:
    gaps = World(tuple(phases), spool=spool).gaps()
    for gap in gaps:
        whole(gap)
    for one, following in pairwise(gaps):
        assert one.end.at < following.start.at


def test_every_state_is_either_dead_or_held() -> None:
    assert set(FAULTS) == DEAD | HELD
