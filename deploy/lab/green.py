"""Whether everything in the lab is measured and well, asked of the hub itself."""

import asyncio
import contextlib
import time
from collections.abc import Callable
from typing import Final

import msgspec

from alerts.amapi import AmApi
from alerts.httpapi import ApiError
from alerts.promapi import PromApi
from common.i18n import t
from deploy.lab.lab import ALERTMANAGER_URL, PROMETHEUS_URL, Lab
from inventory.graph import plans
from inventory.names import HUB_SITE, TARGET_UP, Label, Recorded

_EVERY_SECONDS: Final = 0.5
_ASK_SECONDS: Final = 5.0


class NotGreen(Exception):  # noqa: N818 - reads as what it says: not green
    """The lab did not become well in time; the message says what was missing."""


class Health(msgspec.Struct, frozen=True):
    """What is well. ``problem`` is for people, and empty when everything is well; ``up`` of ``targets``
    answer; ``hopeless`` when waiting does not help."""

    targets: int
    up: int = 0
    problem: str = ""
    hopeless: bool = False


class Watch:
    """Asks Prometheus and Alertmanager of the hub. Use as an async context manager."""

    def __init__(self, lab: Lab) -> None:
        sites = (*lab.communes, HUB_SITE)
        self._sites = {
            site: sum(plan.role != "measure" for plan in plans(lab.inventory, site)) for site in sites
        }
        self._prometheus = PromApi(PROMETHEUS_URL, timeout_seconds=_ASK_SECONDS)
        self._alertmanager = AmApi(ALERTMANAGER_URL, timeout_seconds=_ASK_SECONDS)
        self._lab = lab
        self._stack = contextlib.AsyncExitStack()

    async def __aenter__(self) -> "Watch":
        await self._stack.enter_async_context(self._prometheus)
        await self._stack.enter_async_context(self._alertmanager)
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._stack.aclose()

    async def health(self) -> Health:
        """Return how things stand now; never raises for a hub that does not answer."""
        targets = sum(self._sites.values())
        ended = self._lab.nodes.ended()
        if ended:
            return Health(targets, problem=t("lab.problem_ended", names=", ".join(ended)), hopeless=True)
        try:
            return await self._ask(targets)
        except ApiError as error:
            return Health(targets, problem=t("lab.problem_hub", problem=error))

    async def _ask(self, targets: int) -> Health:
        up = await self._prometheus.query(f"count by ({Label.SITE}) ({TARGET_UP.name} == 1)")
        counts = {sample.label(Label.SITE): int(sample.value) for sample in up}
        total = sum(counts.values())
        lacking = [site for site, count in self._sites.items() if counts.get(site, 0) < count]
        if lacking:
            return Health(targets, total, t("lab.problem_sites", sites=", ".join(lacking)))
        silent = await self._prometheus.query(f"{Recorded.SILENT} == 0 unless on () {Recorded.HOLD}")
        if len(silent) < len(self._lab.communes):
            return Health(targets, total, t("lab.problem_rules"))
        alerts = await self._alertmanager.alerts()
        firing = [alert.label("alertname") for alert in alerts if alert.label("severity") != "none"]
        if firing:
            return Health(targets, total, t("lab.problem_alerts", names=", ".join(firing)))
        if not alerts:
            return Health(targets, total, t("lab.problem_watchdog"))
        return Health(targets, total)

    async def wait(self, seconds: float, progress: Callable[[Health], None]) -> None:
        """Return once all is well. Raises NotGreen after ``seconds``, or when a program ended."""
        deadline = time.monotonic() + seconds
        while True:
            health = await self.health()
            progress(health)
            if not health.problem:
                return
            if health.hopeless or time.monotonic() > deadline:
                raise NotGreen(health.problem)
            await asyncio.sleep(_EVERY_SECONDS)
