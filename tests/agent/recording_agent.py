"""An agent that writes down what it collects before it does anything with it: ``CONFIG LOG BOOT``.

Run as a process of its own, to be killed. The log is appended to with single writes, which a killed
process has made or not made. The spool writes every two seconds instead of every minute.
"""

import asyncio
import os
import struct
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import msgspec

from agent.clock import HubClock
from agent.load import load_config
from agent.run import Agent
from agent.spool import spool
from agent.spool.piece import Piece
from common import log

FLUSH_SECONDS: Final = 2.0
_LENGTH: Final = struct.Struct("<I")


class Made(msgspec.Struct, frozen=True, array_like=True):
    """A piece as it was collected."""

    made_seconds: float
    change: bool
    undated: bool
    raw: bytes


def read(path: Path) -> Iterator[Made]:
    """Yield what a run, or several, wrote down."""
    log_bytes = path.read_bytes()
    at = 0
    while at + 4 <= len(log_bytes):
        (size,) = _LENGTH.unpack_from(log_bytes, at)
        yield msgspec.msgpack.decode(log_bytes[at + 4 : at + 4 + size], type=Made)
        at += 4 + size


def watch(path: Path) -> None:
    """Have every spool of this process write down what it takes."""
    fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
    keep = spool.Spool.take

    def take(self: spool.Spool, piece: Piece) -> None:
        made = Made(piece.made_seconds, piece.change, piece.epoch_ms is not None, piece.raw)
        encoded = msgspec.msgpack.encode(made)
        os.write(fd, _LENGTH.pack(len(encoded)) + encoded)
        keep(self, piece)

    spool.Spool.take = take  # type: ignore[method-assign]  # watched
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
