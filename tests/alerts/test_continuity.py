"""Which alerts speak of one cause, and when that is over."""

from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from alerts.book import Book, split
from alerts.continuity import JUDGED, Sameness, Witness, nobody, over
from alerts.outage import LOCATOR, RULES, Outage
from tests.dashboards import province

SAME = Sameness(Book.of(province.small()))
POP = Outage(
    id="a",
    alertname="PopDown",
    component="pop:ba-to",
    kind="pop",
    source=LOCATOR,
    communes=("21484", "21496"),
    starts_at=100.0,
)


def other(**values: Any) -> Outage:
    return msgspec.structs.replace(POP, id="b", **values)


@pytest.mark.parametrize("source", [LOCATOR, RULES])
def test_what_lost_packets_and_is_down_now_is_no_second_page(source: str) -> None:
    lossy = other(alertname="SegmentLossy")
    assert SAME(msgspec.structs.replace(POP, source=source), lossy)
    assert SAME(lossy, POP)


def test_a_ticket_that_becomes_a_page_is_news() -> None:
    assert not SAME(POP, other(alertname="SegmentLossy", severity="ticket"))


def test_another_component_and_what_neither_judges_are_news() -> None:
    elsewhere = other(component="pop:other", communes=("21040",))
    assert not SAME(elsewhere, POP)
    assert not SAME(other(alertname="LineSlow", source=RULES), POP)


def test_it_is_over_when_the_last_who_spoke_has_taken_it_back() -> None:
    stands = Witness(outage_id="a", alert=POP, phase="stands", spoken=True, since=100.0)
    ended = msgspec.structs.replace(stands, phase="ended", since=200.0, ends_at=190.0)
    assert over([stands, ended]) is None
    assert over([ended, ended]) == 190.0
    assert over([]) is None


# --- many at once --------------------------------------------------------------------------------
COMMUNES = ("21040", "21484", "21496", "99999")
COMPONENTS = (
    *(f"{kinds}:{code}" for kinds in ("power|line", "lan|agent", "lan|line|agent") for code in COMMUNES),
    *sorted(SAME.book.components),
    "", ":", "line:", "line:99999/main", "system:unknown", "area:unknown", "pop:other", "ho-tich",
)  # fmt: skip
KINDS = ("", "hub", "area", "pop", "ring", "isp", "power", "line", "system", "host", "dns", "wan")
SYSTEMS = ("system:ho-tich", "ho-tich", "system:other", "other")


def some(*values: str, most: int = 3) -> st.SearchStrategy[tuple[str, ...]]:
    return st.lists(st.sampled_from(values), max_size=most).map(tuple)


OUTAGES = st.lists(
    st.builds(
        other,
        alertname=st.sampled_from((*sorted(JUDGED), "LineSlow")),
        component=st.sampled_from(COMPONENTS),
        kind=st.sampled_from(KINDS),
        source=st.sampled_from((LOCATOR, LOCATOR, RULES, RULES, "")),
        severity=st.sampled_from(("page", "page", "page", "ticket")),
        communes=some(*COMMUNES),
        systems=some(*SYSTEMS),
        members=some(*COMPONENTS),
        labels=st.dictionaries(st.sampled_from(("pop", "ring", "isp")), st.sampled_from(COMPONENTS)),
    ),
    max_size=12,
)


@settings(deadline=None)
@given(OUTAGES, OUTAGES)
def test_many_are_answered_as_each_pair_is(fresh: list[Outage], known: list[Outage]) -> None:
    among = SAME.among(known)
    for new in fresh:
        assert list(among(new)) == [at for at, one in enumerate(known) if SAME(new, one)]


@pytest.mark.parametrize("kind", ["hub", "pop", "power", "system"])
def test_each_by_each_is_answered_as_the_pair_is(kind: str) -> None:
    known = [
        other(component=one, kind=of, communes=("21040", "21484"), systems=("system:ho-tich",))
        for one in COMPONENTS for of in ("hub", "area", "pop", "power", "system")
    ]  # fmt: skip
    among = SAME.among(known)
    for component in COMPONENTS:
        new = other(component=component, kind=kind, source=RULES, communes=("21040",), systems=("ho-tich",))
        assert list(among(new)) == [at for at, one in enumerate(known) if SAME(new, one)]


def test_a_commune_behind_a_pop_that_is_told_of_is_found_among_many_by_its_label() -> None:
    behind = other(
        component="power|line:21040",
        kind="power",
        source=RULES,
        communes=("21040",),
        labels={"pop": "pop:ba-to"},
    )
    assert list(SAME.among([other(component="pop:other"), POP])(behind)) == [1]


def test_without_an_inventory_nothing_is_the_same() -> None:
    assert not nobody(POP, POP)
    assert list(nobody.among([POP])(POP)) == []


@given(st.sampled_from(COMPONENTS))
def test_the_members_of_a_class_are_those_found_by_looking_at_each_component(identity: str) -> None:
    kinds, rest = split(identity)
    plain: list[str] = []
    for kind in kinds:
        lines = [item for item in SAME.book.components if item.startswith(f"line:{rest}/")]
        plain += lines if kind == "line" and "/" not in rest else [f"{kind}:{rest}"]
    assert SAME.book.members(identity) == tuple(plain)
