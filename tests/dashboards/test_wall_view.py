"""What the wall concludes from answers: states of communes and systems, outages in words."""

from datetime import UTC, datetime

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from alerts.promapi import Sample
from dashboards.wall.answers import Answers, Key, by_key, by_label
from dashboards.wall.outages import outages, split
from dashboards.wall.page import duty
from dashboards.wall.snapshot import Cell, CommuneView, Snapshot, State
from dashboards.wall.view import detail, problems_first, snapshot
from inventory.model import Maintenance, Text

from .wall_data import EN, NOW, alert, directory, down, healthy, silent, small

BINH_SON, VAN_TUONG, BA_DINH = "21040", "21061", "21499"  # Ba Dinh's router does not answer ping: none given


def view(answers: Answers) -> Snapshot:
    return snapshot(directory(), answers)


def commune(shown: Snapshot, code: str) -> CommuneView:
    return next(found for found in shown.communes if found.code == code)


def test_everything_works() -> None:
    shown = view(healthy())
    assert shown.count(State.UP) == 6
    assert [(s.id, s.state, s.reached, s.measured) for s in shown.systems] == [
        (name, Cell.UP, 6, 6) for name in ("ho-tich", "dvc", "mot-cua", "lgsp")
    ]
    assert not shown.health.stale


@pytest.mark.parametrize(
    ("answers", "state", "reason", "since"),
    [
        (down(healthy(), (BINH_SON, "hub:main")), State.DEGRADED, "line", NOW - 60),
        (down(healthy(), (BINH_SON, f"lan:{BINH_SON}")), State.DEGRADED, "lan", NOW - 60),
        (down(healthy(), (BINH_SON, "system:dvc")), State.DEGRADED, "systems", NOW - 60),
        (down(healthy(), (BINH_SON, "system:dvc"), ("hub", "system:dvc")), State.UP, None, None),
        (silent(healthy(), BINH_SON), State.UNKNOWN, "agent_silent", NOW - 60),
        (silent(down(healthy(), ("hub", "line:21040/main")), BINH_SON), State.DOWN, "cut_off", NOW - 60),
        (silent(healthy(), BINH_SON, "hub"), State.UNKNOWN, "hub_silent", NOW - 60),
        (silent(healthy(), BINH_SON, ago=9), State.UP, None, None),
    ],
    ids=["line", "lan", "system", "system-down-for-all", "agent-silent", "cut", "hub silent too", "late"],
)
def test_a_commune_is_in_the_state_that_the_evidence_allows(
    answers: Answers, state: State, reason: str | None, since: float | None
) -> None:
    shown = view(answers)
    found = commune(shown, BINH_SON)
    assert (found.state, found.reason, found.since) == (state, reason, since)
    others = [c.state for c in shown.communes if c.code != BINH_SON]
    assert others == [State.UP] * 5


def test_without_a_router_silence_alone_decides() -> None:
    assert commune(view(silent(healthy(), BA_DINH)), BA_DINH).state is State.DOWN


def test_who_never_spoke_is_shown_as_such_and_who_spoke_long_ago_is_not() -> None:
    answers = healthy()
    heard = {site: time for site, time in answers.heartbeats.items() if site not in (BINH_SON, BA_DINH)}
    shown = view(Answers(at=NOW, heartbeats=heard, up=answers.up, last_heard={BA_DINH: NOW - 90_000}))
    assert commune(shown, BINH_SON).state is State.NEVER
    assert (commune(shown, BA_DINH).state, commune(shown, BA_DINH).since) == (State.DOWN, NOW - 90_000)


def test_what_a_silent_agent_said_last_is_not_the_present() -> None:
    found = commune(view(silent(down(healthy(), (BINH_SON, "system:dvc")), BINH_SON)), BINH_SON)
    assert set(found.cells) == {Cell.UNKNOWN}


@pytest.mark.parametrize(
    "answers",
    [
        Answers(at=NOW),
        silent(healthy(), "hub", *(c.code for c in small().communes), ago=21),
        msgspec.structs.replace(healthy(), prometheus_error="gone"),
    ],
    ids=["nothing yet", "all silent", "prometheus gone"],
)
def test_stale_data_shows_no_state_but_unknown(answers: Answers) -> None:
    shown = view(answers)
    assert shown.health.stale
    assert {c.state for c in shown.communes} == {State.UNKNOWN}
    assert {s.state for s in shown.systems} == {Cell.UNKNOWN}


def test_a_system_down_for_the_hub_is_down_and_colours_no_commune() -> None:
    everybody = ["hub", *(c.code for c in small().communes)]
    shown = view(down(healthy(), *((site, "system:ho-tich") for site in everybody)))
    assert shown.systems[0].state is Cell.DOWN
    assert (shown.systems[0].reached, shown.systems[0].measured) == (0, 6)
    assert shown.count(State.UP) == 6


