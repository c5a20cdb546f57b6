"""Bytes spent on tests, by month, on disk: what a crash leaves open counts as spent.

Bytes are reserved before the first is sent and settled afterwards, so a test that is killed midway has
cost its whole reservation. A ledger that cannot be read blocks tests instead of starting at zero.
"""

import fcntl
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import msgspec

MAX_BYTES: Final = 65536
MONTHS_KEPT: Final = 24


class Unusable(Exception):  # noqa: N818 - reads as what it says
    """A ledger that cannot be read or written, or is in use (``busy``); the message says why."""

    def __init__(self, words: str, *, busy: bool = False) -> None:
        super().__init__(words)
        self.busy = busy


class Book(msgspec.Struct, frozen=True, kw_only=True):
    """The file. ``spent`` in bytes by month; ``tested`` the day of the window last tested in."""

    spent: dict[str, int] = {}
    tested: str = ""

    def plus(self, month: str, count: int) -> "Book":
        """Return the book with ``count`` more bytes spent in ``month``; the oldest months go."""
        spent = {**self.spent, month: max(0, self.spent.get(month, 0) + count)}
        kept = dict(sorted(spent.items())[-MONTHS_KEPT:])
        return msgspec.structs.replace(self, spent=kept)


class Ledger:
    """One line's file below ``directory``. Every method does file I/O: call it in a thread."""

    def __init__(self, directory: Path, name: str) -> None:
        safe = re.sub(r"[^A-Za-z0-9-]+", "-", name)[:100]
        self._path = directory / f"{safe}.json"

    @contextmanager
    def alone(self) -> Iterator[None]:
        """Hold the ledger against any other process or task. Raises Unusable."""
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            lock = os.open(self._path.with_suffix(".lock"), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise Unusable(f"{self._path.parent}: {error.strerror}") from None
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            os.close(lock)
            raise Unusable("another test of this line is under way", busy=True) from None
        try:
            yield
        finally:
            os.close(lock)

    def read(self) -> Book:
        """Return what is in the file, an empty book where there is none. Raises Unusable."""
        try:
            with self._path.open("rb") as file:
                data = file.read(MAX_BYTES + 1)
        except FileNotFoundError:
            return Book()
        except OSError as error:
            raise Unusable(f"{self._path}: {error.strerror}") from None
        try:
            book = msgspec.json.decode(data, type=Book)
        except (ValueError, RecursionError):
            raise Unusable(f"{self._path} is damaged; remove it to begin anew") from None
        if len(data) > MAX_BYTES or any(count < 0 for count in book.spent.values()):
            raise Unusable(f"{self._path} is damaged; remove it to begin anew")
        return book

    def reserve(self, month: str, count: int) -> None:
        """Note ``count`` bytes as spent, on disk when this returns. Raises Unusable."""
        self._write(self.read().plus(month, count))

    def settle(self, month: str, reserved: int, used: int, tested: str) -> None:
        """Give back what was reserved and not used; ``tested`` is the window, "" when it was no test."""
        book = self.read().plus(month, used - reserved)
        self._write(msgspec.structs.replace(book, tested=tested or book.tested))

    def _write(self, book: Book) -> None:
        fresh = self._path.with_suffix(".new")
        try:
            with fresh.open("wb") as file:
                file.write(msgspec.json.encode(book))
                file.flush()
                os.fsync(file.fileno())
            fresh.replace(self._path)
            _sync(self._path.parent)
        except OSError as error:
            raise Unusable(f"{self._path}: {error.strerror}") from None


def _sync(directory: Path) -> None:
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
