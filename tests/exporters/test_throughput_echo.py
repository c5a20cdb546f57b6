"""Round trips beside a transfer: by datagrams or a connection, and nothing that others send counts."""

import asyncio
import socket
import threading
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporters.net.failure import Failure
from exporters.throughputhub.echo import DATAGRAM_BYTES
from exporters.throughputhub.leases import MAX_ECHOES, TTL_SECONDS, Lease, Leases, Limits, Order
from exporters.throughputio import echo, lease, place
from exporters.throughputio.config import Config
from exporters.throughputio.echo import Datagrams
from exporters.throughputio.measure import measure
from tests.exporters.throughput import hub

HERE = "192.0.2.1"
KEY = "00112233445566778899aabbccddeeff"


@pytest.fixture
def peer() -> Iterator[socket.socket]:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.bind(("127.0.0.1", 0))
        sock.settimeout(10)
        yield sock


def datagrams(to: tuple[str, int]) -> Datagrams:
    job: dict[str, Any] = {
        "family": int(socket.AF_INET),
        "address": to,
        "echo": KEY,
        "source_address": "127.0.0.1",
        "source_interface": None,
    }
    return Datagrams(job)


# --- at the hub -----------------------------------------------------------------------------------
async def test_only_the_key_of_a_lease_is_answered(tmp_path: Path, peer: socket.socket) -> None:
    loop = asyncio.get_running_loop()
    peer.setblocking(False)
    async with hub(tmp_path) as at:
        config = Config(token_file=str(at.token_file))
        there = await place.find(await place.prepare(at.url, config), None, 5)
        to = ("127.0.0.1", at.port)
        async with lease.held(there, "line:1/main", [], 1000, lambda: None) as given_:
            key = bytes.fromhex(given_.echo)
            wrong = (b"", key, bytes(DATAGRAM_BYTES), key + bytes(17), key + bytes(15), key[::-1] + bytes(16))
            for data in (*wrong, key + b"0123456789abcdef"):
                peer.sendto(data, to)
            assert await loop.sock_recv(peer, 100) == key + b"0123456789abcdef"
            assert at.count("bytes_total", direction="echo") == DATAGRAM_BYTES  # nothing else was answered
        peer.sendto(key + b"0123456789abcdef", to)
        async with lease.held(there, "line:1/main", [], 1000, lambda: None) as given_:
            peer.sendto(bytes.fromhex(given_.echo) + bytes(16), to)
            assert (await loop.sock_recv(peer, 100))[:16] == bytes.fromhex(given_.echo)
        assert at.count("bytes_total", direction="echo") == 2 * DATAGRAM_BYTES


def test_a_lease_has_so_many_echoes_and_none_after_its_end() -> None:
    leases = Leases(Limits())
    given_ = leases.grant(Order(line="line:1/main", bytes=1), "one", 0, HERE)
    assert isinstance(given_, Lease)
    assert sum(leases.echo(given_.echo, HERE, 1) for _ in range(MAX_ECHOES + 10)) == MAX_ECHOES
    given_.echoes_left = 5
    assert not leases.echo(given_.echo, HERE, TTL_SECONDS)
    leases.sweep(TTL_SECONDS)
    assert not leases.echo(given_.echo, HERE, 1)


async def test_with_the_right_key_no_third_party_is_answered(tmp_path: Path) -> None:
    async with hub(tmp_path) as at:
        there = await place.find(await place.prepare(at.url, Config(token_file=str(at.token_file))), None, 5)
        async with lease.held(there, "line:1/main", [], 1000, lambda: None) as given_:
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as victim:  # whose address somebody forges
                victim.bind(("127.0.0.9", 0))
                victim.setblocking(False)
                victim.sendto(bytes.fromhex(given_.echo) + bytes(16), ("127.0.0.1", at.port))
                with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as own:
                    own.bind(("127.0.0.1", 0))
                    own.setblocking(False)
                    own.sendto(bytes.fromhex(given_.echo) + bytes(16), ("127.0.0.1", at.port))
                    await asyncio.get_running_loop().sock_recv(own, 100)
                with pytest.raises(BlockingIOError):
                    victim.recv(100)
        assert at.count("bytes_total", direction="echo") == DATAGRAM_BYTES


