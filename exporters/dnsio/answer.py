"""What a response says about a name. Pure."""

from typing import Final

import msgspec

from exporters.dnsio.message import NOERROR, NXDOMAIN, Message, Question, Record
from exporters.dnsio.names import same
from exporters.dnsio.rdata import TYPES

MAX_ALIASES: Final = 16


class Answer(msgspec.Struct, frozen=True):
    """The records of the type asked for at the end of the aliases, and for how long that holds.

    ``ttl_seconds`` is the shortest of the records' and of the aliases that lead to them; without a
    record, how long their absence may be remembered (RFC 2308, 5), 0 when the server does not say.
    """

    records: tuple[Record, ...]
    ttl_seconds: int


def failed(message: Message) -> bool:
    """Whether it is the server that failed: what it says tells nothing about the name.

    Nor does a referral by one that does not resolve for others.
    """
    if message.rcode not in (NOERROR, NXDOMAIN):
        return True
    knows = message.answers or message.authoritative or message.recursion_available
    return message.rcode == NOERROR and not knows


def answer(message: Message, question: Question) -> Answer:
    """Follow the aliases (CNAME, at most :data:`MAX_ALIASES`) of a message that is no failure."""
    name = question.name
    ttls: list[int] = []
    for _ in range(MAX_ALIASES):
        here = [r for r in message.answers if r.class_ == question.class_ and same(r.name, name)]
        wanted = tuple(r for r in here if r.type == question.type)
        if wanted:
            return Answer(wanted, min([*ttls, *(r.ttl_seconds for r in wanted)]))
        alias = next((r for r in here if r.type == TYPES["CNAME"] and r.alias), None)
        if alias is None:
            break
        name = alias.alias
        ttls.append(alias.ttl_seconds)
    return Answer((), min([*ttls, _absence_seconds(message)]))


def _absence_seconds(message: Message) -> int:
    return min(
        (min(record.ttl_seconds, record.soa[4]) for record in message.authorities if record.soa), default=0
    )
