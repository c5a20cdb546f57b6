"""Read a YAML file into a msgspec struct, or report every error at once: file, line, key, expected.

msgspec stops at the first error and knows no lines. So the composed nodes are walked twice: once to
get plain data and the line of every key, once along the struct's types to collect what is wrong.
``msgspec.convert`` stays the authority: what it refuses is refused, even where the walk saw nothing.
"""

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final, TypeVar

import msgspec
import yaml
from msgspec import inspect

from common.i18n import t

KeyPath = tuple[str | int, ...]
_T = TypeVar("_T")
_MAX_EVENTS: Final = 2_000_000
_MAX_DEPTH: Final = 40
_MAX_PROBLEMS: Final = 100


class Problem(msgspec.Struct, frozen=True, order=True):
    """One error. ``line`` counts from 1; ``key`` such as ``targets[2].address``, empty for the file."""

    file: str
    line: int
    key: str
    message: str

    def __str__(self) -> str:
        key = f" {self.key}:" if self.key else ""
        return f"{self.file}:{self.line}:{key} {self.message}"


class Refused(Exception):  # noqa: N818 - the file was refused; ``problems`` say why
    """A file that cannot be used; ``problems`` holds every error found, in order of line."""

    def __init__(self, problems: list[Problem]) -> None:
        self.problems = tuple(sorted(problems))
        super().__init__("\n".join(str(problem) for problem in self.problems))


class Document(msgspec.Struct):
    """Plain data with the line of every key path. ``value`` may be changed before :func:`check`."""

    file: str
    value: Any
    lines: dict[KeyPath, int]

    def problem(self, path: KeyPath, message: str) -> Problem:
        """Return an error at ``path``, or at its nearest ancestor that stands in the file."""
        at = path
        while at and at not in self.lines:
            at = at[:-1]
        return Problem(self.file, self.lines.get(at, 1), key_text(path), message)


def key_text(path: KeyPath) -> str:
    """Return a key path as people write it.

    >>> key_text(("targets", 2, "address"))
    'targets[2].address'
    """
    text = ""
    for part in path:
        text += f"[{part}]" if isinstance(part, int) else f".{part}" if text else part
    return text


def read(path: Path, max_bytes: int) -> Document:
    """Read and parse one file. Raises :class:`Refused` for anything that is not one YAML document."""
    name = str(path)
    try:
        with path.open("rb") as file:
            raw = file.read(max_bytes + 1)
    except OSError as error:
        raise Refused([Problem(name, 1, "", t("yaml.unreadable", why=error.strerror or error))]) from None
    if len(raw) > max_bytes:
        raise Refused([Problem(name, 1, "", t("yaml.too_large", limit=max_bytes))])
    return parse(raw, name)


def parse(raw: bytes, name: str) -> Document:
    """Parse one YAML document. Raises :class:`Refused`."""
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        raise Refused([Problem(name, line, "", t("yaml.not_utf8"))]) from None
    try:
        _bound(text, name)
        root = yaml.compose(text, Loader=yaml.CSafeLoader)
    except yaml.YAMLError as error:
        raise Refused([_syntax(name, error)]) from None
    return _Reader(name).document(root)


def _bound(text: str, name: str) -> None:
    """Refuse what would exhaust the composer, which recurses in C and dies of deep nesting."""
    depth = 0
    for count, event in enumerate(yaml.parse(text, Loader=yaml.CSafeLoader)):
        line = event.start_mark.line + 1 if event.start_mark else 1
        if isinstance(event, yaml.CollectionStartEvent):
            depth += 1
        elif isinstance(event, yaml.CollectionEndEvent):
            depth -= 1
        if depth > _MAX_DEPTH or count > _MAX_EVENTS:
            raise Refused([Problem(name, line, "", t("yaml.too_deep"))])
        if isinstance(event, yaml.NodeEvent) and event.anchor is not None:
            raise Refused([Problem(name, line, "", t("yaml.anchor", name=event.anchor[:60]))])


def _syntax(name: str, error: yaml.YAMLError) -> Problem:
    mark = getattr(error, "problem_mark", None)
    why = getattr(error, "problem", None) or str(error).splitlines()[0]
    return Problem(name, mark.line + 1 if mark else 1, "", t("yaml.syntax", why=why))


