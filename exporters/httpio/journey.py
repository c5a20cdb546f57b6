"""Where the next request of a probe goes, and what it may carry there."""

from collections.abc import Mapping
from typing import Final
from urllib.parse import urljoin

from exporters.base import Target
from exporters.httpio.answer import Answer
from exporters.httpio.config import Ask, Config, Step
from exporters.httpio.files import Held
from exporters.httpio.options import usable_value
from exporters.httpio.request import Request
from exporters.httpio.template import Encode, UnknownName, expand, in_body, in_url
from exporters.httpio.tls import TlsFiles, context_for
from exporters.httpio.url import Url, parse_url, redirected
from exporters.net.failure import Failure
from inventory.names import Reason

USER_AGENT: Final = "thongsuot"
MAX_DOCUMENT_BYTES: Final = 262144
"""The largest page that paths look into: much more would hold up everything else."""
_DEFAULTS: Final = (("User-Agent", USER_AGENT), ("Accept", "*/*"), ("Accept-Encoding", "gzip, deflate"))


class Journey:
    """The requests of one step: the first, and those that redirects lead to.

    What belongs to the first origin (secrets, our certificate, another name or Host) stays there.
    ``values`` are the variables. Raises Failure: local for an address or file that cannot be used,
    body for a captured value that cannot stand where it is wanted.
    """

    def __init__(
        self, target: Target, config: Config, ask: Ask, held: Held, values: Mapping[str, str]
    ) -> None:
        self._target, self._config, self._ask = target, config, ask
        self._held, self._values = held, values
        self._method, self._body = ask.method, self._first_body()
        self._first = self.url = self._first_url()
        parts = (*ask.expect, *ask.capture.values()) if isinstance(ask, Step) else ask.expect
        self._keep_bytes, self._all_fields = config.searched_body_bytes, False
        if parts:
            self._all_fields = any(part.header is not None for part in parts)
            if any(part.needs_document for part in parts):
                self._keep_bytes = max(self._keep_bytes, MAX_DOCUMENT_BYTES)

    async def request(self) -> Request:
        """Return the next request."""
        config, url = self._config, self.url
        home = url.origin == self._first.origin
        files = self._tls_files(home) if url.scheme == "https" else None
        return Request(
            url=url,
            method=self._method,
            fields=self._fields(home),
            body=self._body,
            server_name=config.server_name if home and config.server_name else url.host,
            tls_files=files,
            tls=await context_for(files) if files is not None else None,
            source=self._target.source,
            ip_version=config.ip_version,
            proxy=self._held.proxy,
            max_body_bytes=config.max_body_bytes,
            keep_bytes=self._keep_bytes,
            keep_alive=config.reuse_connections != "never",
            all_fields=self._all_fields,
            patience_seconds=self._target.timeout_seconds,
        )

    def follow(self, answer: Answer) -> None:
        """Go where a redirect leads, with the method that browsers use then (RFC 9110, 15.4)."""
        self.url = redirected(self.url, answer.field(b"location"))
        if answer.status == 303 or (answer.status in (301, 302) and self._method == "POST"):
            self._method, self._body = "HEAD" if self._method == "HEAD" else "GET", b""

    def _first_url(self) -> Url:
        ask, address = self._ask, self._target.address
        own = ask.url if isinstance(ask, Step) else None
        text = self._expand("address", address, in_url) if "${" in address else address
        if own is not None:
            text = urljoin(text, self._expand("url", own, in_url))
        try:
            return parse_url(text)
        except ValueError:
            raise Failure(Reason.LOCAL, f"{(own or address)[:200]!r} is not a URL to probe") from None

    def _first_body(self) -> bytes:
        ask = self._ask
        if not ask.body and ask.body_file is None:
            return b""
        text = self._held.bodies[ask.body_file] if ask.body_file is not None else ask.body
        return self._expand("body", text, in_body(ask.content_type)).encode("utf-8", "surrogatepass")

    def _tls_files(self, home: bool) -> TlsFiles:
        config = self._config
        return TlsFiles(
            ca_file=config.ca_file,
            cert_file=config.cert_file if home else None,
            key_file=config.key_file if home else None,
            verify=not config.insecure_skip_verify,
        )

    def _fields(self, home: bool) -> tuple[tuple[str, str], ...]:
        ask = self._ask
        own = ask.headers
        if not home:
            own = {name: value for name, value in own.items() if name.lower() != "host" and "${" not in value}
        elif own or ask.header_files:
            own = {name: self._value(name, value) for name, value in own.items()}
            own |= {name: self._held.lines[path] for name, path in ask.header_files.items()}
        if not own and ask.content_type is None:
            return (("Host", self.url.authority), *_DEFAULTS)
        given = {name.lower() for name in own}
        host = () if "host" in given else (("Host", self.url.authority),)
        defaults = tuple(item for item in _DEFAULTS if item[0].lower() not in given)
        kind = (("Content-Type", ask.content_type),) if ask.content_type and self._body else ()
        return (*host, *defaults, *own.items(), *kind)

    def _value(self, name: str, text: str) -> str:
        value = self._expand(f"header {name}", text, str)
        if not usable_value(value):
            raise Failure(Reason.BODY, f"a captured value cannot stand in header {name}")
        return value

    def _expand(self, where: str, text: str, encode: Encode) -> str:
        try:
            return expand(text, self._values, encode)
        except UnknownName as error:
            raise Failure(Reason.LOCAL, f"{where}: {error} has no value") from None
        except ValueError as error:
            raise Failure(Reason.BODY, f"a captured value cannot stand in {where}: {error}") from None
