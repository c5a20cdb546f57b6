"""What ``thongsuot reflect`` runs: one process, several far ends, and one page that tells of them all."""

import argparse
import asyncio
import contextlib
import logging
import signal
import sys
from collections.abc import Callable

import msgspec
from aiohttp import web
from prometheus_client import CollectorRegistry

from common import sdnotify
from common.i18n import t
from common.web import add_health, parse_listen, serve
from deploy import reflect_throughput
from deploy.endpoints import url
from deploy.reflect_meters import StampCollector
from exporters.stampio.listen import Chosen, choose, reflecting
from exporters.stampio.places import Unusable
from exporters.stampio.reflector import Reflector

log = logging.getLogger(__name__)


class Options(msgspec.Struct, frozen=True, kw_only=True):
    """``listen``: the program's own pages; ``stamp`` reads the key, and may be asked again."""

    listen: str
    stamp: Callable[[], Chosen]
    throughput: reflect_throughput.Options | None = None


def options(arguments: argparse.Namespace) -> Options:
    """Return what the command line asks for. Raises exporters.stampio.listen.Unusable, or
    deploy.reflect_throughput.Refused."""

    def stamp() -> Chosen:
        return choose(arguments.stamp_listen, arguments.key_file, arguments.allow, arguments.symmetric)

    stamp()  # what is wrong is said before anything starts
    return Options(listen=arguments.listen, stamp=stamp, throughput=reflect_throughput.options(arguments))


async def run(options: Options) -> None:
    """Reflect until SIGTERM or SIGINT; SIGHUP reads the key again.

    Raises Unusable, ListenError or OSError instead of becoming ready.
    """
    parse_listen(options.listen)
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    registry = CollectorRegistry()
    async with contextlib.AsyncExitStack() as parts:
        reflector = parts.enter_context(reflecting(options.stamp()))
        loop.add_signal_handler(signal.SIGHUP, _reload, options, reflector)
        registry.register(StampCollector(reflector))
        addresses = reflector.addresses
        if options.throughput is not None:
            tests = await parts.enter_async_context(reflect_throughput.serving(options.throughput, registry))
            addresses = (*addresses, tests)
        page = web.Application()
        add_health(page, registry)
        await parts.enter_async_context(serve(page, options.listen))
        _say_ready(options, addresses)
        await _until(stop)


def _reload(options: Options, reflector: Reflector) -> None:
    """Take a changed key; one that cannot be read leaves the old one in force."""
    try:
        reflector.rules = options.stamp().rules
    except Unusable as error:
        log.error("not read again: %s", error)
    else:
        log.info("read again")


def _say_ready(options: Options, addresses: tuple[str, ...]) -> None:
    text = t("reflect.listening", addresses=", ".join(addresses), url=url(options.listen, "/metrics"))
    sys.stdout.write(text + "\n")
    sys.stdout.flush()
    sdnotify.notify("READY=1")


async def _until(stop: asyncio.Event) -> None:
    await sdnotify.serve_until(stop)
    sdnotify.notify("STOPPING=1")
