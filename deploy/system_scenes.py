"""The scenes of systems that answer, but badly: slow, a maintenance page, names that fail. Pure."""

from collections.abc import Iterator
from typing import Final

from alerts.rules_systems import DNS_FAILING, HELD_SECONDS, SYSTEM_IN_MAINTENANCE, SYSTEM_SLOW
from deploy.scene import CONFIRMED_SECONDS, STEP_SECONDS, Expected, Scene, Series, Span, series
from inventory import names
from inventory.model import Inventory, System
from inventory.names import HUB_SITE, Metric, Reason, Recorded

MINUTE: Final = 60
LENGTH_SECONDS: Final = 1800
NAMES_STEP_SECONDS: Final = 4
FAULT: Final[Span] = (40, 96)
"""As in the scenes of outages."""


def scenes(inventory: Inventory) -> Iterator[Scene]:
    """Yield the scenes; they play on the last system, and on one whose name has a resolver."""
    at = _Seen(inventory, inventory.systems[-1])
    yield from _maintenance(at)
    yield from _slow(at)
    yield _slower_than_usual(at)
    resolvers = {segment.id for segment in inventory.segments if segment.kind == "dns"}
    for system in inventory.systems:
        behind = [segment for segment in system.path if segment in resolvers]
        if behind and len(inventory.communes) > 1:
            yield from _names(_Seen(inventory, system), f"dns:{behind[0]}")
            return


class _Seen:
    """The system of a scene, and what sites measure there."""

    def __init__(self, inventory: Inventory, system: System) -> None:
        self.target = f"system:{system.id}"
        self.kind = system.check.kind
        self.limit = system.slow_seconds or inventory.quality.system_slow_seconds
        self.quality = inventory.quality
        self.codes = [commune.code for commune in inventory.communes]
        self.sites = [HUB_SITE, *self.codes]

    def by(self, site: str, metric: Metric, values: list[float], **labels: str) -> Series:
        commune = "" if site == HUB_SITE else site
        about = {"site": site, "commune": commune, "target": self.target, "probe": self.kind}
        return series(metric, {**about, **labels}, list(values))

    def failing(self, reason: Reason, span: Span, seconds: int) -> tuple[Series, ...]:
        """Everybody's checks end so, one a second, within the span."""
        counted = [
            float(min(max(s, span[0]), span[1]) - span[0]) for s in range(0, seconds + 1, STEP_SECONDS)
        ]
        return tuple(self.by(site, names.PROBE_RESULTS, counted, result=reason) for site in self.sites)

    def took(self, values: list[float], sites: list[str]) -> tuple[Series, ...]:
        return tuple(self.by(site, names.PROBE_DURATION, values) for site in sites)


# --- maintenance ---------------------------------------------------------------------------------
def _maintenance(at: _Seen) -> Iterator[Scene]:
    """One of the two pages, never both; what fails otherwise afterwards is down."""
    start, end = FAULT
    seen = (start + CONFIRMED_SECONDS, end + CONFIRMED_SECONDS)
    page, down = Expected(SYSTEM_IN_MAINTENANCE, at.target), Expected("SystemDown", at.target)
    planned = Expected(SYSTEM_IN_MAINTENANCE, at.target, "none")
    length = end + 40
    everywhere = {(code, at.target): seen for code in at.codes}
    shown = at.failing(Reason.MAINTENANCE, FAULT, length)
    over = ((start + 10, ()), (start + 32, (page,)), (end + 28, ()))
    yield Scene(
        name=f"{at.target} shows a maintenance page everywhere",
        seconds=length, down={at.target: FAULT}, unseen=everywhere, measured=shown, expected=over,
    )  # fmt: skip
    yield Scene(
        name=f"{at.target} shows a maintenance page as planned: nobody is paged",
        seconds=length, down={at.target: FAULT}, unseen=everywhere, measured=shown,
        maintained=(at.target,), expected=((start + 32, (planned,)),),
    )  # fmt: skip
    turned, late = (96, 210), 210
    yield Scene(
        name=f"{at.target} shows a maintenance page, then nothing at all: it is down",
        seconds=late, down={at.target: (start, late + 20)},
        unseen={(code, at.target): (seen[0], late + 20) for code in at.codes},
        measured=(*at.failing(Reason.MAINTENANCE, FAULT, late), *at.failing(Reason.REFUSED, turned, late)),
        expected=((start + 32, (page,)), (turned[0] - 2, (page,)), (turned[0] + 60, (down,))),
    )  # fmt: skip


