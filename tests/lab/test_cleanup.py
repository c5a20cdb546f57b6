"""However a lab ends, nothing of it is left outside its state directory; a second one is refused."""

import os
import signal
import socket
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.lab.client import LabClient, command, environment, namespaces, processes_below

pytestmark = [pytest.mark.lab, pytest.mark.timeout(120)]


def wait_until(true: Callable[[], bool], seconds: float) -> bool:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if true():
            return True
        time.sleep(0.05)
    return true()


def own_namespace() -> str:
    return os.readlink("/proc/self/ns/net")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_nothing_is_left_behind(tmp_path: Path, number: signal.Signals) -> None:
    state, home = tmp_path / "state", tmp_path / "home"
    home.mkdir()
    with LabClient(state, wait=False, environment=environment(home)) as client:
        inside = state / "lab"
        started = wait_until(lambda: sum(" agent " in p for p in processes_below(inside)) >= 6, 60)
        assert started, processes_below(state)
        theirs = namespaces(inside) - {own_namespace()}
        assert len(theirs) >= 8
        client.end(number)
        assert wait_until(lambda: not processes_below(state), 10), processes_below(state)
        assert wait_until(lambda: not theirs & namespaces(), 10)
    assert str(state) not in Path("/proc/self/mountinfo").read_text(encoding="utf-8")
    assert list(home.iterdir()) == []
    assert list((inside / "run" / "net").iterdir()) == []


def test_a_second_lab_or_demo_in_the_same_place_is_refused_and_disturbs_nothing(lab: LabClient) -> None:
    before = sorted(processes_below(lab.state))
    for words in (["demo", "--once", "--json"], ["demo"], ["lab"]):
        refused = subprocess.run(
            command(*words, "--lang", "en", "--state", str(lab.state)),
            capture_output=True, text=True, timeout=60, check=False,
        )  # fmt: skip
        assert refused.returncode == 1
        assert "A lab or demo is running here already" in refused.stderr
        assert refused.stdout == ""
    assert sorted(processes_below(lab.state)) == before
    assert lab.ask("green", seconds=30) == {"done": "green"}


def test_a_taken_port_is_named(tmp_path: Path) -> None:
    with socket.socket() as holder:
        try:
            holder.bind(("127.0.0.1", 9493))
        except OSError:
            pass  # somebody has it already, which is as good
        else:
            holder.listen()
        refused = subprocess.run(
            command("demo", "--lang", "en", "--state", str(tmp_path)),
            capture_output=True, text=True, timeout=60, check=False,
        )  # fmt: skip
    assert refused.returncode == 1
    assert "taken" in refused.stderr
    assert "ss -ltnp" in refused.stderr
    assert not (tmp_path / "lab" / "run").exists()


def test_a_command_runs_in_a_node_of_a_running_lab(lab: LabClient) -> None:
    words = ["--exec", "agent-21040", "getent", "hosts", "lgsp.lab.test"]
    done = subprocess.run(
        command("lab", "--state", str(lab.state), *words),
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert done.stdout.split() == ["10.51.3.13", "lgsp.lab.test"], done.stderr


def test_a_command_runs_in_a_node_of_a_lab_made_for_it(tmp_path: Path) -> None:
    done = subprocess.run(
        command("lab", "--state", str(tmp_path), "--exec", "agent-21484", "ping", "-c1", "10.51.0.1"),
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "1 received" in done.stdout


def test_its_exit_status_is_the_commands(tmp_path: Path) -> None:
    done = subprocess.run(
        command("lab", "--state", str(tmp_path), "--exec", "edge", "sh", "-c", "exit 7"),
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert done.returncode == 7
