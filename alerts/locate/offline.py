"""Snapshots from a file: one JSON object in, one JSON line out for each snapshot. Pure.

In: ``{"components": [{"id", "kind"}], "paths": [{"path": [ids], "alternate": [ids] or null}], "snapshots":
[{"sent": [n per path], "failed": [k per path], "known_down": [ids]}]}``. ``alternate`` and ``known_down`` may
be left out or null; other keys are not looked at. Out: ``{"causes": [...], "seconds"}``.
"""

from collections.abc import Iterator
from typing import Any, Final

import msgspec
import numpy as np
import numpy.typing as npt

from alerts.locate.model import Answer, Component, Leg, Route
from common.i18n import t

MAX_BYTES: Final = 512 * 1024 * 1024
MAX_COMPONENTS: Final = 200_000
MAX_PATHS: Final = 1_000_000
MAX_SNAPSHOTS: Final = 100_000
MAX_LEG: Final = 100
MAX_ID: Final = 200
MAX_COUNT: Final = 1_000_000

_NO_JSON: Final = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)
"""What msgspec raises for bytes that are no JSON; the second where a text in it is no UTF-8."""

Counts = npt.NDArray[np.int32]


class MalformedError(ValueError):
    """Not such a file. ``key``: where, such as ``paths[3].path[0]``; ``expected`` names a sentence."""

    def __init__(self, key: str, expected: str, **values: str | int) -> None:
        super().__init__(key, expected)
        self.key, self.expected, self.values = key, expected, values

    def __str__(self) -> str:
        sentence = t(f"locate.expected_{self.expected}", **self.values)
        if not self.key:
            return t("locate.malformed_whole", expected=sentence)
        return t("locate.malformed", key=self.key, expected=sentence)


class Snapshot(msgspec.Struct, frozen=True):
    """Counts by path."""

    sent: Counts
    failed: Counts
    known_down: tuple[str, ...]


class File(msgspec.Struct, frozen=True):
    """What a file says, checked."""

    components: tuple[Component, ...]
    routes: tuple[Route, ...]
    snapshots: tuple[Snapshot, ...]


class _Cause(msgspec.Struct, frozen=True, rename={"members": "class"}):
    component: str
    kind: str
    members: tuple[str, ...]
    loss: float
    confidence: float
    affected: tuple[int, ...]
    runner_up: str | None


class _Line(msgspec.Struct, frozen=True):
    causes: list[_Cause]
    seconds: float


class _Raw(msgspec.Struct, frozen=True):
    components: msgspec.Raw
    paths: msgspec.Raw
    snapshots: list[msgspec.Raw]


def line(answer: Answer, seconds: float) -> bytes:
    """Return the line of one snapshot, without its end."""
    causes = [
        _Cause(c.component, c.kind, c.members, c.loss, c.confidence, c.affected, c.runner_up)
        for c in answer.causes
    ]
    return msgspec.json.encode(_Line(causes, seconds))


def parse(data: bytes) -> File:
    """Read a file. Raises MalformedError."""
    if len(data) > MAX_BYTES:
        raise MalformedError("", "bytes", limit=MAX_BYTES)
    top = _top(data)
    components = tuple(_components(_decoded(top.components, "components")))
    known = frozenset(component.id for component in components)
    routes = tuple(_routes(_decoded(top.paths, "paths"), known))
    if len(top.snapshots) > MAX_SNAPSHOTS:
        raise MalformedError("snapshots", "most", limit=MAX_SNAPSHOTS)
    snapshots = tuple(
        _snapshot(raw, f"snapshots[{index}]", len(routes), known) for index, raw in enumerate(top.snapshots)
    )
    return File(components, routes, snapshots)


def _top(data: bytes) -> _Raw:
    try:
        return msgspec.json.decode(data, type=_Raw)
    except msgspec.ValidationError:
        raise _wrong_top(data) from None
    except _NO_JSON as error:
        raise _no_json("", error) from None


