"""Who may look. Loopback needs nothing; anywhere else a login, or a header from a trusted proxy."""

import ipaddress
import re
import time
from collections.abc import Awaitable, Callable
from typing import Final, Protocol

from aiohttp import web

from .attempts import Attempts
from .sessions import LASTS_SECONDS, Sessions

COOKIE: Final = "thongsuot_session"
_OPEN_PATHS: Final = ("/-/healthy", "/-/ready", "/static/", "/login")
_USER: Final = re.compile(r"[^\x00-\x1f\x7f]{1,200}")
USER: Final = web.RequestKey("thongsuot_user", str)
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class Gate(Protocol):
    """Decides about a request: a user's name, "" for anybody, or None for nobody known."""

    def user(self, request: web.Request) -> str | None: ...


class OpenGate:
    """Loopback: whoever is on this machine may look.

    A foreign name in ``Host`` is a web page elsewhere that had its name resolved to this machine.
    """

    def user(self, request: web.Request) -> str | None:
        host = request.host.rpartition(":")[0] if re.search(r":\d+$", request.host) else request.host
        return "" if _is_local_name(host) else None


class ProxyGate:
    """The proxy's word, believed from its own addresses only."""

    def __init__(self, header: str, proxies: frozenset[str]) -> None:
        self._header = header
        self._proxies = proxies

    def user(self, request: web.Request) -> str | None:
        named = request.headers.getall(self._header, [])
        if address(request) not in self._proxies or len(named) != 1:
            return None
        return named[0] if _USER.fullmatch(named[0]) else None


class LoginGate:
    """Our own login: a signed cookie."""

    def __init__(self, sessions: Sessions, attempts: Attempts) -> None:
        self.sessions = sessions
        self.attempts = attempts

    def user(self, request: web.Request) -> str | None:
        return self.sessions.check(request.cookies.get(COOKIE, ""), time.time())

    def remember(self, response: web.StreamResponse, name: str, *, secure: bool) -> None:
        """Set the session cookie."""
        response.set_cookie(
            COOKIE, self.sessions.issue(name, time.time()), max_age=LASTS_SECONDS,
            httponly=True, samesite="Strict", secure=secure, path="/",
        )  # fmt: skip


def address(request: web.Request) -> str:
    """Return the peer's address in its plain form; an IPv4 address in IPv6 clothes is undressed."""
    try:
        found = ipaddress.ip_address((request.remote or "").partition("%")[0])
    except ValueError:
        return ""
    mapped = found.ipv4_mapped if isinstance(found, ipaddress.IPv6Address) else None
    return str(mapped or found)


def is_same_machine(request: web.Request) -> bool:
    """Whether the request comes from this machine: its Prometheus may read ``/metrics``."""
    peer = address(request)
    own = request.transport.get_extra_info("sockname") if request.transport else None
    return bool(peer) and (ipaddress.ip_address(peer).is_loopback or (own is not None and peer == own[0]))


def needs_nobody(request: web.Request) -> bool:
    """Whether a path is open to everybody: health, the login itself, and what it is drawn with."""
    if request.path == "/metrics":
        return is_same_machine(request)
    return request.path.startswith(_OPEN_PATHS)


def from_elsewhere(request: web.Request) -> bool:
    """Whether a browser says that another site made this request (Fetch Metadata, else Origin)."""
    site = request.headers.get("Sec-Fetch-Site")
    if site is not None:
        return site not in ("same-origin", "none")
    origin = request.headers.get("Origin")
    return origin is not None and origin.partition("://")[2] != request.host


def safe_next(target: str) -> str:
    """Return where to go after the login: a page of ours, else the wall.

    >>> safe_next("/commune/21040"), safe_next("//evil.example")
    ('/commune/21040', '/')
    """
    return target if re.fullmatch(r"/commune/[0-9]{5}", target) else "/"


def _is_local_name(host: str) -> bool:
    name = host.strip("[]").lower()
    if name == "localhost" or name.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(name).is_loopback
    except ValueError:
        return False
