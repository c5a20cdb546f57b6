"""``thongsuot locate --offline``: what it prints, and its exit statuses."""

import io
import json
from pathlib import Path
from types import SimpleNamespace

import pytest

from deploy import cli
from tests.alerts.locate.small import counts, province


def file() -> dict[str, object]:
    components, routes = province()
    sent, failed = counts(routes, {"pop:0": 1.0})
    clear = {"sent": sent, "failed": [0] * len(sent)}
    cut = {"sent": sent, "failed": failed}
    return {
        "components": [{"id": c.id, "kind": c.kind} for c in components],
        "paths": [{"path": r.path, "alternate": r.alternate} for r in routes],
        "snapshots": [cut, clear, {**cut, "known_down": ["pop:0"]}],
    }


def test_one_line_for_each_snapshot(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "snapshots.json"
    path.write_text(json.dumps(file()), encoding="utf-8")
    assert cli.main(["locate", "--offline", str(path)]) == 0
    lines = [json.loads(text) for text in capsys.readouterr().out.splitlines()]
    assert [[cause["component"] for cause in line["causes"]] for line in lines] == [["pop:0"], [], []]
    assert set(lines[0]) == {"causes", "seconds"}
    assert list(lines[0]["causes"][0]) == [
        "component", "kind", "class", "loss", "confidence", "affected", "runner_up",
    ]  # fmt: skip
    assert all(0 < line["seconds"] < 60 for line in lines)


def test_standard_input(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    data = io.BytesIO(json.dumps(file()).encode())
    monkeypatch.setattr("sys.stdin", SimpleNamespace(buffer=data))
    assert cli.main(["locate", "--offline", "-"]) == 0
    assert len(capsys.readouterr().out.splitlines()) == 3


@pytest.mark.parametrize(("language", "word"), [("vi", "cần"), ("en", "expected")])
def test_a_malformed_file_is_one_line_and_status_2(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], language: str, word: str
) -> None:
    path = tmp_path / "snapshots.json"
    given = {**file(), "snapshots": [{"sent": [], "failed": []}]}
    path.write_text(json.dumps(given), encoding="utf-8")
    assert cli.main(["locate", "--offline", str(path), "--lang", language]) == 2
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err.count("\n") == 1
    assert str(path) in said.err
    assert f"snapshots[0].sent: {word}" in said.err


def test_a_file_that_is_not_there(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["locate", "--offline", str(tmp_path / "none"), "--lang", "en"]) == 2
    assert capsys.readouterr().err.count("\n") == 1
    assert cli.main(["locate", "--offline", str(tmp_path), "--lang", "en"]) == 2


@pytest.mark.parametrize(
    "data",
    [
        b"",
        bytes(range(256)),
        b"[" * 99999,
        b'{"components": [NaN]}',
        b'{"components": ["\xff"], "paths": [], "snapshots": []}',
    ],
)
def test_whatever_the_file_holds_it_is_one_line_and_status_2(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], data: bytes
) -> None:
    path = tmp_path / "snapshots.json"
    path.write_bytes(data)
    assert cli.main(["locate", "--offline", str(path)]) == 2
    said = capsys.readouterr()
    assert (said.out, said.err.count("\n")) == ("", 1)
