"""Who is on call, around the handover and the ends of the rotation."""

from datetime import UTC, date, datetime, timedelta

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from alerts.oncall import contact, person
from inventory.model import OnCall
from tests.alerts.outages import province

at = datetime.fromisoformat
ROTA = OnCall(rotation=("a", "b", "c"), starts=date(2026, 11, 2), handover="07:30")


@pytest.mark.parametrize(
    ("local", "who"),
    [
        (at("2026-11-02T07:30:00"), "a"),
        (at("2026-11-09T07:29:59"), "a"),
        (at("2026-11-09T07:30:00"), "b"),
        (at("2026-11-16T07:30:00"), "c"),
        (at("2026-11-23T07:30:00"), "a"),
        (at("2026-11-02T07:29:00"), "a"),  # before the rotation starts
        (at("2026-01-01T00:00:00"), "a"),
    ],
)
def test_the_week_says_who(local: datetime, who: str) -> None:
    assert person(ROTA, local) == who


def test_an_empty_rotation_has_nobody() -> None:
    assert person(OnCall(rotation=(), starts=date(2026, 11, 2)), at("2026-11-03T00:00:00")) is None


@given(st.datetimes(min_value=at("2026-11-02T07:30:00"), max_value=at("2060-01-01T00:00:00")))
def test_everybody_has_exactly_a_week(local: datetime) -> None:
    assert person(ROTA, local) != person(ROTA, local + timedelta(days=7))
    assert person(ROTA, local) == person(ROTA, local + timedelta(days=21))


def test_the_province_clock_decides() -> None:
    """07:29 and 07:30 in Vietnam are 00:29 and 00:30 UTC."""
    inventory = province()
    before, after = datetime(2026, 11, 9, 0, 29, tzinfo=UTC), datetime(2026, 11, 9, 0, 30, tzinfo=UTC)
    names = [found.id for moment in (before, after) if (found := contact(inventory, moment))]
    assert names == ["so-khcn", "truc-b"]
    assert contact(msgspec.structs.replace(inventory, oncall=None), after) is None
