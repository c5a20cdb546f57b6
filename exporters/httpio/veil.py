"""Keeps secrets out of everything that is shown: evidence, logs, debug pages.

A secret may come back in any answer, whole or cut off, percent-encoded or inside JSON or XML. Pure.
"""

import base64
import json
from html import escape
from typing import Final
from urllib.parse import quote, quote_plus

MARK: Final = "•••"
WITHHELD: Final = "(not shown: this step captures a secret)"
MIN_LENGTH: Final = 3
"""Letters. What is shorter is in every text, and no secret."""
_CUT_LENGTH: Final = 8
"""Letters from which the beginning of a secret is recognised without its end."""


class Veil:
    """The secrets of one probe. While ``closed``, nothing of an answer is quoted at all."""

    def __init__(self) -> None:
        self._forms: list[str] = []
        self.closed = False

    def add(self, secret: str) -> None:
        """Learn a secret: it and each of its words, in every form in which it may be met."""
        words = {secret, *secret.split()} - {""}
        for word in words:
            if len(word) >= MIN_LENGTH:
                self._forms += _forms(word)
        self._forms = sorted(set(self._forms), key=len, reverse=True)

    def hide(self, text: str) -> str:
        """Return ``text`` with a mark where secrets stood."""
        for form in self._forms:
            if form in text:
                text = text.replace(form, MARK)
        for form in self._forms:
            text = _hide_cut(form, text)
        return text

    def quote(self, text: str, letters: int) -> str:
        """Return the beginning of a piece of an answer, for evidence."""
        if self.closed:
            return WITHHELD
        if len(text) >= MIN_LENGTH and any(text in form for form in self._forms):
            return repr(MARK)
        return repr(self.hide(text)[:letters])


def _forms(secret: str) -> set[str]:
    raw = secret.encode("utf-8", "surrogatepass")
    return {
        secret,
        quote(raw, safe=""),
        quote_plus(raw),
        json.dumps(secret)[1:-1],
        json.dumps(secret, ensure_ascii=False)[1:-1],
        escape(secret),
        repr(secret)[1:-1],
        base64.b64encode(raw).decode(),
    }


def _hide_cut(form: str, text: str) -> str:
    if len(form) <= _CUT_LENGTH:
        return text
    beginning = form[:_CUT_LENGTH]
    while (start := text.find(beginning)) >= 0:
        end = start + _CUT_LENGTH
        while end < len(text) and end - start < len(form) and text[end] == form[end - start]:
            end += 1
        text = text[:start] + MARK + text[end:]
    return text
