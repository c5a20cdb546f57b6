"""The agent as a service: its lock, its pages, signals, and what systemd wants to hear."""

import asyncio
import gc
import logging
import os
import signal
import socket
import sys
import time
from collections.abc import AsyncIterator
from contextlib import AbstractContextManager, asynccontextmanager, nullcontext
from pathlib import Path

from agent.build import state_directory
from agent.config import AgentConfig
from agent.heap import settle
from agent.malloc import give_back_soon
from agent.run import Agent
from agent.web import make_app
from common import sdnotify, statedir
from common.i18n import t
from common.web import ListenError, serve
from exporters.stampio.places import Unusable

log = logging.getLogger(__name__)


def run_service(path: Path, config: AgentConfig) -> int:
    """Run until SIGTERM or SIGINT; returns the exit status."""
    give_back_soon()
    directory = state_directory(config)
    try:
        with statedir.Lock(directory, "agent.lock"):
            return asyncio.run(_run(path, config))
    except statedir.Busy:
        sys.stderr.write(t("agent.busy", directory=directory) + "\n")
        return 1
    except ListenError as error:
        sys.stderr.write(t("agent.cannot_listen", listen=config.listen, why=_why(error)) + "\n")
        return 1
    except Unusable as error:
        sys.stderr.write(f"{error}\n")
        return 1
    except OSError as error:
        sys.stderr.write(t("agent.cannot_keep_state", directory=directory, why=error.strerror) + "\n")
        return 1


def _why(error: ListenError) -> str:
    cause = error.__cause__
    if isinstance(cause, socket.gaierror) or not isinstance(cause, OSError) or not cause.errno:
        return getattr(cause, "strerror", None) or str(error)
    return os.strerror(cause.errno)  # asyncio's own words repeat the address


async def _run(path: Path, config: AgentConfig) -> int:
    gc.collect()  # what reading the configuration left: soon there is much more to go through
    agent = Agent(path, config)
    async with serve(make_app(agent), config.listen) as (host, port):
        with _reflecting(config):
            await _measure(agent, f"{host}:{port}")
    return 1 if agent.broken.is_set() else 0


def _reflecting(config: AgentConfig) -> AbstractContextManager[object]:
    """Answer test packets of others where that is configured. Raises Unusable."""
    if config.reflect is None:
        return nullcontext()
    from exporters.stampio import listen  # noqa: PLC0415 - few agents reflect

    key_file = Path(config.reflect_key_file) if config.reflect_key_file else None
    return listen.reflecting(listen.choose([config.reflect], key_file, []))


async def _measure(agent: Agent, listen: str) -> None:
    on_purpose = False
    try:
        await agent.start()
        async with _signals(agent) as stopped:
            log.info("agent is running", extra={"site": agent.config.site, "listen": listen})
            sdnotify.notify("READY=1")
            await _first(stopped, agent.broken)
            on_purpose = stopped.is_set() and not agent.broken.is_set()
    finally:
        sdnotify.notify("STOPPING=1")
        await agent.stop(on_purpose=on_purpose)


async def _first(*events: asyncio.Event) -> None:
    """Wait until one of the events is set."""
    waits = [asyncio.create_task(event.wait()) for event in events]
    try:
        await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for wait in waits:
            wait.cancel()


@asynccontextmanager
async def _signals(agent: Agent) -> AsyncIterator[asyncio.Event]:
    """Yield the event that SIGTERM and SIGINT set; SIGHUP reloads, systemd's watchdog is fed, and the
    garbage collector is kept from what stays."""
    loop = asyncio.get_running_loop()
    stopped, hangup = asyncio.Event(), asyncio.Event()
    loop.add_signal_handler(signal.SIGTERM, stopped.set)
    loop.add_signal_handler(signal.SIGINT, stopped.set)
    loop.add_signal_handler(signal.SIGHUP, hangup.set)
    settling = settle(lambda: agent.ready, lambda: agent.itself.config_hash)
    tasks = [asyncio.create_task(work) for work in (_reloads(agent, hangup), _watchdog(), settling)]
    try:
        yield stopped
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            loop.remove_signal_handler(number)


async def _reloads(agent: Agent, hangup: asyncio.Event) -> None:
    while True:
        await hangup.wait()
        hangup.clear()
        now_usec = time.monotonic_ns() // 1000
        sdnotify.notify(f"RELOADING=1\nMONOTONIC_USEC={now_usec}")
        await agent.reload()
        sdnotify.notify("READY=1")


async def _watchdog() -> None:
    seconds = sdnotify.watchdog_seconds()
    while seconds is not None:
        sdnotify.notify("WATCHDOG=1")
        await asyncio.sleep(seconds)
