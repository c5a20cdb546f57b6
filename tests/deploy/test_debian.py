"""Finding Debian's programs, and fetching what is missing without installing it."""

import argparse
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest

from common import i18n, statedir
from deploy import debian
from deploy.commands import tools


@pytest.fixture
def nothing_installed(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """An empty $PATH and state directory; returns the directory of unpacked packages."""
    monkeypatch.setattr(i18n, "_chosen", "en")
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    monkeypatch.setattr(debian, "_SYSTEM", ())
    monkeypatch.setenv("THONGSUOT_STATE_DIR", str(tmp_path / "state"))
    return tmp_path / "state" / "debian"


def program(path: Path, text: str = "echo 1.0") -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\n{text}\n", encoding="ascii")
    path.chmod(0o755)


class Apt:
    """Stands in for apt-get and dpkg; unpacking makes the program ``usr/bin/<package>``."""

    def __init__(self, fail_without_lists: bool = False) -> None:
        self.calls: list[list[str]] = []
        self._fail = fail_without_lists

    def __call__(self, command: list[str], **_: Any) -> "subprocess.CompletedProcess[str]":
        self.calls.append(command)
        if command[0] == "dpkg":
            program(Path(command[3]) / "usr/bin" / Path(command[2]).stem)
            return subprocess.CompletedProcess(command, 0, "", "")
        if self._fail and not any("Dir::State::Lists" in word for word in command):
            return subprocess.CompletedProcess(command, 100, "", "E: Unable to locate package")
        if "install" in command:
            archives = next(w for w in command if w.startswith("Dir::Cache::Archives=")).partition("=")[2]
            for package in command[command.index("install") + 1 :]:
                (Path(archives) / f"{package}.deb").touch()
        return subprocess.CompletedProcess(command, 0, "", "")


@pytest.fixture
def apt(monkeypatch: pytest.MonkeyPatch, nothing_installed: Path, tmp_path: Path) -> Apt:
    for name in ("apt-get", "dpkg"):
        program(tmp_path / "bin" / name)
    stand_in = Apt()
    monkeypatch.setattr("subprocess.run", stand_in)
    return stand_in


def test_a_missing_program_says_what_to_run(nothing_installed: Path) -> None:
    with pytest.raises(debian.ToolMissing, match=r"alertmanager was not found. Get it with: thongsuot tools"):
        debian.find("alertmanager")


def test_the_path_comes_before_what_was_unpacked(nothing_installed: Path, tmp_path: Path) -> None:
    unpacked = nothing_installed / "usr/sbin/nginx"
    program(unpacked)
    assert debian.find("nginx") == unpacked
    program(tmp_path / "bin/nginx")
    assert debian.find("nginx") == tmp_path / "bin/nginx"


def test_upstream_names_lead_to_debians(nothing_installed: Path, tmp_path: Path) -> None:
    program(nothing_installed / "usr/bin/prometheus-blackbox-exporter")
    assert debian.find("blackbox_exporter").name == "prometheus-blackbox-exporter"
    program(tmp_path / "bin/alertmanager")
    assert debian.find("alertmanager") == tmp_path / "bin/alertmanager"


def test_unpacked_libraries_are_found_by_the_loader(
    nothing_installed: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LD_LIBRARY_PATH", "/opt/lib")
    assert debian.environment()["LD_LIBRARY_PATH"] == "/opt/lib"
    folder = nothing_installed / "usr/lib/x86_64-linux-gnu"
    folder.mkdir(parents=True)
    (folder / "libx.so.1").touch()
    assert debian.environment()["LD_LIBRARY_PATH"] == f"{folder}{os.pathsep}/opt/lib"


def test_what_is_missing_is_fetched_once(apt: Apt) -> None:
    said: list[str] = []
    debian.fetch(["prometheus", "fping"], said.append)
    assert debian.missing(["prometheus", "fping"]) == []
    assert len(said) == 2
    calls = len(apt.calls)
    debian.fetch(["prometheus", "fping"], said.append)
    assert len(apt.calls) == calls
    assert list((debian.directory() / "archives").glob("*.deb")) == []


def test_nothing_is_installed(apt: Apt) -> None:
    debian.fetch(["prometheus"], lambda _: None)
    install = next(call for call in apt.calls if "install" in call)
    assert "-d" in install
    assert "--no-install-recommends" in install
    assert [call[:2] for call in apt.calls if call[0] == "dpkg"] == [["dpkg", "-x"]]


def test_old_package_lists_are_replaced_by_our_own(monkeypatch: pytest.MonkeyPatch, apt: Apt) -> None:
    strict = Apt(fail_without_lists=True)
    monkeypatch.setattr("subprocess.run", strict)
    debian.fetch(["prometheus"], lambda _: None)
    assert [call[-1] for call in strict.calls if call[0] == "apt-get"] == [
        "prometheus",
        "update",
        "prometheus",
    ]


def test_a_package_without_the_program_is_an_error(apt: Apt) -> None:
    with pytest.raises(debian.FetchFailed, match="The packages came without: dnsmasq"):
        debian.fetch(["dnsmasq"], lambda _: None)


def test_without_apt_the_programs_are_named(nothing_installed: Path) -> None:
    with pytest.raises(debian.FetchFailed, match="These programs are missing: prometheus fping"):
        debian.fetch(["prometheus", "fping"], lambda _: None)


def test_two_fetches_at_once_are_refused(apt: Apt) -> None:
    debian.directory().mkdir(parents=True)
    with (
        statedir.Lock(debian.directory()),
        pytest.raises(debian.FetchFailed, match="Another process is fetching"),
    ):
        debian.fetch(["prometheus"], lambda _: None)


def test_a_program_that_does_not_run_is_said_so(nothing_installed: Path) -> None:
    program(nothing_installed / "usr/bin/prometheus", "echo no library >&2; exit 127")
    with pytest.raises(debian.FetchFailed, match="does not run: no library"):
        debian.version("prometheus")


def test_the_command_prints_where_things_are(
    nothing_installed: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in debian.BENCH:
        program(tmp_path / "bin" / name, "echo version 2")
    assert tools.run(argparse.Namespace(bench=True)) == 0
    said = capsys.readouterr().out
    assert all(f"{name}: {tmp_path / 'bin' / name} (version 2)" in said for name in debian.BENCH)


def test_the_command_fails_when_something_is_missing(
    nothing_installed: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert tools.run(argparse.Namespace(bench=False)) == 1
    assert "there is no apt-get or dpkg" in capsys.readouterr().err
