"""The generic reader: every error at once, with line and key; nothing hostile gets through."""

from pathlib import Path
from typing import Annotated, Literal

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import Meta

from common import i18n, yamlcheck


class Part(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    name: Annotated[str, Meta(min_length=1, max_length=5)]
    size: Annotated[float, Meta(gt=0, le=60)] = 1
    mode: Literal["a", "b"] = "a"
    on: bool = False


class Whole(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    version: Literal[1]
    parts: tuple[Part, ...] = ()
    note: str | None = None
    extra: dict[str, int] = {}


@pytest.fixture(autouse=True)
def _english(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(i18n, "_chosen", "en")


def refused(text: str) -> list[str]:
    with pytest.raises(yamlcheck.Refused) as caught:
        yamlcheck.convert(yamlcheck.parse(text.encode(), "f.yml"), Whole)
    return [str(problem) for problem in caught.value.problems]


def test_right_file_is_converted() -> None:
    document = yamlcheck.parse(b"version: 1\nparts:\n- {name: x, size: 2}\nextra: {k: 3}\n", "f.yml")
    assert yamlcheck.convert(document, Whole) == Whole(1, (Part("x", 2),), None, {"k": 3})


def test_every_error_stands_with_its_line() -> None:
    text = """
version: 2
parts:
- name: ''
  size: 0
  mode: c
  sise: true
- {on: 1}
note: [x]
extra: {k: z}
"""
    assert refused(text.lstrip()) == [
        "f.yml:1: version: expected one of 1, not 2",
        "f.yml:3: parts[0].name: expected text of 1 to 5 characters, not ''",
        "f.yml:4: parts[0].size: expected a number above 0 up to 60, not 0",
        "f.yml:5: parts[0].mode: expected one of a, b, not 'c'",
        "f.yml:6: parts[0].sise: no such key; did you mean size?",
        "f.yml:7: parts[1].name: missing; expected text of 1 to 5 characters",
        "f.yml:7: parts[1].on: expected true or false, not 1",
        "f.yml:8: note: expected text, not a list",
        "f.yml:9: extra.k: expected a whole number, not 'z'",
    ]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "f.yml:1: expected a mapping, not nothing"),
        ("- 1", "f.yml:1: expected a mapping, not a list"),
        ("version: 1\nversion: 1", "f.yml:2: version: stands twice; first on line 1"),
        ("version: 1\n? [a]\n: 2", "f.yml:2: a key must be plain text"),
        ("version: 2026-13-45", "f.yml:1: version: a value that cannot exist: '2026-13-45'"),
        ("version: [", "f.yml:2: not valid YAML: did not find expected node content"),
        ("version: !!python/object:os.x 1", "f.yml:1: version: a value that cannot exist: '1'"),
        ("a: &a [*a]", "f.yml:1: anchors and aliases are not taken here: a"),
        ("[" * 100_000, "f.yml:1: nested too deeply, or too large"),
    ],
)
def test_what_is_no_document_is_one_clear_error(text: str, message: str) -> None:
    assert message in refused(text)


def test_not_text_and_too_large(tmp_path: Path) -> None:
    file = tmp_path / "f.yml"
    file.write_bytes(b"version: 1\nnote: \xff\n")
    with pytest.raises(yamlcheck.Refused, match=r"f\.yml:2: not UTF-8 text"):
        yamlcheck.read(file, 1000)
    with pytest.raises(yamlcheck.Refused, match="larger than 10 bytes"):
        yamlcheck.read(file, 10)
    with pytest.raises(yamlcheck.Refused, match="cannot be read: No such file"):
        yamlcheck.read(tmp_path / "none.yml", 10)


@given(st.text(max_size=200))
def test_any_text_is_taken_or_refused(text: str) -> None:
    try:
        read = yamlcheck.convert(yamlcheck.parse(text.encode("utf-8", "surrogatepass"), "f.yml"), Whole)
    except yamlcheck.Refused as error:
        read = error.problems[0]
    assert isinstance(read, Whole | yamlcheck.Problem)
