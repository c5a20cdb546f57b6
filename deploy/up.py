"""What ``thongsuot up`` runs: the stack, its page for Prometheus, and the signals that steer it."""

import asyncio
import logging
import signal
import sys
from pathlib import Path

from aiohttp import web
from prometheus_client import CollectorRegistry

from common import sdnotify
from common.i18n import t
from common.web import add_health, serve
from common.yaml.problems import Refused
from deploy import validate
from deploy.endpoints import Endpoints, url
from deploy.info import InventoryCollector
from deploy.stack import Stack, check_ports
from deploy.stack_specs import ANYBODY, Paths, WallAccess
from deploy.suspect_search import Searcher
from inventory.model import Inventory

log = logging.getLogger(__name__)


class Up:
    """One hub: its children, the inventory as series, and one reload at a time."""

    def __init__(self, inventory: Inventory, paths: Paths, endpoints: Endpoints, access: WallAccess) -> None:
        self.registry = CollectorRegistry()
        self.stack = Stack(paths, endpoints, self.registry, access)
        self._file: Path = paths.inventory
        self._series = InventoryCollector(inventory)
        self._reloading = asyncio.Lock()
        self.inventory = inventory
        self.searcher = Searcher(url(endpoints.prometheus))
        self.registry.register(self._series)
        self.registry.register(self.searcher)

    def page(self) -> web.Application:
        """Return the supervisor's own page."""
        app = web.Application()
        add_health(app, self.registry, ready=lambda: self.stack.ready, reload=self.reload)
        return app

    async def reload(self) -> str | None:
        """Take the inventory file as it is now; a wrong one changes nothing. Returns what is wrong."""
        if not self.stack.ready:
            return t("up.not_yet")
        async with self._reloading:
            try:
                loaded = await asyncio.to_thread(validate.read, self._file)
            except Refused as error:
                log.error(
                    "the inventory is wrong; everything runs on as before", extra={"problem": str(error)}
                )
                return str(error)
            problem = await self.stack.reload(loaded.inventory, lambda: self._take(loaded.inventory))
            if problem:
                log.error("reloaded, but not everywhere", extra={"problem": problem})
            return problem

    def _take(self, inventory: Inventory) -> None:
        self.inventory = inventory
        self._series.take(inventory)


async def run(inventory: Inventory, paths: Paths, endpoints: Endpoints, access: WallAccess = ANYBODY) -> None:
    """Run the hub until SIGINT or SIGTERM; SIGHUP reloads.

    Raises StackError, ListenError, debian.ToolMissing and OSError, each before or instead of readiness.
    """
    check_ports(endpoints, inventory)
    hub = Up(inventory, paths, endpoints, access)
    stop = asyncio.Event()
    reloads: set[asyncio.Task[str | None]] = set()

    def reload() -> None:
        task = asyncio.get_running_loop().create_task(hub.reload())
        reloads.add(task)
        task.add_done_callback(reloads.discard)

    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    loop.add_signal_handler(signal.SIGHUP, reload)
    async with serve(hub.page(), endpoints.supervisor):
        starting = asyncio.create_task(_serve_stack(hub, inventory, endpoints, stop))
        stopping = asyncio.create_task(stop.wait())
        await asyncio.wait((starting, stopping), return_when=asyncio.FIRST_COMPLETED)
        if not starting.done() and not hub.stack.ready:
            starting.cancel()  # asked to stop while starting
        stopping.cancel()
        results = await asyncio.gather(starting, return_exceptions=True)
        sdnotify.notify("STOPPING=1")
        if isinstance(results[0], Exception):
            raise results[0]


async def _serve_stack(hub: Up, inventory: Inventory, endpoints: Endpoints, stop: asyncio.Event) -> None:
    async with hub.stack.running(inventory):
        _say_ready(endpoints)
        sdnotify.notify("READY=1")
        searching = asyncio.create_task(hub.searcher.run(lambda: hub.inventory))
        try:
            await sdnotify.serve_until(stop)
        finally:
            searching.cancel()
            (ended,) = await asyncio.gather(searching, return_exceptions=True)
            if isinstance(ended, Exception):
                log.error("the search for wrong places in the inventory broke", exc_info=ended)


def _say_ready(endpoints: Endpoints) -> None:
    text = t("up.ready", wall=url(endpoints.wall, "/"), prometheus=url(endpoints.prometheus, "/"))
    sys.stdout.write(text + "\n")
    sys.stdout.flush()
