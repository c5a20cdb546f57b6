"""Has the C library give back at once what was needed for a moment.

Compressing a minute, a certificate store, an answer: glibc keeps what they took for later, the more the
larger it was, and a pool for each thread. An agent needs such memory for a few ms a minute: without these
settings it holds 5 MB more (61 MB instead of 56, full house, spool in use).
"""

import ctypes
from typing import Final

LARGE_BYTES: Final = 1 << 16
"""What is larger is memory of its own, and gone when it is let go."""
_SETTINGS: Final = (
    (-3, LARGE_BYTES),  # M_MMAP_THRESHOLD; one that is set does not grow by itself
    (-1, LARGE_BYTES),  # M_TRIM_THRESHOLD
    (-8, 1),  # M_ARENA_MAX
)
"""Parameters of mallopt(3)."""


def give_back_soon() -> bool:
    """Set what can be set; False where there is another C library, which has its own ways."""
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (OSError, AttributeError):
        return False
    return all(mallopt(number, value) == 1 for number, value in _SETTINGS)
