"""SMTP replies (RFC 5321, 4.2): one or more lines of one code. Pure."""

from typing import Final

import msgspec

MAX_LINE_OCTETS: Final = 2048
"""RFC 5321, 4.5.3.1.5 has 512; servers say more."""
MAX_LINES: Final = 128


class Reply(msgspec.Struct, frozen=True):
    """``code`` from 200 to 599, and the text of each line."""

    code: int
    lines: tuple[str, ...]

    @property
    def good(self) -> bool:
        """Whether it is a positive one (2yz)."""
        return 200 <= self.code <= 299

    def offers(self, keyword: str) -> bool:
        """Whether an answer to EHLO names an extension (RFC 5321, 4.1.1.1)."""
        return any(line.split(" ", 1)[0].upper() == keyword for line in self.lines[1:])

    def __str__(self) -> str:
        return f"{self.code} {self.lines[0]}".rstrip()


class Replies:
    """Takes in bytes and gives out replies. Raises ValueError for what is none, or too much."""

    def __init__(self) -> None:
        self._held = b""
        self._lines: list[str] = []
        self._code = 0

    @property
    def nothing_left(self) -> bool:
        """Whether all that came belongs to replies given out."""
        return not self._held and not self._lines

    def feed(self, data: bytes) -> None:
        """Take in what was received."""
        self._held += data

    def next(self) -> Reply | None:
        """Return the next complete reply, None when more has to come."""
        while b"\n" in self._held:
            line, _, self._held = self._held.partition(b"\n")
            if self._last_line(line.removesuffix(b"\r")):
                reply = Reply(self._code, tuple(self._lines))
                self._lines = []
                return reply
        if len(self._held) > MAX_LINE_OCTETS:
            raise ValueError(f"a line over {MAX_LINE_OCTETS} octets")
        return None

    def _last_line(self, line: bytes) -> bool:
        """Take in one line; whether the reply ends with it."""
        if len(line) > MAX_LINE_OCTETS or len(self._lines) >= MAX_LINES:
            raise ValueError(f"over {MAX_LINES} lines, or one over {MAX_LINE_OCTETS} octets")
        digits, mark = line[:3], line[3:4]
        if not (len(digits) == 3 and digits.isdigit() and 200 <= int(digits) <= 599) or mark not in b" -":
            raise ValueError(f"{line[:60]!r} is no reply")
        code = int(digits)
        if self._lines and code != self._code:
            raise ValueError(f"lines of {self._code} and {code} in one reply")
        self._code = code
        self._lines.append(line[4:].decode("utf-8", "replace"))
        return mark != b"-"
