"""From query results to what the wall shows. Pure: same answers, same snapshot."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Final

from inventory.names import HUB_SITE

from . import quality
from .answers import Answers, Key
from .directory import Directory, Place
from .ended import ended
from .outages import outages
from .snapshot import (
    Behind,
    Cell,
    CommuneDetail,
    CommuneView,
    Health,
    OutageView,
    Reason,
    SiteView,
    Snapshot,
    State,
    SystemView,
    TargetView,
)

LOCATOR_SECONDS: Final = 12.0
"""Without a word of the locator for so long, the wall goes by the alerts alone."""
STALE_SECONDS: Final = 20.0
"""Newest data older than this and the wall says so instead of showing states."""
_ORDER: Final = {state: rank for rank, state in enumerate(State)}


def snapshot(directory: Directory, answers: Answers, stale_seconds: float = STALE_SECONDS) -> Snapshot:
    """Return what is to be shown."""
    locator_ok = _locator_ok(answers)
    shown, hidden = outages(directory, answers.alerts, answers.blamed if locator_ok else ())
    scene = _Scene(directory, answers, stale_seconds, covered(shown))
    communes = tuple(scene.commune(place) for place in directory.places.values())
    return Snapshot(
        at=answers.at,
        province=directory.province,
        health=scene.health,
        communes=communes,
        systems=tuple(scene.system(index, communes) for index in range(len(directory.systems))),
        outages=shown,
        hidden=hidden,
        on_call=directory.duty(answers.at),
        ended=ended(directory, answers.past, answers.at),
    )


def covered(outages: Iterable[OutageView]) -> dict[str, OutageView]:
    """Return by commune the outage that explains its trouble: what lets nothing pass before what loses some,
    and the widest of several."""
    cutting = [one for one in outages if one.cuts]
    found: dict[str, OutageView] = {}
    for one in sorted(cutting, key=lambda o: (o.loss is not None, -len(o.communes), o.key)):
        for code in one.communes:
            found.setdefault(code, one)
    return found


def problems_first(communes: tuple[CommuneView, ...]) -> tuple[CommuneView, ...]:
    """Sort communes by state, worst first, the longest lasting first among equals."""
    return tuple(sorted(communes, key=lambda c: (_ORDER[c.state], c.since or 0.0, c.name.vi)))


def detail(
    directory: Directory, answers: Answers, shown: Snapshot, code: str, stale_seconds: float = STALE_SECONDS
) -> CommuneDetail:
    """Return one commune's page. Raises KeyError for a code that the inventory does not have."""
    place = directory.places[code]
    scene = _Scene(directory, answers, stale_seconds, covered(shown.outages))
    contacts = [("site", call) for call in directory.calls((f"lan:{code}",))]
    for line in place.lines:
        name = f"line:{code}/{line}"
        contacts += ((name, call) for call in directory.calls((name,)))
    return CommuneDetail(
        commune=next(commune for commune in shown.communes if commune.code == code),
        targets=tuple(scene.targets(code)),
        calls=tuple(contacts),
        outages=tuple(outage for outage in shown.outages if code in outage.communes),
        health=shown.health,
        at=shown.at,
        ended=tuple(one for one in shown.ended if code in one.communes),
        lines=quality.lines(answers, place, speaks=scene.measures(code)),
        site=quality.site(answers, code) if scene.measures(code) else SiteView(),
    )


