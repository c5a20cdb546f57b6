"""``sink``: one JSON line a notification, appended to a file. For the lab and for trying things out."""

import contextlib
import fcntl
import os
import time
from typing import Annotated, BinaryIO, Final

import msgspec
import requests
from msgspec import Meta

from alerts.channels.base import ChannelConfig, Message, TransportError
from common import statedir

KIND: Final = "sink"
LIMIT_CHARS: Final = 2000
_LOOK_BACK_BYTES: Final = 1 << 20


class Config(ChannelConfig, frozen=True, kw_only=True):
    """``path`` of the file, below the state directory where it is relative; it is made when missing, its
    directory is not."""

    path: Annotated[str, Meta(min_length=1)]


class Line(msgspec.Struct, frozen=True, kw_only=True):
    """One line; ``time`` is when it was written, ``starts_at`` and ``ends_at`` are the outage's own, in
    Unix seconds."""

    time: float
    id: str
    outage_id: str
    status: str
    alertname: str
    component: str
    kind: str
    severity: str
    communes: tuple[str, ...]
    starts_at: float
    ends_at: float | None
    text_vi: str
    text_en: str


def line(message: Message, now: float) -> Line:
    """Return the line for ``message``."""
    return Line(
        time=now,
        id=message.id,
        outage_id=message.outage_id,
        status=message.status,
        alertname=message.alertname,
        component=message.component,
        kind=message.kind,
        severity=message.severity,
        communes=message.communes,
        starts_at=message.starts_at,
        ends_at=message.ends_at,
        text_vi=message.text_vi,
        text_en=message.text_en,
    )


def send(message: Message, config: Config, _session: requests.Session) -> None:
    """Append ``message``. Raises TransportError."""
    encoded = msgspec.json.encode(line(message, time.time())) + b"\n"
    try:
        with (statedir.default() / config.path).open("ab+") as stream:
            fcntl.flock(stream, fcntl.LOCK_EX)
            if not _holds(stream, message.id):
                _append(stream, encoded)
    except OSError as error:
        raise TransportError(f"{config.path}: {error.strerror}", permanent=False) from None


def _holds(stream: BinaryIO, identity: str) -> bool:
    """Whether a crash came between writing the line and recording that it was written."""
    stream.seek(max(0, stream.seek(0, os.SEEK_END) - _LOOK_BACK_BYTES))
    return b'"id":' + msgspec.json.encode(identity) in stream.read(_LOOK_BACK_BYTES)


def _append(stream: BinaryIO, encoded: bytes) -> None:
    """Write a whole line or none: half a line would break whoever reads the file."""
    end = stream.seek(0, os.SEEK_END)
    try:
        stream.write(encoded)
        stream.flush()
        os.fsync(stream.fileno())
    except OSError:
        with contextlib.suppress(OSError):  # the first error is the one to tell
            stream.truncate(end)
        raise
