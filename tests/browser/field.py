"""A province that reports whatever a test wants, as a page for a real Prometheus to scrape.

Series are those that agents push: same names, same identity labels, so the wall cannot tell.
"""

import random
import time
from collections.abc import Iterator

from aiohttp import web

from inventory import names
from inventory.graph import Plan, plans
from inventory.model import Inventory, Line
from inventory.names import HUB_SITE, JOB_AGENT, DeadZone, LineVerdict, Metric, Recorded

DAY_SECONDS = 86400
SCRAPED = "field_scraped_total"


class Field:
    """Sites, and what fails at them. Change the sets while the test runs."""

    def __init__(self, inventory: Inventory) -> None:
        self.inventory = inventory
        self.codes = [commune.code for commune in inventory.communes]
        self._plans = {site: plans(inventory, site) for site in (HUB_SITE, *self.codes)}
        self.scraped = 0
        self.reset()

    def reset(self) -> None:
        """All is well everywhere."""
        self.never: set[str] = set()
        self.silent: dict[str, float] = {}  # site -> time of its last heartbeat
        self.failing: set[tuple[str, str]] = set()  # (site, target)
        self.gone: set[tuple[str, str]] = set()  # (site, target) that nobody measures any more
        self.frozen_at: float | None = None
        self.verdicts: dict[tuple[str, str], set[str]] = {}  # (commune, line) -> what is wrong with it
        self.on_battery: set[str] = set()
        self.dead_zones: dict[str, str] = {}  # commune -> why
        self._changed: dict[tuple[str, str], float] = {}

    # --- what happens ----------------------------------------------------------------------------
    def cut(self, code: str, now: float | None = None) -> None:
        """Cut all lines of a commune a quarter of a minute ago, or at ``now``: its agent is silent, its
        routers do not answer."""
        self.silence(code, now)
        for line in self.routers(code):
            self.fail(HUB_SITE, line)

    def heal(self, code: str) -> None:
        """Undo a cut."""
        self.silent.pop(code, None)
        for line in self.routers(code):
            self.failing.discard((HUB_SITE, line))

    def silence(self, site: str, now: float | None = None) -> None:
        """The agent has died, long enough ago to be missed unless ``now`` says when; its line works."""
        self.silent[site] = time.time() - 15 if now is None else now

    def fail(self, site: str, target: str, since: float | None = None) -> None:
        """A site does not reach a target."""
        self.failing.add((site, target))
        self._changed[site, target] = time.time() if since is None else since

    def fail_everywhere(self, target: str, since: float | None = None) -> None:
        """Nobody reaches a target."""
        for site in self._plans:
            self.fail(site, target, since)

    def routers(self, code: str) -> list[str]:
        """Return the targets of the hub's outside-in pings to a commune."""
        return [plan.target for plan in self._plans[HUB_SITE] if plan.commune == code]

    # --- what Prometheus scrapes -----------------------------------------------------------------
    def sample_lines(self, now: float, at: float | None = None) -> Iterator[str]:
        """Yield the exposition at ``now``; with ``at`` each line has a time (OpenMetrics)."""
        stamp = "" if at is None else f" {at:.3f}"
        for code, why in self.dead_zones.items():
            yield f'{Recorded.DEAD_ZONE}{{commune="{code}",reason="{why}"}} 1{stamp}'
            if why == DeadZone.AVAILABILITY:
                share = 0.79 + int(code) % 13 / 100
                for recorded, value in (
                    (Recorded.LINE_LONG_AVAILABILITY, share),
                    (Recorded.LINE_LONG_UPPER, share + 0.03),
                ):
                    yield f'{recorded}{{commune="{code}",line="main"}} {value:.4f}{stamp}'
        for site, its_plans in self._plans.items():
            if site in self.never:
                continue
            heard = self.silent.get(site, now)
            own = _labels(site, "" if site == HUB_SITE else site)
            yield f"{names.HEARTBEAT.name}{{{own}}} {heard:.3f}{stamp}"
            if now - heard < 300:  # pushed series stay current for five minutes
                for plan in its_plans:
                    if plan.role != "measure":
                        yield from self._target(site, plan, stamp)

                if site != HUB_SITE:
                    yield from (f"{line}{stamp}" for line in self._measured(site))

    def _measured(self, code: str) -> Iterator[str]:
        """What the agent measures besides, and what the rules record of it: sound where nothing is wrong."""
        commune = next(commune for commune in self.inventory.communes if commune.code == code)
        own = _labels(code, code)
        for line in commune.lines:
            bad = self.verdicts.get((code, line.id), set())
            yield from _line(f'commune="{code}",line="{line.id}"', line, bad)
            inside = f'{own},line="{line.id}",target="hub:main"'
            yield f"{names.THROUGHPUT_GRADE.name}{{{inside}}} {1 if not bad else 4}"
            yield f"{names.TRACE_HOPS.name}{{{inside}}} 6"
            yield f'{names.THROUGHPUT_RTT.name}{{{inside},direction="down"}} 0.038'
            for direction in ("up", "down"):
                lost = 0.024 if "lossy" in bad and direction == "up" else 0
                yield f'{names.STAMP_LOSS.name}{{{inside},direction="{direction}"}} {lost}'
        mains = int(code not in self.on_battery)
        for metric, value in (
            (names.POWER_ON_MAINS, mains), (names.POWER_CHARGE, 0.94 if mains else 0.41),
            (names.POWER_RUNTIME, 5400 if mains else 1500), (names.HOST_CPU, 0.06),
            (names.HOST_MEMORY_AVAILABLE, 6e8), (names.HOST_MEMORY_TOTAL, 1e9), (names.HOST_DISK_FREE, 2e10),
            (names.HOST_DISK_TOTAL, 3e10), (names.HOST_TEMPERATURE, 54),
        ):  # fmt: skip
            yield f"{metric.name}{{{own}}} {value}"

    def _target(self, site: str, plan: Plan, stamp: str) -> Iterator[str]:
        key = (site, plan.target)
        if key in self.gone:
            return
        labels = f'{_labels(site, plan.commune)},target="{plan.target}",probe="{plan.kind}"'
        labels += f',line="{plan.line}"' if plan.line else ""
        up = key not in self.failing
        yield f"{names.TARGET_UP.name}{{{labels}}} {int(up)}{stamp}"
        changed = self._changed.get(key, 1.7e9)
        yield f"{names.TARGET_STATE_CHANGED.name}{{{labels}}} {changed:.3f}{stamp}"

    async def serve(self, _: web.Request) -> web.Response:
        """Answer Prometheus' scrape; which one it was is a sample too."""
        now = self.frozen_at or time.time()
        self.scraped += 1
        lines = (*self.sample_lines(now), f"{SCRAPED} {self.scraped}", "")
        return web.Response(text="\n".join(lines), content_type="text/plain")

    # --- the day before --------------------------------------------------------------------------
    def day(self, code: str, now: float, step: int = 60) -> Iterator[str]:
        """Yield a commune's last day as OpenMetrics: a busy afternoon, some loss, one cut."""
        noise = random.Random(code)
        start = int(now) - DAY_SECONDS
        hub = next(plan for plan in self._plans[code] if plan.role == "hub")
        own = _labels(code, code)
        inside = f'{own},target="{hub.target}",probe="icmp",line="{hub.line}"'
        series: dict[Metric, list[str]] = {
            names.HEARTBEAT: [], names.TARGET_UP: [], names.PROBE_ICMP_DURATION: [], names.PROBE_RESULTS: [],
        }  # fmt: skip
        sent, lost = {"ok": 0.0, "timeout": 0.0}, 0.0
        for at in range(start, int(now) - 60, step):
            hour = (at - start) / 3600
            if 13.2 < hour < 14.0:  # cut off: nothing arrives
                continue
            load = max(0.0, 1 - abs(hour - 7.5) / 2.5)
            rtt = 0.0085 + 0.011 * load + abs(noise.gauss(0, 0.0012)) + (0.02 if noise.random() < 0.01 else 0)
            lost = noise.random() * 0.04 * load + (0.3 if 9.0 < hour < 9.2 else 0)
            sent["ok"] += 12 * (1 - lost)
            sent["timeout"] += 12 * lost
            down = 9.1 < hour < 9.15
            series[names.HEARTBEAT].append(f"{names.HEARTBEAT.name}{{{own}}} {at} {at}")
            series[names.TARGET_UP].append(f"{names.TARGET_UP.name}{{{inside}}} {int(not down)} {at}")
            duration = f'{names.PROBE_ICMP_DURATION.name}{{{inside},phase="rtt"}}'
            series[names.PROBE_ICMP_DURATION].append(f"{duration} {rtt:.6f} {at}")
            for result, count in sent.items():
                total = f'{names.PROBE_RESULTS.name}{{{inside},result="{result}"}}'
                series[names.PROBE_RESULTS].append(f"{total} {count:.3f} {at}")
        router = f'{_labels(HUB_SITE, code)},target="{self.routers(code)[0]}",probe="icmp",line="{hub.line}"'
        for at in range(start, int(now) - 60, step):
            up = not 13.2 < (at - start) / 3600 < 14.0
            series[names.TARGET_UP].append(f"{names.TARGET_UP.name}{{{router}}} {int(up)} {at}")
        for metric, lines in series.items():
            family = metric.name.removesuffix("_total")
            yield f"# TYPE {family} {metric.type}"
            yield from sorted(lines, key=lambda line: line.partition("}")[0])
        yield "# EOF"