class _Scene:
    """One poll's answers, asked about one commune or system after the other."""

    def __init__(
        self,
        directory: Directory,
        answers: Answers,
        stale_seconds: float,
        explained: Mapping[str, OutageView],
    ) -> None:
        self.directory = directory
        self.answers = answers
        self.explained = explained
        self.planned = directory.planned(answers.at)
        self.health = _health(answers, stale_seconds)
        self.hub_fresh = self._fresh(HUB_SITE)
        self._by_site: dict[str, dict[Key, bool]] = {}
        for key, up in answers.up.items():
            self._by_site.setdefault(key.site, {})[key] = up

    def _fresh(self, site: str) -> bool:
        heard = self.answers.heartbeats.get(site)
        return heard is not None and self.answers.at - heard <= self.directory.silence_seconds

    def _heard(self, code: str) -> float | None:
        found = (self.answers.heartbeats.get(code), self.answers.last_heard.get(code))
        return max((time for time in found if time is not None), default=None)

    def seen_by(self, site: str) -> Mapping[Key, bool]:
        """Return what a site measured: nothing while its agent is silent, since that is the past."""
        if self.health.stale or not self._fresh(site):
            return {}
        return self._by_site.get(site, {})

    def measures(self, code: str) -> bool:
        """Whether what a site measured besides up and down is of now."""
        return not self.health.stale and self._fresh(code) and quality.is_known(self.answers)

    def _router_answers(self, place: Place) -> bool | None:
        """Does any router of the commune answer the hub? None where nothing is known of it."""
        seen = self.seen_by(HUB_SITE)
        names = {f"line:{place.code}/{line}" for line in place.routers}
        known = [up for key, up in seen.items() if key.target in names]
        return any(known) if known else None

    # --- one commune -----------------------------------------------------------------------------
    def commune(self, place: Place) -> CommuneView:
        state, reason, since = self._state(place)
        outage = self.explained.get(place.code)
        if state is State.UP and outage is not None and outage.loss is not None:
            state, reason, since = State.DEGRADED, "lossy", outage.since
        if state in (State.DOWN, State.DEGRADED, State.UNKNOWN) and self._is_planned(place):
            state, reason = State.MAINTENANCE, "planned"
        measures = self.measures(place.code)
        return CommuneView(
            code=place.code,
            name=place.name,
            latitude=place.latitude,
            longitude=place.longitude,
            state=state,
            reason=reason,
            since=since,
            cells=self._cells(place.code),
            verdicts=quality.verdicts(self.answers, place) if measures else (),
            on_battery=measures and quality.on_battery(self.answers, place),
            dead_zone=quality.dead_zone(self.answers, place.code),
            availability=self.answers.measured.availability.get(place.code),
            upper=self.answers.measured.upper.get(place.code),
            dossiers_per_day=place.dossiers_per_day,
            behind=Behind(outage.key, outage.what) if outage is not None and outage.wide else None,
        )

    def _is_planned(self, place: Place) -> bool:
        return bool(self.planned) and all(leg & self.planned for leg in place.legs)

    def _state(self, place: Place) -> tuple[State, Reason | None, float | None]:
        heard = self._heard(place.code)
        if self.health.stale:
            return State.UNKNOWN, "stale", None
        if heard is None:
            return State.NEVER, None, None
        if not self._fresh(place.code):
            return self._silent(place, heard)
        failing = self._failing(place.code)
        if failing is None:
            return State.UP, None, None
        return State.DEGRADED, *failing

    def _silent(self, place: Place, heard: float) -> tuple[State, Reason, float]:
        answers = self._router_answers(place)
        if answers:
            return State.UNKNOWN, "agent_silent", heard
        if answers is None and place.routers:
            return State.UNKNOWN, "hub_silent", heard
        return State.DOWN, "cut_off", heard

    def _failing(self, code: str) -> tuple[Reason, float | None] | None:
        """What the commune's own agent says is down: a line, the LAN, or a system that others reach."""
        down = [key for key, up in self.seen_by(code).items() if not up]
        groups: tuple[tuple[Reason, list[Key]], ...] = (
            ("line", [key for key in down if key.target.startswith("hub:")]),
            ("lan", [key for key in down if key.target.startswith("lan:")]),
            ("systems", [key for key in down if self._is_local(key.target)]),
        )
        for reason, keys in groups:
            if keys:
                times = [self.answers.changed[key] for key in keys if key in self.answers.changed]
                return reason, min(times, default=None)
        return None

    def _is_local(self, target: str) -> bool:
        """Whether a failing system is this commune's problem: the hub does not see it down itself."""
        return target.startswith("system:") and self._from_hub(target) is not Cell.DOWN

    # --- systems ---------------------------------------------------------------------------------
    def _cells(self, code: str) -> tuple[Cell, ...]:
        seen = {key.target: _cell(up) for key, up in self.seen_by(code).items()}
        return tuple(seen.get(f"system:{system}", Cell.UNKNOWN) for system in self.directory.systems)

    def _from_hub(self, target: str) -> Cell:
        for key, up in self.seen_by(HUB_SITE).items():
            if key.target == target:
                return _cell(up)
        return Cell.UNKNOWN

    def system(self, index: int, communes: tuple[CommuneView, ...]) -> SystemView:
        identity, name = list(self.directory.systems.items())[index]
        cells = [commune.cells[index] for commune in communes]
        reached = cells.count(Cell.UP)
        measured = reached + cells.count(Cell.DOWN)
        state = self._from_hub(f"system:{identity}")
        if state is Cell.UNKNOWN and measured:  # the hub does not say: the communes together do
            state = Cell.UP if reached else Cell.DOWN
        planned = f"system:{identity}" in self.planned
        return SystemView(
            id=identity, name=name, state=state, planned=planned, reached=reached, measured=measured
        )

    # --- one commune's page ----------------------------------------------------------------------
    def targets(self, code: str) -> Iterator[TargetView]:
        """Everything measured at or about a commune; what a silent agent said last is unknown."""
        about = [key for key in self.answers.up if code in (key.site, key.commune)]
        for key in sorted(about, key=_target_order):
            up = self.seen_by(key.site).get(key)
            yield TargetView(
                target=key.target,
                name=self.directory.name(key.target),
                line=key.line,
                state=Cell.UNKNOWN if up is None else _cell(up),
                since=self.answers.changed.get(key) if up is False else None,
                from_hub=key.site == HUB_SITE,
            )


_KINDS: Final = ("lan", "line", "hub", "pop", "ring", "isp")


def _target_order(key: Key) -> tuple[int, Key]:
    kind = key.target.partition(":")[0]
    return (_KINDS.index(kind) if kind in _KINDS else len(_KINDS), key)


def _cell(up: bool) -> Cell:
    return Cell.UP if up else Cell.DOWN


def _locator_ok(answers: Answers) -> bool | None:
    if answers.locator_at is None:
        return None
    return answers.at - answers.locator_at <= LOCATOR_SECONDS


def _health(answers: Answers, stale_seconds: float) -> Health:
    newest = max(answers.heartbeats.values(), default=None)
    old = newest is None or answers.at - newest > stale_seconds
    return Health(
        prometheus_ok=answers.prometheus_error is None,
        alertmanager_ok=answers.alertmanager_error is None,
        locator_ok=_locator_ok(answers),
        newest=newest,
        stale=old or answers.prometheus_error is not None,
    )
