"""The valid names most like a wrong one, for "did you mean". Pure."""

from collections.abc import Iterable
from itertools import takewhile
from typing import Final

_LONGEST: Final = 80  # what is longer is no mistyped name, and comparing takes the square of its length


def nearest(wrong: str, valid: Iterable[str], count: int = 1, likeness: float = 0.6) -> tuple[str, ...]:
    """Return up to ``count`` names, best first; among equals those that begin alike come first.

    >>> nearest("21041", ["21451", "21040", "21042"], count=2)
    ('21042', '21040')
    """
    from difflib import get_close_matches  # noqa: PLC0415 - only a wrong name needs it

    if len(wrong) > _LONGEST:
        return ()
    close = get_close_matches(wrong, list(valid), n=count + 8, cutoff=likeness)
    return tuple(sorted(close, key=lambda name: _likeness(wrong, name), reverse=True)[:count])


def _likeness(wrong: str, name: str) -> tuple[float, int]:
    from difflib import SequenceMatcher  # noqa: PLC0415 - as above

    same_start = takewhile(lambda pair: pair[0] == pair[1], zip(wrong, name, strict=False))
    return SequenceMatcher(None, name, wrong).ratio(), len(list(same_start))
