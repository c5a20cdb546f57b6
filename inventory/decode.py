"""A YAML tree to plain data as the model wants it, with every error found on the way. Pure.

The model's own types are the schema: this module knows no field by name. What is wrong is reported
and left out; what is right is kept, so that references can still be judged in a file with errors.
"""

import math
import re
from collections.abc import Callable, Collection
from datetime import date, datetime
from typing import Any, Final

from msgspec import inspect

from inventory.model import Text
from inventory.problems import Location
from inventory.report import Expected, Reporter
from inventory.tree import Mapping, Node, Scalar, Sequence

MAX_TEXT: Final = 2000
_NUMBER: Final = re.compile(r"[-+]?(0|[1-9][0-9]{0,16})(\.[0-9]{1,17})?([eE][-+]?[0-9]{1,3})?\Z")
_INTEGER: Final = re.compile(r"[-+]?(0|[1-9][0-9]{0,17})\Z")
_DATE: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}\Z")
_BOOLEANS: Final = {"true": True, "false": False}

INVALID: Final = object()
"""Stands where a value was refused, so that positions in lists stay what they are in the file."""


def decode(node: Node, model: type, report: Reporter) -> Any:
    """Return ``node`` as plain data for ``model``: dicts with valid values only, lists, scalars."""
    return _Decoder(report).value(node, inspect.type_info(model), ())


class _Decoder:
    def __init__(self, report: Reporter) -> None:
        self._report = report
        self._readers: dict[type, Callable[[Any, Any, Location], Any]] = {
            inspect.StructType: self._struct,
            inspect.UnionType: self._optional,
            inspect.VarTupleType: self._tuple,
            inspect.DictType: self._dict,
            inspect.LiteralType: self._literal,
            inspect.StrType: self._string,
            inspect.FloatType: self._number,
            inspect.BoolType: self._boolean,
            inspect.DateType: self._date,
            inspect.DateTimeType: self._datetime,
            inspect.AnyType: self._plain,
        }

    def value(self, node: Node, wanted: Any, at: Location) -> Any:
        """Decode one node; INVALID when it, as a whole, is not what is wanted."""
        self._report.lines.setdefault(at, node.line)
        inner = wanted.type if isinstance(wanted, inspect.Metadata) else wanted
        return self._readers[type(inner)](node, wanted, at)

    def _refuse(self, node: Node, wanted: Any, at: Location) -> Any:
        expected = describe(wanted)
        if isinstance(node, Scalar):
            code = "nothing" if node.null else "quoted" if _misquoted(node, wanted) else "value"
            nearest = self._nearest_literal(node.text, wanted)
            self._report.add(at, code, expected, nearest, found=node.text)
        else:
            self._report.add(at, "mapping" if isinstance(node, Mapping) else "list", expected)
        return INVALID

    def _nearest_literal(self, text: str, wanted: Any) -> str:
        if isinstance(wanted, inspect.LiteralType):
            return self._report.nearest(text, [str(value) for value in wanted.values])
        return ""

    # --- collections -----------------------------------------------------------------------------
    def _struct(self, node: Node, wanted: inspect.StructType, at: Location) -> Any:
        if wanted.cls is Text and isinstance(node, Scalar) and not node.null:
            said = self._string(node, wanted.fields[0].type, at)
            return INVALID if said is INVALID else {"vi": said, "en": said}
        if not isinstance(node, Mapping):
            return self._refuse(node, wanted, at)
        fields = {field.encode_name: field for field in wanted.fields}
        given = self._entries(node, at, fields)
        values = {}
        for name, child in given.items():
            field = fields[name]
            if not field.required and isinstance(child, Scalar) and child.null:
                continue  # a section left empty is a section left out
            value = self.value(child, field.type, (*at, name))
            if value is not INVALID:
                values[name] = value
        for name, field in fields.items():
            if field.required and name not in given:
                self._report.add((*at, name), "missing", describe(field.type), line=node.line)
        return values

    def _entries(self, node: Mapping, at: Location, valid: Collection[str] | None) -> dict[str, Node]:
        """Return the entries by key, each key once and known; the line of a value is its key's."""
        given: dict[str, Node] = {}
        for entry in node.entries:
            place = (*at, entry.key)
            if valid is not None and entry.key not in valid:
                nearest = self._report.nearest(entry.key, valid)
                names = (("names", ", ".join(valid)),)
                self._report.add(place, "unknown_key", ("one_of", names), nearest, line=entry.line)
            elif entry.key in given:
                first = self._report.lines[place]
                self._report.add(place, "duplicate_key", line=entry.line, first=str(first))
            else:
                self._report.lines[place] = entry.line
                given[entry.key] = entry.node
        return given

    def _optional(self, node: Node, wanted: inspect.UnionType, at: Location) -> Any:
        if isinstance(node, Scalar) and node.null:
            return None
        return self.value(node, _without_none(wanted), at)

    def _tuple(self, node: Node, wanted: inspect.VarTupleType, at: Location) -> Any:
        if not isinstance(node, Sequence):
            return self._refuse(node, wanted, at)
        return [self.value(item, wanted.item_type, (*at, i)) for i, item in enumerate(node.items)]

    def _dict(self, node: Node, wanted: inspect.DictType, at: Location) -> Any:
        if not isinstance(node, Mapping):
            return self._refuse(node, wanted, at)
        keys = wanted.key_type
        valid = [str(key) for key in keys.values] if isinstance(keys, inspect.LiteralType) else None
        values = {
            key: self.value(child, wanted.value_type, (*at, key))
            for key, child in self._entries(node, at, valid).items()
        }
        return {key: value for key, value in values.items() if value is not INVALID}

    def _plain(self, node: Node, wanted: Any, at: Location) -> Any:
        """Options of probes and channels: verbatim, their meaning is for the registries to judge."""
        if isinstance(node, Mapping):
            entries = self._entries(node, at, None)
            return {key: self.value(child, wanted, (*at, key)) for key, child in entries.items()}
        if isinstance(node, Sequence):
            return [self.value(item, wanted, (*at, i)) for i, item in enumerate(node.items)]
        return plain_scalar(node)

    # --- scalars ---------------------------------------------------------------------------------
    def _literal(self, node: Node, wanted: inspect.LiteralType, at: Location) -> Any:
        by_text = {str(value): value for value in wanted.values}
        if isinstance(node, Scalar) and node.text in by_text:
            return by_text[node.text]
        return self._refuse(node, wanted, at)

    def _string(self, node: Node, wanted: Any, at: Location) -> Any:
        rule: Any = wanted.type if isinstance(wanted, inspect.Metadata) else wanted
        if not isinstance(node, Scalar) or node.null or not _fits(node.text, rule):
            return self._refuse(node, wanted, at)
        return node.text

    def _number(self, node: Node, wanted: inspect.FloatType, at: Location) -> Any:
        if isinstance(node, Scalar) and not node.quoted and _NUMBER.match(node.text):
            value = float(node.text)
            if math.isfinite(value) and _in_range(value, wanted):
                return value
        return self._refuse(node, wanted, at)

    def _boolean(self, node: Node, wanted: inspect.BoolType, at: Location) -> Any:
        if isinstance(node, Scalar) and not node.quoted and node.text in _BOOLEANS:
            return _BOOLEANS[node.text]
        return self._refuse(node, wanted, at)

    def _date(self, node: Node, wanted: inspect.DateType, at: Location) -> Any:
        if isinstance(node, Scalar) and _DATE.match(node.text):
            try:
                return date.fromisoformat(node.text)
            except ValueError:
                pass  # such as 2026-02-30: refused below like any other text
        return self._refuse(node, wanted, at)

    def _datetime(self, node: Node, wanted: inspect.DateTimeType, at: Location) -> Any:
        if isinstance(node, Scalar) and len(node.text) <= MAX_TEXT:
            try:
                value = datetime.fromisoformat(node.text)
            except ValueError:
                value = None
            if value is not None and value.tzinfo is not None:
                return value
        return self._refuse(node, wanted, at)


