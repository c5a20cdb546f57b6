"""A YAML tree to plain data as a model wants it, with every error found on the way. Pure.

The model's own types are the schema: this module knows no field by name. What is wrong is reported
and left out; what is right is kept, so that references can still be judged in a file with errors.
"""

from collections.abc import Callable, Collection
from collections.abc import Mapping as MappingOf
from functools import cache
from typing import Any, Final

from msgspec import inspect

from common.yaml import scalars
from common.yaml.describe import describe, without_none
from common.yaml.problems import Expected, Location, one_of
from common.yaml.report import Reporter
from common.yaml.scalars import INVALID
from common.yaml.tree import Mapping, Node, Scalar, Sequence

Short = MappingOf[type, str]
"""Structs for which one text may stand, filling all their fields; each with the sentence that says so."""

NONE_SHORT: Final[Short] = {}


class Decoder:
    """Reads nodes as models want them; ``one_line`` wants of every text that it is one printable line."""

    def __init__(self, report: Reporter, short: Short = NONE_SHORT, *, one_line: bool = True) -> None:
        self._report = report
        self._short = short
        self._one_line = one_line
        self._collections: dict[type, Callable[[Any, Any, Location], Any]] = {
            inspect.StructType: self._struct,
            inspect.UnionType: self._optional,
            inspect.VarTupleType: self._tuple,
            inspect.DictType: self._dict,
            inspect.AnyType: self._plain,
        }

    def read(self, node: Node, model: type, at: Location = ()) -> Any:
        """Return ``node`` as plain data for ``model``: dicts with valid values only, lists, scalars;
        INVALID when it, as a whole, is not what is wanted."""
        return self._value(node, _schema(model), at)

    def _value(self, node: Node, wanted: Any, at: Location) -> Any:
        self._report.lines.setdefault(at, node.line)
        inner = wanted.type if isinstance(wanted, inspect.Metadata) else wanted
        collect = self._collections.get(type(inner))
        if collect:
            return collect(node, wanted, at)
        value = scalars.read(node, inner, self._one_line) if isinstance(node, Scalar) else INVALID
        return self._refuse(node, wanted, at) if value is INVALID else value

    def _refuse(self, node: Node, wanted: Any, at: Location) -> Any:
        expected = self._expected(wanted)
        if isinstance(node, Scalar):
            nearest = self._nearest_literal(node.text, wanted)
            self._report.add(at, _what_is_wrong(node, wanted), expected, nearest, found=node.text)
        else:
            self._report.add(at, "yaml.mapping" if isinstance(node, Mapping) else "yaml.list", expected)
        return INVALID

    def _expected(self, wanted: Any) -> Expected:
        said = self._short.get(getattr(without_none(wanted), "cls", type(None)))
        return (said, ()) if said else describe(wanted, self._one_line)

    def _nearest_literal(self, text: str, wanted: Any) -> str:
        if isinstance(wanted, inspect.LiteralType):
            return self._report.nearest(text, [str(value) for value in wanted.values])
        return ""

    def _struct(self, node: Node, wanted: inspect.StructType, at: Location) -> Any:
        if wanted.cls in self._short and isinstance(node, Scalar) and not node.null:
            said = self._value(node, wanted.fields[0].type, at)
            return INVALID if said is INVALID else {field.encode_name: said for field in wanted.fields}
        if not isinstance(node, Mapping):
            return self._refuse(node, wanted, at)
        fields = {field.encode_name: field for field in wanted.fields}
        given = self._entries(node, at, fields)
        values = {}
        for name, child in given.items():
            field = fields[name]
            if not field.required and isinstance(child, Scalar) and child.null:
                continue  # a section left empty is a section left out
            value = self._value(child, field.type, (*at, name))
            if value is not INVALID:
                values[name] = value
        for name, field in fields.items():
            if field.required and name not in given:
                self._report.add((*at, name), "yaml.missing", self._expected(field.type), line=node.line)
        return values

    def _entries(self, node: Mapping, at: Location, valid: Collection[str] | None) -> dict[str, Node]:
        """Return the entries by key, each key once and known; the line of a value is its key's."""
        given: dict[str, Node] = {}
        for entry in node.entries:
            place = (*at, entry.key)
            if valid is not None and entry.key not in valid:
                nearest = self._report.nearest(entry.key, valid)
                self._report.add(place, "yaml.unknown_key", one_of(valid), nearest, line=entry.line)
            elif entry.key in given:
                first = self._report.lines[place]
                self._report.add(place, "yaml.duplicate_key", line=entry.line, first=str(first))
            else:
                self._report.lines[place] = entry.line
                given[entry.key] = entry.node
        return given

    def _optional(self, node: Node, wanted: inspect.UnionType, at: Location) -> Any:
        if isinstance(node, Scalar) and node.null:
            return None
        return self._value(node, without_none(wanted), at)

    def _tuple(self, node: Node, wanted: inspect.VarTupleType, at: Location) -> Any:
        if not isinstance(node, Sequence):
            return self._refuse(node, wanted, at)
        count, least, most = len(node.items), wanted.min_length or 0, wanted.max_length
        if count < least or (most is not None and count > most):
            sentence = "yaml.length" if count else "yaml.empty_list"
            self._report.add(at, sentence, self._expected(wanted), count=str(count))
            return INVALID
        return [self._value(item, wanted.item_type, (*at, i)) for i, item in enumerate(node.items)]

    def _dict(self, node: Node, wanted: inspect.DictType, at: Location) -> Any:
        if not isinstance(node, Mapping):
            return self._refuse(node, wanted, at)
        keys = wanted.key_type
        valid = [str(key) for key in keys.values] if isinstance(keys, inspect.LiteralType) else None
        values = {
            key: self._value(child, wanted.value_type, (*at, key))
            for key, child in self._entries(node, at, valid).items()
        }
        return {key: value for key, value in values.items() if value is not INVALID}

    def _plain(self, node: Node, wanted: Any, at: Location) -> Any:
        """Take what is there verbatim: its meaning is for others to judge."""
        if isinstance(node, Mapping):
            entries = self._entries(node, at, None)
            return {key: self._value(child, wanted, (*at, key)) for key, child in entries.items()}
        if isinstance(node, Sequence):
            return [self._value(item, wanted, (*at, i)) for i, item in enumerate(node.items)]
        return scalars.plain(node)


@cache  # options are judged target by target, with the same few models
def _schema(model: type) -> inspect.Type:
    return inspect.type_info(model)


def _what_is_wrong(node: Scalar, wanted: Any) -> str:
    inner = wanted.type if isinstance(wanted, inspect.Metadata) else wanted
    if node.null:
        return "yaml.nothing"
    if node.rewritten and isinstance(inner, inspect.StrType):
        return "yaml.unquoted"
    return "yaml.quoted" if scalars.misquoted(node, inner) else "yaml.value"
