"""``thongsuot wall`` as it is called: what it refuses, what it prints, how it starts, reloads and stops."""

import io
import os
import re
import shutil
import signal
import subprocess
import sys
import urllib.request
from pathlib import Path

import pytest

from common.i18n import t
from dashboards.wall.passwords import parse_users, verify
from deploy.cli import main

from .wall_data import SMALL


def said(capsys: pytest.CaptureFixture[str]) -> str:
    return capsys.readouterr().err.strip()


def test_beyond_loopback_it_does_not_start_without_a_login(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["wall", str(SMALL), "--listen", "0.0.0.0:0"]) == 2
    assert said(capsys) == t("wall.need_login", listen="0.0.0.0:0")


def test_it_needs_an_inventory_that_is_right(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["wall"]) == 2
    assert said(capsys) == t("wall.need_inventory")
    assert main(["wall", str(tmp_path / "absent.yml")]) == 2
    assert "absent.yml" in said(capsys)


def test_an_address_that_is_taken_or_none_is_said(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["wall", str(SMALL), "--listen", "nowhere"]) == 2
    assert "expected host:port" in said(capsys)


def test_a_password_line_is_printed_and_works(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "stdin", io.StringIO("correct horse battery\n"))
    assert main(["wall", "--make-password", "truc"]) == 0
    users = parse_users(capsys.readouterr().out, "users")
    assert verify(users, "truc", "correct horse battery")
    monkeypatch.setattr(sys, "stdin", io.StringIO("short\n"))
    assert main(["wall", "--make-password", "truc"]) == 2
    assert said(capsys) == t("wall.password_short", least=10)


def test_it_starts_reloads_and_stops(tmp_path: Path) -> None:
    inventory = tmp_path / "province.yml"
    shutil.copy(SMALL, inventory)
    command = [
        sys.executable,
        "-m",
        "deploy.cli",
        "wall",
        str(inventory),
        "--listen",
        "127.0.0.1:0",
        "--lang",
        "en",
    ]
    dead = ["--prometheus", "http://127.0.0.1:1", "--alertmanager", "http://127.0.0.1:1"]
    environment = {**os.environ, "THONGSUOT_STATE_DIR": str(tmp_path / "state")}
    with subprocess.Popen([*command, *dead], stdout=-1, stderr=-1, text=True, env=environment) as child:
        assert child.stdout is not None
        assert child.stderr is not None
        found = re.fullmatch(r"Wall page: (http://127\.0\.0\.1:\d+/)\n", child.stdout.readline())
        assert found is not None, child.stderr.read()
        with urllib.request.urlopen(f"{found[1]}?lang=en", timeout=10) as answer:
            assert "Thông suốt" in answer.read().decode()
        inventory.write_text("not: an inventory\n", encoding="utf-8")
        child.send_signal(signal.SIGHUP)
        heard = next(line for line in child.stderr if "not read again" in line)
        assert "province.yml" in heard
        shutil.copy(SMALL, inventory)
        child.send_signal(signal.SIGHUP)
        assert next(line for line in child.stderr if "inventory read again" in line)
        child.send_signal(signal.SIGTERM)
        assert child.wait(timeout=20) == 0
