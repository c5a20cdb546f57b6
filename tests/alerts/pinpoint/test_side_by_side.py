"""Two locators beside each other, with Debian's Prometheus and Alertmanager, through a kill -9 of one."""

import asyncio
import json
import sys
import time
from collections.abc import AsyncIterator, Callable
from contextlib import ExitStack, asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import pytest

from alerts.ledger import Ledger
from alerts.pinpoint.watching import watching
from deploy import debian, unpacked
from inventory.model import Inventory
from tests.alerts.pinpoint.feed import Feed
from tests.alerts.processes import Process, call, free_port, started, write_inventory
from tests.alerts.servers import Http, http
from tests.dashboards import province

pytestmark = [pytest.mark.lab, pytest.mark.timeout(170)]
PATIENCE_SECONDS = 60.0
POP = "pop:ba-to"
RELOADED_TICKS = 6
"""More than an outage lasts that is not found any more."""
ROUTE = """\
route: {{receiver: sink, group_by: ['...'], group_wait: 0s, group_interval: 1s, repeat_interval: 30d}}
receivers: [{{name: sink, webhook_configs: [{{url: '{url}/', send_resolved: true}}]}}]
"""


def prometheus(directory: Path) -> Process:
    (directory / "prometheus.yml").write_text("global: {scrape_interval: 1m}\n", encoding="utf-8")
    port = free_port()
    argv = unpacked.argv(
        debian.find("prometheus"), f"--config.file={directory / 'prometheus.yml'}",
        f"--storage.tsdb.path={directory / 'tsdb'}", f"--web.listen-address=127.0.0.1:{port}",
        "--web.enable-remote-write-receiver",
    )  # fmt: skip
    return Process(argv, directory / "prometheus.log", port, debian.environment())


def alertmanager(directory: Path, sink: str) -> Process:
    (directory / "alertmanager.yml").write_text(ROUTE.format(url=sink), encoding="utf-8")
    port = free_port()
    argv = unpacked.argv(
        debian.find("alertmanager"), f"--config.file={directory / 'alertmanager.yml'}",
        f"--storage.path={directory / 'am'}", f"--web.listen-address=127.0.0.1:{port}",
        "--cluster.listen-address=",
    )  # fmt: skip
    return Process(argv, directory / "alertmanager.log", port, debian.environment())


def locator(directory: Path, name: str, inventory: Inventory, prometheus: str, alertmanager: str) -> Process:
    state = directory / name
    state.mkdir()
    file = write_inventory(state / "province.yml", inventory)
    port = free_port()
    argv = [
        sys.executable, "-m", "deploy.cli", "locate", str(file), "--listen", f"127.0.0.1:{port}",
        "--state", str(state), "--prometheus", prometheus, "--alertmanager", alertmanager,
    ]  # fmt: skip
    return Process(argv, state / "locator.log", port, {})


def outages(one: Process) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(call(f"{one.url}/api/outages")[1] or b"[]")
    return found


def told(sink: Http) -> list[tuple[str, str]]:
    """Return what Alertmanager notified of outages: (status, component)."""
    return [
        (alert["status"], alert["labels"]["component"])
        for *_, body in sink.requests
        for alert in json.loads(body)["alerts"]
        if alert["labels"]["severity"] == "page"
    ]


def judged(one: Process) -> float:
    """Return how many ticks were judged."""
    for line in call(f"{one.url}/metrics")[1].decode().splitlines():
        if line.startswith("thongsuot_locator_ticks_total") and '"judged"' in line:
            return float(line.split()[-1])
    return 0.0


async def until(condition: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not await asyncio.to_thread(condition):
        assert time.monotonic() < deadline, what
        await asyncio.sleep(0.2)


@asynccontextmanager
async def feeding(feed: Feed) -> AsyncIterator[None]:
    task = asyncio.create_task(feed.run())
    try:
        yield
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


async def test_one_page_and_one_end_from_two_of_which_one_dies(tmp_path: Path) -> None:
    inventory = province.small()
    with ExitStack() as stack:
        sink = stack.enter_context(http(Http()))
        store = stack.enter_context(started(prometheus(tmp_path)))
        pager = stack.enter_context(started(alertmanager(tmp_path, sink.url)))
        feed = Feed(watching(inventory), store.url)
        async with feeding(feed):
            two = [
                stack.enter_context(started(locator(tmp_path, name, inventory, store.url, pager.url)))
                for name in ("one", "two")
            ]
            await until(lambda: all(judged(one) > 0 for one in two), "both judge")
            feed.cut = {POP}
            await until(lambda: all(len(outages(one)) == 1 for one in two), "both name it")
            first, second = (outages(one)[0] for one in two)
            assert (first["identity"], first["kind"]) == (second["identity"], second["kind"]) == (POP, "pop")
            assert first["since"] == second["since"], "they saw the same"
            await until(lambda: told(sink) == [("firing", POP)], "one page")

            two[0].kill()
            two[0].start()
            await until(lambda: judged(two[0]) > 0, "it judges again")
            assert outages(two[0])[0]["since"] == first["since"], "it knows from its ledger"
            assert told(sink) == [("firing", POP)]

            before = judged(two[1])
            assert call(f"{two[1].url}/-/reload", b"")[0] == 200
            await until(lambda: judged(two[1]) > before + RELOADED_TICKS, "it judges after the reload")
            assert [outages(one)[0]["since"] for one in two] == [first["since"]] * 2
            assert told(sink) == [("firing", POP)], "who read the inventory again ends nothing"

            feed.cut = set()
            await until(lambda: not any(outages(one) for one in two), "both say that it is over")
            await until(lambda: ("resolved", POP) in told(sink), "one end")
            assert told(sink) == [("firing", POP), ("resolved", POP)]
            assert not feed.problem
    for name in ("one", "two"):
        said = Ledger(tmp_path / name / "hub" / "ledger.sqlite", reading=True).latest()
        assert [(entry.component, entry.status) for entry in said] == [(POP, "ended")]
