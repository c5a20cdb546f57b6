"""Whether an answer is the one that a healthy system gives, and what is taken along from it."""

import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

from exporters.httpio import jsonpath
from exporters.httpio.answer import Answer
from exporters.httpio.config import Ask, Config, Step
from exporters.httpio.page import Page
from exporters.httpio.part import Capture, Expectation
from exporters.httpio.patterns import (
    BUDGET_SECONDS,
    TooSlow,
    bounded,
    budget,
    compiled,
    find,
    says_maintenance,
)
from exporters.httpio.template import UnknownName, expand
from exporters.httpio.veil import Veil
from exporters.net.failure import Failure
from inventory.names import Reason

MAX_CAPTURED_LENGTH: Final = 4096
_NUMBER: Final = re.compile(r"[-+]?[0-9]{1,30}(\.[0-9]{1,30})?([eE][-+]?[0-9]{1,3})?\Z")
_NO_VALUES: Final[Mapping[str, str]] = {}


def status_expected(status: int, expected: Ask) -> bool:
    """Whether a status is one of those expected."""
    return status in expected.expected_status if expected.expected_status else 200 <= status <= 299


def judge(
    answer: Answer, ask: Ask, config: Config, veil: Veil, values: Mapping[str, str] = _NO_VALUES
) -> dict[str, str]:
    """Return what the step captures. Raises Failure: status, body, maintenance, too_large, or local for a
    pattern or path that takes too long."""
    if not status_expected(answer.status, ask):
        wanted = ", ".join(map(str, ask.expected_status)) or "2xx"
        raise Failure(Reason.STATUS, f"status {answer.status}, expected {wanted}")
    patterns = ask.forbidden_body_regex
    if ask.body_regex is not None:
        patterns = (*patterns, ask.body_regex)
    captures = ask.capture if isinstance(ask, Step) else {}
    if not (patterns or ask.expect or captures):
        return {}
    page = Page(answer, config.searched_body_bytes, ask.namespaces)
    try:
        with budget() if ask.expect or captures else bounded(patterns):
            for reason, fault in _Faults(answer, ask, page, veil, values).all():
                raise Failure(reason, fault)
            return {name: _captured(name, capture, page) for name, capture in captures.items()}
    except TooSlow:
        raise Failure(
            Reason.LOCAL, f"a pattern or path took over {BUDGET_SECONDS:g} s of CPU time: simplify it"
        ) from None


class _Faults:
    """What is wrong with the answer to ``ask``."""

    def __init__(self, answer: Answer, ask: Ask, page: Page, veil: Veil, values: Mapping[str, str]) -> None:
        self._status, self._ask, self._page = f"status {answer.status}, but ", ask, page
        self._veil, self._values = veil, values

    def all(self) -> Iterator[tuple[Reason, str]]:
        """Return the faults one by one, with evidence."""
        ask, text = self._ask, self._page.text
        for pattern in ask.forbidden_body_regex:
            found = find(pattern, text)
            if found is not None:
                reason = Reason.MAINTENANCE if says_maintenance(found) else Reason.BODY
                yield reason, f"{self._status}the page says {self._veil.quote(found, 120)}"
        if ask.body_regex is not None and find(ask.body_regex, text) is None:
            where = f"the first {len(text)} characters of the page"
            yield Reason.BODY, f"{self._status}{ask.body_regex[:80]!r} is not in {where}"
        for expectation in ask.expect:
            fault = self._fault(expectation)
            if fault:
                yield Reason.BODY, f"{self._status}{expectation}{fault}"

    def _fault(self, expected: Expectation) -> str:
        found = self._page.values(expected)
        if expected.present is not None:
            return "" if bool(found) is expected.present else f" is {'there' if found else 'not there'}"
        if not found:
            return " is not there"
        for value in found:
            wanted = self._wanted(expected, value)
            if wanted:
                return f" is {self._veil.quote(jsonpath.text_of(value), 60)}, expected {wanted}"
        return ""

    def _wanted(self, expected: Expectation, value: Any) -> str:
        """Return what was expected of ``value``, empty when it fits."""
        if expected.matches is not None:
            fits = find(expected.matches, jsonpath.text_of(value)) is not None
            return "" if fits else f"a match of {expected.matches[:80]!r}"
        if expected.equals is not None:
            return self._unequal(expected, value)
        number = _number(value)
        low, high = expected.at_least, expected.at_most
        if number is not None and (low is None or number >= low) and (high is None or number <= high):
            return ""
        limits = [f"at least {low:g}"] if low is not None else []
        return " and ".join(limits + ([f"at most {high:g}"] if high is not None else []))

    def _unequal(self, expected: Expectation, value: Any) -> str:
        equals = expected.equals
        if isinstance(equals, str):
            try:
                wanted = expand(equals, self._values)
            except UnknownName as error:
                raise Failure(Reason.LOCAL, f"equals: {error} has no value") from None
            return "" if jsonpath.text_of(value) == wanted else repr(self._veil.hide(wanted)[:60])
        if isinstance(equals, bool):
            fits = value is equals or (expected.json is None and value == jsonpath.text_of(equals))
        elif expected.json is not None:
            fits = not isinstance(value, bool | str) and value == equals
        else:
            fits = _number(value) == equals
        return "" if fits else jsonpath.text_of(equals)


def _number(value: Any) -> float | None:
    if isinstance(value, bool):
        return None
    if isinstance(value, str) and not _NUMBER.match(value):
        return None
    try:
        return float(value) if isinstance(value, int | float | str) else None
    except OverflowError:  # a whole number with hundreds of digits
        return None


def _captured(name: str, capture: Capture, page: Page) -> str:
    found = next(iter(page.values(capture)), None)
    text = "" if found is None else jsonpath.text_of(found)
    if text and capture.matches is not None:
        match = _first_match(capture.matches, text)
        text = "" if match is None else (match[1] if match.re.groups else match[0]) or ""
    if not text:
        raise Failure(Reason.BODY, f"nothing to capture as {name} at {capture}")
    if len(text) > MAX_CAPTURED_LENGTH:
        raise Failure(Reason.BODY, f"{name} at {capture} is over {MAX_CAPTURED_LENGTH} characters")
    return text


def _first_match(pattern: str, text: str) -> re.Match[str] | None:
    return compiled(pattern).search(text)
