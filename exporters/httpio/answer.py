"""One HTTP answer, fed as it comes. No I/O; httptools (llhttp) reads the protocol."""

from typing import Final

import httptools

from exporters.httpio.body import Body
from exporters.net.failure import Failure
from inventory.names import Reason

MAX_HEADER_BYTES: Final = 65536
_WANTED: Final = frozenset(
    {
        b"location",
        b"content-type",
        b"content-encoding",
        b"content-length",
        b"transfer-encoding",
        b"last-modified",
    }
)


class Answer:
    """Parses the answer to one request; ``status`` is 0 and ``body`` None until the header is whole,
    ``http_version`` that of the status line, such as ``1.1``. :meth:`let_go` when it was read.

    Interim answers (RFC 9110, 15.2) are passed over. Only the header fields of use here are kept, or
    ``all_fields``. ``excess``: more came than the one answer that was asked for.
    """

    def __init__(
        self, method: str, max_body_bytes: int, keep_bytes: int, *, all_fields: bool = False
    ) -> None:
        self._all_fields = all_fields
        self._head_only = method == "HEAD"
        self._max_body_bytes, self._keep_bytes = max_body_bytes, keep_bytes
        # Chunk sizes and extensions are not body: they must not be endless either.
        self._max_bytes = 2 * MAX_HEADER_BYTES + 2 * max_body_bytes
        self._received = self._header_bytes = 0
        self._fields: dict[bytes, bytes] = {}
        self.fields: list[tuple[bytes, bytes]] = []
        self._failure: Failure | None = None
        self._parser: httptools.HttpResponseParser | None = httptools.HttpResponseParser(self)
        self.status, self.http_version = 0, "0.0"
        self.body: Body | None = None
        self.complete = self.excess = self._ended = self._keep_alive = False

    def feed(self, data: bytes) -> None:
        """Take the next bytes. Raises Failure: protocol, or too_large."""
        if self._parser is None:
            raise RuntimeError("an answer that was let go")
        self._received += len(data)
        try:
            self._parser.feed_data(data)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade) as error:
            # What follows a complete answer is nobody's concern, but the connection's next user's.
            self.excess = self.complete
            if not self.complete and self._failure is None:
                words = str(error).rstrip(".") or type(error).__name__
                raise Failure(Reason.PROTOCOL, f"not HTTP: {words}, in {data[:40]!r}") from None
        if self._failure is not None:
            raise self._failure
        if self.body is None and self._received > MAX_HEADER_BYTES:
            raise Failure(Reason.TOO_LARGE, f"header over {MAX_HEADER_BYTES} bytes")
        if self._received > self._max_bytes and not self.complete:
            raise Failure(Reason.TOO_LARGE, f"answer over {self._max_bytes} bytes with its framing")

    def end(self) -> None:
        """Say that the connection was closed. Raises Failure(reset) unless that may end the answer."""
        if self.complete:
            return
        if self.body is None:
            got = f"{self._received} bytes of a header" if self._received else "an answer"
            raise Failure(
                Reason.RESET, f"connection closed before {'the end of ' if self._received else ''}{got}"
            )
        if self._fields.keys() & {b"content-length", b"transfer-encoding"}:
            raise Failure(Reason.RESET, f"connection closed after {self.body.length} bytes of the body")
        self._finish(self.body)  # RFC 9112, 6.3: without a length, the body ends with the connection
        if self._failure is not None:
            raise self._failure

    def let_go(self) -> None:
        """Take no more bytes. The parser refers back to us: nobody but the garbage collector, which holds
        up everybody, would find out that both are done with."""
        self._parser = None

    def field(self, name: bytes) -> str:
        """Return a header field, ``""`` when it was not sent."""
        return self._fields.get(name, b"").decode("latin-1")

    @property
    def reusable(self) -> bool:
        """Whether another request may follow on this connection (RFC 9112, 9.3)."""
        if not self.complete or self.excess or self.status == 101:
            return False
        framed = self._head_only or self._ended
        return framed and self._keep_alive

    def text(self, most_bytes: int | None = None) -> str:
        """Return the kept beginning of the body as text."""
        return self.body.text(self.field(b"content-type"), most_bytes) if self.body is not None else ""

    def _finish(self, body: Body) -> None:
        self.complete = True
        try:
            body.finish()
        except Failure as failure:
            self._failure = failure

    # Called back by httptools, which would hide an exception inside one of its own.

    def on_message_begin(self) -> None:
        """The answer, an interim one, or something that nobody asked for."""
        self.excess |= self.complete

    def on_header(self, name: bytes, value: bytes) -> None:
        """One field; in a trailer too, where it no longer counts."""
        key = name.lower()
        self._header_bytes += len(name) + len(value)
        if self._header_bytes > MAX_HEADER_BYTES and not self.complete:
            self._failure = Failure(Reason.TOO_LARGE, f"header over {MAX_HEADER_BYTES} bytes")
        if self.body is None:
            if key in _WANTED:
                self._fields[key] = value
            if self._all_fields:
                self.fields.append((key, value))

    def on_headers_complete(self) -> None:
        """The header is whole."""
        if self._parser is None:
            return
        status = self._parser.get_status_code()
        if status < 200 and status != 101:
            self._fields.clear()
            self.fields.clear()
            return
        if self.complete:
            return
        self.status, self.http_version = status, str(self._parser.get_http_version())
        self._keep_alive = bool(self._parser.should_keep_alive())  # later it speaks of the next answer
        self.body = Body(self.field(b"content-encoding"), self._max_body_bytes, self._keep_bytes)
        if self._head_only or status == 101:
            self.complete = True

    def on_body(self, data: bytes) -> None:
        """A piece of the body."""
        if self.body is None or self.complete or self._failure is not None:
            self.excess = True
            return
        try:
            self.body.feed(data)
        except Failure as failure:
            self._failure = failure

    def on_message_complete(self) -> None:
        """The answer, or an interim one, is whole."""
        if self.body is not None and not self.complete and self._failure is None:
            self._finish(self.body)
        self._ended = self.body is not None
