"""The reader: every error at once, with line and key; nothing hostile gets through."""

import contextlib
import doctest
from pathlib import Path
from types import ModuleType
from typing import Annotated, Any, Literal

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import Meta

from common import i18n, nearest
from common.yaml import convert, plain, problems
from common.yaml.decode import Short
from common.yaml.load import Document, load, loads
from common.yaml.plain import Data, records, unique
from common.yaml.problems import Problem, Refused, key_of, shorten
from common.yaml.report import Reporter
from common.yaml.tree import MAX_DEPTH, MAX_NODES


class Part(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    name: Annotated[str, Meta(min_length=1, max_length=5)]
    size: Annotated[float, Meta(gt=0, le=60)] = 1
    count: Annotated[int, Meta(ge=0)] = 0
    mode: Literal["a", "b"] = "a"
    on: bool = False

    def __post_init__(self) -> None:
        if self.name == "curse":
            raise ValueError(f"name: {self.name} by its own rules")


class Said(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    vi: Annotated[str, Meta(max_length=5)]
    en: Annotated[str, Meta(max_length=5)]


class Whole(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    version: Literal[1]
    parts: Annotated[tuple[Part, ...], Meta(max_length=3)] = ()
    note: str | None = None
    extra: dict[str, int] = {}
    said: Said | None = None
    options: dict[str, Any] = {}


SHORT: Short = {Said: "inventory.expected_bilingual"}


@pytest.fixture(autouse=True)
def _english(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(i18n, "_chosen", "en")


def read(text: str) -> Whole:
    return loads(text.encode("utf-8", "surrogatepass"), "f.yml", Whole, short=SHORT).value


def refused(text: str) -> list[str]:
    with pytest.raises(Refused) as caught:
        read(text)
    return str(caught.value).splitlines()


def test_right_file_is_converted() -> None:
    text = (
        "version: 1\nparts:\n- {name: no, size: 2}\nextra: {k: 3}\nsaid: x\noptions: {no: [no, 07:30, 7]}\n"
    )
    expected = Whole(1, (Part("no", 2),), None, {"k": 3}, Said("x", "x"), {"no": ["no", "07:30", 7]})
    assert read(text) == expected


def test_every_error_stands_with_its_line() -> None:
    text = """
version: 2
parts:
- name: ''
  size: 0
  count: 1.5
  mode: c
  sise: true
- {on: 1, size: "2", name: []}
note: [x]
extra: {k: z}
said: {vi: too long}
"""
    assert refused(text.lstrip()) == [
        "f.yml:1: version: “2” does not fit; expected one of: 1",
        "f.yml:3: parts[0].name: “” does not fit; expected one line of text, at most 5 characters",
        "f.yml:4: parts[0].size: “0” does not fit; expected a number above 0, at most 60",
        "f.yml:5: parts[0].count: “1.5” does not fit; expected a whole number of at least 0",
        "f.yml:6: parts[0].mode: “c” does not fit; expected one of: a, b",
        "f.yml:7: parts[0].sise: unknown key; expected one of: name, size, count, mode, on"
        "; did you mean size?",
        "f.yml:8: parts[1].on: “1” does not fit; expected true or false",
        'f.yml:8: parts[1].size: the text "2" in quotes does not fit; expected a number above 0, at most 60',
        "f.yml:8: parts[1].name: a list does not fit; expected one line of text, at most 5 characters",
        "f.yml:9: note: a list does not fit; expected one line of text, at most 2000 characters",
        "f.yml:10: extra.k: “z” does not fit; expected a whole number",
        "f.yml:11: said.vi: “too long” does not fit; expected one line of text, at most 5 characters",
        "f.yml:11: said.en: is missing; expected one line of text, at most 5 characters",
    ]


def test_what_a_struct_itself_refuses_stands_with_its_line() -> None:
    said = refused("version: 1\nparts:\n- name: x\n- size: 2\n  name: curse\n")
    assert said == ["f.yml:5: parts[1].name: curse by its own rules"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "f.yml: nothing is written in it"),
        ("- 1", "f.yml:1: a list does not fit; expected a mapping with: version, parts"),
        ("version: 1\nversion: 1", "f.yml:2: version: this key stands twice; first on line 1"),
        ("version: 1\n? [a]\n: 2", "f.yml:2: a key must be plain text"),
        (
            "version: 1\nparts: [1, 2, 3, 4]",
            "f.yml:2: parts: entries here: 4; expected a list with at",
        ),
        ("version: [", "f.yml:2: not valid YAML: did not find expected node content"),
        ("version: !!python/object:os.x 1", "f.yml:1: tags are not taken here: !!python/object:os.x"),
        ("a: &a [*a]", "f.yml:1: anchors and aliases are not taken here: a"),
        ("a: *a", "f.yml:1: anchors and aliases are not taken here: a"),
        ("[" * 100_000, f"f.yml:1: nested more than {MAX_DEPTH} deep"),
        ("[" + "a," * (MAX_NODES + 1) + "]", f"f.yml:1: more than {MAX_NODES:,} values"),
        ("version: 1\n--- 2", "f.yml:2: a second document begins here"),
        ("version: 1\nnote: \x1b", "f.yml:2: holds the control character U+001B"),
        ("version: 1\n\tnote: x", "f.yml:2: a tab where YAML wants spaces"),
    ],
)
def test_what_is_no_document_is_one_clear_error(text: str, message: str) -> None:
    assert refused(text)[0].startswith(message)


def test_not_text_and_not_there(tmp_path: Path) -> None:
    file = tmp_path / "f.yml"
    file.write_bytes(b"version: 1\nnote: \xff\n")
    with pytest.raises(Refused, match=r"f\.yml:2: not UTF-8 text"):
        load(file, Whole)
    with pytest.raises(Refused, match="cannot be read: No such file"):
        load(tmp_path / "none.yml", Whole)


def test_a_password_is_not_shown() -> None:
    (said,) = refused("version: 1\nextra: {k: https://me:secret@hub/}")
    assert said == "f.yml:2: extra.k: “https://***@hub/” does not fit; expected a whole number"


def test_judges_see_what_was_accepted_and_add_to_what_was_not() -> None:
    def judge(data: Data, report: Reporter) -> None:
        unique(report, (((*at, "name"), part.get("name")) for at, part in records(data, "parts")))

    with pytest.raises(Refused) as caught:
        loads(b"parts:\n- {name: a}\n- 5\n- {name: a}\n", "f.yml", Whole, judge)
    assert [(p.line, p.key, p.code) for p in caught.value.problems] == [
        (1, "version", "missing"),
        (3, "parts[1]", "value"),
        (4, "parts[2].name", "duplicate_id"),
    ]


def test_a_document_knows_the_line_of_every_value() -> None:
    document = loads(b"version: 1\nparts:\n  - size: 2\n    name: x\n", "f.yml", Whole)
    assert document == Document(
        Whole(1, (Part("x", 2),)),
        {(): 1, ("version",): 1, ("parts",): 2, ("parts", 0): 3,
         ("parts", 0, "size"): 3, ("parts", 0, "name"): 4},
        "f.yml",
    )  # fmt: skip


@given(st.text(max_size=200))
def test_any_text_is_taken_or_refused(text: str) -> None:
    with contextlib.suppress(Refused):
        read(text)


@given(st.text(alphabet="[]{}:,-?&*!|>'\"%@`# \n\tab01.", max_size=60))
def test_any_punctuation_is_taken_or_refused_below_a_known_key(text: str) -> None:
    with contextlib.suppress(Refused):
        read(f"version: 1\noptions: {{a: {text}}}\n")


@given(st.text(max_size=200))
def test_what_is_shown_of_a_value_is_one_short_line(text: str) -> None:
    assert len(shorten(text)) <= 60
    assert shorten(text).isprintable()
    assert key_of(("a", 1, text)).startswith("a[1].")


@pytest.mark.parametrize("module", [convert, nearest, plain, problems])
def test_examples_in_the_documentation_hold(module: ModuleType) -> None:
    assert doctest.testmod(module).failed == 0


@pytest.mark.parametrize("language", i18n.LANGUAGES)
def test_a_problem_speaks_every_language(language: str) -> None:
    problem = Problem("f.yml", 1, "a", "yaml.missing", expected=("yaml.expected_list", ()), nearest="b")
    expected = {"vi": "f.yml:1: a: còn thiếu; cần một danh sách; có phải ý bạn là b?"}
    expected["en"] = "f.yml:1: a: is missing; expected a list; did you mean b?"
    assert problem.full(language) == expected[language]
