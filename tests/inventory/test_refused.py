"""Every refused inventory has a file here and beside it the exact message."""

from pathlib import Path

import pytest

from common import i18n
from common.yaml.problems import Problem, Refused
from deploy.validate import judge_options
from inventory.load import load, loads

CASES = Path(__file__).parents[1] / "invalid" / "inventory"


def refused(case: Path, monkeypatch: pytest.MonkeyPatch, language: str) -> list[Problem]:
    monkeypatch.setattr(i18n, "_chosen", language)  # kinds speak when they refuse
    with pytest.raises(Refused) as caught:
        loads(case.read_bytes(), case.name, judge_options)
    return list(caught.value.problems)


@pytest.mark.parametrize("case", sorted(CASES.glob("*.yml")), ids=lambda path: path.stem)
def test_refused_with_its_exact_message(case: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    said = "".join(f"{error}\n" for error in refused(case, monkeypatch, "en"))
    assert said == case.with_suffix(".txt").read_text(encoding="utf-8")


@pytest.mark.parametrize("case", sorted(CASES.glob("*.yml")), ids=lambda path: path.stem)
def test_refused_in_vietnamese_at_the_same_places(case: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    english = refused(case, monkeypatch, "en")
    vietnamese = refused(case, monkeypatch, "vi")
    assert [(e.line, e.key, e.code) for e in vietnamese] == [(e.line, e.key, e.code) for e in english]
    assert not {e.text("vi") for e in vietnamese} & {e.text("en") for e in english}


def test_every_message_has_its_case() -> None:
    assert {path.stem for path in CASES.glob("*.yml")} == {path.stem for path in CASES.glob("*.txt")}


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    missing = tmp_path / "none.yml"
    with pytest.raises(Refused) as caught:
        load(missing)
    assert caught.value.problems[0].full("en") == f"{missing}: cannot be read: No such file or directory"


def test_a_directory(tmp_path: Path) -> None:
    with pytest.raises(Refused, match=r"(?i)is a directory"):
        load(tmp_path)


def test_too_large(tmp_path: Path) -> None:
    large = tmp_path / "large.yml"
    large.write_bytes(b"version: 1 #" + b"x" * 8_000_000)
    with pytest.raises(Refused) as caught:
        load(large)
    assert [error.text("en") for error in caught.value.problems] == ["larger than 8 MB"]


def test_more_errors_than_anyone_reads_are_counted() -> None:
    many = "version: 1\n" + "".join(f"k{number}: 1\n" for number in range(5000))
    with pytest.raises(Refused) as caught:
        loads(many)
    errors = caught.value.problems
    assert len(errors) == 1001
    assert errors[-1].text("en") == "and 4005 more errors"
