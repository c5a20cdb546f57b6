"""Which way lost packets were lost, told from two counters (RFC 8762, 4.3). Pure.

A stateful reflector numbers its answers. Between two answered packets the sender's numbers say how many
were sent, the reflector's how many arrived, and the answers themselves how many came back: what is
missing in the first step was lost on the way up, in the second on the way down. What was lost after the
last answer cannot be told yet and waits for the next one.

Whether a reflector is stateful shows when its numbers part from the sender's. As long as they have not,
:attr:`Ledger.asks` wants one packet sent twice: a stateful reflector gives the two different numbers.
"""

from collections.abc import Iterable, Iterator, Sequence
from typing import Final

import msgspec

RESTART_SLACK: Final = 16
"""A reflector's number that falls back by more was counted anew; by less, packets overtook each other."""
PATIENCE: Final = 3
"""How many trains lost packets wait for the reflector to show whether it is stateful."""


class Fate(msgspec.Struct, frozen=True):
    """A packet that nothing more is expected of: how often it was sent, and the numbers of its answers
    in order of arrival."""

    sequence: int
    copies: int = 1
    answers: tuple[int, ...] = ()


class Losses(msgspec.Struct):
    """Packets lost since the last time. ``sent`` is how many were settled, ``waiting`` how many are lost
    without knowing where yet; ``unknown`` will never be known."""

    sent: int = 0
    up: int = 0
    down: int = 0
    unknown: int = 0
    waiting: int = 0

    def share(self, direction: str) -> float:
        """Return the share lost of what was sent that way: ``up``, ``down``, or ``unknown`` of all."""
        total = self.sent + self.waiting
        if direction == "up":
            return _ratio(self.up, total)
        if direction == "down":
            return _ratio(self.down, total - self.up)
        return _ratio(self.unknown + self.waiting, total)


def _ratio(part: int, whole: int) -> float:
    return part / whole if whole > 0 else 0.0


class Ledger:
    """The account of one session. A session begins at number 0 on both sides."""

    def __init__(self) -> None:
        self._anchor = -1  # the reflector's number of the last packet settled
        self._stateful: bool | None = None
        self._patience = PATIENCE
        self._undecided: list[Fate] = []
        self._tail: list[Fate] = []  # lost after the last answer, not told of yet
        self._written_off = 0  # likewise, and told of as unknown
        self.asks = False

    def settle(self, fates: Iterable[Fate]) -> Losses:
        """Take packets in order of their numbers, none left out, and return what is known by them."""
        self._undecided += fates
        if not self._is_decided():
            self.asks = True
            waiting = _unanswered(self._undecided) + _copies(self._tail)
            return Losses(sent=_copies(self._undecided) + _copies(self._tail) - waiting, waiting=waiting)
        self.asks = False
        taken, self._undecided = self._undecided, []
        return self._settle(taken)

    def close(self) -> Losses:
        """Return what is left when the session ends: unknown for good."""
        left = _unanswered(self._undecided) + _copies(self._tail)
        sent = sum(fate.copies for fate in self._undecided) + _copies(self._tail)
        return Losses(sent=sent, unknown=left)

    def _is_decided(self) -> bool:
        """Whether losses may be attributed, or there are none, or waiting is in vain."""
        if self._stateful is not True:
            shown = _shown(self._undecided)
            self._stateful = self._stateful if shown is None else shown
        answered = any(fate.answers for fate in self._undecided)
        lost = _unanswered(self._undecided) or self._tail
        if self._stateful is not None or not answered or not lost:
            return True
        self._patience -= 1
        return self._patience < 0

    def _settle(self, fates: list[Fate]) -> Losses:
        losses = Losses()
        last = max((place for place, fate in enumerate(fates) if fate.answers), default=-1)
        if last < 0:
            self._write_off(losses)
        else:
            for segment in _segments([*self._tail, *fates[: last + 1]]):
                self._account(segment, losses)
        self._tail = fates[last + 1 :]
        losses.waiting = _copies(self._tail)
        return losses

    def _write_off(self, losses: Losses) -> None:
        """Tell of what has waited for a whole train without an answer to any."""
        count = _copies(self._tail)
        losses.unknown += count
        losses.sent += count
        self._written_off += count

    def _account(self, segment: Sequence[Fate], losses: Losses) -> None:
        """Account for packets up to an answered one, numbered by one run of the reflector."""
        numbers = [number for fate in segment for number in fate.answers]
        anchor = None if self._is_new_count(segment, max(numbers)) else self._anchor
        if anchor is None:
            segment = self._skip_to_answer(segment, losses)
            anchor = min(numbers) - 1
        sent = sum(fate.copies for fate in segment)
        lost = sent + self._written_off - sum(self._back(fate) for fate in segment)
        losses.sent += sent
        self._attribute(segment, lost, max(numbers) - anchor, losses)
        self._anchor, self._written_off = max(numbers), 0

    def _is_new_count(self, segment: Sequence[Fate], latest: int) -> bool:
        """Whether the reflector's numbers do not go on from the last one: it counts anew, or began
        before this session did."""
        if self._anchor >= 0:
            return latest + RESTART_SLACK < self._anchor
        before = 0
        for fate in segment:
            before += fate.copies
            if fate.answers:
                return min(fate.answers) >= before
        return False

    def _back(self, fate: Fate) -> int:
        """How many answers came back, repetitions by the network left out."""
        return min(len(set(fate.answers) if self._stateful else fate.answers), fate.copies)

    def _skip_to_answer(self, segment: Sequence[Fate], losses: Losses) -> Sequence[Fate]:
        """Without a number to count from, what was lost before the first answer is unknown."""
        first = next(place for place, fate in enumerate(segment) if fate.answers)
        count = _copies(segment[:first])
        losses.unknown += count
        losses.sent += count
        self._written_off = 0
        return segment[first:]

    def _attribute(self, segment: Sequence[Fate], lost: int, reflected: int, losses: Losses) -> None:
        told = self._written_off  # of the lost, these were told of before
        sent = sum(fate.copies for fate in segment) + told
        arrived = reflected - sum(len(set(fate.answers)) > fate.copies for fate in segment)
        if not self._stateful or not 0 <= arrived <= sent:
            losses.unknown += lost - told
            return
        up = min(sent - arrived, lost)
        if told and 0 < up < lost:  # both ways, and no telling which of them were told of
            losses.unknown += lost - told
        elif up == lost:
            losses.up += lost - told
        else:
            losses.up += up
            losses.down += lost - up - told


def _shown(fates: Iterable[Fate]) -> bool | None:
    """Whether a reflector has shown to be stateful (True) or not (False)."""
    shown = None
    for fate in fates:
        if any(number != fate.sequence for number in fate.answers):
            return True
        if fate.copies > 1 and len(fate.answers) > 1:
            shown = False
    return shown


def _segments(fates: Sequence[Fate]) -> Iterator[Sequence[Fate]]:
    """Cut where the reflector began to count anew; each piece ends with an answered packet."""
    start, before, after = 0, -1, 0
    for place, fate in enumerate(fates):
        if not fate.answers:
            continue
        if min(fate.answers) + RESTART_SLACK < before:
            yield fates[start:after]
            start, before = after, -1
        before, after = max(before, *fate.answers), place + 1
    yield fates[start:after]


def _unanswered(fates: Iterable[Fate]) -> int:
    return sum(max(0, fate.copies - len(fate.answers)) for fate in fates)


def _copies(fates: Iterable[Fate]) -> int:
    return sum(fate.copies for fate in fates)
