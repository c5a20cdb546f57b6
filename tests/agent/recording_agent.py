"""An agent that writes down what it collects before it does anything with it: ``CONFIG LOG BOOT``.

Run as a process of its own, to be killed. The log is appended to with single writes, which a killed
process has made or not made. The spool writes every two seconds instead of every minute, and each time it
has, what it holds only in memory is written down too: so what a kill may cost is known, however slow the
machine is.
"""

import asyncio
import os
import struct
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Final

import msgspec

from agent.clock import HubClock, boottime
from agent.load import load_config
from agent.run import Agent
from agent.spool import spool
from agent.spool.piece import Fate, Piece
from common import log

FLUSH_SECONDS: Final = 2.0
_LENGTH: Final = struct.Struct("<I")


class Made(msgspec.Struct, frozen=True, array_like=True, tag=True):
    """A piece as it was collected."""

    made_seconds: float
    change: bool
    undated: bool
    raw: bytes


class Written(msgspec.Struct, frozen=True, array_like=True, tag=True):
    """At a moment, what was made before ``before_seconds`` was on disk, or at the hub; changes of state even
    before ``changes_seconds``."""

    at_seconds: float
    before_seconds: float
    changes_seconds: float


def read(path: Path) -> Iterator[Made]:
    """Yield what a run, or several, collected."""
    return (entry for entry in entries(path) if isinstance(entry, Made))


def written(path: Path) -> Iterator[Written]:
    """Yield when the spool had written what."""
    return (entry for entry in entries(path) if isinstance(entry, Written))


def entries(path: Path) -> Iterator[Made | Written]:
    """Yield what a run, or several, wrote down."""
    log_bytes = path.read_bytes()
    at = 0
    while at + 4 <= len(log_bytes):
        (size,) = _LENGTH.unpack_from(log_bytes, at)
        if at + 4 + size > len(log_bytes):
            break  # being written just now
        yield msgspec.msgpack.decode(log_bytes[at + 4 : at + 4 + size], type=Made | Written)
        at += 4 + size


def at_risk(said: Iterable[Written], kills: Iterable[float], made: Made) -> bool:
    """Whether a kill may have cost this (moments of the forward clock): the agent had not said that it was
    written."""
    kill = min((at for at in kills if at >= made.made_seconds), default=None)
    if kill is None:
        return False
    there = [entry for entry in said if entry.at_seconds <= kill]
    safe = [entry.changes_seconds if made.change else entry.before_seconds for entry in there]
    return made.made_seconds >= max(safe, default=0.0)


def watch(path: Path) -> None:
    """Have every spool of this process write down what it takes."""
    fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
    keep, work = spool.Spool.take, spool.Spool._work

    def note(entry: Made | Written) -> None:
        encoded = msgspec.msgpack.encode(entry)
        os.write(fd, _LENGTH.pack(len(encoded)) + encoded)

    def take(self: spool.Spool, piece: Piece) -> None:
        note(Made(piece.made_seconds, piece.change, piece.epoch_ms is not None, piece.raw))
        keep(self, piece)

    async def write(self: spool.Spool) -> None:
        began = boottime()
        await work(self)
        only_here = [piece for piece in self._pieces if piece.fate is Fate.WAITING and piece.seq is None]
        changes = [piece.made_seconds for piece in only_here if piece.change]
        others = [piece.made_seconds for piece in only_here]
        note(Written(boottime(), min(others, default=began), min(changes, default=began)))

    spool.Spool.take = take  # type: ignore[method-assign]  # watched
    spool.Spool._work = write  # type: ignore[method-assign]  # watched
    spool.FLUSH_SECONDS = spool.IN_FLIGHT_SECONDS = FLUSH_SECONDS  # type: ignore[misc]  # a minute is long


async def main(config: Path, record: Path, boot: str) -> None:
    """Run until killed."""
    watch(record)
    agent = Agent(config, load_config(config), clock=HubClock(boot=boot))
    await agent.start()
    await asyncio.Event().wait()


if __name__ == "__main__":
    log.set_up(level="warning")
    asyncio.run(main(Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3]))
