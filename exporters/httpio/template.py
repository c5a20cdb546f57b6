"""Texts with variables: ``Bearer ${token}``; ``$${`` stands for ``${``. Pure.

A value comes from a stranger's answer, so it is written as the place wants it and can never leave that
place: percent-encoded in a URL, escaped inside JSON and XML.
"""

import json
import re
from collections.abc import Callable, Mapping
from html import escape
from typing import Final
from urllib.parse import quote, quote_plus

NAME: Final = re.compile(r"[a-z][a-z0-9_]{0,39}\Z")
_PLACE: Final = re.compile(r"\$\$\{|\$\{([^}]*)\}|\$\{")
Encode = Callable[[str], str]


class UnknownName(ValueError):  # noqa: N818 - reads as what it says
    """A variable that nothing gives a value to, or ``${`` without an end."""


def names_in(text: str) -> list[str]:
    """Return the names of the variables in ``text``, in order. Raises UnknownName for what is no name.

    >>> names_in("a ${b} $${c} ${d}")
    ['b', 'd']
    """
    found = []
    for place in _PLACE.finditer(text):
        if place[0] == "$${":
            continue
        if place[1] is None or not NAME.match(place[1]):
            raise UnknownName(place[0][:60])
        found.append(place[1])
    return found


def expand(text: str, values: Mapping[str, str], encode: Encode = str) -> str:
    """Return ``text`` with the values of its variables. Raises UnknownName, and what
    ``encode`` raises.

    >>> expand("/q?id=${id}", {"id": "a b&c"}, in_url)
    '/q?id=a%20b%26c'
    """
    if "${" not in text:
        return text

    def value(place: re.Match[str]) -> str:
        if place[0] == "$${":
            return "${"
        if place[1] not in values:
            raise UnknownName(place[0][:60])
        return encode(values[place[1]])

    return _PLACE.sub(value, text)


def in_url(value: str) -> str:
    """Percent-encode everything that has a meaning in a URL (RFC 3986, 2.3). Raises ValueError."""
    if value in (".", ".."):  # dots cannot be encoded, and lead to another path (RFC 3986, 5.2.4)
        raise ValueError("dots alone")
    return quote(value.encode("utf-8", "surrogatepass"), safe="")


def in_body(content_type: str | None) -> Encode:
    """Return how a value is written into a body of this type."""
    kind = (content_type or "").partition(";")[0].strip().lower()
    if kind == "application/json" or kind.endswith("+json"):
        return _in_json
    if kind == "application/x-www-form-urlencoded":
        return _in_form
    if kind in ("text/xml", "application/xml") or kind.endswith("+xml"):
        return _in_xml
    return str


def _in_json(value: str) -> str:
    return json.dumps(value)[1:-1]


def _in_form(value: str) -> str:
    return quote_plus(value.encode("utf-8", "surrogatepass"))


def _in_xml(value: str) -> str:
    return escape(value)  # as numbers or the names that XML has too
