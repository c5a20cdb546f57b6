"""What is collected at one moment, and how the pieces of a minute become rows. Pure."""

from collections.abc import Iterable, Iterator
from enum import IntEnum
from itertools import groupby
from typing import Final

import msgspec

MAX_ROW_BYTES: Final = 1 << 20
"""Before compression: a minute of one commune fits; the hub's own agent makes several rows a minute."""


class Fate(IntEnum):
    """What became of samples; the column ``state`` of a row."""

    WAITING = 0
    ACKED = 1  # kept for a while, since a hub that loses power loses what it acknowledged
    PART = 2  # written at once; replaced by its minute's row when that is written
    GONE = 3  # the hub will never take it; never written


class Piece(msgspec.Struct, eq=False):
    """Series collected at one moment: ``raw`` is an uncompressed WriteRequest.

    ``epoch_ms`` is what was added to the agent's clock to date the samples, where that was not trusted
    (None: the times are final). ``change``: a state changed, which is written to disk at once.
    ``first``: goes before what is large. ``in_flight``: an answer to it may come any moment. ``seq`` is the
    row that holds it already. ``written``: its minute's row stands for it, and is what counts from then on.
    """

    raw: bytes
    samples: int
    time_ms: int
    made_seconds: float
    change: bool = False
    first: bool = True
    epoch_ms: int | None = None
    fate: Fate = Fate.WAITING
    in_flight: bool = False
    seq: int | None = None
    written: bool = False


class NewRow(msgspec.Struct, frozen=True):
    """A row to be written. Times are Unix ms; ``boot`` is the boot in which it was made; ``acked_seconds``
    the moment of the agent's clock from which an acknowledged row is kept."""

    raw: bytes
    samples: int
    first_ms: int
    last_ms: int
    boot: str
    epoch_ms: int | None = None
    fate: Fate = Fate.WAITING
    acked_seconds: float | None = None


class Row(msgspec.Struct, frozen=True):
    """A row that waits for the hub, unpacked and dated."""

    seq: int
    raw: bytes
    samples: int
    last_ms: int


def rows_of(pieces: Iterable[Piece], boot: str) -> Iterator[NewRow]:
    """Join pieces that met the same fate into rows of at most about :data:`MAX_ROW_BYTES`."""
    kept = [piece for piece in pieces if piece.fate is not Fate.GONE]
    kept.sort(
        key=lambda piece: (piece.fate, piece.epoch_ms is not None, piece.epoch_ms or 0)
    )  # stable: the order of time stays
    for (fate, epoch_ms), group in groupby(kept, key=lambda piece: (piece.fate, piece.epoch_ms)):
        for some in _portions(group):
            yield NewRow(
                raw=b"".join(piece.raw for piece in some),
                samples=sum(piece.samples for piece in some),
                first_ms=min(piece.time_ms for piece in some),
                last_ms=max(piece.time_ms for piece in some),
                boot=boot,
                epoch_ms=epoch_ms,
                fate=fate,
                acked_seconds=max(piece.made_seconds for piece in some) if fate is Fate.ACKED else None,
            )


def _portions(pieces: Iterable[Piece]) -> Iterator[list[Piece]]:
    some: list[Piece] = []
    size = 0
    for piece in pieces:
        if some and size + len(piece.raw) > MAX_ROW_BYTES:
            yield some
            some, size = [], 0
        some.append(piece)
        size += len(piece.raw)
    if some:
        yield some
