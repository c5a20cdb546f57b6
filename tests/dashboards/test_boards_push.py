"""``thongsuot boards``: export, and push against a server that keeps the rules of Grafana's API."""

import json
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from common import i18n
from dashboards.grafana import export, publish
from dashboards.grafana.publish import (
    DATASOURCE_UID,
    FOLDER_UID,
    Change,
    InputError,
    Publisher,
    ServerError,
    covers,
)
from dashboards.grafana.session import BoundedSession
from deploy.cli import main
from tests.dashboards.grafana_server import TOKEN, Answer, Grafana, serve

PROMETHEUS = "http://127.0.0.1:9490"


@pytest.fixture(autouse=True)
def _english() -> Iterator[None]:
    i18n.choose("en")
    yield
    i18n.choose("vi")
    i18n._chosen = ""


@pytest.fixture
def grafana() -> Grafana:
    return Grafana()


class Clock:
    """Sleeps by counting."""

    def __init__(self) -> None:
        self.slept: list[float] = []

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)


def push(grafana: Grafana, *, token: str = TOKEN, clock: Clock | None = None, **kwargs: Any) -> list[Change]:
    with serve(grafana) as url:
        publisher = Publisher(publish.connect(url, token), url, (clock or Clock()).sleep)
        return list(publisher.push(kwargs.get("prometheus", PROMETHEUS), kwargs.get("boards") or export()))


NAMES = sorted(name.removesuffix(".json") for name in export())
"""Uids of all boards, in the order in which they are pushed."""


def refused(grafana: Grafana, **kwargs: Any) -> ServerError:
    with pytest.raises(ServerError) as caught:
        push(grafana, **kwargs)
    return caught.value


def actions(changes: list[Change]) -> list[tuple[str, str]]:
    return [(change.kind, change.action) for change in changes]


def test_the_first_push_creates_everything(grafana: Grafana) -> None:
    kinds = ["folder", "datasource", *["board"] * len(NAMES)]
    assert actions(push(grafana)) == [(kind, "created") for kind in kinds]
    assert list(grafana.folders) == [FOLDER_UID]
    assert grafana.datasources[DATASOURCE_UID]["url"] == PROMETHEUS
    assert sorted(grafana.boards) == NAMES
    assert {board["meta"]["folderUid"] for board in grafana.boards.values()} == {FOLDER_UID}


def test_a_pushed_board_opens_on_our_data_source(grafana: Grafana) -> None:
    push(grafana)
    variable = grafana.boards["thongsuot-overview-vi"]["dashboard"]["templating"]["list"][0]
    assert variable["current"]["value"] == DATASOURCE_UID


def test_a_second_push_writes_nothing(grafana: Grafana) -> None:
    push(grafana)
    before = json.dumps([grafana.folders, grafana.datasources, grafana.boards], sort_keys=True)
    grafana.writes.clear()
    assert {change.action for change in push(grafana)} == {"unchanged"}
    assert grafana.writes == []
    assert json.dumps([grafana.folders, grafana.datasources, grafana.boards], sort_keys=True) == before


def test_only_what_differs_is_written(grafana: Grafana) -> None:
    push(grafana)
    grafana.writes.clear()
    grafana.boards["thongsuot-overview-en"]["dashboard"]["title"] = "Changed by hand"
    changed = [(change.name, change.action) for change in push(grafana) if change.action != "unchanged"]
    assert changed == [("Thông suốt: province overview", "updated")]
    assert grafana.writes == ["POST /api/dashboards/db"]
    assert grafana.boards["thongsuot-overview-en"]["dashboard"]["version"] == 2


def test_another_prometheus_updates_the_data_source(grafana: Grafana) -> None:
    push(grafana)
    changes = push(grafana, prometheus="https://prometheus.example:9490")
    assert actions(changes)[1] == ("datasource", "updated")
    assert grafana.datasources[DATASOURCE_UID]["url"] == "https://prometheus.example:9490"
    assert grafana.datasources[DATASOURCE_UID]["version"] == 2


def test_a_renamed_folder_gets_its_name_back(grafana: Grafana) -> None:
    push(grafana)
    grafana.folders[FOLDER_UID]["title"] = "Old"
    assert actions(push(grafana))[0] == ("folder", "updated")
    assert grafana.folders[FOLDER_UID]["title"] == "Thông suốt"


def test_a_board_that_was_moved_away_comes_back(grafana: Grafana) -> None:
    push(grafana)
    grafana.boards["thongsuot-overview-vi"]["meta"]["folderUid"] = ""
    assert actions(push(grafana))[-1] == ("board", "updated")
    assert grafana.boards["thongsuot-overview-vi"]["meta"]["folderUid"] == FOLDER_UID


