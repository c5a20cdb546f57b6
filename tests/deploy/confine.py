"""``python -m tests.deploy.confine UNIT PROGRAM ...``: runs a program with the system calls that a unit of
systemd allows it and no more, by the library that systemd uses (libseccomp), also where no systemd runs."""

import ctypes
import errno
import os
import sys
from pathlib import Path
from typing import Final

from tests.deploy.units import allowed

_ALLOW: Final = 0x7FFF0000
_ERRNO: Final = 0x00050000  # SCMP_ACT_ERRNO; seccomp_init(3)


def confine(calls: set[str]) -> None:
    """Have every system call but these fail with EPERM from now on, for good. Raises OSError."""
    library = ctypes.CDLL("libseccomp.so.2", use_errno=True)
    library.seccomp_init.restype = ctypes.c_void_p
    made = ctypes.c_void_p(library.seccomp_init(ctypes.c_uint32(_ERRNO | errno.EPERM)))
    for call in calls:
        number = library.seccomp_syscall_resolve_name(call.encode())
        if number >= 0:  # else one of another architecture
            library.seccomp_rule_add_array(made, ctypes.c_uint32(_ALLOW), number, 0, None)
    if library.seccomp_load(made) != 0:
        raise OSError(ctypes.get_errno(), "seccomp_load")


if __name__ == "__main__":
    confine(allowed(Path(sys.argv[1])))
    os.execv(sys.argv[2], sys.argv[2:])
