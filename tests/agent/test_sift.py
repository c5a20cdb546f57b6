"""What the hub will never take is found, and nothing else is given up."""

from hypothesis import given
from hypothesis import strategies as st

from agent.remote_write import Encoder, encode_labels, encode_series
from agent.sift import BAD_SECONDS, REFUSALS, Bad, Sift
from agent.spool.fields import singles


def field(series: int, ms: int) -> bytes:
    return encode_series(encode_labels({"n": f"{series:03}"}), Encoder(ms).sample(1.0))


def through(fields: list[bytes], poison: set[bytes], bad: Bad) -> tuple[Sift, int]:
    """Sift with a hub that refuses every request with poison in it; returns how many requests it took."""
    sift, requests = Sift(fields, bad), 0
    while some := sift.next():
        requests += 1
        if poison & set(some):
            sift.refused()
        else:
            sift.taken()
    return sift, requests


@given(st.lists(st.tuples(st.integers(0, 20), st.integers(0, 50)), unique=True, max_size=80), st.data())
def test_the_good_is_taken_once_and_only_poison_is_given_up(
    places: list[tuple[int, int]], data: st.DataObject
) -> None:
    fields = [field(*place) for place in places]
    series = sorted({place[0] for place in places})
    poison_series = data.draw(st.sets(st.sampled_from(series))) if series else set()
    poison = {one for one, place in zip(fields, places, strict=True) if place[0] in poison_series}
    sift, _ = through(fields, poison, Bad(lambda: 0.0))
    assert sorted(sift.good) == sorted(set(fields) - poison)
    assert sorted(sift.dropped) == sorted(poison)
    assert sift.dropped_samples == len(poison)


@given(st.sets(st.integers(0, 999), min_size=1, max_size=REFUSALS - 1))
def test_single_bad_samples_cost_nothing_else_of_their_series(places: set[int]) -> None:
    fields = [field(1, ms) for ms in range(1000)]
    sift, requests = through(fields, {fields[place] for place in places}, Bad(lambda: 0.0))
    assert len(sift.good) == 1000 - len(places)
    assert requests <= 2 * 10 * len(places) + 1


@given(st.dictionaries(st.integers(0, 9), st.sets(st.integers(0, 20), min_size=1, max_size=12)), st.data())
def test_a_bad_sample_among_others_of_a_series_costs_only_itself(
    places: dict[int, set[int]], data: st.DataObject
) -> None:
    ones = [field(series, ms) for series, times in places.items() for ms in times]
    several = [
        encode_series(encode_labels({"n": f"{series:03}"}), *(Encoder(ms).sample(1.0) for ms in times))
        for series, times in places.items()
    ]
    poison = data.draw(st.sets(st.sampled_from(ones), max_size=REFUSALS - 1)) if ones else set()
    sift = Sift(several, Bad(lambda: 0.0))
    while some := sift.next():
        if poison & {one for each in some for one in singles(each)}:
            sift.refused()
        else:
            sift.taken()
    assert sorted(one for each in sift.good for one in singles(each)) == sorted(set(ones) - poison)
    assert sorted(sift.dropped) == sorted(poison)
    assert sift.dropped_samples == len(poison)


def test_a_row_full_of_what_is_not_wanted_costs_a_few_requests_a_series() -> None:
    fields = [field(series, ms) for ms in range(60) for series in range(50)]
    sift, requests = through(fields, set(fields), Bad(lambda: 0.0))
    assert len(sift.dropped) == len(fields)
    assert requests <= 50 * 20
    assert not sift.telling


def test_what_was_learnt_is_known_elsewhere_for_a_while() -> None:
    now = [0.0]
    bad = Bad(lambda: now[0])
    poison = [field(1, ms) for ms in range(REFUSALS)]
    good = [field(2, ms) for ms in range(REFUSALS)]
    for one, other in zip(poison, good, strict=True):
        sift, _ = through([one, other], {one}, bad)
        sift.learn()
    assert bad
    assert not bad.wanted(field(1, 99))
    assert bad.wanted(field(2, 99))
    now[0] = BAD_SECONDS + 1
    assert bad.wanted(field(1, 99)), "the inventory may have changed"


def test_a_series_that_is_taken_in_between_is_not_bad() -> None:
    bad = Bad(lambda: 0.0)
    for _ in range(5):
        sift, _ = through([field(1, 1), field(1, 2)], {field(1, 1)}, bad)
        sift.learn()
    sift, _ = through([field(1, 3)], set(), bad)
    assert sift.good == [field(1, 3)]
