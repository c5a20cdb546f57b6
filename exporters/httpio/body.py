"""The body of an answer: decoded as it comes, counted, and only its beginning kept."""

import re
import zlib
from typing import Final

from exporters.net.failure import Failure
from inventory.names import Reason

_CHARSET: Final = re.compile(r"charset\s*=\s*\"?([\w.:-]{1,40})", re.IGNORECASE)
_CODECS: Final = frozenset(
    {
        "utf-8",
        "utf8",
        "us-ascii",
        "iso-8859-1",
        "windows-1252",
        "windows-1258",
        "utf-16",
        "utf-16le",
        "utf-16be",
    }
)
"""What a page may declare. Some of Python's codecs take quadratic time, so a stranger cannot choose."""


class Body:
    """Collects a body of at most ``max_bytes`` after decoding; keeps the first ``keep_bytes``."""

    __slots__ = ("_coding", "_decoder", "_keep_bytes", "_kept", "_max_bytes", "length")

    def __init__(self, coding: str, max_bytes: int, keep_bytes: int) -> None:
        self._coding = coding.strip().lower()
        self._decoder: zlib._Decompress | None = None
        self._max_bytes, self._keep_bytes = max_bytes, keep_bytes
        self._kept = bytearray()
        self.length = 0

    def feed(self, data: bytes) -> None:
        """Take the next bytes. Raises Failure: too_large, or protocol for what cannot be decoded."""
        if self._coding in ("", "identity") or not data:
            return self._take(data)
        if self._decoder is None:
            self._decoder = _decoder(self._coding, data)
        return self._decode(self._decoder, data)

    def _decode(self, decoder: "zlib._Decompress", data: bytes) -> None:
        try:
            while data and not decoder.eof:
                # One byte more than allowed tells a bomb from a body that just fits.
                self._take(decoder.decompress(data, self._max_bytes + 1 - self.length))
                data = decoder.unconsumed_tail
        except zlib.error as error:
            raise Failure(Reason.PROTOCOL, f"body is not {self._coding}: {error}") from None

    def _take(self, data: bytes) -> None:
        self.length += len(data)
        if self.length > self._max_bytes:
            raise Failure(Reason.TOO_LARGE, f"body over {self._max_bytes} bytes")
        room = self._keep_bytes - len(self._kept)
        if room > 0:
            self._kept += data[:room]

    def finish(self) -> None:
        """Say that all has come. Raises Failure(protocol) when a compressed body stops short."""
        if self._decoder is not None and not self._decoder.eof:
            raise Failure(Reason.PROTOCOL, f"{self._coding} body stops short")

    @property
    def beginning(self) -> bytes:
        """What was kept."""
        return bytes(self._kept)

    def text(self, content_type: str, most_bytes: int | None = None) -> str:
        """Return the beginning that was kept, as text; what is not text becomes U+FFFD."""
        declared = _CHARSET.search(content_type)
        charset = declared[1].lower() if declared else "utf-8"
        kept = self._kept if most_bytes is None or most_bytes >= len(self._kept) else self._kept[:most_bytes]
        return kept.decode(charset if charset in _CODECS else "utf-8", errors="replace")


def _decoder(coding: str, beginning: bytes) -> "zlib._Decompress":
    if coding in ("gzip", "x-gzip"):
        return zlib.decompressobj(wbits=31)
    if coding == "deflate":
        # RFC 9110, 8.4.1.2: some send the bare stream without its zlib header.
        # The header's first byte says method 8; a bare stream would begin so only with odd padding.
        return zlib.decompressobj(wbits=15 if beginning[0] & 0x0F == 8 else -15)
    raise Failure(Reason.PROTOCOL, f"body in coding {coding[:40]!r}, which was not asked for")
