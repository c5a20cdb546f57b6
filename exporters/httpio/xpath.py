"""XPath over a stranger's XML, by the standard library: expat and the paths of ``xml.etree``. Pure.

Of XPath 1.0 there is what ElementTree knows (child, ``//``, ``*``, ``..``, ``[tag]``, ``[tag='text']``,
``[@name]``, ``[@name='text']``, ``[.='text']``, ``[position]``, ``{namespace}tag``, ``{*}tag``), an
absolute path may name the root (``/soap:Envelope/...``), and a path may end in ``/@name`` or ``/text()``.
A whole XPath engine (lxml) would cost 10 MB for what a health check does not ask.

Documents are read without any DTD: so there are no entities of the document's own, nothing is fetched,
and nothing grows. Imported by the first path there is.
"""

import re
from collections.abc import Mapping
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final

import msgspec

if TYPE_CHECKING:
    from xml.etree.ElementTree import Element

MAX_PATH_LENGTH: Final = 500
MAX_DEPTH: Final = 100
MAX_FOUND: Final = 1000
_ENDS: Final = re.compile(r"/(?:@(?P<attribute>[^\[\]/@]+)|(?P<text>text\(\)))\Z")


class Path(msgspec.Struct, frozen=True):
    """``elements`` as ElementTree has it, below a document node; ``attribute`` of them, or their text."""

    elements: str
    attribute: str | None


@lru_cache(maxsize=512)
def compiled(path: str) -> Path:
    """Return a path ready for use. Raises ValueError, saying what is wrong with it.

    >>> compiled("//item/@id")
    Path(elements='.//item', attribute='id')
    """
    if not path or len(path) > MAX_PATH_LENGTH:
        raise ValueError(f"not 1 to {MAX_PATH_LENGTH} characters")
    end = _ENDS.search(path)
    elements = path[: end.start()] if end else path
    if not elements or elements.endswith("/"):
        raise ValueError("names no element at its end")
    elements = f".{elements}" if elements.startswith("/") else elements
    ready = Path(elements, end["attribute"] if end else None)
    _find(ready, _document(), _every_prefix(path))
    return ready


def _every_prefix(path: str) -> dict[str, str]:
    return dict.fromkeys(re.findall(r"([\w.-]+):", path), "urn:x")


def _document() -> "Element":
    from xml.etree.ElementTree import Element  # noqa: PLC0415 - see above

    return Element("")


def check_prefixes(path: str, namespaces: Mapping[str, str]) -> None:
    """Raise ValueError unless every prefix in ``path`` is known."""
    _find(compiled(path), _document(), namespaces)


def _find(path: Path, document: "Element", namespaces: Mapping[str, str]) -> "list[Element]":
    try:
        found = document.findall(path.elements, dict(namespaces))
        if path.attribute is not None:
            _attribute(path.attribute, namespaces)
    except (SyntaxError, KeyError, IndexError, TypeError, RecursionError) as error:
        # ElementTree's own words for what it does not know; it walks into other errors too.
        raise ValueError(str(error) or "not a path of ElementTree's") from None
    return found


def _attribute(name: str, namespaces: Mapping[str, str]) -> str:
    prefix, colon, local = name.partition(":")
    if not colon or name.startswith("{"):
        return name
    if prefix not in namespaces:
        raise SyntaxError(f"prefix {prefix!r} not found in prefix map")
    return f"{{{namespaces[prefix]}}}{local}"


def select(path: str, document: "Element", namespaces: Mapping[str, str]) -> list[str]:
    """Return the texts that ``path`` selects, white space around them removed, at most
    :data:`MAX_FOUND`. Raises ValueError. Takes as long as it takes: use within a budget."""
    ready = compiled(path)
    elements = _find(ready, document, namespaces)[:MAX_FOUND]
    if ready.attribute is None:
        return ["".join(element.itertext()).strip() for element in elements]
    name = _attribute(ready.attribute, namespaces)
    values = (element.get(name) for element in elements)
    return [value.strip() for value in values if value is not None]


def parse(data: bytes) -> "Element":
    """Return a node above the root of an XML document. Raises ValueError: no XML, a DTD, too deep."""
    from xml.parsers import expat  # noqa: PLC0415 - see above

    reader = _Reader(_document())
    parser = expat.ParserCreate(namespace_separator="}")
    parser.buffer_text = True
    parser.StartElementHandler = reader.start
    parser.EndElementHandler = reader.end
    parser.CharacterDataHandler = reader.text
    parser.StartDoctypeDeclHandler = reader.doctype
    try:
        parser.Parse(data, True)
    except (expat.ExpatError, LookupError, UnicodeError) as error:
        raise ValueError(str(error)) from None
    return reader.document


class _Reader:
    """Builds the tree from expat's events."""

    def __init__(self, document: "Element") -> None:
        self.document = document
        self._open = [document]

    def start(self, name: str, attributes: dict[str, str]) -> None:
        from xml.etree.ElementTree import SubElement  # noqa: PLC0415 - loaded by the time this is called

        if len(self._open) > MAX_DEPTH:
            raise ValueError(f"nested over {MAX_DEPTH} deep")
        named: dict[str, str] = {_qualified(key): value for key, value in attributes.items()}
        self._open.append(SubElement(self._open[-1], _qualified(name), named))

    def end(self, _name: str) -> None:
        self._open.pop()

    def text(self, data: str) -> None:
        parent = self._open[-1]
        if len(parent):
            parent[-1].tail = (parent[-1].tail or "") + data
        else:
            parent.text = (parent.text or "") + data

    def doctype(self, *_: Any) -> None:
        raise ValueError("a document type declaration, which may define entities")


def _qualified(name: str) -> str:
    return f"{{{name}" if "}" in name else name
