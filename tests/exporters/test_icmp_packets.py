"""Echo packets and ICMP errors: pure parsing."""

import socket
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporters.icmpio.errors import IcmpError, describe, parse_extended_error, parse_local_mtu
from exporters.icmpio.packet import checksum, encode_request, parse_echo, strip_ipv4_header
from exporters.icmpio.pinger import round_trip_ns

U16 = st.integers(0, 0xFFFF)
SECOND = 1_000_000_000


def test_the_checksum_is_that_of_rfc_1071() -> None:
    assert checksum(bytes.fromhex("0001f203f4f5f6f7")) == 0x220D
    assert checksum(b"") == 0xFFFF


@given(st.binary(max_size=200))
def test_a_message_with_its_checksum_sums_to_zero(data: bytes) -> None:
    even = data + b"\0" * (len(data) % 2)
    assert checksum(even + checksum(even).to_bytes(2, "big")) == 0


@given(st.sampled_from([8, 128]), U16, U16, st.binary(max_size=1400), st.booleans())
def test_a_request_reads_back_as_it_was_written(
    type_: int, ident: int, sequence: int, payload: bytes, with_checksum: bool
) -> None:
    data = encode_request(type_, ident, sequence, payload, with_checksum)
    echo = parse_echo(data)
    assert echo is not None
    assert (echo.type, echo.ident, echo.sequence, echo.payload) == (type_, ident, sequence, payload)
    if with_checksum:
        assert checksum(data + b"\0" * (len(data) % 2)) == 0


@given(st.binary(max_size=100))
def test_no_bytes_break_the_parsers(data: bytes) -> None:
    echo = parse_echo(data)
    assert echo is None or (len(data) >= 8 and data[1] == 0)
    stripped = strip_ipv4_header(data)
    assert stripped is None or len(stripped[1]) <= len(data) - 20
    assert parse_local_mtu(data) >= 0
    error = parse_extended_error(data)
    assert error is None or str(error)


def test_ip_options_are_skipped() -> None:
    packet = bytes([0x46]) + bytes(7) + bytes([61]) + bytes(15) + b"message"
    assert strip_ipv4_header(packet) == (61, b"message")


@pytest.mark.parametrize(
    "packet", [b"", bytes([0x45]) * 19, bytes([0x41]) + bytes(30), bytes([0x4F]) + bytes(20)]
)
def test_what_is_no_ipv4_packet_is_none(packet: bytes) -> None:
    assert strip_ipv4_header(packet) is None


def extended(origin: int, type_: int, code: int, offender: bytes) -> bytes:
    return struct.pack("=IBBBxII", 113, origin, type_, code, 0, 0) + offender


def test_a_router_is_named() -> None:
    offender = struct.pack("=HH4s8x", socket.AF_INET, 0, socket.inet_aton("192.0.2.1"))
    error = parse_extended_error(extended(2, 3, 1, offender))
    assert error == IcmpError(4, 3, 1, "192.0.2.1")
    assert str(error) == "host unreachable, says 192.0.2.1"


def test_a_router_is_named_in_ipv6() -> None:
    offender = struct.pack(
        "=HHI16sI", socket.AF_INET6, 0, 0, socket.inet_pton(socket.AF_INET6, "2001:db8::1"), 0
    )
    assert parse_extended_error(extended(3, 1, 0, offender)) == IcmpError(6, 1, 0, "2001:db8::1")


def test_an_error_of_our_own_machine_is_no_routers() -> None:
    assert parse_extended_error(extended(1, 0, 0, bytes(16))) is None


def test_the_mtu_is_told_by_what_is_too_big_and_by_nothing_else() -> None:
    too_big = struct.pack("=IBBBxII", 90, 2, 3, 4, 1400, 0) + bytes(16)
    assert parse_extended_error(too_big) == IcmpError(4, 3, 4, None, 1400)
    assert IcmpError(6, 2, 0, None).is_too_big
    filtered = struct.pack("=IBBBxII", 113, 2, 3, 13, 1400, 0) + bytes(16)
    assert parse_extended_error(filtered) == IcmpError(4, 3, 13, None, 0)
    own = struct.pack("=IBBBxII", 90, 1, 0, 0, 1380, 0)
    assert (parse_local_mtu(own), parse_local_mtu(too_big), parse_local_mtu(own[:15])) == (1380, 0, 0)


@given(st.sampled_from([4, 6]), st.integers(0, 255), st.integers(0, 255))
def test_every_error_has_words(version: int, type_: int, code: int) -> None:
    assert describe(version, type_, code)


# --- round-trip time against a wall clock that may step ------------------------------------------
CLOCK = st.integers(0, 2_000_000_000 * SECOND)


@given(wall=CLOCK, up=CLOCK, flight=st.integers(1, 5 * SECOND), queued=st.integers(0, SECOND))
def test_the_kernels_stamp_leaves_our_own_delay_out(wall: int, up: int, flight: int, queued: int) -> None:
    after = flight + queued
    assert round_trip_ns((wall, up), wall + flight, (wall + after, up + after)) == flight


@given(
    wall=CLOCK,
    up=CLOCK,
    flight=st.integers(1, 5 * SECOND),
    queued=st.integers(0, SECOND),
    step=st.sampled_from([-3600 * SECOND, -SECOND, SECOND, 3600 * SECOND]),
    stamped_before_the_step=st.booleans(),
)
def test_a_step_of_the_wall_clock_does_not_show(
    wall: int, up: int, flight: int, queued: int, step: int, stamped_before_the_step: bool
) -> None:
    stamp = wall + flight + (0 if stamped_before_the_step else step)
    measured = round_trip_ns((wall, up), stamp, (wall + flight + queued + step, up + flight + queued))
    if abs(step) > flight + queued:
        assert measured == flight
    else:
        assert measured in {flight, flight + queued}


@pytest.mark.parametrize("stamp", [None, 0, 10 * SECOND, 12 * SECOND])
def test_a_missing_or_impossible_stamp_is_not_believed(stamp: int | None) -> None:
    assert round_trip_ns((10 * SECOND, 5 * SECOND), stamp, (11 * SECOND, 6 * SECOND)) == SECOND
