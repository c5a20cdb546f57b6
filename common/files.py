"""Small files: written whole or not at all; read without waiting for anybody."""

import errno
import os
import stat
import tempfile
from pathlib import Path


def write_atomically(path: Path, content: bytes, mode: int = 0o644) -> None:
    """Put ``content`` at ``path``: a reader sees the old file or the new one, and so does a crash.

    Raises OSError; then the old file stands.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "wb") as target:
            target.write(content)
            target.flush()
            os.fsync(target.fileno())
            os.fchmod(target.fileno(), mode)
        os.replace(name, path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


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