def test_a_change_between_reading_and_writing_is_read_again_not_overwritten_unseen(grafana: Grafana) -> None:
    push(grafana)
    board = grafana.boards["thongsuot-overview-en"]["dashboard"]
    board["title"] = "Changed by hand"
    raced: list[str] = []

    def race(path: str) -> None:
        if path.endswith("thongsuot-overview-en") and not raced:
            raced.append(path)
            board["version"] += 1

    grafana.after_read = race
    clock = Clock()
    assert actions(push(grafana, clock=clock))[-2] == ("board", "updated")
    assert clock.slept == [0.5]
    writes = sum(request == "POST /api/dashboards/db" for request in grafana.writes)
    assert writes == len(NAMES) + 2  # all at first, 1 refused, 1 done


def test_another_board_of_the_same_name_is_a_conflict(grafana: Grafana) -> None:
    push(grafana)
    board = grafana.boards.pop("thongsuot-overview-en")
    board["dashboard"]["uid"] = "other"
    grafana.boards["other"] = board
    error = refused(grafana)
    assert str(error) == (
        "thongsuot-overview-en: somebody else is changing it at the same time; run again"
        " (412: Client Error 412: A dashboard with the same name in the folder already exists)"
    )


def test_a_data_source_of_grafanas_own_files_is_left_alone(grafana: Grafana) -> None:
    push(grafana)
    grafana.datasources[DATASOURCE_UID]["readOnly"] = True
    assert "may not write thongsuot-prometheus (403)" in str(refused(grafana, prometheus="http://other:1"))


def test_a_wrong_token_is_said_so_and_not_tried_again(grafana: Grafana) -> None:
    clock = Clock()
    error = refused(grafana, token="wrong", clock=clock)
    assert "Grafana refused the token (401)" in str(error)
    assert "wrong" not in str(error)
    assert clock.slept == []


@pytest.mark.parametrize(
    ("answer", "text", "attempts"),
    [
        ((403, {"message": "Access denied"}), "the token may not write thongsuot (403)", 1),
        ((500, {"message": "Internal"}), "Grafana failed on thongsuot: 500: Server Error 500: Internal", 1),
        ((503, {"message": "Down"}), "Grafana failed on thongsuot: 503: Server Error 503: Down", 3),
        ((429, {"message": "Slow down"}), "Grafana failed on thongsuot: 429", 3),
        ((400, ["odd"]), "Grafana failed on thongsuot: 400", 1),
        (b"<html>not json", "the answer for thongsuot is not Grafana's", 1),
        ((200, ["a list"]), "the answer for thongsuot is not Grafana's", 1),
        ((200, {}), "the answer for thongsuot is not Grafana's", 1),
        ((302, {}), "the answer for thongsuot is not Grafana's", 1),
    ],
)
def test_what_the_server_says_is_told(
    grafana: Grafana, answer: Answer | bytes, text: str, attempts: int
) -> None:
    grafana.fault = lambda _method, path: answer if "/folders" in path else None
    assert text in str(refused(grafana))
    assert sum("/folders" in request for request in grafana.requests) == attempts


def test_an_address_without_grafana_is_told(grafana: Grafana) -> None:
    grafana.fault = lambda _method, _path: (404, {"message": "no such page"})
    assert "no Grafana API at this address (/api/health: 404)" in str(refused(grafana))


@pytest.mark.parametrize("body", [b'{"status": "ok"}', b"[]", b"hello"])
def test_a_server_that_is_no_grafana_is_told(grafana: Grafana, body: bytes) -> None:
    grafana.fault = lambda _method, _path: body
    assert "the answer for /api/health is not Grafana's" in str(refused(grafana))


def test_a_passing_failure_is_tried_again(grafana: Grafana) -> None:
    answers: list[Answer] = [(503, {"message": "starting"}), (502, {"message": "starting"})]
    grafana.fault = lambda _method, _path: answers.pop() if answers else None
    clock = Clock()
    assert len(push(grafana, clock=clock)) == 2 + len(NAMES)
    assert clock.slept == [0.5, 2.0]


def test_a_lost_answer_to_a_write_ends_in_one_object(grafana: Grafana) -> None:
    lost: list[str] = []

    def fault(method: str, path: str) -> Answer | None:
        if method == "POST" and path == "/api/folders" and not lost:
            lost.append(path)
            grafana.answer(method, path, {"uid": FOLDER_UID, "title": "Thông suốt"})
            return 504, {"message": "gateway timeout"}
        return None

    grafana.fault = fault
    assert actions(push(grafana))[0] == ("folder", "unchanged")
    assert len(grafana.folders) == 1


def test_grafana_below_a_path_is_found(grafana: Grafana) -> None:
    grafana.prefix = "/grafana"
    assert len(push(grafana)) == 2 + len(NAMES)


