"""Whether a server still settles on an old version of TLS: a ClientHello by hand, and what it answers.

OpenSSL refuses old versions by itself, so it cannot ask. Nothing secret is exchanged: the server's
first record tells (RFC 5246, 7.4.1; RFC 8446, 4.1.3).
"""

import os
import struct
from typing import Final

from exporters.net.failure import Failure
from exporters.net.literal import literal
from exporters.net.wire import Wire
from exporters.tlsio.config import TlsVersion
from inventory.names import Reason

OLDER: Final[dict[TlsVersion, int]] = {"TLSv1.2": 0x0302, "TLSv1.3": 0x0303}
NAMES: Final = {0x0300: "SSLv3", 0x0301: "TLSv1", 0x0302: "TLSv1.1", 0x0303: "TLSv1.2", 0x0304: "TLSv1.3"}
_ALERT, _HANDSHAKE, _CLIENT_HELLO, _SERVER_HELLO = 21, 22, 1, 2
_MAX_RECORD: Final = 16384 + 2048
_SUITES: Final = struct.pack(
    ">16H",
    0xC02B, 0xC02F, 0xC02C, 0xC030, 0xCCA9, 0xCCA8, 0xC009, 0xC013,
    0xC00A, 0xC014, 0x009C, 0x009D, 0x002F, 0x0035, 0x000A, 0x0033,
)  # fmt: skip
_EXTENSIONS: Final = b"".join(
    struct.pack(">2H", kind, len(body)) + body
    for kind, body in (
        (10, bytes.fromhex("0006001d00170018")),  # groups: x25519, P-256, P-384
        (11, bytes.fromhex("0100")),  # points: uncompressed
        (13, bytes.fromhex("0012040308040401050308050501060102030201")),  # signatures, SHA-1 last
    )
)


def encode_client_hello(version: int, server_name: str, chance: bytes) -> bytes:
    """Return the record of a ClientHello that offers at most ``version``; ``chance`` has 32 octets."""
    extensions = _EXTENSIONS
    if literal(server_name) is None:
        name = server_name.encode("idna")
        entry = struct.pack(">HBH", len(name) + 3, 0, len(name)) + name
        extensions = struct.pack(">2H", 0, len(entry)) + entry + extensions
    suites = struct.pack(">H", len(_SUITES)) + _SUITES
    body = struct.pack(">H", version) + chance + b"\0" + suites + b"\1\0"
    body += struct.pack(">H", len(extensions)) + extensions
    message = bytes((_CLIENT_HELLO,)) + len(body).to_bytes(3, "big") + body
    return struct.pack(">BHH", _HANDSHAKE, 0x0301, len(message)) + message


def parse_server_hello(data: bytes) -> int | None:
    """Return the version that a server's first octets settle on, 0 when it refuses; None: not yet.

    Raises ValueError for what is no TLS.
    """
    if len(data) < 5:
        return None
    kind, _, length = struct.unpack_from(">BHH", data)
    if kind == _ALERT:
        return 0
    if kind != _HANDSHAKE or not 4 <= length <= _MAX_RECORD:
        raise ValueError("the first record is no handshake")
    if len(data) < 11:
        return None
    if data[5] != _SERVER_HELLO:
        raise ValueError("the first message is no ServerHello")
    return int.from_bytes(data[9:11], "big")


async def settles_on(wire: Wire, version: int, server_name: str) -> str | None:
    """Return the name of the version at most ``version`` on which the server settles; None: it refuses.

    Raises Failure: reset, protocol, tls.
    """
    try:
        await wire.send(encode_client_hello(version, server_name, os.urandom(32)))
    except UnicodeError:
        raise Failure(Reason.TLS, f"server name {server_name[:80]!r} cannot be sent") from None
    data = b""
    try:
        while (settled := parse_server_hello(data)) is None:
            try:
                more = await wire.receive()
            except Failure:
                return None  # closing the connection is how some refuse
            if not more:
                return None
            data += more
    except ValueError as error:
        raise Failure(Reason.PROTOCOL, f"old version: {error}") from None
    return NAMES.get(settled, hex(settled)) if 0 < settled <= version else None
