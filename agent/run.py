"""A running agent: runners, counters, push and pages, and how they start, reload and stop."""

import asyncio
import contextlib
import logging
from collections import defaultdict
from collections.abc import Coroutine
from functools import partial
from pathlib import Path
from time import monotonic
from typing import Final

from agent.build import Find, measure_of, state_directory, traits_of
from agent.clock import HubClock
from agent.config import AgentConfig, AgentTarget, version_of
from agent.delivery import Connect, Delivery, connect
from agent.expose import Group, Site
from agent.fetch import Fetcher
from agent.itself import Itself
from agent.kept import load_effective
from agent.measured import Measured
from agent.parting import Farewell
from agent.push import Pusher
from agent.runner import Runner, Tools
from agent.state import StateBook, Store
from common.i18n import t
from common.version import version
from common.yaml.problems import Refused
from exporters.base import PeerClock
from inventory.names import HUB_SITE

DEFAULT_STATE_SECONDS: Final = 5.0
STOP_SECONDS: Final = 2.0
log = logging.getLogger(__name__)


class Agent:
    """One agent. ``path`` is read again on :meth:`reload`; ``find`` makes probes, ``connect`` senders."""

    def __init__(
        self,
        path: Path,
        config: AgentConfig,
        *,
        clock: HubClock | None = None,
        find: Find | None = None,
        connect: Connect = connect,
    ) -> None:
        self.path, self.config = path, config
        self.clock = clock or HubClock()
        self.version = version()
        self.site = Site(config.site, config.commune)
        self.itself = Itself(self.site, self.clock, self.version)
        self.groups: dict[str, Group] = {self.itself.key: self.itself}
        self.runners: dict[str, Runner] = {}
        directory = state_directory(config)
        self.book = StateBook(Store(directory, config.site))
        self._farewell = Farewell(directory, config.site)
        self._delivery = Delivery(
            self.clock, self.groups, self.itself, self.version, directory=directory, connect=connect
        )
        self._find = find or partial(measure_of, state=directory)
        self._keeping: asyncio.Task[None] | None = None
        self._fetching: asyncio.Task[None] | None = None
        self.broken = asyncio.Event()
        self._reloading = asyncio.Lock()
        self._news: set[str] = set()
        self._confirmed = False
        self._wake = asyncio.Event()
        self._tools = Tools(
            site=config.site,
            now=self.clock.now,
            limiter=asyncio.Semaphore(config.max_concurrent_probes),
            book=self.book,
            delays=self.itself.delays,
            changed=self._changed,
            broken=self._broken,
            skipped=self._skipped,
            urgent=self._urgent,
            turns=defaultdict(asyncio.Lock),
            peer_clock=self._peer_clock,
        )
        self.itself.store_errors = lambda: self.book.errors

    async def start(self) -> None:
        """Load the counters, start probing, keeping and pushing. The hub need not be there."""
        await self.book.load()
        self.itself.stopped_unix = await asyncio.to_thread(self._farewell.take)
        self._apply(self.config)
        self._keeping = self._vital(self._keep())
        await self._delivery.start(self.config, self._vital)
        self._start_fetch()

    @property
    def pusher(self) -> Pusher | None:
        """What pushes, None where nothing is pushed."""
        return self._delivery.pusher

    async def stop(self, *, on_purpose: bool = False) -> None:
        """Stop probing, save the counters, end all series at the hub; at most 2 s. ``on_purpose``: somebody
        asked for it, and the hub and the next start are told so."""
        self.itself.stopped_unix = round(self.clock.unix(), 3) if on_purpose else 0.0
        for task in (self._fetching, self._keeping):
            if task is not None:
                task.cancel()
                await asyncio.gather(task, return_exceptions=True)
        await self._delivery.pause()
        await asyncio.gather(*(runner.stop() for runner in self.runners.values()))
        try:
            async with asyncio.timeout(STOP_SECONDS):
                await self.book.save()
                if on_purpose:
                    await asyncio.to_thread(self._farewell.leave, self.itself.stopped_unix)
                await self._delivery.finish()
        except TimeoutError:
            log.warning("stopped without saying so to the hub, or without writing what waits")
        finally:
            await self._delivery.close()
            self.book.close()

    async def reload(self) -> str | None:
        """Read the configuration again; returns None, or what is wrong with it (the old one goes on)."""
        async with self._reloading:
            return await self._reload()

    async def _reload(self) -> str | None:
        try:
            config = await asyncio.to_thread(load_effective, self.path)
            problem = self._fixed(config)
        except Refused as error:
            problem = str(error)
        if problem is not None:
            self.itself.reloads["refused"] += 1
            log.error("configuration refused, the old one goes on", extra={"problems": problem})
            return problem
        await self._replace(config)
        self.itself.reloads["ok"] += 1
        log.info("configuration reloaded", extra={"targets": len(config.targets)})
        return None

    @property
    def ready(self) -> bool:
        """Whether every target has been measured once."""
        return all(runner.ready for runner in self.runners.values())

    def _fixed(self, new: AgentConfig) -> str | None:
        """Return what only a restart can change, None when nothing of that kind differs."""
        fixed = (
            "site",
            "commune",
            "listen",
            "state_directory",
            "max_concurrent_probes",
            "reflect",
            "reflect_key_file",
        )
        changed = [name for name in fixed if getattr(new, name) != getattr(self.config, name)]
        return t("agent.needs_restart", keys=", ".join(changed)) if changed else None

    async def _replace(self, config: AgentConfig) -> None:
        """Take a new configuration: targets that are unchanged keep their state and schedule."""
        wanted = {target.identity: target for target in config.targets}
        gone = [runner for key, runner in self.runners.items() if wanted.get(key) != runner.target]
        for runner in gone:
            del self.runners[runner.measured.key], self.groups[runner.measured.key]
        await asyncio.gather(*(runner.stop() for runner in gone))
        old, self.config = self.config, config
        self._apply(config)
        self.book.keep_only(set(self.runners))
        if (config.push, config.spool) != (old.push, old.spool):
            await self._delivery.replace(config, self._vital)
        self._start_fetch()
        self._news.update(runner.measured.key for runner in gone)
        self._wake.set()

    def _apply(self, config: AgentConfig) -> None:
        """Start runners for targets that have none, and tie them to their gates."""
        self.itself.targets = len(config.targets)
        self.itself.config_hash = version_of(config)
        fresh = [target for target in config.targets if target.identity not in self.runners]
        for target in fresh:
            self._add(target)
        by_name = {runner.target.name: runner for runner in self.runners.values()}
        for runner in self.runners.values():
            runner.gate = by_name[runner.target.gate] if runner.target.gate else None
            name = runner.target.name
            runner.followers = tuple(r for r in self.runners.values() if r.target.on_failure_of == name)
        for target in fresh:
            self.runners[target.identity].start()

    def _add(self, target: AgentTarget) -> None:
        traits = traits_of(target)
        measured = Measured(self.site, target, self.book.shown_of, self.clock.unix, traits)
        runner = Runner(target, self._find(target), measured, self._tools, traits)
        if traits.judges:
            self.book.open(measured.key)
        self.runners[measured.key] = runner
        self.groups[measured.key] = measured

    def _start_fetch(self) -> None:
        """Fetch configurations once one names a gateway; from then on the fetcher follows what it says."""
        if self.config.fetch is not None and self._fetching is None:
            fetcher = Fetcher(self.path, lambda: self.config, self.reload, self.itself.fetches)
            self._fetching = self._vital(fetcher.run())

    def _vital(self, work: Coroutine[None, None, None]) -> asyncio.Task[None]:
        """Run what the agent cannot live without: when it breaks, :attr:`broken` is set."""
        task = asyncio.create_task(work)
        task.add_done_callback(self._ended)
        return task

    def _ended(self, task: asyncio.Task[None]) -> None:
        if not task.cancelled() and (error := task.exception()) is not None:
            log.critical("a bug ends this agent", exc_info=error)
            self.broken.set()

    def _changed(self, key: str, confirmed: bool) -> None:
        self._news.add(key)
        self._confirmed |= confirmed
        self._wake.set()

    def _urgent(self, key: str) -> None:
        if self.pusher is not None:
            self.pusher.urge({key}, whole=True)

    def _peer_clock(self, target: AgentTarget, clock: PeerClock) -> None:
        """Take in what the hub's reflector says of the hub's clock."""
        if target.target.startswith(f"{HUB_SITE}:"):
            shift = monotonic() - self.clock.now()
            self.clock.refine(clock.low_seconds + shift, clock.high_seconds + shift)

    def _broken(self, kind: str) -> None:
        self.itself.exceptions[kind] += 1

    def _skipped(self, slots: int) -> None:
        self.itself.skipped_slots += slots

    async def _keep(self) -> None:
        """Save the counters every few seconds and on a confirmed change; then have them pushed."""
        due = self.clock.now()
        while True:
            news, self._news = self._news, set()
            confirmed, self._confirmed = self._confirmed, False
            self._wake.clear()
            self.clock.watch()
            now = self.clock.now()
            regular = now >= due
            if regular:
                seconds = self.config.push.state_seconds if self.config.push else DEFAULT_STATE_SECONDS
                due = max(due + seconds, now)
                for runner in self.runners.values():
                    runner.check_silence()
            if regular or confirmed:
                await self.book.save()
            if self.pusher is not None and (regular or news):
                self.pusher.urge(None if regular else news, change=confirmed)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(max(0.0, due - self.clock.now())):
                    await self._wake.wait()