def test_where_the_hub_does_not_say_the_communes_together_do() -> None:
    everybody = [c.code for c in small().communes]
    answers = silent(down(healthy(), *((site, "system:ho-tich") for site in everybody)), "hub")
    shown = view(answers)
    assert [s.state for s in shown.systems] == [Cell.DOWN, Cell.UP, Cell.UP, Cell.UP]


def window(*components: str) -> Maintenance:
    """An hour on either side of NOW."""
    starts, ends = (datetime.fromtimestamp(NOW + shift, UTC) for shift in (-3600, 3600))
    return Maintenance(id="m", components=components, reason=Text(vi="v", en="e"), starts=starts, ends=ends)


@pytest.mark.parametrize(
    ("components", "state"),
    [
        (("line:21040/main",), State.MAINTENANCE),
        (("pop:binh-son",), State.MAINTENANCE),
        (("pop:ba-to",), State.DOWN),
        (("system:dvc",), State.DOWN),
    ],
)
def test_a_failure_inside_a_window_is_maintenance_for_those_behind_it(
    components: tuple[str, ...], state: State
) -> None:
    inventory = msgspec.structs.replace(small(), maintenance=(window(*components),))
    answers = silent(down(healthy(), ("hub", "line:21040/main")), BINH_SON)
    assert commune(snapshot(directory(inventory), answers), BINH_SON).state is state
    works = snapshot(directory(inventory), healthy())
    assert commune(works, BINH_SON).state is State.UP
    later = msgspec.structs.replace(
        answers, at=NOW + 3601, heartbeats={k: v + 3601 for k, v in answers.heartbeats.items()}
    )
    assert commune(snapshot(directory(inventory), later), BINH_SON).state is State.DOWN


def test_problems_come_first_and_the_longest_first_among_them() -> None:
    answers = silent(silent(healthy(), BA_DINH), BINH_SON, ago=100)
    order = [c.code for c in problems_first(view(answers).communes)]
    assert order[:2] == [BA_DINH, BINH_SON]


def test_one_commune_in_detail() -> None:
    answers = down(healthy(), (BINH_SON, "system:dvc"))
    where = directory()
    found = detail(where, answers, snapshot(where, answers), BINH_SON)
    states = {(target.target, target.from_hub): target.state for target in found.targets}
    assert states["system:dvc", False] is Cell.DOWN
    assert states["line:21040/main", True] is Cell.UP
    assert [target.target for target in found.targets][:3] == ["lan:21040", "line:21040/main", "hub:main"]
    assert [(about, call.name.en) for about, call in found.calls] == [
        ("site", "Commune focal point"),
        ("line:21040/main", "VNPT NOC"),
    ]
    with pytest.raises(KeyError):
        detail(where, answers, snapshot(where, answers), "99999")


# --- outages -------------------------------------------------------------------------------------
def test_a_class_is_one_outage_of_its_commune_with_everybody_to_call() -> None:
    (found,), hidden = outages(directory(), (alert("power|line:21040", communes="21040"),))
    assert (found.what.vi, found.cause.vi, found.cause.en) == (
        "Xã Bình Sơn",
        "nguồn điện hoặc đường truyền",
        "power or line",
    )
    assert [call.name.en for call in found.calls] == ["Commune focal point", "VNPT NOC"]
    assert (found.communes, hidden) == (("21040",), 0)


def test_a_shared_component_names_itself() -> None:
    (found,), _ = outages(
        directory(), (alert("pop:ba-to", communes="21484 21496 99999 x", systems="dvc", evidence="e"),)
    )
    assert (found.what.vi, found.cause.en) == ("POP Ba Tơ", "point of presence (POP)")
    assert found.communes == ("21484", "21496")
    assert (found.systems, found.evidence) == (("dvc",), Text(vi="E", en="E"))
    assert [call.phone for call in found.calls] == ["0255 000 002"]


def test_an_outage_is_told_in_both_languages_and_began_before_its_alert() -> None:
    written = {"evidence_vi": "máy đo im lặng", "evidence_en": "the agent is silent"}
    (found,), _ = outages(directory(), (alert("pop:ba-to", since=f"{NOW - 315:.1f}", **written),))
    assert found.evidence == Text(vi="Máy đo im lặng", en="The agent is silent")
    assert found.since == NOW - 315
    (lied,), _ = outages(directory(), (alert("pop:ba-to", since=f"{NOW:.1f}"),))
    assert (lied.since, lied.evidence) == (NOW - 300, None)


