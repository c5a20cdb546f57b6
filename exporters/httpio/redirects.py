"""Where the next request of a probe goes, and what it may carry there."""

import asyncio
from typing import Final

from exporters.base import Target
from exporters.httpio.answer import Answer
from exporters.httpio.config import Config
from exporters.httpio.exchange import Request
from exporters.httpio.options import MAX_VALUE_LENGTH, usable_value
from exporters.httpio.tls import TlsFiles, context_for
from exporters.httpio.url import parse_url, redirected
from exporters.net.failure import Failure
from inventory.names import Reason

USER_AGENT: Final = "thongsuot"
_DEFAULTS: Final = (("User-Agent", USER_AGENT), ("Accept", "*/*"), ("Accept-Encoding", "gzip, deflate"))


class Journey:
    """The requests of one probe: the first, and those that redirects lead to.

    What belongs to the first origin (secrets, our certificate, another name or Host) stays there.
    Raises Failure(local) for an address or file that cannot be used.
    """

    def __init__(self, target: Target, config: Config) -> None:
        self._target, self._config = target, config
        self._method, self._body = config.method, config.body.encode()
        try:
            self._first = parse_url(target.address)
        except ValueError:
            raise Failure(Reason.LOCAL, f"{target.address[:200]!r} is not a URL to probe") from None
        self.url = self._first

    async def request(self) -> Request:
        """Return the next request."""
        config, url = self._config, self.url
        home = url.origin == self._first.origin
        secure = url.scheme == "https"
        return Request(
            url=url,
            method=self._method,
            fields=await self._fields(home),
            body=self._body,
            server_name=config.server_name if home and config.server_name else url.host,
            tls=await context_for(self._tls_files(home)) if secure else None,
            source=self._target.source,
            ip_version=config.ip_version,
            max_body_bytes=config.max_body_bytes,
            keep_bytes=config.searched_body_bytes,
            patience_seconds=self._target.timeout_seconds,
        )

    def follow(self, answer: Answer) -> None:
        """Go where a redirect leads, with the method that browsers use then (RFC 9110, 15.4)."""
        self.url = redirected(self.url, answer.field(b"location"))
        if answer.status == 303 or (answer.status in (301, 302) and self._method == "POST"):
            self._method, self._body = "HEAD" if self._method == "HEAD" else "GET", b""

    def _tls_files(self, home: bool) -> TlsFiles:
        config = self._config
        return TlsFiles(
            ca_file=config.ca_file,
            cert_file=config.cert_file if home else None,
            key_file=config.key_file if home else None,
            verify=not config.insecure_skip_verify,
        )

    async def _fields(self, home: bool) -> tuple[tuple[str, str], ...]:
        config = self._config
        own = {name: value for name, value in config.headers.items() if home or name.lower() != "host"}
        if home and config.header_files:
            own |= await asyncio.to_thread(_read_all, config.header_files)
        given = {name.lower() for name in own}
        host = () if "host" in given else (("Host", self.url.authority),)
        defaults = tuple(field for field in _DEFAULTS if field[0].lower() not in given)
        return (*host, *defaults, *own.items())


def _read_all(files: dict[str, str]) -> dict[str, str]:
    return {name: _read(path) for name, path in files.items()}


def _read(path: str) -> str:
    """Return the one line that a file holds. Raises Failure(local); never says what is in it."""
    try:
        with open(path, encoding="utf-8") as file:
            value = file.read(MAX_VALUE_LENGTH + 2).strip()
    except (OSError, UnicodeDecodeError) as error:
        raise Failure(Reason.LOCAL, f"header_files: {path}: {type(error).__name__}") from None
    if not value or not usable_value(value):
        raise Failure(Reason.LOCAL, f"header_files: {path}: expected one line of text")
    return value
