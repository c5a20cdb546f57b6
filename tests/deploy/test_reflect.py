"""``thongsuot reflect`` as people and systemd run it, and as part of the hub."""

import os
import signal
import socket
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec
import pytest

from common import i18n
from deploy.cli import main
from deploy.endpoints import Endpoints
from deploy.render_hub import prometheus
from deploy.stack_specs import Paths, specs
from exporters.stampio import packet
from exporters.stampio.packet import Sent
from inventory.load import load
from inventory.model import Reflector

ROOT = Path(__file__).parents[2]
SMALL = ROOT / "tests/inventory/small.yml"
KEY = b"0123456789abcdef"


@pytest.fixture(autouse=True)
def english(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(i18n, "_chosen", "")
    monkeypatch.setenv("THONGSUOT_LANG", "en")


def free_port(kind: socket.SocketKind) -> int:
    with socket.socket(socket.AF_INET, kind) as sock:
        sock.bind(("127.0.0.1", 0))
        return int(sock.getsockname()[1])


class Running:
    def __init__(self, process: "subprocess.Popen[str]", pages: int, stamp: int, said: str) -> None:
        self.process, self.pages, self.stamp, self.said = process, pages, stamp, said

    def page(self, path: str) -> str:
        with urllib.request.urlopen(f"http://127.0.0.1:{self.pages}{path}", timeout=10) as answer:
            return str(answer.read().decode())

    def ask(self, key: bytes | None, seconds: float = 10) -> bytes | None:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
            sock.settimeout(seconds)
            sock.sendto(packet.encode_sent(Sent(3, 1 << 60, 0x8001, 4), key), ("127.0.0.1", self.stamp))
            try:
                return sock.recv(2000)
            except TimeoutError:
                return None


@contextmanager
def reflecting(*options: str, environment: dict[str, str] | None = None) -> Iterator[Running]:
    pages, stamp = free_port(socket.SOCK_STREAM), free_port(socket.SOCK_DGRAM)
    command = [sys.executable, "-m", "deploy.cli", "reflect", "--listen", f"127.0.0.1:{pages}"]
    command += ["--stamp-listen", f"127.0.0.1:{stamp}", *options]
    with subprocess.Popen(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=os.environ | (environment or {}),
    ) as process:
        try:
            assert process.stdout is not None
            yield Running(process, pages, stamp, process.stdout.readline())
        finally:
            process.kill()


def test_it_answers_counts_and_ends_cleanly(tmp_path: Path) -> None:
    notified = tmp_path / "notify"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as systemd:
        systemd.bind(str(notified))
        systemd.settimeout(10)
        with reflecting(environment={"NOTIFY_SOCKET": str(notified)}) as running:
            assert running.said.startswith(
                f"Answering test packets on 127.0.0.1:{running.stamp}. Own pages: http:"
            )
            assert systemd.recv(100) == b"READY=1"
            answer = running.ask(None)
            assert answer is not None
            assert packet.parse_reflected(answer, None) is not None
            metrics = running.page("/metrics")
            assert 'thongsuot_reflector_packets_total{result="reflected"} 1.0' in metrics
            assert "thongsuot_reflector_sessions 1.0" in metrics
            assert running.page("/-/healthy") == running.page("/-/ready") == "OK\n"
            running.process.send_signal(signal.SIGTERM)
            assert running.process.communicate(timeout=20) == ("", "")
            assert running.process.returncode == 0
            assert b"STOPPING=1" in {systemd.recv(100), systemd.recv(100)}


def test_a_changed_key_is_taken_and_a_lost_one_is_not(tmp_path: Path) -> None:
    file = tmp_path / "key"
    file.write_bytes(KEY)
    with reflecting("--key-file", str(file)) as running:
        stderr = running.process.stderr
        assert stderr is not None
        assert running.ask(KEY) is not None
        assert running.ask(b"the next key, as long", 0.3) is None
        file.write_bytes(b"the next key, as long")
        running.process.send_signal(signal.SIGHUP)
        assert "read again" in stderr.readline()
        assert running.ask(b"the next key, as long") is not None
        file.unlink()
        running.process.send_signal(signal.SIGHUP)
        assert "not read again" in stderr.readline()
        assert running.ask(b"the next key, as long") is not None


@pytest.mark.parametrize(
    ("options", "status", "said"),
    [
        (["--stamp-listen", "nowhere:1"], 2, "expected address:port"),
        (["--allow", "everybody"], 2, "expected a network"),
        (["--key-file", "/nonexistent/key"], 2, "cannot be read"),
        (["--stamp-listen", "192.0.2.9:9462"], 1, "cannot listen there"),
        (["--stamp-listen", "127.0.0.1:0", "--listen", "nowhere"], 1, "expected host:port"),
    ],
)
def test_what_is_wrong_is_said_in_one_line(
    options: list[str], status: int, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["reflect", *options]) == status
    error = capsys.readouterr().err
    assert said in error
    assert error.count("\n") == 1


def test_the_hub_runs_it_where_the_province_has_one(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("deploy.debian.find", lambda name: Path("/usr/bin") / name)
    plain = load(SMALL).inventory
    hub = msgspec.structs.replace(plain.hub, reflector=Reflector(stamp_port=8620, stamp_key_file="/etc/key"))
    with_one = msgspec.structs.replace(plain, hub=hub)
    without = msgspec.structs.replace(plain, hub=msgspec.structs.replace(plain.hub, reflector=None))
    paths, at = Paths(SMALL, tmp_path), Endpoints()
    told = {spec.name: spec for spec in specs(paths, at, with_one)}
    wanted = ["--listen", "127.0.0.1:9498", "--stamp-listen", ":8620", "--key-file", "/etc/key"]
    assert list(told["reflector"].argv[-len(wanted) :]) == wanted
    assert told["reflector"].reload_by_signal
    assert "reflector" not in {spec.name for spec in specs(paths, at, without)}
    scraped = [str(prometheus(inventory, at)["scrape_configs"][0]) for inventory in (with_one, without)]
    assert ["127.0.0.1:9498" in text for text in scraped] == [True, False]
