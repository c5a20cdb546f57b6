"""How long a hub with trouble is left in peace."""

from hypothesis import given
from hypothesis import strategies as st

from agent.backoff import MAX_ASKED_SECONDS, Backoff, chance


@given(st.lists(st.floats(0, 0.999), min_size=1, max_size=60))
def test_waits_grow_to_a_limit_and_begin_anew(draws: list[float]) -> None:
    left = iter(draws * 2)
    backoff = Backoff(1.0, 8.0, lambda: next(left))
    waits = [backoff.failed() for _ in draws]
    for number, wait in enumerate(waits):
        whole = min(8.0, 2.0 ** min(number, 30))
        assert whole / 2 <= wait <= whole
    backoff.worked()
    assert backoff.failed() <= 1.0


@given(st.floats(0, 1e9))
def test_what_the_hub_asks_for_is_waited_within_reason(asked: float) -> None:
    wait = Backoff(1.0, 8.0, lambda: 0.5).failed(asked)
    assert min(asked, MAX_ASKED_SECONDS) <= wait <= max(1.0, MAX_ASKED_SECONDS * 1.05)


def test_chance_is_a_share() -> None:
    assert all(0 <= chance() < 1 for _ in range(100))
