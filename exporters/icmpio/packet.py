"""Echo packets, RFC 792 and RFC 4443. Pure."""

import socket
import struct
from typing import Final

import msgspec

ECHO_REQUEST: Final[dict[int, int]] = {socket.AF_INET: 8, socket.AF_INET6: 128}
ECHO_REPLY: Final[dict[int, int]] = {socket.AF_INET: 0, socket.AF_INET6: 129}
HEADER_BYTES: Final = 8
_HEADER: Final = struct.Struct("!BBHHH")


class Echo(msgspec.Struct, frozen=True, gc=False):
    """An echo request or reply; ``ident`` and ``sequence`` 16 bits each."""

    type: int
    ident: int
    sequence: int
    payload: bytes


def checksum(data: bytes) -> int:
    """Return the Internet checksum (RFC 1071) of ``data``.

    >>> hex(checksum(bytes.fromhex("0001f203f4f5f6f7")))
    '0x220d'
    """
    if len(data) % 2:
        data += b"\0"
    # One's complement addition is addition modulo 0xffff, and so is the value of all words in a row: 0x10000
    # leaves 1. Zero is written 0xffff unless all words are zero.
    number = int.from_bytes(data, "big")
    return 0xFFFF - (number % 0xFFFF or 0xFFFF) if number else 0xFFFF


def encode_request(type_: int, ident: int, sequence: int, payload: bytes, with_checksum: bool) -> bytes:
    """Return an echo request of ``type_``. The kernel fills in the checksum except on raw IPv4 sockets."""
    message = _HEADER.pack(type_, 0, 0, ident, sequence) + payload
    if not with_checksum:
        return message
    return message[:2] + checksum(message).to_bytes(2, "big") + message[4:]


def parse_echo(data: bytes) -> Echo | None:
    """Return the echo message in ``data`` (an ICMP message without its IP header), or None.

    The quotation inside an ICMP error may be cut short after these first eight bytes (RFC 792).
    """
    if len(data) < HEADER_BYTES:
        return None
    type_, code, _, ident, sequence = _HEADER.unpack_from(data)
    if code != 0 or type_ not in (0, 8, 128, 129):
        return None
    return Echo(type_, ident, sequence, data[HEADER_BYTES:])


def strip_ipv4_header(packet: bytes) -> tuple[int, bytes] | None:
    """Split what a raw IPv4 socket receives into TTL and message (RFC 791, 3.1), or None."""
    if len(packet) < 20 or packet[0] >> 4 != 4:
        return None
    header_bytes = (packet[0] & 0x0F) * 4
    if header_bytes < 20 or len(packet) < header_bytes:
        return None
    return packet[8], packet[header_bytes:]
