"""URLs that a probe may follow. Pure."""

import re
from functools import lru_cache
from typing import Final, Literal
from urllib.parse import quote, urljoin, urlsplit

import msgspec

from common.i18n import t
from exporters.net.address import check_host
from exporters.net.failure import Failure
from inventory.names import Reason

MAX_URL_LENGTH: Final = 2000
_PORTS: Final = {"http": 80, "https": 443}
_SAFE: Final = "!#$%&'()*+,/:;=?@[]~"


class Url(msgspec.Struct, frozen=True):
    """``target`` is path and query as they stand in the request line; ``host`` has no brackets."""

    scheme: Literal["http", "https"]
    host: str
    port: int
    target: str

    @property
    def authority(self) -> str:
        """What the Host header says (RFC 9110, 7.2): without the port where it is the usual one."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == _PORTS[self.scheme] else f"{host}:{self.port}"

    @property
    def origin(self) -> tuple[str, str, int]:
        """Scheme, host and port (RFC 6454)."""
        return self.scheme, self.host, self.port

    @property
    def shown(self) -> str:
        """The URL as evidence may show it: what follows ``?`` may be a session or a token."""
        path, question, _ = self.target.partition("?")
        return f"{self.scheme}://{self.authority}{path}{question and '?…'}"

    def __str__(self) -> str:
        return f"{self.scheme}://{self.authority}{self.target}"


@lru_cache(maxsize=1024)
def parse_url(text: str) -> Url:
    """Return the parts of an absolute URL. Raises ValueError, saying what was expected.

    >>> str(parse_url("HTTP://[::1]:8080?q=a b"))
    'http://[::1]:8080/?q=a%20b'
    """
    try:
        parts = urlsplit(text)
        host, port = _ascii_host(parts.hostname or ""), parts.port
        check_host(host)
    except ValueError:  # UnicodeError is one
        raise ValueError(t("probes.expected_url")) from None
    if len(text) > MAX_URL_LENGTH or parts.scheme not in _PORTS or "@" in parts.netloc or port == 0:
        raise ValueError(t("probes.expected_url"))
    target = quote(parts.path or "/", safe=_SAFE) + (
        f"?{quote(parts.query, safe=_SAFE)}" if parts.query else ""
    )
    scheme: Literal["http", "https"] = "https" if parts.scheme == "https" else "http"
    return Url(scheme, host, port or _PORTS[scheme], target)


def _ascii_host(host: str) -> str:
    return host if host.isascii() else host.encode("idna").decode("ascii")


def redirected(url: Url, location: str) -> Url:
    """Return where ``location`` (RFC 9110, 10.2.2) leads from ``url``. Raises Failure(redirect).

    From https only to https: a way back to plain text is a fault of the site, and would show
    whoever listens what the client meant to keep.
    """
    if not location or re.search(r"[\x00-\x20\x7f]", location):
        raise Failure(Reason.REDIRECT, f"{url.shown}: a redirect without a usable Location")
    try:
        target = parse_url(urljoin(str(url), location))
    except ValueError:
        where = repr(location.partition("?")[0][:200])
        raise Failure(Reason.REDIRECT, f"{url.shown}: a redirect to {where}") from None
    if url.scheme == "https" and target.scheme != "https":
        raise Failure(Reason.REDIRECT, f"{url.shown}: a redirect from https to {target.shown}")
    return target
