"""The commands ``receive`` and ``notify``: what they print, and their exit statuses."""

from pathlib import Path

import pytest

from deploy import cli
from inventory.model import Channel
from tests.alerts.outages import sink, told, with_channels
from tests.alerts.processes import call, receiver_process, started, write_inventory
from tests.alerts.servers import Http, http


def test_a_test_goes_through_every_channel_and_is_marked(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    inventory = with_channels(sink(tmp_path / "a.jsonl", "a"), sink(tmp_path / "none" / "b.jsonl", "b"))
    file = write_inventory(tmp_path / "province.yml", inventory)
    assert cli.main(["notify", str(file), "--test", "--lang", "vi"]) == 1
    said = capsys.readouterr().out.splitlines()
    assert said[0] == "a (sink): đã gửi"
    assert said[1].startswith("b (sink): KHÔNG gửi được: ")
    (line,) = told(tmp_path / "a.jsonl")
    assert (line["status"], line["alertname"]) == ("test", "Test")
    assert line["text_vi"].startswith("[THỬ] Tin thử của Thông suốt")
    assert line["text_en"].startswith("[TEST] Test message of Thông suốt")


def test_one_channel_can_be_tried_alone(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with http(Http()) as server:
        gateway = Channel(id="gateway", kind="webhook", languages=("en",), options={"url": server.url})
        inventory = with_channels(gateway, sink(tmp_path / "none" / "b.jsonl", "b"))
        file = write_inventory(tmp_path / "province.yml", inventory)
        assert cli.main(["notify", str(file), "--test", "--channel", "gateway", "--lang", "en"]) == 0
    assert capsys.readouterr().out == "gateway (webhook): sent\n"
    assert len(server.requests) == 1


@pytest.mark.parametrize(
    ("channels", "words", "said"),
    [
        ((), [], "the inventory names no notification channel (key channels)"),
        (("a", "b"), ["--channel", "c"], "no channel c; the inventory has: a, b"),
    ],
)
def test_nothing_to_try_is_wrong_use(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], channels: tuple[str, ...], words: list[str], said: str
) -> None:
    made = with_channels(*(sink(tmp_path / f"{name}.jsonl", name) for name in channels))
    file = write_inventory(tmp_path / "province.yml", made)
    assert cli.main(["notify", str(file), "--test", *words, "--lang", "en"]) == 2
    assert capsys.readouterr().err.strip() == said


def test_a_wrong_option_is_wrong_input(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    inventory = with_channels(Channel(id="x", kind="sink", options={"path": "x", "colour": "red"}))
    file = write_inventory(tmp_path / "province.yml", inventory)
    assert cli.main(["notify", str(file), "--test", "--lang", "en"]) == 2
    said = "channels[0].options.colour: unknown key; expected one of: path"
    assert said in capsys.readouterr().err


@pytest.mark.parametrize("command", [["receive"], ["notify", "--test"]])
def test_a_missing_file_is_wrong_input(command: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main([*command, "/nowhere/province.yml", "--lang", "en"]) == 2
    assert "/nowhere/province.yml" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("listen", "said"),
    [
        ("0.0.0.0:9494", "0.0.0.0:9494: the webhook has no password, so it listens on this machine only"),
        ("9494", "'9494': expected host:port"),
    ],
)
def test_the_webhook_stays_on_this_machine(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], listen: str, said: str
) -> None:
    file = write_inventory(tmp_path / "province.yml", with_channels())
    assert cli.main(["receive", str(file), "--listen", listen, "--lang", "en"]) == 2
    assert capsys.readouterr().err.startswith(said)


def test_wrong_channel_options_are_refused_at_start(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = write_inventory(tmp_path / "province.yml", with_channels(Channel(id="x", kind="fax")))
    words = ["receive", str(file), "--listen", "127.0.0.1:0", "--state", str(tmp_path / "state")]
    assert cli.main([*words, "--lang", "en"]) == 2
    said = capsys.readouterr().err
    assert (
        "channels[0].kind: “fax” does not fit; expected one of: apprise, email, sink, webhook, zalo" in said
    )


def test_a_reload_judges_the_options_of_channels_and_checks(tmp_path: Path) -> None:
    with started(receiver_process(tmp_path, with_channels(), "http://127.0.0.1:9")) as process:
        wrong = with_channels(Channel(id="x", kind="sink", options={"path": "x", "colour": "red"}))
        file = write_inventory(tmp_path / "province.yml", wrong)
        status, said = call(f"{process.url}/-/reload", b"")
        line = file.read_text(encoding="utf-8").partition("colour")[0].count("\n") + 1
        assert (status, said.decode().partition(": ")[0]) == (422, f"{file}:{line}")
        assert "channels[0].options.colour: " in said.decode()


def test_a_second_receiver_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with started(receiver_process(tmp_path, with_channels(), "http://127.0.0.1:9")) as first:
        words = ["receive", str(tmp_path / "province.yml"), "--listen", "127.0.0.1:0"]
        assert cli.main([*words, "--state", str(tmp_path / "state"), "--lang", "en"]) == 1
        assert capsys.readouterr().err.startswith("another receiver runs with this directory (")
        assert first.terminate()[0] == 0
    assert "nobody will be told of anything" in first.log()