def _wrong_top(data: bytes) -> MalformedError:
    """Say which key of the object is missing or no list."""
    try:
        top = msgspec.json.decode(data, type=dict[str, msgspec.Raw])
    except _NO_JSON as error:
        return _no_json("", error)
    missing = next((key for key in ("components", "paths") if key not in top), "snapshots")
    return MalformedError(missing, "list")


def _decoded(raw: msgspec.Raw, key: str) -> Any:
    try:
        return msgspec.json.decode(raw)
    except _NO_JSON as error:
        raise _no_json(key, error) from None


def _no_json(key: str, error: Exception) -> MalformedError:
    return MalformedError(key, "utf8" if isinstance(error, UnicodeDecodeError) else "json")


# --- components and paths ------------------------------------------------------------------------
def _components(given: Any) -> Iterator[Component]:
    seen = set()
    for key, item in _objects(given, "components", MAX_COMPONENTS):
        name, kind = (_text(item.get(part), f"{key}.{part}") for part in ("id", "kind"))
        if name in seen:
            raise MalformedError(f"{key}.id", "new_id", id=repr(name)[1:-1])
        seen.add(name)
        yield Component(name, kind)


def _routes(given: Any, known: frozenset[str]) -> Iterator[Route]:
    for key, item in _objects(given, "paths", MAX_PATHS):
        path = _leg(item.get("path"), f"{key}.path", known)
        other = item.get("alternate")
        yield Route(path, None if other is None else _leg(other, f"{key}.alternate", known))


def _objects(given: Any, key: str, most: int) -> Iterator[tuple[str, dict[str, Any]]]:
    if not isinstance(given, list):
        raise MalformedError(key, "list")
    if len(given) > most:
        raise MalformedError(key, "most", limit=most)
    for index, item in enumerate(given):
        if not isinstance(item, dict):
            raise MalformedError(f"{key}[{index}]", "object")
        yield f"{key}[{index}]", item


def _text(given: Any, key: str) -> str:
    if not isinstance(given, str) or not 0 < len(given) <= MAX_ID:
        raise MalformedError(key, "text", limit=MAX_ID)
    return given


def _leg(given: Any, key: str, known: frozenset[str]) -> Leg:
    if not isinstance(given, list) or not 0 < len(given) <= MAX_LEG:
        raise MalformedError(key, "leg", limit=MAX_LEG)
    return _ids(given, key, known)


def _ids(given: list[Any], key: str, known: frozenset[str]) -> Leg:
    for index, name in enumerate(given):
        if not isinstance(name, str) or name not in known:
            raise MalformedError(f"{key}[{index}]", "component")
    return tuple(given)


# --- snapshots -----------------------------------------------------------------------------------
def _snapshot(raw: msgspec.Raw, key: str, paths: int, known: frozenset[str]) -> Snapshot:
    given = _decoded(raw, key)
    if not isinstance(given, dict):
        raise MalformedError(key, "object")
    sent, failed = (_counts(given.get(part), f"{key}.{part}", paths) for part in ("sent", "failed"))
    over = np.flatnonzero(failed > sent)
    if len(over):
        raise MalformedError(f"{key}.failed[{over[0]}]", "failed", sent=int(sent[over[0]]))
    down = given.get("known_down")
    if down is None:
        down = []
    if not isinstance(down, list) or len(down) > MAX_COMPONENTS:
        raise MalformedError(f"{key}.known_down", "down")
    return Snapshot(sent, failed, _ids(down, f"{key}.known_down", known))


def _counts(given: Any, key: str, paths: int) -> Counts:
    if not isinstance(given, list) or len(given) != paths:
        raise MalformedError(key, "counts", count=paths)
    wrong = next((index for index, number in enumerate(given) if not _is_count(number)), None)
    if wrong is not None:
        raise MalformedError(f"{key}[{wrong}]", "count", limit=MAX_COUNT)
    return np.array(given, np.int32)


def _is_count(number: Any) -> bool:
    return type(number) is int and 0 <= number <= MAX_COUNT
