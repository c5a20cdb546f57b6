"""Real Prometheus and Alertmanager for the browser tests, on free loopback ports, in a directory.

The locator's page is played from a table, with the locator's own structs.
"""

import asyncio
import contextlib
import os
import signal
import socket
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import aiohttp
import msgspec
from aiohttp import web

from alerts.amapi import AmApi
from alerts.ledger import Entry, Ledger
from alerts.locate.model import Cause
from alerts.pinpoint.holding import Open
from alerts.pinpoint.ledger_page import LedgerPage
from alerts.promapi import PromApi
from common.web import serve
from dashboards.wall.gate import Gate, OpenGate
from dashboards.wall.serve import Options, running
from deploy.debian import find
from deploy.unpacked import argv

from .field import SCRAPED, Field

READY_SECONDS = 30.0


def free_port() -> int:
    """Return a loopback port that was free a moment ago."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@asynccontextmanager
async def process(
    command: Iterable[str], ready_url: str, log: Path
) -> AsyncIterator[asyncio.subprocess.Process]:
    """Run a program until the context closes; yields once it answers on ``ready_url``."""
    with log.open("wb") as output:
        child = await asyncio.create_subprocess_exec(*command, stdout=output, stderr=output)
    try:
        await answers(ready_url, log)
        yield child
    finally:
        with contextlib.suppress(ProcessLookupError):
            child.send_signal(signal.SIGTERM)
        await asyncio.wait_for(child.wait(), 20)


async def answers(url: str, log: Path) -> None:
    """Wait until a service answers 200. Raises AssertionError with its log."""
    async with aiohttp.ClientSession() as client:
        for _ in range(int(READY_SECONDS / 0.1)):
            with contextlib.suppress(aiohttp.ClientError):
                async with client.get(url) as answer:
                    if answer.status == 200:
                        return
            await asyncio.sleep(0.1)
    said = await asyncio.to_thread(log.read_text, errors="replace")
    raise AssertionError(f"{url} does not answer:\n{said[-2000:]}")


async def until(holds: Callable[[], Awaitable[bool]]) -> None:
    """Wait for a condition. Raises AssertionError."""
    for _ in range(int(READY_SECONDS / 0.05)):
        if await holds():
            return
        await asyncio.sleep(0.05)
    raise AssertionError("it never came to be")


class Stack:
    """The running parts; tests post alerts and stop Prometheus through it."""

    def __init__(self, field: Field, prometheus: str, alertmanager: str, child: asyncio.subprocess.Process):
        self.field = field
        self.prometheus = prometheus
        self.alertmanager = alertmanager
        self._prometheus = child
        self._open: dict[str, dict[str, object]] = {}
        self.blamed: dict[str, Open] = {}
        self.locating = True
        self.locator = ""
        self.ledger: Path | None = None
        self.url = ""

    async def alert(
        self, component: str, *, since: float | None = None, ends: bool = False, **more: str
    ) -> None:
        """Post an alert as a rule or the locator would; annotations by keyword."""
        labels = {
            name: more.pop(name, usual) for name, usual in (("alertname", "Test"), ("severity", "page"))
        }
        await self._tell(component, since or time.time(), labels, more, ends=ends)

    async def _tell(
        self,
        component: str,
        since: float,
        labels: dict[str, str],
        said: dict[str, str],
        *,
        ends: bool = False,
    ) -> None:
        alert: dict[str, object] = {
            "labels": {**labels, "component": component, "kind": component.partition(":")[0]},
            "annotations": said,
            "startsAt": datetime.fromtimestamp(since, UTC).isoformat(),
        }
        if ends:
            alert["endsAt"] = datetime.now(UTC).isoformat()
        self._open[component] = alert
        await self._post(alert)

    async def locate(self, component: str, *communes: str, since: float, **more: Any) -> None:
        """Find an outage as the locator does: on its page, and as an alert that says the same."""
        kind = component.partition(":")[0]
        cause: dict[str, Any] = {
            "component": component, "kind": kind, "members": (component,), "loss": 0.99, "confidence": 24.0,
            "runner_up": None, "affected": (), "communes": communes, "systems": (), "evidence": (),
            "sent": 10 * max(len(communes), 4), "failed": 10 * max(len(communes), 4),
        }  # fmt: skip
        found = Open(
            identity=component, kind=kind, cause=Cause(**(cause | more)), since=since, known_at=since + 5
        )
        self.blamed[component] = found
        told = found.cause
        said = {
            "communes": " ".join(told.communes), "systems": " ".join(told.systems),
            "class": " ".join(told.members), "confidence": f"{told.confidence:.1f}",
        }  # fmt: skip
        await self._tell(component, since, {"alertname": "Located", "severity": "page"}, said)

    def learn(self, *rows: Entry) -> None:
        """Write to the ledger, as locator and reviser do."""
        assert self.ledger is not None
        book = Ledger(self.ledger)
        book.add(*rows)
        book.close()

    async def answer(self, request: web.Request) -> web.Response:
        """Answer as the locator's page does; one that is away is refused."""
        if not self.locating:
            raise web.HTTPServiceUnavailable
        return web.Response(
            body=msgspec.json.encode(list(self.blamed.values())), content_type="application/json"
        )

    async def end_alerts(self) -> None:
        """End whatever was posted, and see that it is gone."""
        ended = datetime.now(UTC).isoformat()
        alerts = [{**alert, "startsAt": ended, "endsAt": ended} for alert in self._open.values()]
        if alerts:
            await self._post(*alerts)
        self._open.clear()
        self.blamed.clear()
        self.locating = True
        async with AmApi(self.alertmanager) as api:

            async def none_open() -> bool:
                return not await api.alerts()

            await until(none_open)

    async def settled(self) -> None:
        """Wait until Prometheus knows the field as it is now: until a scrape that began after this."""
        wanted = self.field.scraped + 1
        async with PromApi(self.prometheus) as api:

            async def scraped() -> bool:
                found = await api.query(SCRAPED)
                return bool(found) and found[0].value >= wanted

            await until(scraped)

    async def _post(self, *alerts: dict[str, object]) -> None:
        body = msgspec.json.encode(alerts)
        headers = {"Content-Type": "application/json"}
        async with (
            aiohttp.ClientSession() as client,
            client.post(f"{self.alertmanager}/api/v2/alerts", data=body, headers=headers) as answer,
        ):
            assert answer.status == 200, await answer.text()

    async def kill_prometheus(self) -> None:
        """Stop Prometheus for good."""
        self._prometheus.kill()
        await self._prometheus.wait()


