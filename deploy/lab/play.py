"""Plays one scenario: breaks something, waits for the page, heals, waits for the resolution, looks on."""

import asyncio
import time
from collections.abc import Sequence
from typing import Final, Protocol

from deploy.lab.lab import Lab
from deploy.lab.pages import Page, Sink
from deploy.lab.scenario import Limits, Result, Scenario, expected, judge

_EVERY_SECONDS: Final = 0.1


class Teller(Protocol):
    """Is told what happens, as it happens."""

    def broken(self, scenario: Scenario) -> None:
        """The fault is in place."""

    def paged(self, page: Page, seconds: float) -> None:
        """A notification went out, ``seconds`` after the last change."""

    def healed(self, scenario: Scenario) -> None:
        """The fault is undone."""

    def watching(self, seconds: float) -> None:
        """Nothing more is expected; we look on for ``seconds``."""


class _Record:
    """The notifications of one scenario, and since when the next one is timed."""

    def __init__(self, scenario: Scenario, teller: Teller, strays: Sequence[Page]) -> None:
        self.scenario = scenario
        self.pages = [*strays]
        self.since = time.time()
        self._teller = teller

    def take(self, pages: Sequence[Page], status: str = "") -> bool:
        """Keep ``pages``; return whether the expected one with ``status`` is among them."""
        for page in pages:
            self.pages.append(page)
            self._teller.paged(page, page.time - self.since)
        return any(page.status == status and expected(self.scenario, page) for page in pages)


class Player:
    """Plays scenarios one after the other."""

    def __init__(self, lab: Lab, limits: Limits | None = None, sink: Sink | None = None) -> None:
        self._lab = lab
        self._limits = limits or Limits()
        self._sink = sink or Sink(lab.places.sink)

    def strays(self) -> tuple[Page, ...]:
        """Return notifications that came while no scenario was played."""
        return self._sink.new()

    async def play(self, scenario: Scenario, teller: Teller, strays: Sequence[Page] = ()) -> Result:
        """Play ``scenario``; ``strays`` are held against it."""
        record = _Record(scenario, teller, strays)
        t_fault = record.since
        try:
            await self._break(scenario)
            teller.broken(scenario)
            await self._last(record)
        finally:
            record.since = t_heal = time.time()
            await self._lab.faults.heal()
        teller.healed(scenario)
        if scenario.component:
            await self._until(record, "resolved", self._limits.resolve)
        await self._look_on(record, teller)
        return judge(scenario, t_fault, t_heal, record.pages)

    async def _break(self, scenario: Scenario) -> None:
        faults = self._lab.faults
        match scenario.name:
            case "cut-line" | "blip":
                await faults.cut_line(scenario.what)
            case "pop-down":
                await faults.pop_down(scenario.what)
            case "maintenance-page":
                await faults.maintenance_page(scenario.what)
            case "power-cut":
                await faults.cut_power(scenario.what)

    async def _last(self, record: _Record) -> None:
        """Let the fault last: a blip for its time, any other until it was paged and a little longer."""
        if record.scenario.component:
            await self._until(record, "firing", self._limits.page)
            await asyncio.sleep(self._limits.hold)
        else:
            await asyncio.sleep(self._limits.blip)

    async def _until(self, record: _Record, status: str, seconds: float) -> None:
        """Collect pages until the expected one came, or ``seconds`` have passed."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            if record.take(self._sink.new(), status):
                return
            await asyncio.sleep(_EVERY_SECONDS)

    async def _look_on(self, record: _Record, teller: Teller) -> None:
        """Nothing more may come now."""
        seconds = self._limits.after if record.scenario.component else self._limits.blip_watch
        teller.watching(seconds)
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            record.take(self._sink.new())
            await asyncio.sleep(_EVERY_SECONDS)
        record.take(self._sink.new())
