"""Latency under load, and what it is worth. Pure.

The grade is that of the DSLReports speed test (https://www.dslreports.com/faq/17930), which Waveform's
test took over: by how much the round trip grows while the line is full, as the mean of both directions.
"""

from bisect import bisect_right
from typing import Final

GRADES: Final = ("A+", "A", "B", "C", "D", "F")
BOUNDS_SECONDS: Final = (0.005, 0.030, 0.060, 0.200, 0.400)


def grade(idle: float, up: float, down: float) -> int:
    """Return the index into :data:`GRADES` for three median round trips in seconds.

    >>> GRADES[grade(0.010, 0.012, 0.014)], GRADES[grade(0.010, 0.5, 0.6)]
    ('A+', 'F')
    """
    return bisect_right(BOUNDS_SECONDS, ((up - idle) + (down - idle)) / 2)
