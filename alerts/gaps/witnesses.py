"""Gathers what both sides told around one gap."""

from typing import Final

from alerts.gaps import ask
from alerts.gaps.ask import Period
from alerts.gaps.causes import Deaf, Witnesses
from alerts.gaps.find import Stretch
from alerts.gaps.label import Case
from alerts.gaps.life import Told
from alerts.gaps.sites import Site
from alerts.gaps.tracks import Track, Value, joined
from alerts.promapi import PromApi, Series, quote
from alerts.slo import Seconds
from inventory import names
from inventory.names import HUB_SITE, ComponentKind, Label, Metric, State

BEFORE_SECONDS: Final = 120.0
AFTER_SECONDS: Final = 150.0
"""How far around a gap the details are: they are told every half minute, at first after some more."""
_PING_REACH_SECONDS: Final = 20.0
_DETAIL_REACH_SECONDS: Final = 90.0
_READ_SECONDS: Final = 600
_HOST: Final = {
    names.AGENT_START.name: "starts", names.AGENT_BOOT.name: "booted", names.HOST_BOOT_INFO.name: "boots",
    names.AGENT_STOPPED.name: "stopped", names.POWER_ON_MAINS.name: "mains",
    names.AGENT_CLOCK_GUARD.name: "guard", names.AGENT_CLOCK_OFFSET.name: "offset",
    names.AGENT_SPOOL_BYTES.name: "spool", names.AGENT_DELIVERED.name: "delivered",
    names.HEARTBEAT.name: "heartbeat",
}  # fmt: skip
_BEATS: Final = ("delivered", "heartbeat")
"""Whatever they say, they say that the agent runs."""
_SIGNS: Final = (*_BEATS, "starts", "stopped")
"""What may survive where heartbeats do not, or come after the last one."""


async def gather(api: PromApi, site: Site, stretch: Stretch, deaf: tuple[Deaf, ...]) -> Case:
    """Return all that is known of a gap. Raises ApiError."""
    around = Period(stretch.start - BEFORE_SECONDS, stretch.end + (0.0 if stretch.open else AFTER_SECONDS))
    told = await _told(api, site, around)
    outside, own, lan = await _pings(api, site, around)
    counted = {} if own or stretch.open else await _counted(api, site, stretch)
    near = tuple(one for one in deaf if _near(one, around))
    seen = Witnesses(
        lines=site.lines, routers=site.routers, outside=outside, own=own, lan=lan, counted=counted, deaf=near
    )
    return Case(
        commune=site.code, stretch=stretch, beat_seconds=site.beat_seconds, told=told, seen=seen,
        windows=site.windows,
    )  # fmt: skip


def _near(deaf: Deaf, period: Period) -> bool:
    return deaf.interval.end.at > period.since and deaf.interval.start.at < period.until


async def _told(api: PromApi, site: Site, period: Period) -> Told:
    wanted = f"{{__name__=~{quote('|'.join(_HOST))},site={quote(site.code)}}}"

    def reach(name: str) -> float:
        return site.silent_seconds if name in _SIGNS else _DETAIL_REACH_SECONDS

    found = await ask.tracks(api, wanted, period, reach, _site_track)
    signs = joined([found[name] for name in _SIGNS if name in found], site.silent_seconds)
    return Told(heard=signs, **{name: one for name, one in found.items() if name not in _BEATS})


def _site_track(series: Series) -> tuple[str, Value | None] | None:
    name = _HOST.get(series.label("__name__"))
    if name is None:
        return None
    if name == "boots":
        return name, series.label("boot_id")
    return name, 1.0 if name in _BEATS else None


async def _pings(
    api: PromApi, site: Site, period: Period
) -> tuple[dict[str, Track], dict[str, Track], Track]:
    """Return the hub's pings by line, the site's to the hub by line, and those to the site's gateway."""
    targets = "|".join(f"{kind}:.+" for kind in (ComponentKind.LINE, ComponentKind.HUB, ComponentKind.LAN))
    wanted = f'{names.PROBE_SUCCESS.name}{{commune={quote(site.code)},probe="icmp",target=~{quote(targets)}}}'
    found = await ask.tracks(api, wanted, period, lambda _: _PING_REACH_SECONDS, _ping_track)
    by_role: dict[str, dict[str, Track]] = {"outside": {}, "own": {}, "lan": {}}
    for key, track in found.items():
        role, _, line = key.partition("/")
        by_role[role][line] = track
    outside = {line: track for line, track in by_role["outside"].items() if line in site.lines}
    own = {line: track for line, track in by_role["own"].items() if line in site.lines}
    return outside, own, by_role["lan"].get("", Track())


def _ping_track(series: Series) -> tuple[str, None] | None:
    target, line = series.label(Label.TARGET), series.label(Label.LINE)
    if series.label(Label.SITE) == HUB_SITE:
        return (f"outside/{line}", None) if target.startswith("line:") else None
    return ("lan/", None) if target.startswith("lan:") else (f"own/{line}", None)


# --- counters that went on ---------------------------------------------------------------------------
async def _counted(api: PromApi, site: Site, stretch: Stretch) -> dict[str, Seconds]:
    """Return what the site's counters gained over a gap, by line; a line whose counters are not there on
    both sides, or began anew, is left out."""
    old = await _counters(api, site, stretch.start)
    new = await _counters(api, site, stretch.end + AFTER_SECONDS / 2)
    gains = {line: new[line].minus(old[line]) for line in old.keys() & new.keys()}
    return {line: gain for line, gain in gains.items() if min(gain.up, gain.down, gain.unknown) >= 0}


async def _counters(api: PromApi, site: Site, at: float) -> dict[str, Seconds]:
    selected = selector(names.TARGET_STATE_SECONDS, site=site.code, target=site.hub, probe="icmp")
    promql = f"max by (line, state) (last_over_time({selected}[{_READ_SECONDS}s]))"
    by_line: dict[str, dict[str, float]] = {}
    for sample in await api.query(promql, at):
        if sample.label(Label.LINE) in site.lines and ask.is_believable(sample.value):
            by_line.setdefault(sample.label(Label.LINE), {})[sample.label(Label.STATE)] = sample.value
    return {
        line: Seconds(*(states.get(state, 0.0) for state in (State.UP, State.DOWN, State.UNKNOWN)))
        for line, states in by_line.items()
    }


def selector(metric: Metric, **labels: str) -> str:
    """Return a selector with labels that must be equal."""
    matchers = ",".join(f"{name}={quote(value)}" for name, value in labels.items())
    return f"{metric.name}{{{matchers}}}"
