"""YAML text to a tree of nodes that know their lines. Pure, bounded, never recursive.

The tree is built from libyaml's stream of events, so that depth, number of nodes, anchors and tags are
judged before anything is kept. Scalars stay as written: what they mean is decided by the schema, which
spares people YAML 1.1's surprises (``no`` is false, ``07:30`` is 450, ``010`` is 8).
"""

import re
from collections.abc import Iterator
from typing import Final, NoReturn

import msgspec
import yaml

from common.yaml.problems import Problem, Refused, shorten

MAX_BYTES: Final = 8_000_000
MAX_DEPTH: Final = 24
MAX_NODES: Final = 500_000
_CONTROL: Final = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\x80-\x84\x86-\x9f\ufffe\uffff]")
_YAML_TAGS: Final = "tag:yaml.org,2002:"
_STRING_TAG: Final = _YAML_TAGS + "str"
_NULL: Final = frozenset({"", "~", "null"})


class Scalar(msgspec.Struct, gc=False):
    """``text`` as written; ``quoted`` when the writer said that it is text; ``rewritten`` for a number or
    boolean that was read before, so that nobody knows any more how it was written (``1.50``)."""

    line: int
    text: str
    quoted: bool
    rewritten: bool = False

    @property
    def null(self) -> bool:
        """Whether nothing is written here."""
        return not self.quoted and self.text in _NULL


class Entry(msgspec.Struct):
    """One ``key: value`` of a mapping."""

    line: int
    key: str
    node: "Node"


class Mapping(msgspec.Struct):
    """Entries in order; a key may stand twice, which is for the reader to refuse."""

    line: int
    entries: list[Entry]


class Sequence(msgspec.Struct):
    """Items in order."""

    line: int
    items: list["Node"]


Node = Scalar | Mapping | Sequence


def parse(data: bytes, file: str) -> Node:
    """Return the tree of one YAML document. Raises Refused with the one error that stops it."""
    text = _decode(data, file)
    try:
        return _Builder(file).build(yaml.parse(text, Loader=yaml.CSafeLoader))
    except yaml.YAMLError as error:
        raise _syntax(error, text, file) from None


def _decode(data: bytes, file: str) -> str:
    if len(data) > MAX_BYTES:
        _stop(file, 0, "yaml.too_large", limit=f"{MAX_BYTES // 1_000_000}")
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        _stop(file, data.count(b"\n", 0, error.start) + 1, "yaml.not_utf8")
    control = _CONTROL.search(text)
    if control:
        line = text.count("\n", 0, control.start()) + 1
        _stop(file, line, "yaml.control_character", character=f"U+{ord(control.group()):04X}")
    return text


def _stop(file: str, line: int, sentence: str, **values: str) -> NoReturn:
    raise Refused((Problem(file, line, "", sentence, tuple(values.items())),))


def _syntax(error: yaml.YAMLError, text: str, file: str) -> Refused:
    mark = getattr(error, "problem_mark", None) or getattr(error, "context_mark", None)
    line = mark.line + 1 if mark else 0
    said = str(getattr(error, "problem", None) or getattr(error, "reason", None) or error)
    lines = text.splitlines()
    written = lines[line - 1] if 0 < line <= len(lines) else ""
    if "\t" in written[: len(written) - len(written.lstrip())] or "'\\t'" in said:
        return Refused((Problem(file, line, "", "yaml.tab"),))
    return Refused((Problem(file, line, "", "yaml.syntax", (("problem", shorten(said)),)),))


def _line(event: yaml.Event) -> int:
    return event.start_mark.line + 1 if event.start_mark else 0


class _Builder:
    """Builds the tree with a stack of its own: no depth of nesting can exhaust Python's."""

    def __init__(self, file: str) -> None:
        self._file = file
        self._open: list[Mapping | Sequence] = []
        self._keys: list[tuple[int, str] | None] = []  # per open collection, the key that waits for its value
        self._root: Node | None = None
        self._nodes = 0

    def build(self, events: Iterator[yaml.Event]) -> Node:
        documents = 0
        for event in events:
            if isinstance(event, yaml.NodeEvent):
                self._node(event, _line(event))
            elif isinstance(event, yaml.CollectionEndEvent):
                self._close(self._open.pop())
            elif isinstance(event, yaml.DocumentStartEvent):
                documents += 1
                if documents > 1:
                    _stop(self._file, _line(event), "yaml.documents")
        if self._root is None or (isinstance(self._root, Scalar) and self._root.null):
            _stop(self._file, 0, "yaml.empty")
        return self._root

    def _node(self, event: yaml.NodeEvent, line: int) -> None:
        self._nodes += 1
        if self._nodes > MAX_NODES:
            _stop(self._file, line, "yaml.too_many", limit=f"{MAX_NODES:,}")
        if event.anchor is not None:
            _stop(self._file, line, "yaml.anchor", name=shorten(event.anchor))
        tag = getattr(event, "tag", None)
        if tag not in {None, "!", _STRING_TAG}:
            _stop(self._file, line, "yaml.tag", tag=shorten(str(tag).replace(_YAML_TAGS, "!!")))
        if isinstance(event, yaml.ScalarEvent):
            self._place(Scalar(line, event.value, bool(event.style) or tag is not None))
        elif isinstance(event, yaml.MappingStartEvent):
            self._enter(Mapping(line, []))
        else:
            self._enter(Sequence(line, []))

    def _enter(self, node: Mapping | Sequence) -> None:
        if len(self._open) >= MAX_DEPTH:
            _stop(self._file, node.line, "yaml.too_deep", limit=str(MAX_DEPTH))
        if self._waits_for_key():
            _stop(self._file, node.line, "yaml.key")
        self._open.append(node)
        self._keys.append(None)

    def _close(self, node: Mapping | Sequence) -> None:
        self._keys.pop()
        self._place(node)

    def _waits_for_key(self) -> bool:
        return bool(self._open) and isinstance(self._open[-1], Mapping) and self._keys[-1] is None

    def _place(self, node: Node) -> None:
        if not self._open:
            self._root = node
            return
        parent = self._open[-1]
        key = self._keys[-1]
        if isinstance(parent, Sequence):
            parent.items.append(node)
        elif key is None:
            assert isinstance(node, Scalar)  # noqa: S101 - _enter refuses any other key
            self._keys[-1] = (node.line, node.text)
        else:
            parent.entries.append(Entry(key[0], key[1], node))
            self._keys[-1] = None
