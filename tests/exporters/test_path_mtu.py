"""The search for the path MTU against paths that tell, keep silent, or lie; pure."""

import socket

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporters.icmpio import path_mtu
from exporters.icmpio.path_mtu import HINTS_TRIED, LARGEST_BYTES, Search

FAMILIES = st.sampled_from([socket.AF_INET, socket.AF_INET6])


def search(family: int, answer: "object", most: int = 100) -> tuple[Search, int]:
    """Search on a path; ``answer(size)`` is True, or what a router tells (0: nothing)."""
    state, steps = path_mtu.begin(family), 0
    while state.size is not None:
        said = answer(state.size)  # type: ignore[operator]  # a lambda
        state = path_mtu.passed(state) if said is True else path_mtu.failed(state, said)
        steps += 1
        assert steps <= most
    return state, steps


@given(FAMILIES, st.integers(1280, LARGEST_BYTES))
def test_a_path_whose_routers_tell_takes_three_steps(family: int, mtu: int) -> None:
    found, steps = search(family, lambda size: size <= mtu or mtu)
    assert found.fits == mtu
    assert steps <= 3


@given(FAMILIES, st.integers(1280, LARGEST_BYTES))
def test_a_path_that_swallows_takes_a_binary_search(family: int, mtu: int) -> None:
    found, steps = search(family, lambda size: size <= mtu or 0)
    assert found.fits == mtu
    assert steps <= 12


@given(FAMILIES, st.integers(1280, LARGEST_BYTES), st.data())
def test_whatever_routers_say_the_result_is_what_passed(family: int, mtu: int, data: st.DataObject) -> None:
    lies = st.integers(0, 2**32 - 1) | st.integers(1200, 1501)
    found, _ = search(family, lambda size: size <= mtu or data.draw(lies), most=12 + 2 * HINTS_TRIED)
    assert found.fits == mtu


@pytest.mark.parametrize(("family", "least"), [(socket.AF_INET, 576), (socket.AF_INET6, 1280)])
def test_where_not_even_the_least_passes_nothing_is_found(family: int, least: int) -> None:
    sizes: list[int] = []

    def refuse(size: int) -> int:
        sizes.append(size)
        return 68

    found, _ = search(family, refuse)
    assert found.fits == 0
    assert min(sizes) == least


def test_links_that_grow_ever_narrower_are_followed() -> None:
    links = [1492, 1460, 1420, 1400]
    found, steps = search(socket.AF_INET, lambda size: next((mtu for mtu in links if size > mtu), True))
    assert (found.fits, steps) == (1400, 6)
