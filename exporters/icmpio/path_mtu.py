"""The search for the largest packet that passes undivided (RFC 1191, RFC 8201, RFC 4821). Pure.

A size is tried; the answer is that it fits, or that it does not: with the next hop's MTU where a router
says so, without where packets that are too big vanish (a "black hole"). What a router says is tried, and
one byte more as well: nobody is believed, so a forged message costs a step and changes no result.
"""

import socket
from typing import Final

import msgspec

SMALLEST_BYTES: Final[dict[int, int]] = {socket.AF_INET: 576, socket.AF_INET6: 1280}
"""What every path should carry (RFC 1122, 3.3.3; RFC 8200, 5): where even that fails, nothing is said."""
LARGEST_BYTES: Final = 1500
"""What Ethernet and the Internet carry: more is not looked for."""
HEADERS_BYTES: Final[dict[int, int]] = {socket.AF_INET: 28, socket.AF_INET6: 48}
"""IP header without options, and 8 bytes of ICMP."""


HINTS_TRIED: Final = 4
"""A path whose links grow ever narrower has as many; who says more only wants to waste our time."""


class Search(msgspec.Struct, frozen=True):
    """Where a search stands: ``fits`` passed (0 when nothing did yet), ``too_big`` did not; ``size`` is
    to be tried next, None when the search is over and ``fits`` its result. All in bytes."""

    smallest: int
    fits: int
    too_big: int
    size: int | None
    hint: int = 0
    hints_left: int = HINTS_TRIED


def begin(family: int) -> Search:
    """Return a search that begins with the largest size."""
    return Search(SMALLEST_BYTES[family], 0, LARGEST_BYTES + 1, LARGEST_BYTES)


def passed(search: Search) -> Search:
    """Return the search after a packet of ``search.size`` came through."""
    size = search.size or 0
    after = msgspec.structs.replace(search, fits=size, size=None, hint=0)
    if size == search.hint and after.too_big - size > 1:
        return msgspec.structs.replace(after, size=size + 1)
    return msgspec.structs.replace(after, size=_middle(after))


def failed(search: Search, told_bytes: int = 0) -> Search:
    """Return the search after a packet of ``search.size`` did not; ``told_bytes``: a router's MTU or 0."""
    after = msgspec.structs.replace(search, too_big=search.size or search.too_big, size=None, hint=0)
    if after.hints_left and _least(after) < told_bytes < after.too_big:
        left = after.hints_left - 1
        return msgspec.structs.replace(after, size=told_bytes, hint=told_bytes, hints_left=left)
    return msgspec.structs.replace(after, size=_middle(after))


def _least(search: Search) -> int:
    return search.fits or search.smallest - 1


def _middle(search: Search) -> int | None:
    least = _least(search)
    return None if search.too_big - least <= 1 else (least + search.too_big) // 2
