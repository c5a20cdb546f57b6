"""Memory that is needed for a moment is the system's again afterwards."""

import subprocess
import sys

SCRIPT = """
import ctypes
from agent.malloc import give_back_soon

class Info(ctypes.Structure):
    names = "arena ordblks smblks hblks hblkhd usmblks fsmblks uordblks fordblks keepcost"
    _fields_ = [(name, ctypes.c_size_t) for name in names.split()]

mallinfo = ctypes.CDLL(None).mallinfo2
mallinfo.restype = Info
assert give_back_soon()
bytes(8 << 20)  # glibc would keep as much from now on
before = mallinfo().hblks
large = bytearray(1 << 20)
assert mallinfo().hblks == before + 1, "it is memory of its own"
del large
assert mallinfo().hblks == before
"""


def test_what_is_large_is_memory_of_its_own_whatever_came_before() -> None:
    subprocess.run([sys.executable, "-c", SCRIPT], check=True, timeout=60)
