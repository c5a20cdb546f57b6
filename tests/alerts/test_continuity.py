"""Which alerts speak of one cause, and when that is over."""

from typing import Any

import msgspec
import pytest

from alerts.book import Book
from alerts.continuity import Sameness, Witness, over
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
