"""A province that reports whatever a test wants, as a page for a real Prometheus to scrape.

Series are those that agents push: same names, same identity labels, so the wall cannot tell.
"""

import random
import time
from collections.abc import Iterator

from aiohttp import web

from inventory import names
from inventory.graph import Plan, plans
from inventory.model import Inventory
from inventory.names import HUB_SITE, JOB_AGENT, Metric

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
        for site, its_plans in self._plans.items():
            if site in self.never:
                continue
            heard = self.silent.get(site, now)
            own = _labels(site, "" if site == HUB_SITE else site)
            yield f"{names.HEARTBEAT.name}{{{own}}} {heard:.3f}{stamp}"
            if now - heard < 300:  # pushed series stay current for five minutes
                for plan in its_plans:
                    yield from self._target(site, plan, stamp)

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


def _labels(site: str, commune: str) -> str:
    about = f',commune="{commune}"' if commune else ""
    return f'job="{JOB_AGENT}",instance="{site}",site="{site}"{about}'
