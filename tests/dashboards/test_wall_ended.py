"""What is over, on the wall: the ledger's newest word, and what had been said at first."""

import contextlib

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from alerts.gaps.model import GapLabel, Side, between
from alerts.ledgerapi import MOST_ROWS, parse_ledger
from alerts.promapi import BadAnswerError
from alerts.revision import Revision, Said, Shown
from dashboards.wall import commune_page, page
from dashboards.wall.ended import ended, ended_list
from dashboards.wall.geo import layout
from dashboards.wall.view import detail, snapshot
from tests.dashboards.wall_data import EN, NOW, VI, directory, healthy

BINH_SON = "21040"
SINCE, UNTIL = NOW - 3600, NOW - 3000


def row(component: str = "power:21040", **more: object) -> Shown:
    found = {
        "id": f"{component}@1", "revision": 3, "said_at": NOW, "status": "ended", "why": "ended",
        "component": component, "kind": component.partition(":")[0], "since": SINCE, "until": UNTIL,
        "communes": (BINH_SON,),
    }  # fmt: skip
    return Shown(**{**found, **more})  # type: ignore[arg-type]  # plain values, as the struct checks


def learned(
    verdict: str = "cause", label: GapLabel = GapLabel.POWER_DOWN, component: str = "power:21040"
) -> Shown:
    said = Said(component="power|line:21040", kind="power|line", since=SINCE + 2, until=UNTIL + 7)
    revision = Revision(
        verdict=verdict, component=component, kind=component.partition(":")[0], label=label,  # type: ignore[arg-type]
        start=between(SINCE, SINCE + 3), end=between(UNTIL - 5, UNTIL), vouched_by=(Side.SITE,), said=said,
    )  # fmt: skip
    return row(component, why="revised", revised=revision)


def test_a_revised_outage_says_what_it_was_and_what_was_told() -> None:
    (view,) = ended(directory(), [learned()], NOW)
    assert (view.cause.en, view.cause.vi) == ("power", "nguồn điện")
    vi, en = ended_list([view], VI), ended_list([view], EN)
    assert "đã xác định lại: mất điện" in vi
    assert "revised: power down" in en
    assert "lúc báo: nguồn điện hoặc đường truyền, 06:00:02–06:10:07" in vi
    assert "06:00:00–06:10:00" in vi
    assert 'href="/commune/21040"' in vi


def test_corrected_edges_and_the_undecided_have_words_of_their_own() -> None:
    views = ended(directory(), [learned("edges")], NOW)
    assert "times corrected" in ended_list(views, EN)
    views = ended(directory(), [learned("undecided", GapLabel.UNKNOWN, "power|line:21040")], NOW)
    said = ended_list(views, EN)
    assert "cannot be decided" in said
    assert "as told" not in said


def test_what_was_never_revised_has_no_badge() -> None:
    said = ended_list(ended(directory(), [row("pop:ba-to")], NOW), EN)
    assert "POP Ba Tơ" in said
    assert "revised" not in said


@pytest.mark.parametrize(
    "other",
    [
        row(why="merged"),
        row(status="open", until=None, why="found"),
        row(until=NOW - 90_000),
    ],
    ids=["part of another", "lasts", "long over"],
)
def test_what_is_not_over_or_long_over_is_not_listed(other: Shown) -> None:
    assert ended(directory(), [other], NOW) == ()
    assert ended_list((), EN) == ""


def test_two_outages_that_turned_out_to_be_one_are_one() -> None:
    twice = [learned(), msgspec.structs.replace(learned(), id="lan|agent:21040@5")]
    assert len(ended(directory(), twice, NOW)) == 1


def test_the_latest_come_first_and_the_rest_is_counted() -> None:
    rows = [row(f"power:{21000 + n}", until=UNTIL + n) for n in range(10)]
    views = ended(directory(), rows, NOW)
    assert [view.component for view in views[:2]] == ["power:21009", "power:21008"]
    said = ended_list(views, EN)
    assert said.count("<li") == 6
    assert "and 4 more" in said


def test_wall_and_commune_show_it_and_other_communes_do_not() -> None:
    answers = msgspec.structs.replace(healthy(), past=(learned(),), past_at=NOW)
    shown = snapshot(directory(), answers)
    names = page.names_of(shown)
    places = directory().places.values()
    parts = page.fragments(shown, layout({p.code: (p.latitude, p.longitude) for p in places}), names, VI)
    assert "đã xác định lại: mất điện" in parts["ended"]
    for code, is_there in ((BINH_SON, True), ("21061", False)):
        part = commune_page.fragments(detail(directory(), answers, shown, code), names, VI)["ended"]
        assert ("đã xác định lại" in part) == is_there


# --- what the locator may answer ---------------------------------------------------------------------
def test_an_answer_is_read_row_by_row() -> None:
    good = learned()
    body = msgspec.json.encode(
        {"outages": [good, {"id": 1}, None, msgspec.structs.replace(good, component="x" * 500),
                     msgspec.structs.replace(good, since=1e300), good]}
    )  # fmt: skip
    assert parse_ledger(body) == (good, good)
    many = msgspec.json.encode({"outages": [good] * (MOST_ROWS + 50)})
    assert len(parse_ledger(many)) == MOST_ROWS


@given(st.binary(max_size=200) | st.text(max_size=200).map(str.encode))
def test_whatever_it_answers_it_is_rows_or_an_api_error(body: bytes) -> None:
    with contextlib.suppress(BadAnswerError):
        assert isinstance(parse_ledger(body), tuple)
