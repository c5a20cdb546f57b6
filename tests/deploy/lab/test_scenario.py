"""What counts as right: exactly one page and one resolution, and nothing else."""

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from deploy.commands import demo
from deploy.lab.lab import province
from deploy.lab.pages import Page
from deploy.lab.scenario import SCENARIOS, Scenario, judge
from inventory.graph import components

CUT = SCENARIOS["cut-line"]
BLIP = SCENARIOS["blip"]
T_FAULT, T_HEAL = 1000.0, 1030.0


def page(time: float, status: str = "firing", **values: Any) -> Page:
    usual = Page(
        time=time, status=status, component="power|line:21040", severity="page", communes=("21040",),
        text_vi="mất điện hoặc đứt đường truyền", text_en="power cut or line cut",
    )  # fmt: skip
    return msgspec.structs.replace(usual, **values)


RIGHT = (page(1014.5), page(1034.0, "resolved"))


def test_the_right_pages_are_ok() -> None:
    result = judge(CUT, T_FAULT, T_HEAL, RIGHT)
    assert (result.ok, result.false_pages) == (True, 0)
    assert (result.seconds_to_page, result.seconds_to_resolve) == (14.5, 4.0)


@pytest.mark.parametrize(
    ("pages", "false"),
    [
        ((), 0),
        ((RIGHT[0],), 0),
        ((RIGHT[1],), 0),
        ((*RIGHT, page(1015)), 1),
        ((*RIGHT, page(1036, "resolved")), 1),
        ((page(999), *RIGHT), 1),
        ((RIGHT[0], page(1020, "resolved"), RIGHT[1]), 1),
        ((*RIGHT, page(1016, component="pop:binh-son")), 1),
        ((*RIGHT, page(1016, component="system:ho-tich", severity="ticket")), 1),
        ((page(1014.5, component="line:21040/main"), page(1034, "resolved")), 1),
        ((page(1014.5, communes=("21040", "21061")), page(1034, "resolved")), 1),
        ((page(1014.5, severity="ticket"), page(1034, "resolved")), 1),
    ],
)
def test_anything_else_is_not(pages: tuple[Page, ...], false: int) -> None:
    result = judge(CUT, T_FAULT, T_HEAL, pages)
    assert not result.ok
    assert result.false_pages == false


def test_a_blip_is_ok_only_in_silence() -> None:
    assert judge(BLIP, T_FAULT, T_HEAL, ()).ok
    result = judge(BLIP, T_FAULT, T_HEAL, (page(1014),))
    assert (result.ok, result.false_pages, result.seconds_to_page) == (False, 1, None)


@given(
    st.lists(
        st.builds(
            page,
            time=st.floats(990, 1100),
            status=st.sampled_from(("firing", "resolved")),
            component=st.sampled_from(("power|line:21040", "pop:ba-to", "")),
            severity=st.sampled_from(("page", "ticket")),
        ),
        max_size=6,
    )
)
def test_every_notification_is_either_expected_or_false(pages: list[Page]) -> None:
    result = judge(CUT, T_FAULT, T_HEAL, pages)
    right = sum(seconds is not None for seconds in (result.seconds_to_page, result.seconds_to_resolve))
    assert result.false_pages + right == len(pages)
    assert result.ok == (result.false_pages == 0 and right == 2)


def test_the_result_is_what_the_command_line_promises() -> None:
    plain = msgspec.to_builtins(judge(CUT, T_FAULT, T_HEAL, RIGHT))
    assert set(plain) == {
        "scenario", "t_fault", "pages", "seconds_to_page", "seconds_to_resolve", "false_pages", "ok",
    }  # fmt: skip
    assert {"time", "status", "component", "communes", "text_vi", "text_en"} <= set(plain["pages"][0])


def test_the_command_line_offers_the_scenarios_that_there_are() -> None:
    assert tuple(SCENARIOS) == demo.SCENARIOS or set(SCENARIOS) == set(demo.SCENARIOS)


@pytest.mark.parametrize("scenario", SCENARIOS.values(), ids=lambda scenario: scenario.name)
def test_scenarios_are_about_what_the_province_has(scenario: Scenario) -> None:
    inventory = province()
    known = components(inventory)
    codes = {commune.code for commune in inventory.communes}
    assert scenario.communes is None or scenario.communes <= codes
    kinds, _, rest = scenario.component.partition(":")
    if "|" in kinds:
        assert rest in codes
    elif scenario.component:
        assert scenario.component in known


def test_a_scenario_moves_to_another_commune_but_a_pop_stays() -> None:
    moved = CUT.moved("21499")
    assert (moved.what, moved.component, moved.communes) == (
        "21499", "power|line:21499", frozenset({"21499"}),
    )  # fmt: skip
    assert BLIP.moved("21499").what == "21499"
    with pytest.raises(KeyError):
        SCENARIOS["pop-down"].moved("21499")
