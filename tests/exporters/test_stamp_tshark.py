"""Our packets as tshark reads them.

Debian 12's tshark has no dissector for STAMP; the one for TWAMP-Test knows every field of the open packets,
which RFC 8762, 4.6 keeps in the same places. Authenticated packets it does not know.
"""

import json
import socket
import struct
import subprocess
from pathlib import Path

import pytest

from deploy.debian import environment, find
from exporters.stampio import packet
from exporters.stampio.packet import Reflected, Sent

pytestmark = pytest.mark.lab
SENDER, REFLECTOR = ("10.51.40.10", 40000), ("10.51.0.1", 862)
RAW_IP = 101  # link type of pcap


def datagram(data: bytes, sender: tuple[str, int], to: tuple[str, int]) -> bytes:
    """Return an IPv4 packet (RFC 791) with UDP (RFC 768), without checksums."""
    udp = struct.pack("!HHHH", sender[1], to[1], 8 + len(data), 0) + data
    head = struct.pack("!BBHHHBBH", 0x45, 0, 20 + len(udp), 0, 0, 255, socket.IPPROTO_UDP, 0)
    return head + socket.inet_aton(sender[0]) + socket.inet_aton(to[0]) + udp


def dissect(path: Path, *packets: bytes) -> list[dict[str, str]]:
    """Return the fields of the test protocol of each packet."""
    with path.open("wb") as file:
        file.write(struct.pack("=IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 65535, RAW_IP))
        for data in packets:
            file.write(struct.pack("=IIII", 1_795_305_600, 0, len(data), len(data)) + data)
    command = [str(find("tshark")), "-r", str(path), "-d", "udp.port==862,twamp.test", "-T", "json"]
    done = subprocess.run(
        command, capture_output=True, timeout=60, check=True, env=environment() | {"HOME": str(path.parent)}
    )
    return [item["_source"]["layers"]["twamp.test"] for item in json.loads(done.stdout)]


def test_every_field_is_where_another_reader_looks_for_it(tmp_path: Path) -> None:
    sent = packet.encode_sent(Sent(7, 0xEEACAF00_40000000, 0x8F84, 0), None)
    reflected = packet.encode_reflected(
        Reflected(
            sequence=5, stamp=0xEEACAF00_80000000, error=0x3FFF, session=0xBEEF,
            received=0xEEACAF00_60000000, sender_sequence=7, sender_stamp=0xEEACAF00_40000000,
            sender_error=0x8F84, hop_limit=253,
        ),
        None,
    )  # fmt: skip
    one, two = dissect(
        tmp_path / "packets.pcap",
        datagram(sent, SENDER, REFLECTOR),
        datagram(reflected, REFLECTOR, SENDER),
    )
    assert one["twamp.test.seq_number"] == "7"
    assert one["twamp.test.timestamp"].startswith("Nov 22, 2026 00:00:00.250000000")
    assert int(one["twamp.test.error_estimate"], 0) == 0x8F84
    assert two["twamp.test.seq_number"] == "5"
    assert two["twamp.test.timestamp"].startswith("Nov 22, 2026 00:00:00.500000000")
    assert int(two["twamp.test.error_estimate"], 0) == 0x3FFF
    assert int(two["twamp.test.mbz1"], 0) == 0xBEEF  # RFC 8972 put the session identifier there
    assert two["twamp.test.receive_timestamp"].startswith("Nov 22, 2026 00:00:00.375000000")
    assert two["twamp.test.sender_seq_number"] == "7"
    assert two["twamp.test.sender_timestamp"].startswith("Nov 22, 2026 00:00:00.250000000")
    assert int(two["twamp.test.sender_error_estimate"], 0) == 0x8F84
    assert int(two["twamp.test.mbz2"], 0) == 0
    assert two["twamp.test.sender_ttl"] == "253"
    assert two["twamp.test.padding"] == "00:00:00"
