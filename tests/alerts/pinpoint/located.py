"""Every name that the locator gives an alert, by asking for the labels of every outage that can be."""

from collections.abc import Iterator
from functools import cache
from itertools import combinations
from typing import get_args

from alerts.locate.model import Cause
from alerts.locate.priors import RIGID
from alerts.pinpoint import words
from alerts.pinpoint.grade import Grade
from alerts.pinpoint.holding import Open
from inventory.graph import CLASS_KINDS
from inventory.names import ComponentKind


@cache
def alert_kinds() -> frozenset[tuple[str, str, str]]:
    """Return (name of the alert, kind of the component or class, grade); maintenance pages included."""
    return frozenset(_alerts())


def _alerts() -> Iterator[tuple[str, str, str]]:
    classes = [
        "|".join(some) for size in range(2, len(CLASS_KINDS) + 1) for some in combinations(CLASS_KINDS, size)
    ]
    for kind in map(str, (*ComponentKind, *classes)):
        never_in_part = not RIGID.isdisjoint(kind.split("|"))
        for grade in ("down",) if never_in_part else get_args(Grade):
            yield words.labels(_open(kind, grade), {})["alertname"], kind, grade
    yield (
        words.labels(_open(ComponentKind.SYSTEM, "down", maintained=True), {})["alertname"],
        "system",
        "down",
    )


def _open(kind: str, grade: Grade, *, maintained: bool = False) -> Open:
    name = f"{kind}:21484"
    cause = Cause(
        component=name, kind=kind, members=(name,), loss=0.99, confidence=9.0, runner_up=None,
        affected=(), communes=(), systems=(), evidence=(), sent=40, failed=40,
    )  # fmt: skip
    return Open(
        identity=name, kind=kind, cause=cause, since=0.0, known_at=9.0, grade=grade, maintained=maintained
    )
