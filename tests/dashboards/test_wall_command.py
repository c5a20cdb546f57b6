"""``thongsuot wall`` as it is called: what it refuses, what it prints, how it starts, reloads and stops."""

import io
import os
import re
import shutil
import signal
import subprocess
import sys
import urllib.request
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
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


@pytest.mark.parametrize(
    ("option", "value", "least", "most"),
    [
        ("--max-viewers", "0", 1, 200),
        ("--max-viewers", "201", 1, 200),
        ("--stale-seconds", "4.9", 5, 600),
        ("--stale-seconds", "-1", 5, 600),
        ("--stale-seconds", "inf", 5, 600),
        ("--stale-seconds", "nan", 5, 600),
    ],
)
def test_numbers_out_of_range_are_refused(
    capsys: pytest.CaptureFixture[str], option: str, value: str, least: int, most: int
) -> None:
    assert main(["wall", str(SMALL), f"{option}={value}"]) == 2
    given = float(value) if "." in value or not value.lstrip("-").isdigit() else int(value)
    given = float(value) if option == "--stale-seconds" else given
    assert said(capsys) == t("wall.wrong_range", option=option, value=given, least=least, most=most)


@contextmanager
def wall_process(inventory: Path, state: Path) -> Iterator[subprocess.Popen[str]]:
    """``thongsuot wall`` over nothing; killed at the end, whatever the test found."""
    command = [sys.executable, "-m", "deploy.cli", "wall", str(inventory), "--lang", "en"]
    nothing = "http://127.0.0.1:1"
    options = ["--listen", "127.0.0.1:0", "--prometheus", nothing, "--alertmanager", nothing]
    environment = {**os.environ, "THONGSUOT_STATE_DIR": str(state)}
    with subprocess.Popen([*command, *options], stdout=-1, stderr=-1, text=True, env=environment) as child:
        try:
            yield child
        finally:
            child.kill()


def test_it_starts_reloads_and_stops(tmp_path: Path) -> None:
    """Waits for what the process says, not for times; what bounds it is the test's own limit."""
    inventory = tmp_path / "province.yml"
    shutil.copy(SMALL, inventory)
    with wall_process(inventory, tmp_path / "state") as child:
        assert child.stdout is not None
        assert child.stderr is not None
        first = child.stdout.readline()
        found = re.fullmatch(r"Wall page: (http://127\.0\.0\.1:\d+/)\n", first)
        assert found is not None, first or child.stderr.read()
        with urllib.request.urlopen(f"{found[1]}?lang=en", timeout=60) as answer:
            assert "Thông suốt" in answer.read().decode()
        inventory.write_text("not: an inventory\n", encoding="utf-8")
        child.send_signal(signal.SIGHUP)
        assert "province.yml" in heard(child.stderr, "not read again")
        shutil.copy(SMALL, inventory)
        child.send_signal(signal.SIGHUP)
        heard(child.stderr, "inventory read again")
        child.send_signal(signal.SIGTERM)
        rest = child.stderr.read()  # until it has closed its end
        assert (child.wait(timeout=60), rest) == (0, "")


def heard(lines: Iterable[str], text: str) -> str:
    """Read until a line has ``text``. Raises AssertionError with all that was said instead."""
    said = []
    for line in lines:
        if text in line:
            return line
        said.append(line)
    raise AssertionError("".join(said))
