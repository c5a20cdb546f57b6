"""What the locator adds to outages, which communes they colour, and what the map makes of wide ones."""

import math
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from alerts import rules
from alerts.continuity import LOCATED
from alerts.locatorapi import Outage
from alerts.pinpoint.words import alert_name
from alerts.rules_alerts import WATCHDOG
from alerts.rules_model import AlertRule
from alerts.rules_systems import SYSTEM_IN_MAINTENANCE
from common.i18n import LANGUAGES, catalogue, t
from dashboards.wall import geo
from dashboards.wall.answers import Answers
from dashboards.wall.culprits import MAX_MARKS, MAX_STROKES, marks, strokes
from dashboards.wall.map import describe, province_map
from dashboards.wall.markup import anchor
from dashboards.wall.matrix import has_problem, matrix
from dashboards.wall.outage_list import MAX_NAMED, Names, outage_list
from dashboards.wall.outages import MAX_NAME_CHARS, MAX_OTHERS, MAX_OUTAGES, kinds_text, outages
from dashboards.wall.page import names_of
from dashboards.wall.snapshot import Health, OutageView, Snapshot, State, Sure
from dashboards.wall.view import LOCATOR_SECONDS, covered, snapshot
from inventory.load import load
from inventory.model import Text
from tests.alerts.pinpoint.located import alert_kinds

from .test_wall_render import checked
from .wall_data import EN, NOW, VI, alert, directory, down, healthy, silent

BINH_SON, VAN_TUONG, BA_DINH = "21040", "21061", "21499"


def blame(component: str, *communes: str, **more: Any) -> Outage:
    found: dict[str, Any] = {
        "component": component, "kind": component.partition(":")[0], "members": (component,), "loss": 0.99,
        "confidence": 20.0, "communes": communes, "sent": 48, "failed": 48, "since": NOW - 30,
    }  # fmt: skip
    return Outage(**(found | more))


def located(answers: Answers, *found: Outage, ago: float = 1.0) -> Snapshot:
    return snapshot(directory(), replace(answers, blamed=found, locator_at=NOW - ago))


def raised(component: str, name: str) -> OutageView:
    told = alert(component)
    (found,) = outages(directory(), (replace(told, labels={**told.labels, "alertname": name}),))[0]
    return found


def card(outage: OutageView, words: Any = EN) -> str:
    names = Names({BINH_SON: Text(vi="Bình Sơn", en="Binh Son")}, {})
    return checked(outage_list((outage,), names, words, at=NOW, health=Health()))


# --- what the locator adds -----------------------------------------------------------------------
def test_an_alert_and_what_the_locator_says_of_it_are_one_outage() -> None:
    told = alert("pop:ba-to", since=f"{NOW - 320:.1f}", communes="21484", evidence_en="as posted")
    said = blame(
        "pop:ba-to", BINH_SON, VAN_TUONG, loss=0.31, confidence=5.0, runner_up="isp:vnpt",
        members=("pop:ba-to", "ring:bac"), failed=15,
    )  # fmt: skip
    ((found,), hidden) = outages(directory(), (told,), (said,))
    assert hidden == 0
    assert found.since == NOW - 320
    assert found.communes == (
        BINH_SON,
        VAN_TUONG,
    )  # the page stays as it was sent; the wall shows the present
    assert (found.loss, found.sure, found.counted) == (0.31, Sure.LIKELY, (15, 48))
    assert found.others == (directory().name("ring:bac"),)
    shown = card(found)
    for part in (
        "loses about 31 % of packets",
        "likely",
        "Cannot be told apart from: ",
        "15 of 48 measurements",
    ):
        assert part in shown
    assert f"far less likely: {directory().name('isp:vnpt').en}" in shown
    assert "as posted" not in shown


@pytest.mark.parametrize(
    ("nats", "sure"),
    [
        ("0", Sure.UNSURE),
        ("2.9", Sure.UNSURE),
        ("3.0", Sure.LIKELY),
        ("7", Sure.SURE),
        ("nan", None),
        ("1e9", None),
    ],
)
def test_how_sure_it_is_is_said_in_words(nats: str, sure: Sure | None) -> None:
    ((found,), _) = outages(directory(), (alert("pop:ba-to", confidence=nats),))
    assert found.sure is sure
    if sure is not None:
        assert t(f"wall.sure_{sure}", "vi") in card(found, VI)


