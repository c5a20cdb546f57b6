"""What a type of msgspec's wants, as the sentence that says so. Pure.

``Meta(extra={"say": KEY})`` names a sentence of the catalogues that says it better than the type can.
"""

from collections.abc import Callable
from typing import Any, Final

from msgspec import inspect

from common.yaml.problems import Expected, one_of

MAX_TEXT: Final = 2000
"""The longest text, in characters, where the type says nothing."""


def without_none(wanted: Any) -> Any:
    """Return the type that an optional one wraps; any other as it is."""
    if not isinstance(wanted, inspect.UnionType):
        return wanted
    return next(kind for kind in wanted.types if not isinstance(kind, inspect.NoneType))


def describe(wanted: Any, one_line: bool = True) -> Expected:
    """Return the sentence that says what a type expects; ``one_line`` of a text that it has no line ends."""
    inner = without_none(wanted)
    if isinstance(inner, inspect.StrType) and inner.pattern is None:
        sentence = "yaml.expected_line" if one_line else "yaml.expected_text"
        return sentence, (("most", str(inner.max_length or MAX_TEXT)),)
    return _DESCRIPTIONS[type(inner)](inner)


def _describe_said(wanted: inspect.Metadata) -> Expected:
    said = (wanted.extra or {}).get("say")
    return (said, ()) if said else describe(wanted.type)


def _describe_struct(wanted: inspect.StructType) -> Expected:
    return "yaml.expected_mapping_of", (("names", ", ".join(f.encode_name for f in wanted.fields)),)


def _describe_number(wanted: inspect.FloatType | inspect.IntType) -> Expected:
    kind = "integer" if isinstance(wanted, inspect.IntType) else "number"
    return _bounded(f"yaml.expected_{kind}", {"above": wanted.gt, "from": wanted.ge, "to": wanted.le})


def _describe_list(wanted: inspect.VarTupleType) -> Expected:
    return _bounded("yaml.expected_list", {"from": wanted.min_length, "to": wanted.max_length})


def _bounded(sentence: str, bounds: dict[str, Any]) -> Expected:
    given = tuple((name, f"{bound:.15g}") for name, bound in bounds.items() if bound is not None)
    return "_".join((sentence, *(name for name, _ in given))), given


_DESCRIPTIONS: Final[dict[type, Callable[[Any], Expected]]] = {
    inspect.Metadata: _describe_said,
    inspect.StructType: _describe_struct,
    inspect.FloatType: _describe_number,
    inspect.IntType: _describe_number,
    inspect.VarTupleType: _describe_list,
    inspect.StrType: lambda wanted: ("yaml.expected_pattern", (("pattern", wanted.pattern),)),
    inspect.LiteralType: lambda wanted: one_of(sorted(map(str, wanted.values))),
    inspect.DictType: lambda _: ("yaml.expected_mapping", ()),
    inspect.BoolType: lambda _: ("yaml.expected_boolean", ()),
    inspect.DateType: lambda _: ("yaml.expected_date", ()),
    inspect.DateTimeType: lambda _: ("yaml.expected_datetime", ()),
    inspect.AnyType: lambda _: ("yaml.expected_anything", ()),
}
