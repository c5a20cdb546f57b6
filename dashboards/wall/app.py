"""The wall page as an aiohttp application: routes, the gate before them, headers after them."""

import asyncio
import logging
import time
from collections.abc import Mapping
from typing import Final

from aiohttp import web
from prometheus_client import CollectorRegistry

from common.web import add_health

from . import choices, commune_page, login_page, page
from .assets import Assets
from .days import Days
from .gate import USER, Gate, Handler, LoginGate, address, from_elsewhere, needs_nobody, safe_next
from .meters import Meters
from .passwords import verify
from .state import WALL, Wall
from .stream import Viewers

MAX_BODY_BYTES: Final = 4096
MAX_VIEWERS: Final = 100
FORM_SECONDS: Final = 10.0
_HEADERS: Final = {
    "Content-Security-Policy": (
        "default-src 'self'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
        "object-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
}
log = logging.getLogger(__name__)


class Site:
    """Handlers over one :class:`Wall`."""

    def __init__(self, wall: Wall, days: Days, gate: Gate, meters: Meters, max_viewers: int) -> None:
        self._wall = wall
        self._days = days
        self._gate = gate
        self._meters = meters
        self._viewers = Viewers(wall, meters, max_viewers)
        self._assets = Assets()
        self._hashing = asyncio.Semaphore(1)  # 32 MB and a core each

    def routes(self) -> list[web.RouteDef]:
        """Return what the site answers."""
        return [
            web.get("/", self.show_wall),
            web.get(r"/commune/{code:[0-9]{5}}", self.show_commune),
            web.get(r"/commune/{code:[0-9]{5}}/day", self.show_day),
            web.get("/events", self.events),
            web.get("/login", self.show_login),
            web.post("/login", self.log_in),
            web.post("/logout", self.log_out),
            web.get("/static/{name}", self._assets.serve),
        ]

    def frame(self, request: web.Request, page_name: str = "") -> page.Frame:
        """Return what a page needs around its content."""
        return page.Frame(
            words=self._wall.words(choices.language(request)),
            province=self._wall.directory.province,
            at=time.time(),
            build=self._wall.build,
            assets=self._assets.urls,
            theme=choices.theme(request),
            zones=choices.zones(request),
            user=request.get(USER) if isinstance(self._gate, LoginGate) else None,
            page=page_name,
            path=request.path,
        )

    def html(self, request: web.Request, content: str, status: int = 200) -> web.Response:
        """Return a page, and remember what its address chose."""
        response = web.Response(
            text=content, status=status, content_type="text/html", headers={"Cache-Control": "no-store"}
        )
        choices.remember(request, response)
        return response

    def said(self, request: web.Request, status: int, key: str, **values: object) -> web.Response:
        """Return a page that only says something."""
        frame = self.frame(request)
        return self.html(request, page.message(frame, frame.words.say(key, **values)), status)

    # --- pages -----------------------------------------------------------------------------------
    async def show_wall(self, request: web.Request) -> web.Response:
        wall = self._wall
        return self.html(request, page.wall(self.frame(request, WALL), wall.shown, wall.layout, wall.names))

    async def show_commune(self, request: web.Request) -> web.Response:
        code = request.match_info["code"]
        if not self._wall.knows(code):
            return self.said(request, 404, "commune_unknown", code=code)
        history = await self._days.get(code, time.time())
        frame = self.frame(request, code)
        day = commune_page.last_day(history, frame.words)
        return self.html(
            request, commune_page.commune(frame, self._wall.commune(code), self._wall.names, day)
        )

    async def show_day(self, request: web.Request) -> web.Response:
        """The charts alone, which the browser fetches anew every minute."""
        code = request.match_info["code"]
        if not self._wall.knows(code):
            return self.said(request, 404, "commune_unknown", code=code)
        history = await self._days.get(code, time.time())
        words = self._wall.words(choices.language(request))
        return self.html(request, commune_page.last_day(history, words))

    async def events(self, request: web.Request) -> web.StreamResponse:
        name = request.query.get("page", WALL)
        if not self._wall.knows(name):
            return self.said(request, 404, "not_found")
        if self._viewers.full:
            self._meters.refused("full")
            return self.said(request, 503, "full")

        def allowed() -> bool:
            return self._gate.user(request) is not None

        return await self._viewers.feed(request, name, choices.language(request), allowed)

    # --- login -----------------------------------------------------------------------------------
    async def show_login(self, request: web.Request) -> web.Response:
        if not isinstance(self._gate, LoginGate):
            raise web.HTTPSeeOther("/")
        return self.html(
            request, login_page.login(self.frame(request), safe_next(request.query.get("next", "")))
        )

    async def log_in(self, request: web.Request) -> web.Response:
        gate = self._gate
        if not isinstance(gate, LoginGate) or from_elsewhere(request):
            return self.said(request, 403, "forbidden")
        form = await _form(request)
        target = safe_next(str(form.get("next", "")))
        wait = gate.attempts.attempt(address(request), time.monotonic())
        if wait:
            self._meters.refused("rate")
            return self._refuse_login(request, target, 429, "login_wait", seconds=wait)
        name, password = str(form.get("name", "")), str(form.get("password", ""))
        async with self._hashing:
            right = await asyncio.to_thread(verify, gate.sessions.users, name, password)
        if not right:
            self._meters.refused("login")
            log.warning("login refused", extra={"client": address(request)})
            return self._refuse_login(request, target, 403, "login_wrong")
        response = web.Response(status=303, headers={"Location": target})
        gate.remember(response, name, secure=request.secure)
        return response

    def _refuse_login(
        self, request: web.Request, target: str, status: int, key: str, **values: object
    ) -> web.Response:
        frame = self.frame(request)
        return self.html(request, login_page.login(frame, target, frame.words.say(key, **values)), status)

    async def log_out(self, request: web.Request) -> web.Response:
        if from_elsewhere(request):
            return self.said(request, 403, "forbidden")
        response = web.Response(status=303, headers={"Location": "/login"})
        login_page.forget(response)
        return response

    # --- around every request --------------------------------------------------------------------
    @web.middleware
    async def guard(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """Let in whom the gate knows; send people to the login and programs away."""
        if not needs_nobody(request):
            user = self._gate.user(request)
            if user is None:
                return self._turn_away(request)
            request[USER] = user
        return await handler(request)

    def _turn_away(self, request: web.Request) -> web.Response:
        if not isinstance(self._gate, LoginGate):
            self._meters.refused("proxy")
            return self.said(request, 403, "forbidden")
        if request.path == "/events" or request.method != "GET":
            return self.said(request, 401, "login")
        target = safe_next(request.path)
        return web.Response(status=303, headers={"Location": f"/login?next={target}"})

    @web.middleware
    async def errors(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """Say errors as a page; a bug is logged and told as such, without its insides."""
        try:
            return await handler(request)
        except web.HTTPException as error:
            if error.status < 400:
                raise
            return self.said(request, error.status, "not_found" if error.status == 404 else "error_page")
        except Exception:
            log.exception("a page failed", extra={"path": request.path})
            return self.said(request, 500, "error_page")


async def _form(request: web.Request) -> Mapping[str, object]:
    """Return the fields of a form that arrives in time and in an encoding that exists."""
    try:
        async with asyncio.timeout(FORM_SECONDS):
            return await request.post()
    except TimeoutError:
        raise web.HTTPRequestTimeout from None
    except (LookupError, ValueError):
        raise web.HTTPBadRequest from None


async def _add_headers(_: web.Request, response: web.StreamResponse) -> None:
    for name, value in _HEADERS.items():
        response.headers.setdefault(name, value)
    response.headers["Server"] = "thongsuot"
    response.headers.setdefault("Cache-Control", "no-store")


def application(
    wall: Wall,
    days: Days,
    gate: Gate,
    *,
    registry: CollectorRegistry,
    meters: Meters,
    max_viewers: int = MAX_VIEWERS,
) -> web.Application:
    """Return the application; whoever serves it also runs the poller that feeds ``wall``."""
    site = Site(wall, days, gate, meters, max_viewers)
    app = web.Application(middlewares=[site.errors, site.guard], client_max_size=MAX_BODY_BYTES)
    app.add_routes(site.routes())
    add_health(app, registry, ready=lambda: wall.polled)
    app.on_response_prepare.append(_add_headers)

    async def close(_: web.Application) -> None:
        wall.close()

    app.on_shutdown.append(close)
    return app
