"""The contract of a channel, on one screen.

A way to reach people is one module in ``alerts/channels``: ``KIND``, ``LIMIT_CHARS`` (the longest text
that it carries), a frozen ``Config`` (an unknown key is refused; secrets only as the name of a file or
of an environment variable) and ``send(message, config, session) -> None``, which blocks, is called in a
thread of its own and either delivers or raises :class:`TransportError`. It never logs, and never puts a
secret or an address that holds one into an exception. Where it can write to one person,
``to_person(address)`` returns the options that change for that.
"""

import os
from pathlib import Path
from typing import Final, Literal

import msgspec

from inventory.model import Language

CONNECT_SECONDS: Final = 5.0
ANSWER_SECONDS: Final = 10.0
TIMEOUTS: Final = (CONNECT_SECONDS, ANSWER_SECONDS)
MAX_SECRET_BYTES: Final = 4096
SEPARATOR: Final = "\n\n———\n\n"
Status = Literal["firing", "resolved", "test"]


class TransportError(Exception):
    """A message that was not delivered.

    ``permanent``: sending the same again cannot help. ``retry_after``: seconds that the other side
    asked to be left alone.
    """

    def __init__(self, message: str, *, permanent: bool, retry_after: float | None = None) -> None:
        super().__init__(message)
        self.permanent = permanent
        self.retry_after = retry_after


class Rendered(msgspec.Struct, frozen=True):
    """A message in one language, made for people: ``subject`` is one line."""

    language: Language
    subject: str
    body: str


class Message(msgspec.Struct, frozen=True, kw_only=True):
    """One notification to one channel. Times are Unix seconds; ``texts`` in the channel's languages,
    ``text_vi`` and ``text_en`` always both, for machines."""

    id: str  # the same for every attempt: what a receiving side can tell a repetition by
    outage_id: str
    status: Status
    step: int = 0
    alertname: str = ""
    component: str = ""
    kind: str = ""
    severity: str = ""
    communes: tuple[str, ...] = ()
    systems: tuple[str, ...] = ()
    starts_at: float
    ends_at: float | None = None
    texts: tuple[Rendered, ...]
    text_vi: str = ""
    text_en: str = ""

    @property
    def subject(self) -> str:
        """One line: the subject in the first language."""
        return self.texts[0].subject

    def text(self, limit: int) -> str:
        """Subject and body in every language of the channel, never over ``limit`` characters."""
        whole = SEPARATOR.join(f"{part.subject}\n{part.body}" for part in self.texts)
        return whole if len(whole) <= limit else whole[: limit - 1] + "…"


class ChannelConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Base of every kind's ``Config``: an unknown key is refused."""


def secret(file: str | None, variable: str | None) -> bytes | None:
    """Return the secret in ``file`` or in the environment, without surrounding space; None where
    neither is named. Raises TransportError, retryable: an operator can put the file right."""
    if variable is not None:
        value = os.environ.get(variable, "").strip().encode()
        if not value:
            raise TransportError(f"environment variable {variable} is empty", permanent=False)
        return value
    if file is None:
        return None
    try:
        with Path(file).open("rb") as stream:
            value = stream.read(MAX_SECRET_BYTES).strip()
    except OSError as error:
        raise TransportError(f"{file}: {error.strerror}", permanent=False) from None
    if not value:
        raise TransportError(f"{file}: empty, expected a secret", permanent=False)
    return value