def test_nobody_there_is_told_after_three_attempts() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # bound but not listening: refused
        url = f"http://127.0.0.1:{taken.getsockname()[1]}"
        clock = Clock()
        with pytest.raises(ServerError) as caught:
            list(Publisher(publish.connect(url, TOKEN), url, clock.sleep).push(PROMETHEUS, export()))
    assert str(caught.value) == f"{url}: cannot be reached: Connection refused"
    assert clock.slept == [0.5, 2.0]


def test_a_server_that_never_answers_is_given_up() -> None:
    with socket.socket() as mute:
        mute.bind(("127.0.0.1", 0))
        mute.listen()
        url = f"http://127.0.0.1:{mute.getsockname()[1]}"
        api = publish.connect(url, TOKEN)
        api.client.timeout = 0.05
        with pytest.raises(ServerError, match="no answer") as caught:
            list(Publisher(api, url, Clock().sleep).push(PROMETHEUS, export()))
    assert "no answer within 10 seconds" in str(caught.value)


def test_an_endless_answer_is_cut_off(grafana: Grafana) -> None:
    grafana.fault = lambda _method, _path: b" " * 300_000
    with serve(grafana) as url:
        api = publish.connect(url, TOKEN)
        api.client.s = BoundedSession(10, max_answer_bytes=100_000)
        with pytest.raises(ServerError, match="Grafana"):
            list(Publisher(api, url, Clock().sleep).push(PROMETHEUS, export()))


def test_a_trickling_answer_is_given_up(grafana: Grafana) -> None:
    with serve(grafana) as url:
        api = publish.connect(url, TOKEN)
        api.client.s = BoundedSession(-1.0)  # the deadline has passed when the first byte comes
        with pytest.raises(ServerError) as caught:
            list(Publisher(api, url, Clock().sleep).push(PROMETHEUS, export()))
    assert caught.value.key == "boards.error_timeout"


@pytest.mark.parametrize(
    "url",
    [
        "",
        "grafana",
        "ftp://grafana",
        "http://",
        "http://x:99999",
        "https://user:secret@grafana",
        "http://x?a=1",
    ],
)
def test_a_wrong_address_is_refused(url: str) -> None:
    with pytest.raises(InputError, match="expected an http") as caught:
        publish.connect(url, TOKEN)
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize("content", [b"", b"\n", b"two words", b"a\nb", b"\xff", b"x" * 5000])
def test_a_wrong_token_file_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "token"
    path.write_bytes(content)
    with pytest.raises(InputError):
        publish.read_token(path)


def test_a_token_file_may_end_in_a_newline(tmp_path: Path) -> None:
    path = tmp_path / "token"
    path.write_bytes(b"glsa_x\n")
    assert publish.read_token(path) == "glsa_x"


def test_what_the_server_adds_is_no_difference() -> None:
    assert covers({"a": [{"b": 1, "new": 2}], "c": None}, {"a": [{"b": 1}]})
    assert not covers({"a": [{"b": 1}, {}]}, {"a": [{"b": 1}]})
    assert not covers({"a": 1}, {"a": 2})
    assert not covers([], {"a": 1})


def test_export_writes_the_files(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["boards", "export", str(tmp_path / "new"), "--lang", "en"]) == 0
    assert {path.name: path.read_bytes() for path in (tmp_path / "new").iterdir()} == export()
    assert capsys.readouterr().out.count("Wrote ") == len(NAMES)


def test_export_into_a_file_fails_with_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "file").write_text("")
    assert main(["boards", "export", str(tmp_path / "file"), "--lang", "en"]) == 1
    assert "cannot be written" in capsys.readouterr().err


def test_the_command_pushes(tmp_path: Path, grafana: Grafana, capsys: pytest.CaptureFixture[str]) -> None:
    token = tmp_path / "token"
    token.write_text(TOKEN)
    with serve(grafana) as url:
        words = ["boards", "push", "--url", url, "--token-file", str(token), "--lang", "en"]
        assert main(words) == 0
        assert main(words) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[:2] == ["Created folder Thông suốt", "Created data source Thông suốt Prometheus"]
    assert [line.partition(":")[0] for line in lines[2 + len(NAMES) :]] == ["Unchanged"] * (2 + len(NAMES))


@pytest.mark.parametrize(
    ("change", "status", "text"),
    [
        ({"--url": "nowhere"}, 2, "expected an http:// or https:// address"),
        ({"--token-file": "/nonexistent"}, 2, "expected a readable file"),
        ({"--ca-file": "/nonexistent"}, 2, "expected a readable PEM file"),
    ],
)
def test_wrong_use_ends_with_two(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], change: dict[str, str], status: int, text: str
) -> None:
    token = tmp_path / "token"
    token.write_text(TOKEN)
    given = {"--url": "http://127.0.0.1:1", "--token-file": str(token)} | change
    words = [word for pair in given.items() for word in pair]
    assert main(["boards", "push", *words, "--lang", "en"]) == status
    assert text in capsys.readouterr().err
