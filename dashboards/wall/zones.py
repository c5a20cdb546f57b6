"""Chronic dead zones as a list, ranked as ``thongsuot deadzones`` ranks them. Pure."""

from collections.abc import Sequence
from typing import Final

from inventory.names import DeadZone

from .markup import Html, el
from .shapes import zone_glyph
from .snapshot import CommuneView
from .wording import Words

MAX_LISTED: Final = 20


def ranked(communes: Sequence[CommuneView]) -> tuple[CommuneView, ...]:
    """Return the dead zones: those found by measurement before those never heard; by dossiers that meet them
    down, then by time lost."""
    return tuple(sorted((commune for commune in communes if commune.dead_zone), key=_rank))


def _rank(commune: CommuneView) -> tuple[bool, float, float, float, str]:
    measured = commune.availability is not None
    up = commune.availability if commune.availability is not None else 1.0
    lost = commune.dossiers_per_day * (1 - up) if measured else 0.0
    unheard = commune.dead_zone[0] is DeadZone.NEVER_REPORTED
    return unheard, -lost, up, -commune.dossiers_per_day, commune.code


def zone_list(communes: Sequence[CommuneView], words: Words) -> Html:
    """Return the list, or that there is none."""
    found = ranked(communes)
    if not found:
        return el("p", words.say("zones_none"), class_="note zones")
    more = len(found) - MAX_LISTED
    return el(
        "div",
        el("h3", words.say("zones_ranked")),
        el("ol", (_item(commune, words) for commune in found[:MAX_LISTED]), class_="zone-list"),
        el("p", words.say("more_communes", count=more), class_="note") if more > 0 else None,
        class_="zones",
    )


def _item(commune: CommuneView, words: Words) -> Html:
    why = commune.dead_zone[0]
    said = [", ".join(words.say(f"zone_{one}") for one in commune.dead_zone)]
    if commune.availability is not None:
        share = words.say("percent", value=words.number(commune.availability * 100, 1))
        said.append(words.say("zone_up", share=share))
    if commune.dossiers_per_day:
        said.append(words.say("zone_dossiers", count=words.number(commune.dossiers_per_day)))
    return el(
        "li",
        zone_glyph(why),
        el("a", words.of(commune.name), href=f"/commune/{commune.code}"),
        el("span", " · ".join(said), class_="why"),
    )
