"""The relay between two socket pairs in place of TUN devices: nothing is lost but on purpose."""

import os
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from deploy.lab import relay
from deploy.lab.impair import Fate, Impairment, decode
from deploy.lab.relay import Log, Relay, RelayOrder
from tests.deploy.lab.test_impair import echo


class Pair:
    """A relay; ``near`` and ``far`` are what lies behind its devices."""

    def __init__(self, directory: Path, up: Impairment, down: Impairment) -> None:
        kind = socket.SOCK_SEQPACKET | socket.SOCK_NONBLOCK
        self._sockets = [*socket.socketpair(socket.AF_UNIX, kind), *socket.socketpair(socket.AF_UNIX, kind)]
        self.near, inner_near, inner_far, self.far = self._sockets
        order = RelayOrder(near="", far="", log="", up=up, down=down)
        self._path = directory / "relay.log"
        self.log = Log(self._path)
        self.relay = Relay((inner_near.fileno(), inner_far.fileno()), order, self.log)
        self._inner_far = inner_far

    def carry(self, turns: int = 3) -> None:
        for _ in range(turns):
            self.relay.turn(0.0)

    def break_far(self) -> None:
        self.far.close()

    def fates(self) -> list[Fate]:
        self.log.flush()
        return [record.fate for record in decode(self._path.read_bytes())]

    def close(self) -> None:
        for one in self._sockets:
            one.close()
        os.close(self.log._fd)


def received(from_: socket.socket) -> list[bytes]:
    found = []
    while True:
        try:
            found.append(from_.recv(65536))
        except BlockingIOError:
            return found


@pytest.fixture
def plain(tmp_path: Path) -> Iterator[Pair]:
    pair = Pair(tmp_path, Impairment(), Impairment())
    yield pair
    pair.close()


def test_packets_pass_both_ways_unchanged_and_are_logged(plain: Pair) -> None:
    plain.near.send(echo())
    plain.far.send(echo(200))
    plain.carry()
    assert received(plain.far) == [echo()]
    assert received(plain.near) == [echo(200)]
    assert plain.fates() == [Fate.RELEASED, Fate.RELEASED]


def test_lost_and_repeated_as_told_each_way(tmp_path: Path) -> None:
    pair = Pair(tmp_path, Impairment(loss_ratio=1.0), Impairment(duplicate_ratio=1.0))
    pair.near.send(echo())
    pair.far.send(echo(90))
    pair.carry()
    assert received(pair.far) == []
    assert received(pair.near) == [echo(90), echo(90)]
    assert sorted(pair.fates()) == [Fate.RELEASED, Fate.LOST, Fate.COPY]
    pair.close()


def test_what_is_held_is_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(relay, "MAX_HELD", 3)
    pair = Pair(tmp_path, Impairment(delay_seconds=10), Impairment())
    for _ in range(5):
        pair.near.send(echo())
    pair.carry()
    assert pair.fates() == [Fate.OVERFLOWED, Fate.OVERFLOWED]
    pair.close()


def test_what_cannot_be_handed_on_is_written_down(plain: Pair) -> None:
    plain.break_far()
    plain._inner_far.shutdown(socket.SHUT_WR)
    plain.near.send(echo())
    plain.carry()
    assert Fate.UNWRITABLE in plain.fates()
