"""Numbers and columns as people read them. Pure.

A percentage is rounded away from flattery: the lower bound down, the upper bound up.
"""

import math
import unicodedata
from collections.abc import Sequence
from typing import Final

_DECIMALS: Final = 3


def percent(ratio: float, language: str, *, up: bool, decimals: int = _DECIMALS) -> str:
    """Return a ratio as a percentage, rounded up or down, never over an edge.

    >>> percent(0.9999999, "en", up=False), percent(0.9999999, "vi", up=True)
    ('99.999 %', '100,000 %')
    """
    scale = 10**decimals
    exact = ratio * 100 * scale
    nearest = round(exact)
    whole = nearest if abs(exact - nearest) < 1e-6 else (math.ceil if up else math.floor)(exact)
    text = f"{whole / scale:.{decimals}f} %"
    return text.replace(".", ",") if language == "vi" else text


def duration(seconds: float) -> str:
    """Return seconds as ``d hh:mm:ss``, to the second.

    >>> duration(90061.4)
    '1d 01:01:01'
    """
    whole = round(seconds)
    days, rest = divmod(whole, 86400)
    text = f"{rest // 3600:02}:{rest // 60 % 60:02}:{rest % 60:02}"
    return f"{days}d {text}" if days else text


def number(value: float, language: str, decimals: int = 0) -> str:
    """Return a number with the language's separators.

    >>> number(1234.5, "vi", 1), number(1234.5, "en", 1)
    ('1.234,5', '1,234.5')
    """
    text = f"{value:,.{decimals}f}"
    return text.translate(str.maketrans(",.", ".,")) if language == "vi" else text


def align(rows: Sequence[Sequence[str]]) -> str:
    """Return rows in columns, the first to the left and numbers to the right; the first row is a head."""
    plain = [[unicodedata.normalize("NFC", cell) for cell in row] for row in rows]
    widths = [max(len(row[column]) for row in plain) for column in range(len(plain[0]))]

    def line(row: Sequence[str]) -> str:
        last = len(row) - 1
        cells = (
            cell.ljust(width) if column in {0, last} else cell.rjust(width)
            for column, (cell, width) in enumerate(zip(row, widths, strict=True))
        )
        return "  ".join(cells).rstrip()

    return "\n".join([line(plain[0]), "-" * (sum(widths) + 2 * (len(widths) - 1)), *map(line, plain[1:])])
