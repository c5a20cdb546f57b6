"""Alertmanager and Prometheus as far as the receiver asks them, on loopback."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web

from common.web import serve
from tests.alerts.outages import T0, rfc3339


@dataclass
class Hub:
    """What both say. ``alive`` False: they answer 500."""

    alerts: list[dict[str, Any]] = field(default_factory=list)
    firing: list[dict[str, str]] = field(default_factory=list)
    started: float = T0 - 1000
    prometheus_started: float = T0 - 1000
    alertmanager_alive: bool = True
    prometheus_alive: bool = True
    asked: int = 0
    beats: int = 0
    url: str = ""

    def stands(self, *found: dict[str, Any]) -> None:
        """Let Alertmanager hold these alerts, some of them muted."""
        self.alerts = [
            {"labels": one["labels"], "annotations": one["annotations"], "startsAt": one["startsAt"],
             "fingerprint": one["fingerprint"],
             "status": {"state": "suppressed", "silencedBy": ["s"], "inhibitedBy": []}}
            for one in found
        ]  # fmt: skip


@asynccontextmanager
async def hub(state: Hub) -> AsyncIterator[Hub]:
    def check(alive: bool) -> None:
        if not alive:
            raise web.HTTPInternalServerError

    async def alerts(request: web.Request) -> web.Response:
        state.asked += 1
        assert request.query["silenced"] == request.query["inhibited"] == "true"
        check(state.alertmanager_alive)
        return web.json_response(state.alerts)

    async def status(_: web.Request) -> web.Response:
        return web.json_response({"uptime": rfc3339(state.started), "cluster": {"status": "disabled"}})

    async def rules(_: web.Request) -> web.Response:
        check(state.prometheus_alive)
        found = [{"labels": labels, "state": "firing", "value": "1"} for labels in state.firing]
        found.append({"labels": {"alertname": "CommuneCutOff"}, "state": "pending", "value": "1"})
        return web.json_response({"status": "success", "data": {"alerts": found}})

    async def runtime(_: web.Request) -> web.Response:
        started = rfc3339(state.prometheus_started)
        return web.json_response({"status": "success", "data": {"startTime": started}})

    async def outside(_: web.Request) -> web.Response:
        state.beats += 1
        return web.Response(text="OK")

    app = web.Application()
    app.router.add_get("/api/v2/alerts", alerts)
    app.router.add_get("/api/v2/status", status)
    app.router.add_get("/api/v1/alerts", rules)
    app.router.add_get("/api/v1/status/runtimeinfo", runtime)
    app.router.add_get("/ping/secret-path", outside)
    async with serve(app, "127.0.0.1:0") as (host, port):
        state.url = f"http://{host}:{port}"
        yield state


async def until(condition: Callable[[], bool | Awaitable[bool]], seconds: float = 10.0) -> None:
    """Wait for what happens in other tasks and threads; fails when it does not."""
    async with asyncio.timeout(seconds):
        while True:
            found = condition()
            if found if isinstance(found, bool) else await found:
                return
            await asyncio.sleep(0.005)


async def looks(state: Hub, count: int) -> None:
    """Wait until the receiver has looked ``count`` more times."""
    wanted = state.asked + count
    await until(lambda: state.asked >= wanted)
