"""What the wall knows now, rendered at most once for all viewers of the same page and language."""

import asyncio
import hashlib
import time
from collections.abc import Callable
from importlib.metadata import version
from typing import Final

import msgspec

from alerts.rotation import Holidays, no_holidays
from inventory.model import Inventory

from . import commune_page, page
from .answers import Answers
from .directory import Directory, build
from .geo import Layout, layout
from .markup import Html
from .outage_list import Names
from .snapshot import CommuneDetail, Snapshot
from .view import STALE_SECONDS, detail, snapshot
from .wording import Words

WALL: Final = "wall"
"""Name of the wall page; other pages go by their commune's code."""
Parts = dict[str, Html]


class _Rendered(msgspec.Struct, frozen=True):
    version: int
    content: Snapshot | CommuneDetail
    parts: Parts


class Wall:
    """The present answers and everything derived from them. Lives on one event loop."""

    def __init__(
        self,
        inventory: Inventory,
        stale_seconds: float = STALE_SECONDS,
        wall_clock: Callable[[], float] = time.time,
        holidays: Holidays = no_holidays,
    ) -> None:
        self._holidays = holidays
        self._stale_seconds = stale_seconds
        self._changed = asyncio.Event()
        self._cache: dict[tuple[str, str], _Rendered] = {}
        self.closing = False
        self.polled = False
        self.version = 0
        self.answers = Answers(at=wall_clock())
        self.use(inventory)

    def use(self, inventory: Inventory) -> None:
        """Take an inventory, at start and on reload; browsers see another build and reload."""
        self.directory: Directory = build(inventory, self._holidays)
        places = self.directory.places.values()
        self.layout: Layout = layout({p.code: (p.latitude, p.longitude) for p in places})
        content = msgspec.json.encode(inventory) + version("thongsuot").encode()
        self.build = hashlib.sha256(content).hexdigest()[:16]
        self._cache.clear()
        self._show()

    def publish(self, answers: Answers) -> None:
        """Take new answers and wake the viewers."""
        self.answers = answers
        self.polled = True
        self._show()

    def close(self) -> None:
        """Send the viewers home."""
        self.closing = True
        self._wake()

    async def changed(self) -> None:
        """Wait for the next answers, or for the end."""
        if not self.closing:
            await self._changed.wait()

    def _show(self) -> None:
        self.version += 1
        self.shown: Snapshot = snapshot(self.directory, self.answers, self._stale_seconds)
        self.names: Names = page.names_of(self.shown)
        # What nobody has asked for since the last answers is dropped: the cache stays small.
        self._cache = {key: old for key, old in self._cache.items() if old.version >= self.version - 1}
        self._wake()

    def _wake(self) -> None:
        woken, self._changed = self._changed, asyncio.Event()
        woken.set()

    def knows(self, name: str) -> bool:
        """Whether there is a page of this name."""
        return name == WALL or name in self.directory.places

    def words(self, language: str) -> Words:
        """Return a language with the province's time zone."""
        return Words(language, self.directory.timezone)

    def commune(self, code: str) -> CommuneDetail:
        """Return one commune's page. Raises KeyError."""
        return detail(self.directory, self.answers, self.shown, code, self._stale_seconds)

    def parts(self, name: str, language: str) -> Parts:
        """Return the fragments of a page; the same objects while nothing in them changes."""
        key = (name, language)
        known = self._cache.get(key)
        if known and known.version == self.version:
            return known.parts
        content = _timeless(self.shown if name == WALL else self.commune(name))
        parts = known.parts if known and known.content == content else self._render(name, language)
        self._cache[key] = _Rendered(self.version, content, parts)
        return parts

    def _render(self, name: str, language: str) -> Parts:
        words = self.words(language)
        if name == WALL:
            return page.fragments(self.shown, self.layout, self.names, words)
        return commune_page.fragments(self.commune(name), self.names, words)


def _timeless(content: Snapshot | CommuneDetail) -> Snapshot | CommuneDetail:
    """Return the content without the times that change with every poll; the browser ticks ages."""
    newest = content.health.newest if content.health.stale else None
    health = msgspec.structs.replace(content.health, newest=newest)
    return msgspec.structs.replace(content, at=0.0, health=health)