class _Reader:
    """Turns composed nodes into plain data, noting lines; refuses duplicate keys."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._lines: dict[KeyPath, int] = {}
        self._problems: list[Problem] = []
        self._scalars = yaml.constructor.SafeConstructor()

    def document(self, root: yaml.Node | None) -> Document:
        value = None if root is None else self._value(root, ())
        if self._problems:
            raise Refused(self._problems)
        return Document(self._name, value, self._lines)

    def _fail(self, node: yaml.Node, path: KeyPath, message: str) -> None:
        self._problems.append(Problem(self._name, node.start_mark.line + 1, key_text(path), message))

    def _value(self, node: yaml.Node, path: KeyPath) -> Any:
        self._lines.setdefault(path, node.start_mark.line + 1)
        if isinstance(node, yaml.MappingNode):
            return self._mapping(node, path)
        if isinstance(node, yaml.SequenceNode):
            return [self._value(item, (*path, place)) for place, item in enumerate(node.value)]
        return self._scalar(node, path)

    def _scalar(self, node: yaml.Node, path: KeyPath) -> Any:
        try:
            return self._scalars.construct_object(node)
        except (yaml.YAMLError, ValueError, OverflowError):
            self._fail(node, path, t("yaml.bad_scalar", found=shown(node.value)))
            return None

    def _mapping(self, node: yaml.MappingNode, path: KeyPath) -> dict[str, Any]:
        result: dict[str, Any] = {}
        for key_node, value_node in node.value:
            if not isinstance(key_node, yaml.ScalarNode):
                self._fail(key_node, path, t("yaml.key_not_text"))
                continue
            key = str(key_node.value)
            here = (*path, key)
            if key in result:
                self._fail(key_node, here, t("yaml.duplicate", line=self._lines[here]))
                continue
            self._lines[here] = key_node.start_mark.line + 1
            result[key] = self._value(value_node, here)
        return result


def check(document: Document, kind: Any, base: KeyPath = ()) -> list[Problem]:
    """Return what is wrong with ``document.value`` (below ``base``) as data for the type ``kind``."""
    value = document.value
    for part in base:
        value = value[part]
    found: list[Problem] = []
    for path, message in _walk(value, inspect.type_info(kind), base):
        found.append(document.problem(path, message))
        if len(found) >= _MAX_PROBLEMS:
            break
    return found


def convert(document: Document, kind: type[_T]) -> _T:
    """Return ``document.value`` as ``kind``. Raises :class:`Refused` with every error."""
    problems = check(document, kind)
    if problems:
        raise Refused(problems)
    try:
        return msgspec.convert(document.value, kind)
    except msgspec.ValidationError as error:
        raise Refused([document.problem(_path_of(error), str(error))]) from None


def _path_of(error: msgspec.ValidationError) -> KeyPath:
    """Return the path that msgspec names at the end of its message (``$.targets[2].address``)."""
    match = re.search(r"`\$([^`]*)`$", str(error))
    parts = re.findall(r"\.([^.\[]+)|\[(\d+)\]", match[1]) if match else []
    return tuple(name or int(number) for name, number in parts)


_Found = Iterator[tuple[KeyPath, str]]


def _walk(value: Any, kind: inspect.Type, path: KeyPath) -> _Found:
    if isinstance(kind, inspect.Metadata):
        yield from _walk(value, kind.type, path)
    elif isinstance(kind, inspect.UnionType):
        yield from _union(value, kind, path)
    elif isinstance(kind, inspect.StructType) and isinstance(value, dict):
        yield from _struct(value, kind, path)
    elif isinstance(kind, inspect.DictType) and isinstance(value, dict):
        for key, item in value.items():
            yield from _walk(key, kind.key_type, (*path, key))
            yield from _walk(item, kind.value_type, (*path, key))
    elif isinstance(kind, inspect.VarTupleType | inspect.ListType) and isinstance(value, list):
        for place, item in enumerate(value):
            yield from _walk(item, kind.item_type, (*path, place))
    elif not _fits(value, kind):
        yield path, t("yaml.wrong", expected=expected(kind), found=shown(value))


def _union(value: Any, kind: inspect.UnionType, path: KeyPath) -> _Found:
    choices = [choice for choice in kind.types if not isinstance(choice, inspect.NoneType)]
    if value is None and len(choices) < len(kind.types):
        return
    if len(choices) == 1:
        yield from _walk(value, choices[0], path)
    elif all(any(True for _ in _walk(value, choice, path)) for choice in choices):
        yield path, t("yaml.wrong", expected=expected(kind), found=shown(value))


def _struct(value: dict[str, Any], kind: inspect.StructType, path: KeyPath) -> _Found:
    fields = {field.encode_name: field for field in kind.fields}
    for key, item in value.items():
        if key in fields:
            yield from _walk(item, fields[key].type, (*path, key))
        elif kind.forbid_unknown_fields:
            yield (*path, key), t("yaml.unknown", hint=_hint(key, list(fields)))
    for name, field in fields.items():
        if field.required and name not in value:
            yield (*path, name), t("yaml.missing", expected=expected(field.type))


def _hint(key: str, names: list[str]) -> str:
    import difflib  # noqa: PLC0415 - only a wrong file needs it

    near = difflib.get_close_matches(key, names, 1)
    return t("yaml.nearest", name=near[0]) if near else t("yaml.valid", names=", ".join(names))


def _fits(value: Any, kind: inspect.Type) -> bool:
    """Whether a leaf fits; kinds unknown here are left to ``msgspec.convert``."""
    if isinstance(kind, inspect.StrType):
        return isinstance(value, str) and _text_fits(value, kind)
    if isinstance(kind, inspect.IntType):
        return isinstance(value, int) and not isinstance(value, bool) and _in_range(value, kind)
    if isinstance(kind, inspect.FloatType):
        return isinstance(value, int | float) and not isinstance(value, bool) and _in_range(value, kind)
    if isinstance(kind, inspect.BoolType):
        return isinstance(value, bool)
    if isinstance(kind, inspect.LiteralType):
        return any(value == allowed and type(value) is type(allowed) for allowed in kind.values)
    return not isinstance(
        kind,
        inspect.StructType | inspect.DictType | inspect.VarTupleType | inspect.ListType | inspect.NoneType,
    )


def _text_fits(value: str, kind: inspect.StrType) -> bool:
    long_enough = len(value) >= (kind.min_length or 0)
    short_enough = kind.max_length is None or len(value) <= kind.max_length
    return long_enough and short_enough and (kind.pattern is None or bool(re.search(kind.pattern, value)))


def _in_range(value: float, kind: inspect.IntType | inspect.FloatType) -> bool:
    if value != value or value in {float("inf"), float("-inf")}:  # noqa: PLR0124 - NaN is unequal to itself
        return False
    return (
        (kind.ge is None or value >= kind.ge)
        and (kind.gt is None or value > kind.gt)
        and (kind.le is None or value <= kind.le)
        and (kind.lt is None or value < kind.lt)
    )


def expected(kind: inspect.Type) -> str:
    """Return what a type takes, in the language of the user."""
    for types, describe in _DESCRIPTIONS:
        if isinstance(kind, types):
            return describe(kind) if callable(describe) else t(describe)
    return t("yaml.value")


def _range(kind: inspect.IntType | inspect.FloatType) -> str:
    limits = (
        ("yaml.at_least", kind.ge),
        ("yaml.above", kind.gt),
        ("yaml.at_most", kind.le),
        ("yaml.below", kind.lt),
    )
    texts = [t(key, limit=f"{limit:g}") for key, limit in limits if limit is not None]
    return " " + " ".join(texts) if texts else ""


def _text(kind: inspect.StrType) -> str:
    if kind.pattern is not None:
        return t("yaml.pattern", pattern=kind.pattern)
    if kind.max_length is not None:
        return t("yaml.text_between", least=kind.min_length or 0, most=kind.max_length)
    return t("yaml.text")


def _either(kind: inspect.UnionType) -> str:
    texts = [expected(choice) for choice in kind.types if not isinstance(choice, inspect.NoneType)]
    return f" {t('yaml.either')} ".join(dict.fromkeys(texts))


def _literal(kind: inspect.LiteralType) -> str:
    return t("yaml.one_of", values=", ".join(str(value) for value in kind.values))


_DESCRIPTIONS: Final[tuple[tuple[Any, str | Callable[[Any], str]], ...]] = (
    (inspect.Metadata, lambda kind: expected(kind.type)),
    (inspect.UnionType, _either),
    (inspect.IntType, lambda kind: t("yaml.integer") + _range(kind)),
    (inspect.FloatType, lambda kind: t("yaml.number") + _range(kind)),
    (inspect.StrType, _text),
    (inspect.LiteralType, _literal),
    (inspect.BoolType, "yaml.boolean"),
    (inspect.StructType | inspect.DictType, "yaml.mapping"),
    (inspect.VarTupleType | inspect.ListType, "yaml.list"),
    (inspect.DateTimeType, "yaml.datetime"),
    (inspect.DateType, "yaml.date"),
)


def shown(value: Any) -> str:
    """Return a value as an error message shows it, at most 60 characters."""
    if isinstance(value, dict):
        return t("yaml.mapping")
    if isinstance(value, list):
        return t("yaml.list")
    if value is None:
        return t("yaml.nothing")
    text = {True: "true", False: "false"}[value] if isinstance(value, bool) else repr(value)
    return text if len(text) <= 60 else text[:57] + "..."
