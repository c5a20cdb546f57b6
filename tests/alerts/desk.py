"""A dispatcher on a real store, with a clock that tests set."""

from collections import Counter
from pathlib import Path
from typing import Any

import msgspec

from alerts import handling
from alerts.book import Book
from alerts.dispatch import Dispatcher
from alerts.handling import Handled
from alerts.outage import Outage
from alerts.store import Delivery, Store
from alerts.threads import StoreThread
from inventory.model import Channel, Inventory, Notify, OnCall
from tests.alerts.outages import T0, outage, with_channels

SINK = Channel(id="sms", kind="sink", options={"path": "x"})
CHIEF = Channel(id="chief", kind="sink", escalation_only=True, options={"path": "y"})


def province_with(notify: dict[str, Any] | None = None, *channels: Channel, **changes: Any) -> Inventory:
    """The province of the message tests, telling by ``notify``."""
    return with_channels(
        *(channels or (SINK,)),
        notify=msgspec.convert(notify or {"storm": {"wait_seconds": 0}}, Notify),
        **changes,
    )


def oncall(**changes: Any) -> OnCall:
    """A rotation of two."""
    return msgspec.convert({"rotation": ["so-khcn", "truc-b"], "starts": "2026-11-02"} | changes, OnCall)


def commune(code: str, start: float = T0, **changes: Any) -> Outage:
    """A commune that was cut off."""
    component = f"power|lan|line|agent:{code}"
    values: dict[str, Any] = {
        "id": f"{code}@{start:.0f}", "fingerprint": code, "component": component, "communes": (code,),
        "starts_at": start, "labels": {"alertname": "CommuneCutOff", "component": component, "commune": code},
    }  # fmt: skip
    return outage(**values | changes)


class Desk:
    """Outages in, messages out; ``now`` is Unix seconds."""

    def __init__(self, path: Path, inventory: Inventory, holidays: Any = lambda _: ()) -> None:
        self.path, self.now = path, T0
        self.counted: Counter[str] = Counter()
        self.inventory = inventory
        self._holidays = holidays
        self.sent: list[Delivery] = []
        self.open()

    def open(self) -> None:
        self.store = StoreThread(self.path)
        book = Book.of(self.inventory, self._holidays)
        self.dispatcher = Dispatcher(self.store, book, lambda what: self.counted.update([what]))

    async def restart(self) -> None:
        await self.store.close()
        self.open()

    async def fires(self, *outages: Outage) -> None:
        await self.store(Store.take, (), self.now, undecided=outages)
        await self.dispatcher.turn(self.now)

    async def ends(self, *outages: Outage) -> None:
        over = [msgspec.structs.replace(one, ends_at=self.now) for one in outages]
        await self.store(Store.take, (), self.now, resolved=over)
        await self.dispatcher.turn(self.now)

    async def passes(self, seconds: float, step: float = 1.0) -> None:
        """Let time pass, turning every ``step`` seconds."""
        until = self.now + seconds
        while self.now < until:
            self.now = min(until, self.now + step)
            await self.dispatcher.turn(self.now)

    async def told(self, channel: str = "sms", *, deliver: bool = True) -> list[str]:
        """What is new for a channel: ``firing CommuneCutOff 0`` and the like; delivered after that."""
        found = await self.store(Store.pending, channel)
        for one in found if deliver else ():
            await self.store(Store.attempt, one.seq)
            await self.store(Store.settle, one.seq, "sent", self.now)
        self.sent += found
        return [f"{one.status} {one.outage.alertname} {one.step}" for one in found]

    async def state(self, outage_id: str) -> Handled:
        found = await self.store(handling.one, outage_id)
        assert found is not None
        return found
