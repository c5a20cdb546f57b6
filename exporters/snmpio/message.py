"""What is asked and what is answered, without a library's types. Pure."""

from enum import StrEnum
from typing import Final, Protocol

import msgspec

from exporters.net.failure import Failure
from inventory.names import Reason

Oid = tuple[int, ...]
MAX_MESSAGE_BYTES: Final = 2048
"""Datagrams over this are not decoded: ours ask for far less, and reading them would hold up others."""


class Syntax(StrEnum):
    """Type of a value (RFC 2578, 7.1); ``absent``: no such object or instance, end of the view."""

    INTEGER = "Integer32"
    OCTETS = "OctetString"
    COUNTER32 = "Counter32"
    COUNTER64 = "Counter64"
    GAUGE = "Gauge32"
    TICKS = "TimeTicks"
    ABSENT = "absent"
    OTHER = "other"


class Value(msgspec.Struct, frozen=True):
    """One variable of an answer: ``number`` of numeric ones, ``octets`` of strings."""

    oid: Oid
    syntax: Syntax
    number: int = 0
    octets: bytes = b""


class Question(msgspec.Struct, frozen=True, kw_only=True):
    """GET of ``oids``; with ``repetitions`` GETBULK of what follows each."""

    oids: tuple[Oid, ...]
    repetitions: int = 0


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """A response. ``error`` is its error-status, 0 for none (RFC 3416, 3)."""

    values: tuple[Value, ...]
    error: int = 0
    error_index: int = 0


class Codec(Protocol):
    """Makes and reads the messages of one version for one router."""

    def ask(self, question: Question) -> bytes:
        """Return the datagram of a new request; answers to earlier ones of this question still count
        until :meth:`forget`. Raises Failure."""

    def take(self, datagram: bytes) -> Answer | None:
        """Return what a datagram answers, None when it is no answer to what was asked (the reason is in
        :attr:`refused`). Raises Failure for what the router says of us, such as ``auth``."""

    def more(self) -> list[bytes]:
        """Return what has to be sent because of what was taken, as while engines get to know each other."""

    def forget(self) -> None:
        """What was asked is no longer waited for."""

    @property
    def refused(self) -> str:
        """Why the last datagram was no answer."""


ERRORS: Final = (
    "noError", "tooBig", "noSuchName", "badValue", "readOnly", "genErr", "noAccess", "wrongType",
    "wrongLength", "wrongEncoding", "wrongValue", "noCreation", "inconsistentValue",
    "resourceUnavailable", "commitFailed", "undoFailed", "authorizationError", "notWritable",
    "inconsistentName",
)  # fmt: skip
"""Names of error-status by number (RFC 3416, 3)."""
_DENIED: Final = frozenset({"noAccess", "authorizationError"})


def judge(answer: Answer, question: Question) -> None:
    """Raise Failure unless ``answer`` is free of errors and about what was asked."""
    if answer.error:
        name = ERRORS[answer.error] if 0 < answer.error < len(ERRORS) else str(answer.error)
        reason = Reason.AUTH if name in _DENIED else Reason.STATUS
        reason = Reason.TOO_LARGE if name == "tooBig" else reason
        raise Failure(reason, f"the router answers {name} at variable {answer.error_index}")
    if question.repetitions == 0 and tuple(value.oid for value in answer.values) != question.oids:
        raise Failure(Reason.PROTOCOL, "the answer is about other variables than the question")
