"""Fixtures of the browser tests: a real hub below, Chromium above, and a witness of what it complains of.

Chromium and the hubs start once; each test gets a fresh profile, a fresh wall, and a province set back to
how it was, which it awaits in Prometheus.
"""

import itertools
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import pytest_asyncio
from playwright.async_api import Browser, BrowserContext, Page, ViewportSize, async_playwright

from inventory.load import load

from .field import Field
from .stack import Stack, environment, stack, wall_over

ROOT = Path(__file__).resolve().parents[2]
SMALL = ROOT / "tests" / "inventory" / "small.yml"
WHOLE = ROOT / "examples" / "quang-ngai.yml"
CHROMIUM = "/usr/bin/chromium"
ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
]
PHONE = ViewportSize(width=390, height=844)
DESK = ViewportSize(width=1366, height=900)
TELEVISION = ViewportSize(width=1920, height=1080)
Open = Callable[..., Awaitable[Page]]


class Witness:
    """Collects what a page must not do: errors, policy violations, requests to elsewhere."""

    def __init__(self, origin: str) -> None:
        self.origin = urlsplit(origin).netloc
        self.complaints: list[str] = []
        self.allowed: tuple[str, ...] = ()

    def watch(self, page: Page) -> None:
        page.on("console", self._console)
        page.on("pageerror", lambda error: self.complaints.append(f"error: {error}"))
        page.on("request", self._request)

    def _console(self, message: Any) -> None:
        if message.type in ("error", "warning") and not any(text in message.text for text in self.allowed):
            self.complaints.append(f"console: {message.text}")

    def _request(self, request: Any) -> None:
        if urlsplit(request.url).netloc != self.origin:
            self.complaints.append(f"request: {request.url}")


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def browser() -> AsyncIterator[Browser]:
    async with async_playwright() as playwright:
        found = await playwright.chromium.launch(
            executable_path=CHROMIUM, args=ARGUMENTS, env=dict(environment())
        )
        yield found
        await found.close()


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def small_hub(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Stack]:
    async with stack(Field(load(SMALL).inventory), tmp_path_factory.mktemp("small")) as parts:
        yield parts


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def whole_hub(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Stack]:
    """Its first commune has a day of history."""
    field = Field(load(WHOLE).inventory)
    past = field.day(field.codes[0], time.time())
    async with stack(field, tmp_path_factory.mktemp("whole"), past) as parts:
        yield parts


@pytest_asyncio.fixture(loop_scope="session")
async def small(small_hub: Stack) -> AsyncIterator[Stack]:
    """The small province, all well, with a wall over it."""
    small_hub.field.reset()
    await small_hub.end_alerts()
    await small_hub.settled()
    async with wall_over(small_hub):
        yield small_hub


@pytest_asyncio.fixture(loop_scope="session")
async def whole(whole_hub: Stack) -> AsyncIterator[Stack]:
    """The 96 communes of the example in a bad hour."""
    whole_hub.field.reset()
    await whole_hub.end_alerts()
    await bad_hour(whole_hub, time.time())
    await whole_hub.settled()
    async with wall_over(whole_hub):
        yield whole_hub


async def bad_hour(parts: Stack, now: float) -> None:
    """A POP dies, a commune is cut off, a system is in maintenance, one agent is dead, three never spoke."""
    field = parts.field
    calm = field.codes[0]  # the commune whose day was written; it stays well
    groups = {
        segment.id: [
            c.code for c in field.inventory.communes if any(segment.id in li.segments for li in c.lines)
        ]
        for segment in field.inventory.segments
        if segment.kind == "pop"
    }
    _, pop = min((len(codes), pop) for pop, codes in groups.items() if calm not in codes)
    behind = groups[pop]
    for code in behind:
        field.cut(code, now - 754)
    others = [code for code in field.codes if code not in behind and code != calm]
    lost, dead, some = others[12], others[50], others[30:33]
    field.cut(lost, now - 11_040)
    field.silence(dead, now - 1900)
    field.never.update(others[60:63])
    systems = [f"system:{system.id}" for system in field.inventory.systems]
    for code in some:
        field.fail(code, systems[2], now - 95)
    field.fail_everywhere(systems[1], now - 320)
    carrier = next(s.carrier for s in field.inventory.segments if s.id == pop)
    await parts.locate(f"pop:{pop}", *behind, since=now - 754, runner_up=f"isp:{carrier}")
    members = (f"power:{lost}", f"line:{lost}/main")
    await parts.locate(
        f"power|line:{lost}", lost, since=now - 11_040, members=members, confidence=31.0,
    )  # fmt: skip
    await parts.locate(
        systems[1],
        *others[:80],
        since=now - 320,
        systems=(systems[1].removeprefix("system:"),),
        confidence=60.0,
    )
    await parts.alert(f"agent:{dead}", since=now - 1880, communes=dead, severity="ticket")


@pytest_asyncio.fixture(loop_scope="session")
async def visit(browser: Browser) -> AsyncIterator[Open]:
    """Open an address in a fresh profile; at the end no page may have complained."""
    contexts: list[BrowserContext] = []
    witnesses: list[Witness] = []

    async def visit(
        url: str,
        *,
        size: ViewportSize | None = None,
        lang: str = "vi-VN",
        allow: tuple[str, ...] = (),
        clock: bool = False,
        **more: Any,
    ) -> Page:
        context = await browser.new_context(viewport=size or DESK, locale=lang, **more)
        contexts.append(context)
        page = await context.new_page()
        witness = Witness(url)
        witness.allowed = allow
        witness.watch(page)
        witnesses.append(witness)
        page.set_default_timeout(20_000)
        if clock:  # a test turns it forward instead of waiting
            await page.clock.install()
        await page.goto(url)
        return page

    yield visit
    for context in contexts:
        await context.close()
    assert list(itertools.chain.from_iterable(witness.complaints for witness in witnesses)) == []
