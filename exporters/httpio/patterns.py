"""Searching a stranger's page with a person's pattern, in bounded time.

A pattern may take exponential time on the wrong text, and the search holds the whole process. So a
pattern is short, the text is searched in windows, and a timer on the CPU time spent breaks off what
takes too long.
"""

import html
import re
import signal
import threading
import unicodedata
import weakref
from collections.abc import Iterable
from contextlib import AbstractContextManager, nullcontext
from functools import lru_cache
from types import FrameType, TracebackType
from typing import Final

MAX_PATTERN_LENGTH: Final = 500
WINDOW: Final = 16384
OVERLAP: Final = 4096
"""Letters. A match longer than this may be missed where two windows meet."""
BUDGET_SECONDS: Final = 0.25
AGAIN_SECONDS: Final = 0.02
"""How soon a search that goes on nevertheless is broken off once more, of CPU time."""
MAINTENANCE: Final = (
    r"(?i)<(?:title|h1)\b[^>]{0,200}>[^<]{0,200}"
    r"(?:đang (?:được )?bảo trì|under maintenance|down for maintenance|site maintenance)"
)
"""A page whose title or first heading says that it is under maintenance."""
_OWN: Final = frozenset({MAINTENANCE})
_SWALLOWING: Final = frozenset(
    kind.__init__.__code__.co_filename for kind in (weakref.WeakKeyDictionary, weakref.WeakSet)
)
"""Files of callbacks of weak references."""


_LONG_RUN: Final = re.compile(r"[^\x00-\x7f]{256}")
_PIECE: Final = re.compile(r"[\x00-\x7f]+[^\x00-\x7f]{0,255}|[^\x00-\x7f]{1,256}")


class TooSlow(Exception):  # noqa: N818 - reads as what it says
    """The search took longer than :data:`BUDGET_SECONDS` of CPU time."""


@lru_cache(maxsize=512)
def compiled(pattern: str) -> re.Pattern[str]:
    """Compile a pattern. Raises ValueError, saying what is wrong with it."""
    if len(pattern) > MAX_PATTERN_LENGTH:
        raise ValueError(f"longer than {MAX_PATTERN_LENGTH} characters")
    try:
        return re.compile(unicodedata.normalize("NFC", pattern))
    except (re.error, RecursionError, OverflowError) as error:
        raise ValueError(str(error)) from None


def readable(text: str) -> str:
    """Return a page's text as people see it: character references resolved, accents composed.

    Vietnamese comes as composed letters, as letters with combining accents, or as ``&#7879;``.
    """
    if "&" in text:
        text = html.unescape(text)
    return text if text.isascii() else _composed(text)


def _composed(text: str) -> str:
    """Compose accents. A run of them takes quadratic time, in which no timer breaks in: 64 KB, two seconds.
    Nothing composes with an ASCII letter in front of it, so texts are only divided where a run is absurd."""
    if _LONG_RUN.search(text) is None:
        return unicodedata.normalize("NFC", text)
    return "".join(unicodedata.normalize("NFC", piece) for piece in _PIECE.findall(text))


def says_maintenance(found: str) -> bool:
    """Whether forbidden text that was found speaks of maintenance, by our own pattern or a person's.

    >>> says_maintenance("Hệ thống đang bảo trì"), says_maintenance("Lỗi kết nối")
    (True, False)
    """
    said = found.lower()
    return "bảo trì" in said or "maintenance" in said


def bounded(patterns: Iterable[str]) -> AbstractContextManager[None]:
    """Return :func:`budget`, or nothing where all patterns are our own, which take linear time."""
    return nullcontext() if _OWN.issuperset(patterns) else budget()


def find(pattern: str, text: str) -> str | None:
    """Return the first match of ``pattern`` in ``text``, or None. Use within :func:`bounded`."""
    expression = compiled(pattern)
    for start in range(0, max(len(text) - OVERLAP, 1), WINDOW - OVERLAP):
        end = min(start + WINDOW, len(text))
        found = expression.search(text, start, end)
        # A match that touches the window's end may owe it to that end ("$"): the next one tells.
        if found is not None and (found.end() < end or end == len(text)):
            return found[0]
    return None


def budget() -> AbstractContextManager[None]:
    """Return a context in which TooSlow is raised once its CPU time is used up; in the main thread only.

    Somebody may swallow an exception that strikes in the middle of their work (a finaliser, a callback of
    the garbage collector, a broad ``except``): it is raised again and again until the block has ended.
    """
    main = threading.current_thread() is threading.main_thread()
    return _Budget() if main else nullcontext()


class _Budget:
    """A class and no generator: nothing but ``__exit__`` runs between the block and the timer's end."""

    def __enter__(self) -> None:
        self._before = signal.signal(signal.SIGVTALRM, _too_slow)
        signal.setitimer(signal.ITIMER_VIRTUAL, BUDGET_SECONDS, AGAIN_SECONDS)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)
        signal.signal(signal.SIGVTALRM, signal.SIG_DFL if self._before is None else self._before)


def _too_slow(_number: int, frame: FrameType | None) -> None:
    # Were it raised in the end, the timer would go on and strike whatever the process does next; in the
    # callback of a weak reference it would be swallowed with a complaint: it strikes again in a moment.
    code = frame.f_code if frame is not None else None
    if code is None or (code is not _Budget.__exit__.__code__ and code.co_filename not in _SWALLOWING):
        raise TooSlow
