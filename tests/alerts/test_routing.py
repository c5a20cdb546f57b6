"""Severity and route: by kind, by service hours, by the dossiers that are hit."""

from datetime import datetime

import msgspec
import pytest

from alerts import routing
from alerts.book import Book
from alerts.outage import MONITORING_DOWN
from inventory.model import Calendar, Channel, Inventory, Kind, Notify, OfficeHours
from tests.alerts.outages import outage, province

NIGHT, MORNING = datetime(2026, 11, 23, 2, 0), datetime(2026, 11, 23, 8, 0)  # noqa: DTZ001 - the wall clock
SITE: tuple[Kind, ...] = ("power", "lan", "line", "agent")
FEW = 20.0
BUSY, QUIET = "21040", "21496"


def made(unless: float | None = FEW, channels: tuple[Channel, ...] = ()) -> Book:
    """Two offices open on weekday mornings; one of them handles many dossiers a day."""
    whole: Inventory = province()
    hours = Calendar(id="gio", name=whole.hub.name, hours={"mon": ("07:30-11:30",)})
    per_day = {BUSY: 60.0, QUIET: 3.0}
    communes = tuple(
        msgspec.structs.replace(c, calendar="gio", dossiers_per_day=per_day.get(c.code, 0.0))
        for c in whole.communes
    )
    rule = OfficeHours(kinds=SITE, unless_dossiers_per_day=unless)
    return Book.of(
        msgspec.structs.replace(
            whole, communes=communes, calendars=(hours,), notify=Notify(office_hours=rule), channels=channels
        )
    )


@pytest.mark.parametrize(
    ("component", "hit", "at", "waits"),
    [
        (f"power|line:{QUIET}", (QUIET,), NIGHT, True),
        (f"power|line:{QUIET}", (QUIET,), MORNING, False),  # an office is open
        (f"power|line:{BUSY}", (BUSY,), NIGHT, False),  # too many dossiers to wait
        ("pop:ba-to", (QUIET,), NIGHT, False),  # not of these kinds
        ("system:ho-tich", (QUIET,), NIGHT, False),
        (f"line|agent:{QUIET}", (), NIGHT, True),  # whom it hits is not said: no office is open
    ],
)
def test_what_waits_for_an_office(component: str, hit: tuple[str, ...], at: datetime, waits: bool) -> None:
    assert routing.waits_for_office(outage(component=component, communes=hit), made(), at) is waits


def test_the_dossiers_of_all_that_is_hit_count_together() -> None:
    both = outage(component=f"line:{QUIET}", communes=(QUIET, BUSY))
    assert not routing.waits_for_office(both, made(unless=63.0), NIGHT)
    assert routing.waits_for_office(both, made(unless=63.5), NIGHT)
    assert routing.waits_for_office(both, made(unless=None), NIGHT)


def test_a_ticket_never_waits_as_a_page() -> None:
    ticket = outage(component=f"line:{QUIET}", communes=(QUIET,), severity="ticket")
    assert not routing.waits_for_office(ticket, made(), NIGHT)


def test_channels_by_severity_kind_and_dossiers() -> None:
    book = made(
        channels=(
            Channel(id="all", kind="sink", options={"path": "a"}),
            Channel(id="wide", kind="sink", severity="page", kinds=("pop", "isp"), options={"path": "b"}),
            Channel(
                id="busy", kind="sink", severity="page", least_dossiers_per_day=FEW, options={"path": "c"}
            ),
        )
    )
    for component, hit, severity, expected in (
        ("pop:ba-to", (QUIET,), "page", ("all", "wide")),
        ("pop:ba-to", (QUIET, BUSY), "page", ("all", "wide", "busy")),
        (f"power|line:{QUIET}", (QUIET,), "page", ("all",)),
        (f"line:{BUSY}", (BUSY,), "ticket", ("all",)),
    ):
        found = routing.channels_for(outage(component=component, communes=hit, severity=severity), book)
        assert found == expected
    assert routing.channels_for(outage(alertname=MONITORING_DOWN, communes=()), book) == (
        "all",
        "wide",
        "busy",
    )


def test_a_page_that_no_channel_wants_goes_to_all_of_them() -> None:
    only = Channel(id="wide", kind="sink", kinds=("isp",), options={"path": "b"})
    book = made(channels=(only,))
    assert routing.channels_for(outage(component=f"power:{QUIET}", communes=(QUIET,)), book) == ("wide",)
    ticket = outage(component=f"power:{QUIET}", communes=(QUIET,), severity="ticket")
    assert routing.channels_for(ticket, book) == ()