def test_what_a_larger_outage_explains_is_counted_and_the_dead_mans_switch_is_no_outage() -> None:
    found, hidden = outages(
        directory(),
        (
            alert("pop:ba-to"),
            alert("line:21484/main", muted=("pop:ba-to",)),
            alert("", severity="none"),
            alert("agent:21496", severity="ticket", communes="21496"),
        ),
    )
    assert [o.component for o in found] == ["pop:ba-to", "agent:21496"]
    assert [o.page for o in found] == [True, False]
    assert hidden == 1


def test_an_acknowledged_outage_stays_where_it_is_and_says_who() -> None:
    silenced = msgspec.structs.replace(alert("pop:ba-to"), silenced_by=("s",))
    (one,), _ = outages(directory(), (silenced,))
    (other,), _ = outages(directory(), (msgspec.structs.replace(silenced, acknowledged_by="Bình"),))
    assert (one.silenced, one.acknowledged_by) == (True, None)
    assert (other.silenced, other.acknowledged_by) == (False, "Bình")


def test_an_unknown_component_names_itself() -> None:
    (one, other), _ = outages(directory(), (alert("pop:nowhere"), alert("")))
    assert {one.what.vi, other.what.vi} == {"pop:nowhere", "Test"}
    assert one.calls == ()


@given(st.text(max_size=40), st.text(max_size=40), st.text(max_size=40))
def test_no_alert_breaks_the_view(component: str, communes: str, severity: str) -> None:
    where = directory()
    found, hidden = outages(where, (alert(component, severity, communes=communes),))
    assert len(found) == (severity in ("page", "ticket"))
    assert hidden == 0


@given(st.lists(st.sampled_from(["power", "lan", "line", "agent"]), min_size=1, max_size=4))
def test_a_class_splits_into_its_kinds(kinds: list[str]) -> None:
    expected = (tuple(kinds), "21040" if len(kinds) > 1 else "")
    assert split(f"{'|'.join(kinds)}:21040") == expected


KEYS = st.builds(
    Key,
    site=st.sampled_from(["hub", "21040", "x"]),
    commune=st.sampled_from(["", "21040", "y"]),
    line=st.sampled_from(["", "main"]),
    target=st.sampled_from(["hub:main", "system:dvc", "line:21040/main", "lan:21040", "?"]),
)


@given(
    st.dictionaries(KEYS, st.booleans()),
    st.dictionaries(st.sampled_from(["hub", "21040", "x"]), st.floats(0, 2e9)),
    st.dictionaries(KEYS, st.floats(0, 2e9)),
)
def test_any_answers_give_a_snapshot_of_the_whole_inventory(
    up: dict[Key, bool], heartbeats: dict[str, float], changed: dict[Key, float]
) -> None:
    shown = view(Answers(at=NOW, up=up, heartbeats=heartbeats, changed=changed))
    assert len(shown.communes) == 6
    assert all(len(c.cells) == len(shown.systems) == 4 for c in shown.communes)
    assert sum(shown.count(state) for state in State) == 6


def test_values_that_are_no_numbers_are_left_out() -> None:
    samples = [Sample({"site": "a"}, float("nan"), 1), Sample({"site": "b"}, 2, 1), Sample({}, 3, 1)]
    assert by_label(samples, "site") == {"b": 2}
    assert by_key(samples) == {Key("b", "", "", ""): 2, Key("", "", "", ""): 3}


def test_an_outage_of_everybodys_stands_before_those_of_some() -> None:
    alerts = (
        alert("pop:ba-to", communes="21484 21496"),
        alert("power|line:21040", communes="21040"),
        alert("system:ho-tich"),
        alert("agent:21061", "ticket"),
    )
    found, _ = outages(directory(), alerts)
    assert [o.component for o in found] == ["system:ho-tich", "pop:ba-to", "power|line:21040", "agent:21061"]


def test_who_is_on_call_now_is_said_and_a_province_without_a_rotation_names_nobody() -> None:
    given = small().oncall
    assert given is not None
    turns = msgspec.structs.replace(given, rotation=("so-khcn", "vnpt-noc"), every="day")
    rotating = directory(msgspec.structs.replace(small(), oncall=turns))
    today, tomorrow = (
        snapshot(rotating, msgspec.structs.replace(healthy(), at=NOW + days * 86400)).on_call
        for days in (0, 1)
    )
    assert today is not None
    assert tomorrow is not None
    assert today.name != tomorrow.name
    assert str(today.phone) in duty(today, EN)
    nobody = directory(msgspec.structs.replace(small(), oncall=None))
    assert snapshot(nobody, healthy()).on_call is None
    assert duty(None, EN) == ""
