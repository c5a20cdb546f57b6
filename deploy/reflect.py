"""What ``thongsuot reflect`` runs: one process, several far ends, and one page that tells of them all."""

import argparse
import asyncio
import contextlib
import signal
import sys

import msgspec
from aiohttp import web
from prometheus_client import CollectorRegistry

from common import sdnotify
from common.i18n import t
from common.web import add_health, parse_listen, serve
from deploy.endpoints import url
from deploy.reflect_meters import StampCollector
from exporters.stampio.listen import Chosen, choose, reflecting


class Options(msgspec.Struct, frozen=True, kw_only=True):
    """``listen``: the program's own pages."""

    listen: str
    stamp: Chosen


def options(arguments: argparse.Namespace) -> Options:
    """Return what the command line asks for. Raises exporters.stampio.listen.Unusable."""
    stamp = choose(arguments.stamp_listen, arguments.key_file, arguments.allow, arguments.symmetric)
    return Options(listen=arguments.listen, stamp=stamp)


async def run(options: Options) -> None:
    """Reflect until SIGTERM or SIGINT. Raises Unusable, ListenError or OSError instead of readiness."""
    parse_listen(options.listen)
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    registry = CollectorRegistry()
    async with contextlib.AsyncExitStack() as parts:
        reflector = parts.enter_context(reflecting(options.stamp))
        registry.register(StampCollector(reflector))
        # The hub's end of throughput tests is one more part: its own listener, its counters in `registry`.
        page = web.Application()
        add_health(page, registry)
        await parts.enter_async_context(serve(page, options.listen))
        _say_ready(options, reflector.addresses)
        await _until(stop)


def _say_ready(options: Options, addresses: tuple[str, ...]) -> None:
    text = t("reflect.listening", addresses=", ".join(addresses), url=url(options.listen, "/metrics"))
    sys.stdout.write(text + "\n")
    sys.stdout.flush()
    sdnotify.notify("READY=1")


async def _until(stop: asyncio.Event) -> None:
    while not stop.is_set():
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(stop.wait(), sdnotify.watchdog_seconds())
        sdnotify.notify("WATCHDOG=1")
    sdnotify.notify("STOPPING=1")
