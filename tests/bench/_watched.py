"""An agent that writes down what it measures: ``python -m tests.bench._watched CONFIG TRUTH [BOOT BEGAN]``.

``TRUTH`` is appended to before the agent does anything with a piece, so it survives every ``kill -9``: what
stands in it is what the hub must have. Another ``BOOT`` is another boot of the machine, whose forward clock
began at ``BEGAN`` (seconds of the real one): it goes on when the agent is started again in the same boot.
"""

import asyncio
import signal
import struct
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import cramjam
import msgspec

from agent.build import state_directory
from agent.clock import HubClock, boottime
from agent.heap import settle
from agent.load import load_config
from agent.run import Agent
from agent.spool.piece import Piece
from agent.spool.spool import Spool
from agent.web import make_app
from common import log, statedir
from common.web import serve

_HEAD: Final = struct.Struct("<I?d")


class Made(msgspec.Struct, frozen=True):
    """A piece: an uncompressed WriteRequest, when it was made (Unix seconds), and whether a state changed."""

    unix: float
    change: bool
    raw: bytes


def read(path: Path) -> Iterator[Made]:
    """Yield what was written down; the last record may have been cut short."""
    with path.open("rb") as file:
        while len(head := file.read(_HEAD.size)) == _HEAD.size:
            size, change, unix = _HEAD.unpack(head)
            body = file.read(size)
            if len(body) == size:
                yield Made(unix, change, bytes(cramjam.zstd.decompress(body)))


@contextmanager
def watching(note: Callable[[Piece], None]) -> Iterator[None]:
    """Have every piece noted as it is made, before the agent does anything with it."""
    keep = Spool.take

    def take(self: Spool, piece: Piece) -> None:
        note(piece)
        keep(self, piece)

    Spool.take = take  # type: ignore[method-assign]  # watched
    try:
        yield
    finally:
        Spool.take = keep  # type: ignore[method-assign]  # as it was


def writer(path: Path) -> Callable[[Piece], None]:
    """Return what writes pieces down."""
    file = path.open("ab", buffering=0)

    def write(piece: Piece) -> None:
        body = bytes(cramjam.zstd.compress(piece.raw, level=1))
        file.write(_HEAD.pack(len(body), piece.change, time.time()) + body)

    return write


def clock_of(boot: str, began: str) -> HubClock:
    """Return the clock of another boot of the machine."""
    return HubClock(now=lambda: boottime() - float(began) + 10.0, boot=boot)


async def main(path: Path, clock: HubClock) -> None:
    """Run until SIGTERM."""
    config = load_config(path)
    stopped = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stopped.set)
    with statedir.Lock(state_directory(config), "agent.lock"):
        agent = Agent(path, config, clock=clock)
        async with serve(make_app(agent), config.listen):
            await agent.start()
            settling = asyncio.create_task(settle(lambda: agent.ready, lambda: agent.itself.config_hash))
            await stopped.wait()
            settling.cancel()
            await asyncio.gather(settling, return_exceptions=True)
            await agent.stop()


if __name__ == "__main__":
    log.set_up(level="info")
    with watching(writer(Path(sys.argv[2]))):
        asyncio.run(main(Path(sys.argv[1]), clock_of(*sys.argv[3:]) if sys.argv[3:] else HubClock()))