def test_a_doubtful_culprit_names_the_other_aloud_and_only_then() -> None:
    ((doubtful,), _) = outages(directory(), (), (blame("pop:ba-to", confidence=1.0, runner_up="isp:vnpt"),))
    ((certain,), _) = outages(directory(), (), (blame("pop:ba-to", confidence=40.0, runner_up="isp:vnpt"),))
    assert "Could also be: " in card(doubtful)
    assert "Could also be: " not in card(certain)
    ((of_class,), _) = outages(
        directory(), (), (blame("pop:ba-to", confidence=0.1, runner_up="power|line:21040"),)
    )
    assert of_class.runner_up is not None
    assert (
        of_class.runner_up.vi == "Bình Sơn (nguồn điện hoặc đường truyền)"
        or "Bình Sơn" in of_class.runner_up.vi
    )


@pytest.mark.parametrize(
    ("name", "kind"),
    sorted({(name, kind) for name, kind, _ in alert_kinds() if name != alert_name(kind)}),
)
def test_what_is_not_simply_down_is_said_in_words(name: str, kind: str) -> None:
    for language in LANGUAGES:
        assert {f"wall.cause_{name.lower()}", f"message.alert_{name.lower()}"} <= catalogue(language).keys()
    found, kind_alone = raised(f"{kind}:21040", name).cause, kinds_text(kind.split("|"))
    assert found.vi.startswith(f"{kind_alone.vi}: ")
    assert found.en.startswith(f"{kind_alone.en}: ")


def test_every_alert_of_the_rules_says_what_is_wrong() -> None:
    """Of what is simply down the kind says it; nobody is told of the watchdog."""
    small = load(Path(__file__).parents[1] / "inventory/small.yml").inventory
    named = {rule.name for g in rules.groups(small) for rule in g.rules if isinstance(rule, AlertRule)}
    unsaid = LOCATED - {SYSTEM_IN_MAINTENANCE} | {WATCHDOG}
    for language in LANGUAGES:
        said = {name for name in named if f"wall.cause_{name.lower()}" in catalogue(language)}
        assert said == named - unsaid
    for name in named - unsaid:
        found = raised("hub:main", name).cause
        assert found.en not in {"provincial hub", name}
        assert found.vi != found.en


def test_a_segment_that_loses_packets_keeps_its_kind() -> None:
    found = raised("pop:ba-to", "SegmentLossy").cause
    assert found == Text(vi="trạm POP: mất gói", en="point of presence (POP): loses packets")
    assert raised("x:y", "SegmentLossy").cause.en == "SegmentLossy: loses packets"


def test_a_class_within_a_commune_is_said_once() -> None:
    said = blame("power|line:21040", BINH_SON, members=("power:21040", "line:21040/main"))
    ((found,), _) = outages(directory(), (alert("power|line:21040", communes=BINH_SON),), (said,))
    assert found.others == ()
    assert found.cause.en == "power or line"


def test_a_ticket_about_a_line_takes_nothing_from_the_outage_of_that_line() -> None:
    ticket = alert("line:21040/main", "ticket", communes=BINH_SON)
    found, _ = outages(directory(), (ticket,), (blame("line:21040/main", BINH_SON),))
    assert [(one.page, one.sure) for one in found] == [(True, Sure.SURE), (False, None)]


def test_what_the_locator_files_as_a_ticket_is_one() -> None:
    said = blame("line:21040/main", BINH_SON, loss=0.12, paged=False)
    posted = replace(alert("line:21040/main", "ticket"), labels={
        "component": "line:21040/main", "severity": "ticket", "source": "locator",
    })  # fmt: skip
    for alerts in ((), (posted,)):
        ((found,), _) = outages(directory(), alerts, (said,))
        assert (found.page, found.loss, found.cuts) == (False, 0.12, False)


def test_without_alertmanager_the_locator_still_names_the_culprit() -> None:
    shown = located(replace(healthy(), alertmanager_error="refused"), blame("pop:ba-to", BINH_SON))
    assert [one.component for one in shown.outages] == ["pop:ba-to"]
    assert shown.outages[0].calls
    assert not shown.health.alertmanager_ok


# --- a locator that is away ----------------------------------------------------------------------
def test_what_a_dead_locator_said_last_is_not_the_present() -> None:
    rule = replace(healthy(), alerts=(alert("pop:ba-to", communes=BINH_SON),))
    shown = located(rule, blame("isp:vnpt", BINH_SON), ago=LOCATOR_SECONDS + 1)
    assert [one.component for one in shown.outages] == ["pop:ba-to"]
    assert shown.outages[0].sure is None
    said = outage_list(shown.outages, names_of(shown), VI, at=NOW, health=shown.health)
    assert said.count(t("wall.locator_away", "vi")) == 1


