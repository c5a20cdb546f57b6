"""Small files that people name in a configuration: keys, tokens, passwords."""

import errno
import os
import stat
from pathlib import Path


def read_plain(path: str | Path, most_bytes: int) -> bytes:
    """Return the beginning of a plain file, at most ``most_bytes``. Raises OSError, always with a reason.

    Never waits for somebody at the other end: a named pipe or a device by mistake would keep its reader
    for ever, the event loop or one of its few threads.
    """
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC)
    except ValueError:  # a NUL within the name
        raise OSError(errno.EINVAL, os.strerror(errno.EINVAL)) from None
    try:
        mode = os.fstat(descriptor).st_mode
        if stat.S_ISDIR(mode):
            raise OSError(errno.EISDIR, os.strerror(errno.EISDIR))
        if not stat.S_ISREG(mode):
            raise OSError(errno.EINVAL, "Not a plain file")
        return os.read(descriptor, most_bytes)
    finally:
        os.close(descriptor)
