"""The command as people and systemd run it: real processes, real signals."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from agent.__main__ import main
from common import i18n
from exporters.stampio.packet import Sent, encode_sent, parse_reflected

CONFIG = """
version: 1
site: "21040"
commune: "21040"
listen: 127.0.0.1:0
state_directory: {state}
push: {{url: "http://127.0.0.1:{port}/api/v1/write"}}
targets:
- {{name: gone, target: "system:x", probe: tcp, address: "127.0.0.1:{port}", interval_seconds: 1}}
"""


@pytest.fixture
def config(tmp_path: Path) -> Path:
    """A configuration whose target and hub nobody answers for."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    state = tmp_path / "state"
    state.mkdir()
    path = tmp_path / "agent.yml"
    path.write_text(CONFIG.format(state=state, port=port))
    return path


@pytest.fixture(autouse=True)
def _language(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(i18n, "_chosen", "")
    monkeypatch.setenv("THONGSUOT_LANG", "en")


def test_version_and_help_in_both_languages(capsys: pytest.CaptureFixture[str]) -> None:
    for words, said in ((["--version"], "thongsuot-agent 0."), (["--help", "--lang", "vi"], "tệp agent.yml")):
        with pytest.raises(SystemExit) as ended:
            main(words)
        assert ended.value.code == 0
        assert said in capsys.readouterr().out


@pytest.mark.parametrize(
    "words", [[], ["--config"], ["--config", "x", "--check", "--once"], ["--lang", "fr"], ["x"]]
)
def test_wrong_use_is_two(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(words)
    assert ended.value.code == 2
    assert "usage: thongsuot-agent" in capsys.readouterr().err


def test_check(config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--config", str(config), "--check"]) == 0
    assert capsys.readouterr().out == f"{config}: OK, 1 targets\n"
    config.write_text("version: 1\n")
    assert main(["--config", str(config), "--check"]) == 2
    said = f"{config}:1: site: is missing; expected one line of text, at most 40 characters\n"
    assert capsys.readouterr().err == said


def test_once(config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--config", str(config), "--once"]) == 1
    out = capsys.readouterr().out.splitlines()
    assert out[0].split() == ["Name", "Probe", "Last", "result", "ms", "Evidence"]
    assert out[1].startswith("gone  tcp    refused")
    assert out[2] == "1 measured, 1 failed"
    with socket.create_server(("127.0.0.1", int(config.read_text().split("127.0.0.1:")[2].split("/")[0]))):
        assert main(["--config", str(config), "--once", "--lang", "vi"]) == 0
    assert "đã đo 1 mục tiêu, 0 lỗi" in capsys.readouterr().out


@contextmanager
def running(config: Path, notify: str = "") -> Iterator[subprocess.Popen[str]]:
    environment = {**os.environ, "NOTIFY_SOCKET": notify, "WATCHDOG_USEC": "200000"}
    command = [sys.executable, "-m", "agent", "--config", str(config)]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env=environment) as process:
        try:
            yield process
        finally:
            process.kill()


def test_service_speaks_to_systemd_reloads_and_stops_cleanly(config: Path, tmp_path: Path) -> None:
    address = str(tmp_path / "notify")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listener:
        listener.bind(address)
        listener.settimeout(20)
        with running(config, address) as process:
            heard = [listener.recv(200).decode()]
            while "WATCHDOG=1" not in heard:
                heard.append(listener.recv(200).decode())
            process.send_signal(signal.SIGHUP)
            while not any(line.startswith("RELOADING=1\nMONOTONIC_USEC=") for line in heard):
                heard.append(listener.recv(200).decode())
            while heard[-1] != "READY=1":
                heard.append(listener.recv(200).decode())
            process.send_signal(signal.SIGTERM)
            began = time.monotonic()
            log = process.communicate(timeout=20)[1]
            assert time.monotonic() - began < 3
            assert process.returncode == 0
            while "STOPPING=1" not in heard:
                heard.append(listener.recv(200).decode())
    assert "READY=1" in heard[:2]
    assert "configuration reloaded" in log
    assert log.count("push: unreachable") == 1
    assert "Traceback" not in log
    assert (tmp_path / "state" / "agent-state").exists()
    assert (tmp_path / "state" / "agent-stopped").exists()


def test_an_agent_may_reflect_test_packets(config: Path) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.bind(("127.0.0.1", 0))
        port = sock.getsockname()[1]
        taken = config.with_name("taken.yml")
        taken.write_text(config.read_text() + f"reflect: 127.0.0.1:{port}\n")
        with running(taken) as process:
            said = process.communicate(timeout=20)[1]
        assert f"127.0.0.1:{port}: the port is in use by another program" in said
        assert process.returncode == 1
    with running(taken) as process, socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
        assert process.stderr is not None
        while "agent is running" not in process.stderr.readline():
            pass
        sender.settimeout(10)
        sender.sendto(encode_sent(Sent(3, 1 << 60, 0x8001, 4), None), ("127.0.0.1", port))
        answer = parse_reflected(sender.recv(100), None)
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=20)
    assert answer is not None
    assert answer.sender_sequence == 3


def test_second_agent_of_the_same_site_is_refused(config: Path) -> None:
    with running(config) as first:
        assert first.stderr is not None
        while "agent is running" not in first.stderr.readline():
            assert first.poll() is None
        with running(config) as second:
            said = second.communicate(timeout=20)[1]
        assert second.returncode == 1
        assert said.startswith("another agent uses ")
        first.send_signal(signal.SIGTERM)
        first.communicate(timeout=20)
        assert first.returncode == 0


def test_listen_address_that_is_taken_is_one_clear_line(config: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        config.write_text(config.read_text().replace("listen: 127.0.0.1:0", f"listen: 127.0.0.1:{port}"))
        with running(config) as process:
            said = process.communicate(timeout=20)[1]
    assert process.returncode == 1
    assert said == f"cannot listen on 127.0.0.1:{port}: Address already in use\n"


def test_listen_name_that_does_not_resolve_is_one_clear_line(config: Path) -> None:
    config.write_text(config.read_text().replace("listen: 127.0.0.1:0", "listen: no.invalid:80"))
    with running(config) as process:
        said = process.communicate(timeout=20)[1]
    assert process.returncode == 1
    assert said.startswith("cannot listen on no.invalid:80: ")
    assert "Unknown error" not in said


def test_state_directory_that_cannot_be_is_one_clear_line(config: Path, tmp_path: Path) -> None:
    state = tmp_path / "state"
    state.rmdir()
    state.write_text("a file")
    with running(config) as process:
        said = process.communicate(timeout=20)[1]
    assert process.returncode == 1
    assert said == f"cannot keep state in {state}: File exists\n"
