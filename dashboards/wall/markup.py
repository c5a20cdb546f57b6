"""HTML that cannot be broken by what it shows: text is escaped unless it is :class:`Html` already."""

import hashlib
import re
from collections.abc import Iterable
from html import escape
from typing import Final

_NAME: Final = re.compile(r"[a-zA-Z][a-zA-Z0-9:-]*")
_VOID: Final = frozenset({"meta", "link", "input", "br", "hr", "img"})
# What XML 1.0 forbids even when escaped; browsers replace or drop it, differently.
_CONTROL: Final = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ud800-\udfff\ufffe\uffff]")


class Html(str):
    """Text that is markup already. Only this module and constants make it."""

    __slots__ = ()


def text(value: object) -> Html:
    """Return a child as markup: Html as it is, None as nothing, an iterable joined, the rest escaped."""
    if isinstance(value, Html):
        return value
    if value is None:
        return Html("")
    if isinstance(value, str):
        return Html(escape(_CONTROL.sub("\ufffd", value)))
    if isinstance(value, Iterable):
        return Html("".join(text(child) for child in value))
    return Html(escape(str(value)))


def el(tag: str, /, *children: object, **attributes: object) -> Html:
    """Return an element. ``class_`` is class, ``data_x`` is data-x; None and False leave one out.

    >>> el("a", "<3", href="/?a&b", class_="x", hidden=None)
    '<a href="/?a&amp;b" class="x">&lt;3</a>'
    """
    opened = f"<{_checked(tag)}{''.join(_attribute(key, value) for key, value in attributes.items())}>"
    if tag in _VOID:
        return Html(opened)
    return Html(f"{opened}{text(children)}</{tag}>")


def _attribute(key: str, value: object) -> str:
    if value is None or value is False:
        return ""
    name = _checked(key.rstrip("_").replace("_", "-"))
    if value is True:
        return f" {name}"
    written = f"{value:.2f}".rstrip("0").rstrip(".") if isinstance(value, float) else str(value)
    return f' {name}="{escape(_CONTROL.sub(chr(0xFFFD), written))}"'


def _checked(name: str) -> str:
    if not _NAME.fullmatch(name):
        raise ValueError(f"not a name of an element or attribute: {name!r}")
    return name


def anchor(key: str) -> str:
    """Return a name for an element that others link to, made of a key from outside.

    >>> anchor("pop:ba-to")
    'o-e681e7d7c4'
    """
    return f"o-{hashlib.sha256(key.encode(errors='replace')).hexdigest()[:10]}"
