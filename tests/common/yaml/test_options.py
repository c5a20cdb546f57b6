"""Options of kinds: judged with the file they stand in, and made into structs at run time."""

import contextlib
from typing import Annotated, Any, Literal

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import Meta

from common import i18n
from common.yaml.load import loads
from common.yaml.options import convert_options, judge
from common.yaml.plain import Data
from common.yaml.problems import Refused
from common.yaml.report import Reporter


class Config(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    path: str
    other: str | None = None
    size: Annotated[int, Meta(ge=1, le=9)] = 1
    version: Literal[4, 6] | None = None
    fields: dict[str, str] = {}
    codes: tuple[int, ...] = ()

    def __post_init__(self) -> None:
        if self.path == self.other:
            raise ValueError("other: the same as path")


class Kind(msgspec.Struct):
    config: type[Config]


class File(msgspec.Struct, frozen=True):
    kind: str
    options: dict[str, Any] = {}


KINDS = {"good": Kind(Config)}


@pytest.fixture(autouse=True)
def _english(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(i18n, "_chosen", "en")


def convert(options: dict[str, Any]) -> Config:
    return convert_options("good", KINDS, options)


def refused(options: dict[str, Any]) -> list[str]:
    with pytest.raises(Refused) as caught:
        convert(options)
    return str(caught.value).splitlines()


def test_right_options_are_converted() -> None:
    options = {"path": "a\nb", "size": 2, "version": 6, "fields": {"a": "7"}, "codes": [1, 2]}
    assert convert(options) == Config(path="a\nb", size=2, version=6, fields={"a": "7"}, codes=(1, 2))


def test_what_is_left_empty_is_left_out() -> None:
    assert convert({"path": "x", "size": None, "codes": None}) == Config(path="x")


def test_every_error_is_told() -> None:
    assert refused({"pth": "x", "size": 10, "version": "4", "fields": {"a": 1.5}, "codes": [1, True]}) == [
        "good: pth: unknown key; expected one of: path, other, size, version, fields, codes"
        "; did you mean path?",
        "good: size: “10” does not fit; expected a whole number from 1 to 9",
        'good: version: the text "4" in quotes does not fit; expected one of: 4, 6; did you mean 4?',
        "good: fields.a: 1.5 is text only in quotes; expected text, at most 2000 characters",
        "good: codes[1]: “true” does not fit; expected a whole number",
        "good: path: is missing; expected text, at most 2000 characters",
    ]


def test_what_the_struct_refuses_has_its_key() -> None:
    assert refused({"path": "x", "other": "x"}) == ["good: other: the same as path"]


def test_an_unknown_kind() -> None:
    with pytest.raises(Refused) as caught:
        convert_options("goad", KINDS, {})
    assert str(caught.value) == "goad: kind: “goad” does not fit; expected one of: good; did you mean good?"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("kind: good\noptions:\n  path: x\n", []),
        ("kind: bad\noptions: {x: 1}", ["f.yml:1: kind: “bad” does not fit; expected one of: good"]),
        ("kind: 5", ["f.yml:1: kind: “5” does not fit; expected one of: good"]),
        (
            "kind: good\noptions:\n  path: x\n  codes:\n  - 1\n  - x\n  fields:\n    a: 1\n",
            [
                "f.yml:6: options.codes[1]: “x” does not fit; expected a whole number",
                "f.yml:8: options.fields.a: 1 is text only in quotes; expected text, at most 2000 characters",
            ],
        ),
        (
            "kind: good\n\noptions:\n  size: 3\n",
            ["f.yml:3: options.path: is missing; expected text, at most 2000 characters"],
        ),
        ("kind: good", ["f.yml:1: options.path: is missing; expected text, at most 2000 characters"]),
    ],
)  # fmt: skip
def test_options_of_a_file_are_judged_at_their_lines(text: str, said: list[str]) -> None:
    def judged(data: Data, report: Reporter) -> None:
        judge(data, "kind", KINDS, report, ())

    try:
        loads(text.encode(), "f.yml", File, judged)
        found = []
    except Refused as error:
        found = str(error).splitlines()
    assert found == said


KEYS = st.sampled_from([*Config.__struct_fields__, "x"])
LEAVES = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=10)
DATA = st.recursive(
    LEAVES, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner), max_leaves=10
)


@given(st.dictionaries(KEYS, DATA))
def test_any_options_are_taken_or_refused(options: dict[str, Any]) -> None:
    with contextlib.suppress(Refused):
        assert isinstance(convert(options), Config)
