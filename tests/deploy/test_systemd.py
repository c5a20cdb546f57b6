"""How exposed the services are, by systemd's own judgement, and that their files say what the docs say."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from deploy.cli import parser
from tests.deploy.units import UNITS, allowed, analyze

MOST_EXPOSED = 2.0


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


ASK_THE_CLOCK = """
import ctypes
print(ctypes.CDLL(None, use_errno=True).adjtimex(ctypes.create_string_buffer(512)) >= 0)
"""
AGENT = """
version: 1
site: '21040'
commune: '21040'
state_directory: {state}
targets:
- {{name: a, target: 'hub:a', probe: icmp, address: 127.0.0.1, commune: '21040'}}
- {{name: b, target: 'hub:b', probe: trace, address: 127.0.0.1, commune: '21040', timeout_seconds: 10}}
- {{name: c, target: 'agent:c', probe: host, address: localhost, commune: '21040'}}
"""


def confined(stem: str, *words: str) -> subprocess.CompletedProcess[str]:
    """Run a program with the system calls of a unit."""
    (unit,) = (unit for unit in UNITS if unit.stem == f"thongsuot-{stem}")
    return subprocess.run(
        [sys.executable, "-m", "tests.deploy.confine", str(unit), sys.executable, *words],
        capture_output=True, text=True, timeout=240, check=False, env={**os.environ, "THONGSUOT_LANG": "en"},
    )  # fmt: skip


@pytest.mark.parametrize(
    ("stem", "heard"), [("agent", True), ("hub", True), ("reflector", True), ("ingest", False)]
)
def test_the_kernel_says_how_far_the_clock_may_be_off_to_whom_it_concerns(stem: str, heard: bool) -> None:
    assert confined(stem, "-c", ASK_THE_CLOCK).stdout.startswith(str(heard))


def test_an_agent_measures_with_the_calls_of_its_unit(tmp_path: Path) -> None:
    path = tmp_path / "agent.yml"
    path.write_text(AGENT.format(state=tmp_path), encoding="utf-8")
    done = confined("agent", "-m", "agent", "--config", str(path), "--once")
    assert done.returncode == 0, done.stdout + done.stderr


def test_a_program_that_sets_the_clock_is_refused() -> None:
    words = ("-c", "import time; time.clock_settime(time.CLOCK_REALTIME, -1)")  # invalid where it is allowed
    for stem in ("agent", "hub", "reflector", "ingest"):
        assert "PermissionError" in confined(stem, *words).stderr
