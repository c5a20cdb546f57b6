"""Who is being answered, and how often: what makes a reflector stateful (RFC 8762, 4.3). Bounded.

Anybody can make up senders, 50,000 a second. So a session proves itself first: for a second it is among
the newcomers, where a flood pushes out nobody but other newcomers; those that go on sending are then kept
apart. Either place gives up its longest silent one when it is full: not one that sends all the time.
"""

from collections import OrderedDict
from typing import Final

SessionKey = tuple[str, int, int]
"""Address and port of the sender, and its session identifier."""

KEPT: Final = 16_384
NEWCOMERS: Final = 16_384
PROVEN_SECONDS: Final = 1.0
IDLE_SECONDS: Final = 900.0
"""RFC 8762 leaves it open; RFC 5357, 3.1 (REFWAIT) says 900."""


class _Session:
    __slots__ = ("begun", "count", "heard")

    def __init__(self, begun: float) -> None:
        self.count = 0
        self.begun = self.heard = begun


class Sessions:
    """Counts answers per session. Times are monotonic seconds."""

    def __init__(self, kept: int = KEPT, newcomers: int = NEWCOMERS) -> None:
        self._most_kept, self._most_newcomers = kept, newcomers
        self._kept: OrderedDict[SessionKey, _Session] = OrderedDict()
        self._newcomers: OrderedDict[SessionKey, _Session] = OrderedDict()
        self.evicted = 0

    def __len__(self) -> int:
        return len(self._kept) + len(self._newcomers)

    def next_sequence(self, key: SessionKey, now: float) -> int:
        """Return how many packets of this session were answered before, modulo 2**32."""
        session = self._kept.get(key)
        if session is not None:
            self._kept.move_to_end(key)
        else:
            session = self._newcomers.pop(key, None) or _Session(now)
            self._place(key, session, kept=now - session.begun >= PROVEN_SECONDS)
        sequence, session.heard = session.count, now
        session.count = (sequence + 1) & 0xFFFFFFFF
        return sequence

    def _place(self, key: SessionKey, session: _Session, *, kept: bool) -> None:
        room, most = (self._kept, self._most_kept) if kept else (self._newcomers, self._most_newcomers)
        if len(room) >= most:
            room.popitem(last=False)
            self.evicted += 1
        room[key] = session

    def expire(self, now: float) -> None:
        """Forget who has been silent for :data:`IDLE_SECONDS`."""
        for room in (self._kept, self._newcomers):
            while room and now - next(iter(room.values())).heard > IDLE_SECONDS:
                room.popitem(last=False)
