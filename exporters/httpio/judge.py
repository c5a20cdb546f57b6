"""Whether an answer is the one that a healthy system gives."""

from collections.abc import Iterator

from exporters.httpio.answer import Answer
from exporters.httpio.config import Config
from exporters.httpio.patterns import BUDGET_SECONDS, TooSlow, bounded, find, readable
from exporters.net.failure import Failure
from inventory.names import Reason


def status_expected(status: int, expected: Config) -> bool:
    """Whether a status is one of those expected."""
    return status in expected.expected_status if expected.expected_status else 200 <= status <= 299


def judge(answer: Answer, expected: Config) -> None:
    """Raise Failure: status, body, or local for a pattern that takes too long."""
    if not status_expected(answer.status, expected):
        wanted = ", ".join(map(str, expected.expected_status)) or "2xx"
        raise Failure(Reason.STATUS, f"status {answer.status}, expected {wanted}")
    patterns = expected.forbidden_body_regex
    if expected.body_regex is not None:
        patterns = (*patterns, expected.body_regex)
    if not patterns:
        return
    text = readable(answer.text())
    try:
        with bounded(patterns):
            fault = next(_faults(answer, expected, text), None)
    except TooSlow:
        raise Failure(
            Reason.LOCAL, f"a body pattern took over {BUDGET_SECONDS:g} s of CPU time: simplify it"
        ) from None
    if fault is not None:
        raise Failure(Reason.BODY, fault)


def _faults(answer: Answer, expected: Config, text: str) -> Iterator[str]:
    for pattern in expected.forbidden_body_regex:
        found = find(pattern, text)
        if found is not None:
            yield f"status {answer.status}, but the page says {found[:120]!r}"
    if expected.body_regex is not None and find(expected.body_regex, text) is None:
        where = f"the first {len(text)} characters of the page"
        yield f"status {answer.status}, but {expected.body_regex[:80]!r} is not in {where}"
