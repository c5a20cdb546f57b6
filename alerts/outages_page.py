"""``GET /api/outages`` of the receiver: what is open, who acknowledged it, what was learned since."""

import msgspec
from aiohttp import web

from alerts import handling, witness
from alerts.learned import Learned
from alerts.outage import public
from alerts.store import Store, StoreError
from alerts.threads import StoreThread


class OutagesPage:
    """Answers from the store, and from what ``learned`` knows."""

    def __init__(self, store: StoreThread, learned: Learned) -> None:
        self._store = store
        self._learned = learned

    def add(self, app: web.Application) -> None:
        """Add the route."""
        app.router.add_get("/api/outages", self._answer)

    async def _answer(self, _: web.Request) -> web.Response:
        try:
            found = await self._store(Store.standing)
            handled = {item.outage.id: item for item in await self._store(handling.live)}
            located = await self._store(witness.located, [item.outage.id for item in found])
        except StoreError as error:
            return web.Response(status=503, text=f"{error}\n")
        revised = await self._learned.of(located)
        shown = [
            {
                "phase": item.phase,
                **public(item.outage),
                **handling.public(handled.get(item.outage.id)),
                "revised": revised.get(item.outage.id),
            }
            for item in found
        ]
        return web.Response(body=msgspec.json.encode(shown), content_type="application/json")
