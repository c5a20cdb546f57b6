"""Every type that a struct may have can be described in both languages, whatever its bounds."""

from datetime import date, datetime
from itertools import product
from typing import Annotated, Any, Literal

import pytest
from msgspec import Meta, Struct, inspect

from common import i18n
from common.i18n import t
from common.yaml.describe import describe


class Part(Struct):
    name: str


def bounded(kind: Any, lows: dict[str, Any], highs: dict[str, Any]) -> list[Any]:
    """Return ``kind`` with every choice of one bound below and one above, and without."""
    sides = ([None, *lows.items()], [None, *highs.items()])
    return [
        Annotated[kind, Meta(**dict(bound for bound in bounds if bound))] if any(bounds) else kind
        for bounds in product(*sides)
    ]


TYPES = [
    *bounded(float, {"gt": 0, "ge": 1}, {"le": 9}),
    *bounded(int, {"gt": 0, "ge": 1}, {"le": 9}),
    *bounded(tuple[int, ...], {"min_length": 1}, {"max_length": 9}),
    str,
    Annotated[str, Meta(max_length=9)],
    Annotated[str, Meta(pattern="^a")],
    Annotated[str, Meta(pattern="^a", extra={"say": "yaml.expected_date"})],
    Annotated[str, Meta(extra={"other": 1})],
    str | None,
    Literal["a", "b"],
    bool,
    date,
    datetime,
    dict[str, int],
    Part,
    Part | None,
    Any,
]


@pytest.mark.parametrize("language", i18n.LANGUAGES)
@pytest.mark.parametrize("kind", TYPES, ids=str)
def test_a_type_is_described(kind: Any, language: str) -> None:
    sentence, values = describe(inspect.type_info(kind))
    said = t(sentence, language, **dict(values))
    assert all(value in said for _, value in values)


def test_bounds_are_said() -> None:
    sentence, values = describe(inspect.type_info(Annotated[int, Meta(ge=0, le=67108864)]))
    assert t(sentence, "en", **dict(values)) == "a whole number from 0 to 67108864"


def test_text_that_may_have_line_ends_is_not_called_one_line() -> None:
    assert describe(inspect.type_info(str))[0] == "yaml.expected_line"
    assert describe(inspect.type_info(str), one_line=False)[0] == "yaml.expected_text"
