"""One request as it goes out. Pure."""

import ssl
from typing import Final

import msgspec

from exporters.httpio.proxy import Proxy
from exporters.httpio.tls import TlsFiles
from exporters.httpio.url import Url
from exporters.net.resolve import IpVersion

_WITH_BODY: Final = frozenset({"POST", "PUT", "PATCH"})
Key = tuple[tuple[str, str, int], str, TlsFiles | None]


class Request(msgspec.Struct, frozen=True, kw_only=True):
    """What is sent to one URL, and by which way. ``fields`` are header fields besides our own."""

    url: Url
    method: str
    fields: tuple[tuple[str, str], ...]
    body: bytes
    server_name: str
    tls_files: TlsFiles | None
    tls: ssl.SSLContext | None
    source: str | None
    ip_version: IpVersion | None
    proxy: Proxy | None
    max_body_bytes: int
    keep_bytes: int
    keep_alive: bool
    all_fields: bool
    patience_seconds: float

    @property
    def key(self) -> Key:
        """What a connection must agree in to be used for this request too."""
        return self.url.origin, self.server_name, self.tls_files


def encode(request: Request) -> bytes:
    """Return a request as HTTP/1.1 sends it (RFC 9112)."""
    by_proxy = request.proxy if request.tls is None else None
    target = request.url.target if by_proxy is None else str(request.url)
    lines = [f"{request.method} {target} HTTP/1.1"]
    lines += [f"{name}: {value}" for name, value in request.fields]
    if by_proxy is not None and by_proxy.authorization is not None:
        lines.append(f"Proxy-Authorization: {by_proxy.authorization}")
    if request.body or request.method in _WITH_BODY:
        lines.append(f"Content-Length: {len(request.body)}")
    if not request.keep_alive:
        lines.append("Connection: close")
    return "\r\n".join([*lines, "", ""]).encode("utf-8") + request.body
