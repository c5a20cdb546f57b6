"""How exposed the services are, by systemd's own judgement, and that their files say what the docs say."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from deploy.cli import parser

UNITS = sorted((Path(__file__).parents[2] / "deploy/systemd").glob("*.service"))
MOST_EXPOSED = 2.0


def analyze(*words: str) -> subprocess.CompletedProcess[str]:
    program = shutil.which("systemd-analyze")
    assert program, "systemd-analyze comes with Debian's systemd package"
    return subprocess.run([program, *words], capture_output=True, text=True, timeout=60, check=False)


def test_agent_hub_and_gateway_have_a_unit() -> None:
    assert {unit.stem for unit in UNITS} >= {"thongsuot-agent", "thongsuot-hub", "thongsuot-ingest"}


@pytest.mark.parametrize("unit", UNITS, ids=lambda unit: unit.stem)
def test_exposure_is_low(unit: Path) -> None:
    said = analyze("security", "--offline=true", str(unit)).stdout
    found = re.search(r"Overall exposure level for \S+: ([0-9.]+)", said)
    assert found, said
    assert float(found[1]) < MOST_EXPOSED


@pytest.mark.parametrize("unit", UNITS, ids=lambda unit: unit.stem)
def test_systemd_understands_every_line(unit: Path) -> None:
    """Programs and users of a hub are not on this machine; anything else that it says is a mistake."""
    said = analyze("verify", str(unit)).stderr.splitlines()
    own = [line for line in said if unit.name in line and "is not executable" not in line]
    assert own == []


def test_the_gateways_unit_starts_a_command_that_there_is() -> None:
    unit = next(unit for unit in UNITS if unit.stem == "thongsuot-ingest").read_text(encoding="utf-8")
    words = re.search(r"^ExecStart=/opt/thongsuot/bin/thongsuot (.*)$", unit, re.MULTILINE)
    assert words
    chosen = parser().parse_args(words[1].split())
    assert str(chosen.state) == "/var/lib/thongsuot-ingest"


def expanded(words: list[str]) -> set[str]:
    """Return the system calls of a list with sets of calls (@name) in it."""
    found: set[str] = set()
    for word in words:
        if word.startswith("@"):
            lines = [line.strip() for line in analyze("syscall-filter", word).stdout.splitlines()[1:]]
            found |= expanded([line for line in lines if line and not line.startswith("#")])
        else:
            found.add(word)
    return found


def allowed(unit: Path) -> set[str]:
    """Return the system calls that a unit may make: its lines add and take away, in their order."""
    calls: set[str] = set()
    for words in re.findall(r"^SystemCallFilter=(.*)$", unit.read_text(encoding="utf-8"), re.MULTILINE):
        if words.startswith("~"):
            calls -= expanded(words[1:].split())
        else:
            calls |= expanded(words.split())
    return calls


@pytest.mark.parametrize("unit", UNITS, ids=lambda unit: unit.stem)
def test_nothing_that_a_service_needs_is_taken_away(unit: Path) -> None:
    """The kernel's word on the clock's error is what one-way delays rest on; nobody may set that clock."""
    text, calls = unit.read_text(encoding="utf-8"), allowed(unit)
    needed = {"socket", "sendmsg", "recvmsg", "epoll_wait", "openat", "rename", "fsync", "flock", "clone3"}
    assert needed <= calls
    assert not {"clock_settime", "settimeofday", "ptrace", "mount", "init_module"} & calls
    if unit.stem != "thongsuot-ingest":
        assert {"adjtimex", "clock_adjtime"} <= calls
        assert "ProtectClock=yes" not in text.splitlines()
        assert "CAP_SYS_TIME" not in text.replace("without CAP_SYS_TIME", "")
    if unit.stem in {"thongsuot-agent", "thongsuot-hub"}:
        assert re.search(r"^AmbientCapabilities=.*CAP_NET_RAW", text, re.MULTILINE), "pings"
        assert "AF_NETLINK" in text, "addresses of interfaces"