@pytest.mark.parametrize(("ago", "ok"), [(1.0, True), (LOCATOR_SECONDS, True), (NOW, False), (None, None)])
def test_whether_it_is_there_is_known_and_a_hub_without_one_is_not_scolded(
    ago: float | None, ok: bool | None
) -> None:
    shown = snapshot(directory(), replace(healthy(), locator_at=None if ago is None else NOW - ago))
    assert shown.health.locator_ok is ok
    said = outage_list((), Names({}, {}), EN, at=NOW, health=shown.health)
    assert (t("wall.locator_away", "en") in said) is (ok is False)


# --- what is coloured ----------------------------------------------------------------------------
def test_a_pop_that_loses_packets_colours_its_communes_and_only_these() -> None:
    shown = located(healthy(), blame("pop:ba-to", BINH_SON, VAN_TUONG, loss=0.3))
    by_state = {commune.code: (commune.state, commune.reason) for commune in shown.communes}
    assert by_state[BINH_SON] == by_state[VAN_TUONG] == (State.DEGRADED, "lossy")
    assert [state for code, (state, _) in by_state.items() if code not in (BINH_SON, VAN_TUONG)] == [
        State.UP
    ] * 4


@pytest.mark.parametrize("component", ["system:dvc", "wan:tslcd", "dns:main", "datacentre:x", "agent:21040"])
def test_what_lies_beyond_the_hub_colours_no_commune(component: str) -> None:
    everybody = [place.code for place in directory().places.values()]
    shown = located(healthy(), blame(component, *everybody, loss=0.5))
    assert shown.count(State.UP) == 6
    assert all(commune.behind is None for commune in shown.communes)


def test_of_a_system_only_the_number_of_communes_is_told() -> None:
    ((found,), _) = outages(directory(), (), (blame("system:dvc", BINH_SON, VAN_TUONG),))
    assert "Out of reach for 2 communes" in card(found)
    assert "Binh Son" not in card(found)


def test_who_is_behind_a_wide_outage_is_told_of_there_and_nowhere_else() -> None:
    cut = silent(down(healthy(), ("hub", "line:21040/main")), BINH_SON, BA_DINH)
    shown = located(cut, blame("pop:ba-to", BINH_SON))
    behind, alone = (next(c for c in shown.communes if c.code == code) for code in (BINH_SON, BA_DINH))
    assert (behind.state, alone.state) == (State.DOWN, State.DOWN)
    assert behind.behind is not None
    assert alone.behind is None
    rows = matrix(shown.communes, shown.systems, EN)
    said = checked(rows)
    assert "Part of the outage: " in said
    assert "Bình Sơn" not in said
    assert "Ba Dinh" in said
    assert f'href="#{anchor(shown.outages[0].key)}"' in rows
    assert "Part of the outage: " in describe(behind, EN)


def test_a_wide_outage_makes_no_row_of_its_own_but_a_trouble_besides_does() -> None:
    shown = located(
        down(healthy(), (VAN_TUONG, "system:dvc")), blame("pop:ba-to", BINH_SON, VAN_TUONG, loss=0.4)
    )
    rows = {c.code for c in shown.communes if has_problem(c, shown.systems)}
    assert rows == {VAN_TUONG}


def test_the_widest_outage_that_lets_nothing_pass_explains_a_commune() -> None:
    found, _ = outages(directory(), (), (
        blame("pop:a", BINH_SON), blame("isp:b", BINH_SON, VAN_TUONG), blame("agent:21040", BINH_SON),
        blame("ring:c", *(place.code for place in directory().places.values()), loss=0.2),
    ))  # fmt: skip
    explained = covered(found)
    by_code = {code: one.component for code, one in explained.items()}
    assert (by_code.pop(BINH_SON), by_code.pop(VAN_TUONG)) == ("isp:b", "isp:b")
    assert set(by_code.values()) == {"ring:c"}


# --- much, strange and hostile -------------------------------------------------------------------
def test_four_hundred_communes_in_one_outage_are_one_card_with_all_of_them_folded_away() -> None:
    codes = [f"{number:05}" for number in range(450)]
    names = Names({code: Text(vi=f"xã {code}", en=f"commune {code}") for code in codes}, {})
    view = OutageView(
        key="k", component="isp:vnpt", what=Text(vi="V", en="V"), cause=Text(vi="c", en="c"), since=NOW,
        page=True, communes=tuple(codes),
    )  # fmt: skip
    markup = outage_list((view,), names, EN, at=NOW, health=Health())
    said = checked(markup)
    assert "Affects 450 communes" in said
    assert "and 444 more" in said
    assert markup.count("/commune/") == MAX_NAMED
    assert "and 50 more" in said
    assert len(markup) < 60_000