def _line(about: str, line: Line, bad: set[str]) -> Iterator[str]:
    """What the rules record of a line."""
    used = 0.97 if "congested" in bad else 0.42 if line.id == "main" else 0.01
    usual = 0.93 if "chronic" in bad else 0.61 if line.id == "main" else 0.03
    for verdict in LineVerdict:
        yield f'{Recorded.LINE_VERDICT}{{{about},verdict="{verdict}"}} {int(verdict in bad)}'
    for recorded, value in (
        (Recorded.LINE_RTT_MEDIAN, 0.083 if "slow" in bad else 0.0094),
        (Recorded.LINE_LOSS, 0.024 if "lossy" in bad else 0.0005),
        (Recorded.LINE_JITTER_MEDIAN, 0.041 if "jittery" in bad else 0.0011),
        (Recorded.LINE_GOODPUT_AT, time.time() - 8000),
        (Recorded.LINE_CARRYING, int(line.id == "main")),
    ):
        yield f"{recorded}{{{about}}} {value:g}"
    for direction, mbps in (("down", line.down_mbps), ("up", line.up_mbps)):
        way = f'{about},direction="{direction}"'
        share = used if direction == "down" else used / 3
        reached = 0.55 if "under_contract" in bad else 0.95
        yield f"{Recorded.LINE_UTILISATION}{{{way}}} {share:g}"
        yield f"{Recorded.LINE_BUSY}{{{way}}} {usual:g}"
        yield f"{Recorded.LINE_GOODPUT}{{{way}}} {reached * mbps * 125_000:g}"


def _labels(site: str, commune: str) -> str:
    about = f',commune="{commune}"' if commune else ""
    return f'job="{JOB_AGENT}",instance="{site}",site="{site}"{about}'
