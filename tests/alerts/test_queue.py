"""The order in which a channel sends, and how long it waits."""

from hypothesis import given
from hypothesis import strategies as st

from alerts.queue import LONGEST_SECONDS, MAX_ATTEMPTS, backoff, choose, sleep_seconds
from alerts.store import Delivery, State, Status
from tests.alerts.outages import T0, outage


def delivery(
    seq: int, name: str = "a", status: Status = "firing", attempts: int = 0, firing: State | None = None
) -> Delivery:
    return Delivery(
        seq=seq, outage=outage(id=name), status=status, step=0, channel="zalo", attempts=attempts,
        created_at=T0, firing_state=firing,
    )  # fmt: skip


def test_nothing_pending_is_nothing_to_send() -> None:
    assert choose((), {}, 0.0) is None


def test_what_waits_is_passed_over() -> None:
    first, second = delivery(1, "a"), delivery(2, "b")
    assert choose((first, second), {1: 10.0}, 9.9) is second
    assert choose((first, second), {1: 10.0}, 10.0) is first


def test_a_resolution_follows_its_untried_page() -> None:
    page, resolution = delivery(1), delivery(2, status="resolved", firing="pending")
    assert choose((page, resolution), {}, 0.0) is page
    assert choose((resolution, page), {}, 0.0) is page


def test_a_page_that_failed_gives_way_to_its_resolution() -> None:
    page, resolution = delivery(1, attempts=3), delivery(2, status="resolved", firing="pending")
    assert choose((resolution, page), {}, 0.0) is resolution
    assert choose((page, resolution), {}, 0.0) is resolution
    assert choose((page, resolution), {2: 5.0}, 0.0) is None


def test_another_outage_does_not_wait() -> None:
    pending = (delivery(1, attempts=3), delivery(2, status="resolved"), delivery(3, "b"))
    assert choose(pending, {2: 5.0}, 0.0) is pending[2]


def test_the_sleep_ends_when_something_is_due() -> None:
    pending = (delivery(1), delivery(2, "b"))
    assert sleep_seconds(pending, {1: 7.0, 2: 3.0}, 1.0, 60.0) == 2.0
    assert sleep_seconds(pending, {1: 700.0}, 1.0, 60.0) == 60.0
    assert sleep_seconds(pending, {1: 0.5}, 1.0, 60.0) == 0.05  # due already, but it waits for another


@given(st.integers(1, 10_000), st.floats(0, 1), st.none() | st.floats(0, 3600))
def test_a_wait_is_bounded_and_honours_what_was_asked(
    attempts: int, chance: float, asked: float | None
) -> None:
    wait = backoff(attempts, chance, asked)
    assert (asked or 0) <= wait <= max(LONGEST_SECONDS, asked or 0)
    assert wait >= 0.5


def test_giving_up_takes_hours_not_days() -> None:
    waits = [sum(backoff(n, chance) for n in range(1, MAX_ATTEMPTS)) / 3600 for chance in (1.0, 0.0)]
    assert 3 < waits[0] < waits[1] < 8