def test_a_flood_of_names_and_outages_is_cut() -> None:
    everybody = " ".join(f"{m:05}" for m in range(500))
    long = "x" * 9999
    found, _ = outages(
        directory(),
        tuple(alert(f"pop:p{n}", communes=everybody) for n in range(MAX_OUTAGES + 5)),
    )
    assert len(found) == MAX_OUTAGES
    assert all(set(one.communes) <= set(directory().places) for one in found)
    ((strange,), _) = outages(
        directory(),
        (alert(f"pop:{long}", systems=" ".join(["s"] * 9999), **{"class": " ".join([long] * 99)}),),
    )
    assert len(strange.what.vi) == MAX_NAME_CHARS
    assert len(strange.others) == MAX_OTHERS
    assert len(card(strange)) < 2000


NAMES = st.text(max_size=12) | st.sampled_from(
    ("<b>x", "pop:ba-to", "power|line:21040", "line:21040/main", ":", "|")
)


@given(NAMES, NAMES, st.floats(0, 1), st.floats(0, 1e6), st.lists(NAMES, max_size=3).map(tuple))
def test_whatever_a_locator_says_makes_a_sound_card_and_map(
    component: str, other: str, loss: float, nats: float, names: tuple[str, ...]
) -> None:
    said = blame(component or "?", *names, loss=loss, confidence=nats, runner_up=other, members=names)
    shown = located(healthy(), said)
    layout = geo.layout({c.code: (c.latitude, c.longitude) for c in shown.communes})
    checked(outage_list(shown.outages, names_of(shown), VI, at=NOW, health=shown.health))
    checked(province_map(shown.communes, layout, VI, shown.outages))


# --- the map -------------------------------------------------------------------------------------
def wide(*codes: str, name: str = "pop:x", **more: Any) -> OutageView:
    found = OutageView(
        key=name, component=name, what=Text(vi="POP X", en="POP X"), cause=Text(vi="trạm", en="POP"),
        since=NOW, page=True, communes=codes,
    )  # fmt: skip
    return msgspec.structs.replace(found, **more)


def grid(count: int) -> geo.Layout:
    return geo.layout({f"{n:05}": (15 + n // 10 * 0.05, 108 + n % 10 * 0.05) for n in range(count)})


def test_a_mark_stands_amid_its_communes_and_on_none_of_them() -> None:
    layout = grid(60)
    codes = [f"{n:05}" for n in (11, 12, 21, 22)]
    (mark,) = marks((wide(*codes),), layout)
    assert min(math.dist(mark.at, point) for point in layout.points.values()) > 11
    middle = [sum(layout.points[code][axis] for code in codes) / 4 for axis in (0, 1)]
    assert math.dist(mark.at, middle) < 200


def test_marks_do_not_cover_each_other_and_are_few() -> None:
    layout = grid(30)
    found = marks([wide("00011", "00012", name=f"pop:{n}") for n in range(MAX_MARKS + 3)], layout)
    assert len(found) == MAX_MARKS
    assert len({mark.at for mark in found}) == MAX_MARKS


def test_strokes_lead_to_the_communes_that_are_hit_unless_they_would_hide_the_map() -> None:
    layout = grid(80)
    few, many = (marks((wide(*(f"{n:05}" for n in range(count))),), layout) for count in (3, MAX_STROKES + 1))
    (drawn,) = strokes(few, layout)
    assert drawn.count("M") == 3
    assert list(strokes(many, layout)) == []


def test_without_coordinates_there_is_no_mark_and_nothing_breaks() -> None:
    assert marks((wide("1", "2"),), geo.layout({"1": (None, None)})) == ()
    assert marks((wide("9"), wide(page=False), wide("00001", name="system:x")), grid(5)) == ()


def test_the_map_names_the_culprit_instead_of_everybody_behind_it() -> None:
    shown = located(silent(healthy(), BINH_SON, VAN_TUONG), blame("pop:ba-to", BINH_SON, VAN_TUONG))
    layout = geo.layout({c.code: (c.latitude, c.longitude) for c in shown.communes})
    drawn = province_map(shown.communes, layout, VI, shown.outages)
    labels = drawn.partition('class="labels"')[2].partition("</svg>")[0]
    assert directory().name("pop:ba-to").vi in labels
    assert "Bình Sơn" not in labels
    assert drawn.count('class="culprit"') == 3  # the mark, its name, its place in the legend
    assert f'href="#{anchor(shown.outages[0].key)}"' in drawn
    calm = province_map(shown.communes, layout, VI)
    assert t("wall.culprit", "vi") not in calm