# --- slow ----------------------------------------------------------------------------------------
def _slow(at: _Seen) -> Iterator[Scene]:
    steps = LENGTH_SECONDS // MINUTE + 1
    ticket = (Expected(SYSTEM_SLOW, at.target, "ticket"),)
    fires = ((HELD_SECONDS - MINUTE, ()), (HELD_SECONDS + 3 * MINUTE, ticket), (LENGTH_SECONDS, ticket))
    never = tuple((second, ()) for second in range(300, LENGTH_SECONDS + 1, 300))
    slow, well = [1.6 * at.limit] * steps, [0.9 * at.limit] * steps
    blip = [4 * at.limit if 15 <= minute < 18 else at.limit / 4 for minute in range(steps)]
    alone = (*at.took(well, at.sites[:-1]), *at.took(slow, at.sites[-1:]))
    told = [
        ("answers slowly for as long as it is held, from the hub", at.took(slow, [HUB_SITE]), fires),
        ("answers nearly too slowly", at.took(well, at.sites), never),
        ("answers slowly for three minutes", at.took(blip, at.sites), never),
    ]
    if len(at.codes) > 1:
        told.append(("answers slowly, from the communes alone", at.took(slow, at.codes), fires))
    if len(at.codes) > 2:
        told.append(("answers slowly to one commune: that is its line", alone, never))
    for said, measured, expected in told:
        yield Scene(
            name=f"{at.target} {said}", seconds=LENGTH_SECONDS, step_seconds=MINUTE, measured=measured,
            expected=expected,
        )  # fmt: skip


def _slower_than_usual(at: _Seen) -> Scene:
    """Within its limit, but far above its own days."""
    quality, steps = at.quality, LENGTH_SECONDS // MINUTE + 1
    most = min(at.limit / quality.system_times_usual, at.limit - quality.system_seconds_above_usual)
    shown = ", ".join(f'{label}="{value}"' for label, value in (("seen", "hub"), ("target", at.target)))
    past = Series(f"{Recorded.SYSTEM_SECONDS_USUAL}{{{shown}}}", f"{0.8 * most:g}x{steps}")
    ticket = (Expected(SYSTEM_SLOW, at.target, "ticket"),)
    return Scene(
        name=f"{at.target} answers within its limit, but far slower than on other days",
        seconds=LENGTH_SECONDS,
        step_seconds=MINUTE,
        left=(past,),
        measured=at.took([0.95 * at.limit] * steps, [HUB_SITE]),
        expected=((HELD_SECONDS - MINUTE, ()), (HELD_SECONDS + 3 * MINUTE, ticket)),
    )


# --- names ---------------------------------------------------------------------------------------
def _names(at: _Seen, resolver: str) -> Iterator[Scene]:
    """Agents still reach it by the address that they remember."""
    start, end, length = 40, 200, 280
    stale = [float(start <= second < end) for second in range(0, length + 1, NAMES_STEP_SECONDS)]
    answers = [1.0 - value for value in stale]
    page = (Expected(DNS_FAILING, resolver),)
    fires = ((start + 52, ()), (start + 80, page), (end - 8, page), (end + 20, ()))
    never = tuple((second, ()) for second in range(60, length + 1, 20))
    server = {"resolver": "10.0.0.53"}
    silent = at.by(HUB_SITE, names.DNS_RESOLVER_UP, answers, **server)
    for said, sites, more, expected in (
        ("are not resolved at the hub any more", [HUB_SITE], (), fires),
        ("are not resolved at two communes", at.codes[:2], (), fires),
        ("are not resolved at one commune: that is its own", at.codes[:1], (), never),
        ("have one name server less", [], (silent,), fires),
    ):
        measured = tuple(at.by(site, names.DNS_ANSWER_STALE, stale) for site in sites)
        yield Scene(
            name=f"names such as that of {at.target} {said}", seconds=length,
            step_seconds=NAMES_STEP_SECONDS, measured=(*measured, *more), expected=expected,
        )  # fmt: skip
