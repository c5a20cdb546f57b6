"""What one scalar of a file means to a type of msgspec's. Pure.

Each reader returns the value, or INVALID. Quotes make a text of what would be a number or a boolean.
"""

import math
import re
from collections.abc import Callable
from datetime import date, datetime
from typing import Any, Final

from msgspec import inspect

from common.yaml.describe import MAX_TEXT
from common.yaml.tree import Scalar

INVALID: Final = object()
"""Stands where a value was refused, so that positions in lists stay what they are in the file."""

_NUMBER: Final = re.compile(r"[-+]?(0|[1-9][0-9]{0,16})(\.[0-9]{1,25})?([eE][-+]?[0-9]{1,3})?\Z")
_INTEGER: Final = re.compile(r"[-+]?(0|[1-9][0-9]{0,17})\Z")
_DATE: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}\Z")
_BOOLEANS: Final = {"true": True, "false": False}


def plain(node: Scalar) -> Any:
    """Return the value as YAML 1.2's core schema has it: text, number, boolean or None."""
    if node.quoted:
        return node.text
    if node.null:
        return None
    readers = (_boolean, _integer, _finite)
    values = (read(node.text) for read in readers)
    return next((value for value in values if value is not INVALID), node.text)


def read(node: Scalar, wanted: Any, one_line: bool) -> Any:
    """Return the value of ``node`` for the type ``wanted``, which is neither optional nor a collection.

    ``one_line`` wants of a text that it is one printable line.
    """
    if node.null:
        return INVALID
    if isinstance(wanted, inspect.StrType):
        fits = not node.rewritten and _text_fits(node.text, wanted, one_line)
        return node.text if fits else INVALID
    if node.quoted and not _takes_text(wanted):
        return INVALID
    return _READERS[type(wanted)](node.text, wanted)


def misquoted(node: Scalar, wanted: Any) -> bool:
    """Whether quotes make a text of a number or a boolean where ``wanted`` is one of these."""
    return node.quoted and not _takes_text(wanted) and is_ambiguous(node.text)


def is_ambiguous(text: str) -> bool:
    """Whether ``text`` is only a text when it stands in quotes: ``1e5``, ``true``, ``~``."""
    return bool(plain(Scalar(0, text, quoted=False)) != text)


def _takes_text(wanted: Any) -> bool:
    """Whether this type's values are texts, which quotes leave as they are; a date is written as one."""
    if isinstance(wanted, inspect.LiteralType):
        return any(isinstance(value, str) for value in wanted.values)
    return not isinstance(wanted, inspect.FloatType | inspect.IntType | inspect.BoolType)


def _text_fits(text: str, rule: inspect.StrType, one_line: bool) -> bool:
    length_fits = (rule.min_length or 0) <= len(text) <= (rule.max_length or MAX_TEXT)
    if not length_fits or (one_line and (not text.isprintable() or (text and not text.strip()))):
        return False
    return rule.pattern is None or re.search(rule.pattern, text) is not None


def _boolean(text: str) -> Any:
    return _BOOLEANS.get(text, INVALID)


def _integer(text: str) -> Any:
    return int(text) if _INTEGER.match(text) else INVALID


def _finite(text: str) -> Any:
    value = float(text) if _NUMBER.match(text) else math.inf
    return value if math.isfinite(value) else INVALID


def _within(value: Any, rule: inspect.FloatType | inspect.IntType) -> Any:
    if value is INVALID:
        return INVALID
    low = (rule.gt is None or value > rule.gt) and (rule.ge is None or value >= rule.ge)
    high = (rule.lt is None or value < rule.lt) and (rule.le is None or value <= rule.le)
    return value if low and high else INVALID


def _literal(text: str, rule: inspect.LiteralType) -> Any:
    return {str(value): value for value in rule.values}.get(text, INVALID)


def _date(text: str) -> Any:
    try:
        return date.fromisoformat(text) if _DATE.match(text) else INVALID
    except ValueError:  # such as 2026-02-30
        return INVALID


def _datetime(text: str) -> Any:
    """A time without zone is none: nobody could say when it is."""
    try:
        value = datetime.fromisoformat(text) if len(text) <= MAX_TEXT else None
    except ValueError:
        value = None
    return value if value is not None and value.tzinfo is not None else INVALID


_READERS: Final[dict[type, Callable[[str, Any], Any]]] = {
    inspect.LiteralType: _literal,
    inspect.FloatType: lambda text, rule: _within(_finite(text), rule),
    inspect.IntType: lambda text, rule: _within(_integer(text), rule),
    inspect.BoolType: lambda text, _: _boolean(text),
    inspect.DateType: lambda text, _: _date(text),
    inspect.DateTimeType: lambda text, _: _datetime(text),
}
