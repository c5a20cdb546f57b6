"""Whether an answer is the one that was expected."""

import ipaddress
from typing import Annotated, Literal

from msgspec import Meta

from common.i18n import t
from exporters.base import ProbeConfig
from exporters.dnsio.answer import Answer
from exporters.dnsio.message import NXDOMAIN, Message, Question
from exporters.dnsio.names import text_of
from exporters.httpio.options import check_pattern
from exporters.httpio.patterns import TooSlow, budget, find
from exporters.net.failure import Failure
from exporters.net.resolve import IpVersion
from inventory.names import Reason

RecordType = Literal[
    "A", "AAAA", "CAA", "CNAME", "DNAME", "DNSKEY", "DS", "HTTPS", "MX", "NAPTR", "NS", "PTR", "SOA", "SRV",
    "SVCB", "TLSA", "TXT",
]  # fmt: skip
_Value = Annotated[str, Meta(min_length=1, max_length=1000)]
_Count = Annotated[int, Meta(ge=0, le=128)]


class Config(ProbeConfig, frozen=True, kw_only=True):
    """The options of the ``dns`` probe.

    - ``record_type``; ``transport``: ``udp`` goes over to TCP by itself when an answer is truncated.
    - ``expected_rcode``: ``nxdomain`` for a name that must not exist.
    - ``expected_answers``: the data of the records, as text: addresses; names in any case, with or
      without the final dot; ``10 mail.example`` (MX), ``0 5 443 host.example`` (SRV); the joined strings
      of a TXT record. All of them and no others, unless ``other_answers_allowed``.
    - ``answer_regex``: one record must hold it; ``forbidden_answer_regex``: none may hold any of these.
    - ``min_answers``, ``max_answers``: how many records; fewer than 1 is no answer at all.
    - ``recursion_desired``: off for an authoritative server that refuses it; ``random_case``: letters in
      a case chosen by chance (see exporters/dnsio/client.py).
    """

    record_type: RecordType = "A"
    transport: Literal["udp", "tcp"] = "udp"
    expected_rcode: Literal["noerror", "nxdomain"] = "noerror"
    expected_answers: tuple[_Value, ...] = ()
    other_answers_allowed: bool = False
    answer_regex: str | None = None
    forbidden_answer_regex: tuple[str, ...] = ()
    min_answers: _Count = 1
    max_answers: _Count | None = None
    recursion_desired: bool = True
    random_case: bool = True
    ip_version: IpVersion | None = None

    def __post_init__(self) -> None:
        check_pattern("answer_regex", self.answer_regex)
        for pattern in self.forbidden_answer_regex:
            check_pattern("forbidden_answer_regex", pattern)
        if self.max_answers is not None and self.max_answers < self.min_answers:
            raise ValueError(f"min_answers: {t('probes.dns_counts')}")
        for value in self.expected_answers:
            normal(self.record_type, value)


def normal(record_type: str, value: str) -> str:
    """Return a value that a person wrote as :mod:`exporters.dnsio.rdata` writes it. Raises ValueError."""
    if record_type in ("A", "AAAA"):
        version = 4 if record_type == "A" else 6
        try:
            address = ipaddress.ip_address(value.strip())
        except ValueError:
            address = None
        if address is None or address.version != version:
            raise ValueError(
                f"expected_answers: {t('probes.dns_expected_address', value=value[:80], type=record_type)}"
            )
        return str(address)
    if record_type in ("TXT", "CAA"):
        return value
    return " ".join(word.lower().removesuffix(".") or "." for word in value.split())


def judge(server: str, message: Message, question: Question, found: Answer, config: Config) -> None:
    """Raise Failure: dns, body, or local for a pattern that takes too long."""
    name = text_of(question.name)
    if config.expected_rcode == "nxdomain":
        if message.rcode != NXDOMAIN:
            raise Failure(Reason.BODY, f"{name}: {message.rcode_name} and not nxdomain, says {server}")
        return
    if message.rcode == NXDOMAIN:
        raise Failure(Reason.DNS, f"{name}: nxdomain, says {server}")
    values = [record.value for record in found.records]
    if not values and config.min_answers:
        raise Failure(Reason.DNS, f"{name}: no {config.record_type} record, says {server}")
    fault = _fault(values, config)
    if fault:
        raise Failure(Reason.BODY, f"{name}: {fault}; {server} says {', '.join(sorted(values)) or 'nothing'}")


def _fault(values: list[str], config: Config) -> str:
    """Return what is wrong with the records' values."""
    if len(values) < config.min_answers:
        return f"{len(values)} records, at least {config.min_answers} expected"
    if config.max_answers is not None and len(values) > config.max_answers:
        return f"{len(values)} records, at most {config.max_answers} expected"
    expected = {normal(config.record_type, value) for value in config.expected_answers}
    if missing := sorted(expected.difference(values)):
        return f"without {', '.join(missing)}"
    if expected and not config.other_answers_allowed and (more := sorted(set(values) - expected)):
        return f"{', '.join(more)} not expected"
    return _pattern_fault(values, config)


def _pattern_fault(values: list[str], config: Config) -> str:
    if config.answer_regex is None and not config.forbidden_answer_regex:
        return ""
    try:
        with budget():
            for forbidden in config.forbidden_answer_regex:
                if any(find(forbidden, value) is not None for value in values):
                    return f"{forbidden[:80]!r} is forbidden"
            wanted = config.answer_regex
            if wanted is not None and not any(find(wanted, value) is not None for value in values):
                return f"{wanted[:80]!r} in none"
    except TooSlow:
        raise Failure(Reason.LOCAL, "a pattern takes too much CPU time: simplify it") from None
    return ""
