"""What stands where in one answer. The page is taken apart once, and only when a path asks for it."""

import codecs
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from exporters.httpio import jsonpath, xpath
from exporters.httpio.answer import Answer
from exporters.httpio.part import Part
from exporters.httpio.patterns import readable
from exporters.net.failure import Failure
from inventory.names import Reason

if TYPE_CHECKING:
    from xml.etree.ElementTree import Element


class Page:
    """An answer whose parts are asked for. ``searched_bytes`` of it are the text that patterns see.

    Takes as long as it takes: use within a budget.
    """

    def __init__(self, answer: Answer, searched_bytes: int, namespaces: Mapping[str, str]) -> None:
        self._answer, self._searched_bytes, self._namespaces = answer, searched_bytes, namespaces
        self._text: str | None = None
        self._json: list[Any] = []  # of one document, once it is parsed: null is a document too
        self._xml: Element | None = None

    @property
    def text(self) -> str:
        """The page as people see it."""
        if self._text is None:
            self._text = readable(self._answer.text(self._searched_bytes))
        return self._text

    def values(self, part: Part) -> list[Any]:
        """Return what stands there: JSON values, or texts; empty when nothing does.

        Raises Failure: body for a page that is no such document, too_large.
        """
        if part.json is not None:
            return self._by_json(part.json)
        if part.xpath is not None:
            return self._by_xpath(part.xpath)
        if part.header is None:
            return [self.text]
        wanted = part.header.lower().encode()
        fields = [value for name, value in self._answer.fields if name == wanted]
        return [b", ".join(fields).decode("latin-1")] if fields else []

    def _by_json(self, path: str) -> list[Any]:
        try:
            if not self._json:
                self._json.append(jsonpath.parse(self._document()))
            return jsonpath.select(path, self._json[0])
        except ValueError as error:
            raise Failure(Reason.BODY, f"{self._status}, but the page as JSON: {error}") from None

    def _by_xpath(self, path: str) -> list[Any]:
        try:
            if self._xml is None:
                self._xml = xpath.parse(self._document())
            return [*xpath.select(path, self._xml, self._namespaces)]
        except ValueError as error:
            raise Failure(Reason.BODY, f"{self._status}, but the page as XML: {error}") from None

    def _document(self) -> bytes:
        body = self._answer.body
        data = body.beginning if body is not None else b""
        if body is not None and body.length > len(data):
            raise Failure(
                Reason.TOO_LARGE, f"page of {body.length} bytes: paths look into {len(data)} at most"
            )
        return data.removeprefix(codecs.BOM_UTF8)

    @property
    def _status(self) -> str:
        return f"status {self._answer.status}"
