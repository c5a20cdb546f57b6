"""The scenarios: what is broken, what has to happen, and whether it did. The judging is pure."""

from collections.abc import Sequence
from typing import Final, Literal

import msgspec

from deploy.lab.pages import Page

Name = Literal["cut-line", "pop-down", "maintenance-page", "blip", "power-cut"]


class Scenario(msgspec.Struct, frozen=True, kw_only=True):
    """``what`` is the commune, POP or system that the fault hits.

    ``component`` is what the only page has to name, empty when there must be none; ``communes`` whom
    it has to list, None where anything will do.
    """

    name: Name
    what: str
    component: str = ""
    communes: frozenset[str] | None = None

    def moved(self, commune: str) -> "Scenario":
        """Return the same scenario in another commune. Raises KeyError for one about something wider."""
        if self.component and self.communes != frozenset({self.what}):
            raise KeyError(commune)
        component = self.component.replace(self.what, commune)
        communes = frozenset({commune}) if self.communes else None
        return msgspec.structs.replace(self, what=commune, component=component, communes=communes)


class Limits(msgspec.Struct, frozen=True, kw_only=True):
    """Seconds: how long to wait for the page and for its resolution, how long to look on afterwards,
    how long a fault lasts on after its page, how long a blip lasts and how long it is watched."""

    page: float = 60
    resolve: float = 90
    after: float = 10
    hold: float = 3
    blip: float = 2
    blip_watch: float = 30


class Result(msgspec.Struct, frozen=True, kw_only=True):
    """One scenario as it went. ``t_fault`` in Unix seconds; ``false_pages`` counts notifications
    that should not have been."""

    scenario: str
    t_fault: float
    pages: tuple[Page, ...]
    seconds_to_page: float | None
    seconds_to_resolve: float | None
    false_pages: int
    ok: bool


_COMMUNE_CUT: Final = "power|line:{}"
SCENARIOS: Final = {
    scenario.name: scenario
    for scenario in (
        Scenario(
            name="cut-line",
            what="21040",
            component=_COMMUNE_CUT.format("21040"),
            communes=frozenset({"21040"}),
        ),
        Scenario(
            name="pop-down",
            what="ba-to",
            component="pop:ba-to",
            communes=frozenset({"21484", "21496", "21499"}),
        ),
        Scenario(name="maintenance-page", what="ho-tich", component="system:ho-tich"),
        Scenario(name="blip", what="21061"),
        Scenario(
            name="power-cut",
            what="21484",
            component=_COMMUNE_CUT.format("21484"),
            communes=frozenset({"21484"}),
        ),
    )
}
"""In the order of the story."""


def expected(scenario: Scenario, page: Page) -> bool:
    """Whether this notification is one that the scenario has to produce, firing or resolved."""
    return (
        page.severity == "page"
        and page.component == scenario.component != ""
        and (page.status != "firing" or scenario.communes in {None, frozenset(page.communes)})
    )


def judge(scenario: Scenario, t_fault: float, t_heal: float, pages: Sequence[Page]) -> Result:
    """Judge what went out between fault and end: exactly one page and one resolution, in that order.

    Every other notification is false: about something else, too early, or for a second time.
    """
    firing = _first(scenario, pages, "firing", t_fault)
    resolved = _first(scenario, pages, "resolved", t_heal)
    false = [page for page in pages if page is not firing and page is not resolved]
    complete = firing is not None and resolved is not None
    return Result(
        scenario=scenario.name,
        t_fault=t_fault,
        pages=tuple(pages),
        seconds_to_page=round(firing.time - t_fault, 3) if firing else None,
        seconds_to_resolve=round(resolved.time - t_heal, 3) if resolved else None,
        false_pages=len(false),
        ok=not false and (complete or not scenario.component),
    )


def _first(scenario: Scenario, pages: Sequence[Page], status: str, since: float) -> Page | None:
    return next(
        (page for page in pages if page.status == status and page.time >= since and expected(scenario, page)),
        None,
    )