async def backfill(directory: Path, lines: Iterable[str]) -> None:
    """Write past samples into Prometheus' database before it starts."""
    source = directory / "past.om"
    source.write_text("\n".join(lines) + "\n", encoding="utf-8")
    command = (
        str(find("promtool")),
        "tsdb",
        "create-blocks-from",
        "openmetrics",
        str(source),
        str(directory / "data"),
    )
    child = await asyncio.create_subprocess_exec(*command, stdout=-1, stderr=-2)
    output, _ = await child.communicate()
    assert child.returncode == 0, output.decode()


def prometheus_config(target: str) -> str:
    return (
        "global: {scrape_interval: 1s, scrape_timeout: 1s}\n"
        "scrape_configs:\n"
        "  - job_name: field\n    honor_labels: true\n    metrics_path: /\n"
        f"    static_configs: [{{targets: ['{target}']}}]\n"
    )


@asynccontextmanager
async def stack(field: Field, directory: Path, past: Iterable[str] | None = None) -> AsyncIterator[Stack]:
    """Run Prometheus and Alertmanager over a field."""
    app = web.Application()
    app.router.add_get("/", field.serve)
    if past is not None:
        await backfill(directory, past)
    ports = {name: free_port() for name in ("prometheus", "alertmanager")}
    urls = {name: f"http://127.0.0.1:{port}" for name, port in ports.items()}
    (directory / "am.yml").write_text("route: {receiver: none, group_wait: 0s}\nreceivers: [{name: none}]\n")
    async with serve(app, "127.0.0.1:0") as (host, port):
        (directory / "prometheus.yml").write_text(prometheus_config(f"{host}:{port}"))
        prometheus = argv(
            find("prometheus"),
            f"--config.file={directory / 'prometheus.yml'}",
            f"--storage.tsdb.path={directory / 'data'}",
            f"--web.listen-address=127.0.0.1:{ports['prometheus']}",
        )
        alertmanager = argv(
            find("prometheus-alertmanager"),
            f"--config.file={directory / 'am.yml'}",
            f"--storage.path={directory / 'am'}",
            f"--web.listen-address=127.0.0.1:{ports['alertmanager']}",
            "--cluster.listen-address=",
        )
        async with (
            process(prometheus, f"{urls['prometheus']}/-/ready", directory / "prometheus.log") as child,
            process(alertmanager, f"{urls['alertmanager']}/-/ready", directory / "am.log"),
        ):
            parts = Stack(field, urls["prometheus"], urls["alertmanager"], child)
            page = web.Application()
            page.add_routes([web.get("/api/outages", parts.answer), web.get("/-/ready", parts.answer)])
            parts.ledger = directory / "ledger.sqlite"
            LedgerPage(parts.ledger).add(page)
            async with serve(page, "127.0.0.1:0") as at:
                parts.locator = f"http://{at[0]}:{at[1]}"
                yield parts


@asynccontextmanager
async def wall_over(
    parts: Stack, *, gate: Gate | None = None, listen: str = "127.0.0.1:0", max_viewers: int = 20
) -> AsyncIterator[str]:
    """Serve the wall over a stack; yields its address."""
    options = Options(
        listen=listen,
        prometheus=parts.prometheus,
        alertmanager=parts.alertmanager,
        locator=parts.locator,
        max_viewers=max_viewers,
        stale_seconds=8.0,
        poll_seconds=0.25,
    )
    async with running(options, parts.field.inventory, gate or OpenGate()) as (url, _):
        parts.url = url
        yield url


def environment() -> dict[str, str]:
    """Return an environment for Chromium without what the desktop adds."""
    return {key: value for key, value in os.environ.items() if not key.startswith(("DBUS", "DISPLAY"))}