# --- at the pump ----------------------------------------------------------------------------------
def test_a_round_trip_counts_once_and_strangers_not_at_all(peer: socket.socket) -> None:
    ours = datagrams(peer.getsockname())
    for _ in range(3):
        ours.send()
    sent = [peer.recvfrom(100) for _ in range(3)]
    (first, here), (second, _), _ = sent
    forged = first[:-8] + bytes(8)
    other_key = bytes(16) + first[16:]
    for data in (b"", forged, other_key, first[:-1], first + b"x", second, second, bytes(32), bytes(9000)):
        peer.sendto(data, here)
    ours.receive(0.0)
    assert len(ours.rtts) == 1
    assert 0 <= ours.rtts[0][1] < 10
    ours._sock.close()


def test_the_kernel_s_clock_serves_unless_it_was_set(
    peer: socket.socket, monkeypatch: pytest.MonkeyPatch
) -> None:
    monotonic, wall = iter([100.0, 100.5, 101.0, 101.5]), iter([5000.0, 5001.0])
    clocks = SimpleNamespace(monotonic=lambda: next(monotonic), time=lambda: next(wall))
    monkeypatch.setattr(echo, "time", clocks)
    ours = datagrams(peer.getsockname())
    record = ours._begin()
    assert ours._end(record, 90.0, 5000.2)
    ours._next += 1
    assert ours._end(ours._begin(), 90.0, 9000.0)  # set an hour ahead meanwhile
    assert ours.rtts == [(10.0, 0.2), (11.0, 0.5)]
    ours._sock.close()


@given(st.binary(max_size=100))
def test_any_datagram(data: bytes) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as peer:
        peer.bind(("127.0.0.1", 0))
        ours = datagrams(peer.getsockname())
        ours.send()
        peer.sendto(data, peer.recvfrom(100)[1])
        ours.receive(0.0)
        assert ours.rtts == []
        ours._sock.close()


def test_where_nothing_comes_back_datagrams_do_not_serve(
    peer: socket.socket, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(echo, "TRY_SECONDS", 0.01)
    assert not datagrams(peer.getsockname()).works()


def test_where_one_comes_back_they_serve(peer: socket.socket) -> None:
    answering = threading.Thread(target=lambda: peer.sendto(*peer.recvfrom(100)))
    answering.start()
    ours = datagrams(peer.getsockname())
    assert ours.works()
    assert ours.rtts == []  # the first one was to see whether it works
    answering.join()
    ours._sock.close()


async def test_a_whole_test_over_connections_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As where a firewall lets no UDP pass, or the hub is older."""
    whole = lease.parse

    def without(body: bytes) -> lease.Lease:
        given_ = whole(body)
        return lease.Lease(lease=given_.lease, bytes=given_.bytes, ttl_seconds=given_.ttl_seconds)

    monkeypatch.setattr(lease, "parse", without)
    async with hub(tmp_path) as at:
        config = Config(token_file=str(at.token_file), streams=1, precision=0.3)
        result = await measure(at.url, config, timeout_seconds=20)
        assert min(result.idle_rtt_seconds, result.down.rtt_seconds, result.up.rtt_seconds) > 0


@pytest.mark.parametrize("key", ["x", "0" * 31, "0" * 33, "G" * 32, "0" * 32 + "\\n"])
def test_an_echo_key_that_is_none(key: str) -> None:
    with pytest.raises(Failure, match="not a lease"):
        lease.parse(b'{"lease":"a","bytes":1,"ttl_seconds":1,"echo":"%s"}' % key.encode())
