"""Annotations come from outside: what is not credible changes nothing."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from common.annotations import EARLIEST_SECONDS, HELD_SECONDS, LATEST_SECONDS, began, ended, evidence

FIRED = 1_795_310_000.0
BOTH = {"evidence_vi": "máy đo im lặng", "evidence_en": "silent", "evidence": "plain"}


def test_everybody_reads_the_evidence_in_a_language_of_theirs() -> None:
    assert (evidence(BOTH, "vi"), evidence(BOTH, "en")) == ("máy đo im lặng", "silent")


def test_else_in_the_other_language_else_as_it_came() -> None:
    assert evidence({"evidence_en": "silent", "evidence": "plain"}, "vi") == "silent"
    assert evidence({"evidence_vi": "im lặng", "evidence_en": ""}, "en") == "im lặng"
    assert evidence({"evidence": "plain"}, "vi") == evidence({"evidence": "plain"}, "en") == "plain"
    assert evidence({}, "vi") == ""


@pytest.mark.parametrize(
    ("given_text", "expected"),
    [
        ("1795309985.4", FIRED - 14.6),
        ("1795309985", FIRED - 15),
        (f"{FIRED - EARLIEST_SECONDS:.1f}", FIRED - EARLIEST_SECONDS),
        (f"{FIRED + LATEST_SECONDS:.1f}", FIRED),  # clocks differ; it cannot begin after its alert
    ],
)
def test_an_outage_began_when_it_says(given_text: str, expected: float) -> None:
    assert began({"since": given_text}, FIRED) == expected


@pytest.mark.parametrize(
    "wrong",
    [
        "", "NaN", "+Inf", "-1", "1e9", "0x6b", "1795309985.", " 1795309985", "1795309985\n", "1_795_309_985",
        "١٧٩٥٣٠٩٩٨٥", "0", f"{FIRED - EARLIEST_SECONDS - 1:.1f}", f"{FIRED + LATEST_SECONDS + 0.1:.1f}",
        "9" * 400, "<error expanding template: x>", "2026-11-22T01:13:05Z",
    ],
)  # fmt: skip
def test_what_is_not_credible_is_as_if_it_were_absent(wrong: str) -> None:
    assert began({"since": wrong}, FIRED) == began({}, FIRED) == FIRED


@given(st.text() | st.floats().map(str) | st.integers().map(str), st.floats(0, 4e9))
def test_no_text_dates_an_outage_out_of_bounds(given_text: str, fired: float) -> None:
    found = began({"since": given_text}, fired)
    assert math.isfinite(found)
    assert fired - EARLIEST_SECONDS <= found <= fired


@pytest.mark.parametrize(
    ("given_text", "expected"),
    [
        (f"{FIRED + 40:.1f}", FIRED + 40),
        (f"{FIRED + 60:.1f}", FIRED + 60),
        (f"{FIRED + 60.1:.1f}", FIRED + 60),  # after the alert ended
        (f"{FIRED - 15.1:.1f}", FIRED + 60),  # before the outage began
        ("NaN", FIRED + 60),
        ("", FIRED + 60),
    ],
)
def test_an_outage_ended_when_it_says(given_text: str, expected: float) -> None:
    assert ended({"until": given_text}, FIRED - 15, FIRED + 60) == expected


@given(st.text() | st.floats(0, 4e9).map(str), st.floats(0, 4e9), st.floats(0, 1e6))
def test_no_text_ends_an_outage_out_of_bounds(given_text: str, start: float, lasted: float) -> None:
    found = ended({"until": given_text}, start, start + lasted)
    assert max(start, start + lasted - HELD_SECONDS) <= found <= start + lasted