def _misquoted(node: Scalar, wanted: Any) -> bool:
    """Whether quotes alone make a text of what should be a number or a boolean."""
    inner = _without_none(wanted) if isinstance(wanted, inspect.UnionType) else wanted
    return node.quoted and isinstance(inner, inspect.FloatType | inspect.BoolType)


def _without_none(wanted: inspect.UnionType) -> Any:
    return next(kind for kind in wanted.types if not isinstance(kind, inspect.NoneType))


def _fits(text: str, rule: inspect.StrType) -> bool:
    """Whether a text is one printable line of the right length and pattern."""
    length_fits = (rule.min_length or 0) <= len(text) <= (rule.max_length or MAX_TEXT)
    if not length_fits or not text.isprintable() or (text and not text.strip()):
        return False
    return rule.pattern is None or re.search(rule.pattern, text) is not None


def _in_range(value: float, rule: inspect.FloatType) -> bool:
    low = (rule.gt is None or value > rule.gt) and (rule.ge is None or value >= rule.ge)
    return low and (rule.lt is None or value < rule.lt) and (rule.le is None or value <= rule.le)


def plain_scalar(node: Scalar) -> Any:
    """Return the value of a scalar as YAML 1.2's core schema has it: text, number, boolean or None."""
    if node.quoted:
        return node.text
    if node.null:
        return None
    if node.text in _BOOLEANS:
        return _BOOLEANS[node.text]
    if _INTEGER.match(node.text):
        return int(node.text)
    if _NUMBER.match(node.text) and math.isfinite(float(node.text)):
        return float(node.text)
    return node.text


def describe(wanted: Any) -> Expected:
    """Return the sentence that says what a type expects, by name, and its values."""
    if isinstance(wanted, inspect.UnionType):
        return describe(_without_none(wanted))
    special = _DESCRIPTIONS.get(type(wanted))
    return special(wanted) if special else (type(wanted).__name__.removesuffix("Type").lower(), ())


def _describe_struct(wanted: inspect.StructType) -> Expected:
    if wanted.cls is Text:
        return ("bilingual", ())
    return ("mapping_of", (("names", ", ".join(field.encode_name for field in wanted.fields)),))


def _describe_number(wanted: inspect.FloatType) -> Expected:
    bounds = {"above": wanted.gt, "from": wanted.ge, "to": wanted.le}
    given = tuple((name, f"{bound:g}") for name, bound in bounds.items() if bound is not None)
    return ("_".join(("number", *(name for name, _ in given))), given)


_DESCRIPTIONS: Final[dict[type, Callable[[Any], Expected]]] = {
    inspect.Metadata: lambda wanted: (wanted.extra["say"], ()),
    inspect.StructType: _describe_struct,
    inspect.FloatType: _describe_number,
    inspect.LiteralType: lambda wanted: ("one_of", (("names", ", ".join(sorted(map(str, wanted.values)))),)),
    inspect.StrType: lambda wanted: ("text", (("most", str(wanted.max_length or MAX_TEXT)),)),
}
