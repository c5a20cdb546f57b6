"""What stops a hub from starting is said clearly; no real process is needed for that."""

import socket
import sys
from pathlib import Path

import pytest
from msgspec.structs import replace
from prometheus_client import CollectorRegistry, generate_latest

from common import i18n
from common.web import ListenError
from deploy import stack as stack_module
from deploy.child import Spec
from deploy.cli import main
from deploy.endpoints import Endpoints, endpoints, reachable, url
from deploy.stack import Stack, StackError, check_ports
from deploy.stack_specs import Paths, WallAccess, specs
from inventory.load import load
from inventory.model import Ingest

ROOT = Path(__file__).parents[2]
SMALL = ROOT / "tests/inventory/small.yml"


@pytest.fixture(autouse=True)
def english(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(i18n, "_chosen", "")
    monkeypatch.setenv("THONGSUOT_LANG", "en")


def everywhere(listen: str) -> Endpoints:
    return Endpoints(
        prometheus=listen, alertmanager=listen, receiver=listen, wall=listen, agent=listen, supervisor=listen
    )


# --- addresses -----------------------------------------------------------------------------------
def test_ports_follow_the_base() -> None:
    assert endpoints(10000).supervisor == "127.0.0.1:10007"
    assert endpoints(10000, "10.0.0.1:9490", "[::1]:80").prometheus == "10.0.0.1:9490"
    assert endpoints() == Endpoints()


@pytest.mark.parametrize("base", [-1, 0, 65527, 10**9])
def test_a_port_base_out_of_range_is_refused(base: int, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(ValueError, match=str(base)):
        endpoints(base)
    assert main(["up", str(SMALL), f"--port-base={base}"]) == 2
    assert "expected a number from 1 to 65525" in capsys.readouterr().err


@pytest.mark.parametrize("wrong", ["9490", "host", "host:", ":1", "h:99999", "h:x"])
def test_a_listen_address_that_is_none_is_refused(wrong: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(ListenError):
        endpoints(prometheus=wrong)
    assert main(["up", str(SMALL), "--wall-listen", wrong]) == 2
    assert "expected host:port" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("listen", "reached"),
    [
        ("0.0.0.0:9490", "127.0.0.1:9490"), ("[::]:9490", "[::1]:9490"), ("[fd00::1]:1", "[fd00::1]:1"),
        ("10.0.0.1:9490", "10.0.0.1:9490"), ("localhost:1", "localhost:1"),
    ],
)  # fmt: skip
def test_what_listens_everywhere_is_reached_over_loopback(listen: str, reached: str) -> None:
    assert reachable(listen) == reached
    assert url(listen, "/x") == f"http://{reached}/x"


def test_a_taken_port_is_named_with_its_use() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        listen = f"127.0.0.1:{taken.getsockname()[1]}"
        with pytest.raises(StackError, match=f"{listen}: the address of prometheus is in use"):
            check_ports(everywhere(listen))


def test_the_gateways_address_matters_where_the_inventory_has_one() -> None:
    inventory = load(SMALL).inventory
    gateway = replace(inventory, hub=replace(inventory.hub, ingest=Ingest(plain_http=True)))
    with socket.create_server(("127.0.0.1", 0)) as taken:
        listen = f"127.0.0.1:{taken.getsockname()[1]}"
        at = replace(
            everywhere("127.0.0.1:0"), reflector="127.0.0.1:0", ingest=listen, ingest_page="127.0.0.1:0"
        )
        check_ports(at, inventory)
        check_ports(replace(at, ingest=""), gateway)
        with pytest.raises(StackError, match=f"{listen}: the address of ingest is in use"):
            check_ports(at, gateway)


def test_the_gateway_stands_before_prometheus_where_the_inventory_says_so(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr("deploy.debian.find", lambda name: Path("/usr/bin") / name)
    inventory = load(SMALL).inventory
    gateway = replace(inventory, hub=replace(inventory.hub, ingest=Ingest(plain_http=True)))
    paths, at = Paths(SMALL, tmp_path), endpoints(10000)
    assert "ingest" not in {spec.name for spec in specs(paths, at, inventory)}
    assert "ingest" not in {spec.name for spec in specs(paths, replace(at, ingest=""), gateway)}
    told = {spec.name: " ".join(spec.argv) for spec in specs(paths, at, gateway)}
    assert "--listen 0.0.0.0:10009 --page-listen 127.0.0.1:10002" in told["ingest"]
    assert "--forward http://127.0.0.1:10000/api/v1/write" in told["ingest"]
    assert "--web.listen-address=127.0.0.1:10000" in told["prometheus"]
    assert list(told).index("prometheus") < list(told).index("ingest"), "who receives ends last"


def test_an_address_that_is_not_ours_is_named() -> None:
    with pytest.raises(StackError, match=r"192\.0\.2\.1:9490: cannot listen there for prometheus"):
        check_ports(everywhere("192.0.2.1:9490"))


# --- who may look -------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--wall-listen", "0.0.0.0:9495"], "0.0.0.0:9495: not a loopback address; add --users-file FILE"),
        (["--trusted-proxy-header", "X-User"], "--trusted-proxy-header and --trusted-proxy go together"),
        (["--trusted-proxy-header", "X-User", "--trusted-proxy", "here"], "'here': expected the IP address"),
        (["--users-file", "/nonexistent/users"], "/nonexistent/users: cannot be read"),
    ],
)  # fmt: skip
def test_a_wall_page_that_would_not_start_starts_nothing(
    options: list[str], said: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    state = tmp_path / "state"
    assert main(["up", str(SMALL), "--state", str(state), *options]) == 2
    assert said in capsys.readouterr().err
    assert not state.exists()


def test_the_wall_page_is_told_who_may_look(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("deploy.debian.find", lambda name: Path("/usr/bin") / name)
    access = WallAccess(Path("/etc/users"), "X-User", ("10.0.0.1", "::1"))
    paths, inventory = Paths(SMALL, tmp_path), load(SMALL).inventory
    told = {spec.name: spec.argv for spec in specs(paths, Endpoints(), inventory, access)}
    wanted = ("--users-file", "/etc/users", "--trusted-proxy-header=X-User",
              "--trusted-proxy=10.0.0.1", "--trusted-proxy=::1")  # fmt: skip
    assert told["wall"][-len(wanted) :] == wanted
    assert all("X-User" not in " ".join(argv) for name, argv in told.items() if name != "wall")


# --- starting ------------------------------------------------------------------------------------
def test_a_missing_program_is_named_with_the_command_that_gets_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("deploy.debian._SYSTEM", ())
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setenv("THONGSUOT_STATE_DIR", str(tmp_path))
    monkeypatch.setattr("deploy.up.check_ports", lambda *_: None)
    assert main(["up", str(SMALL), "--port-base", "28900"]) == 1
    said = capsys.readouterr().err
    assert "prometheus" in said
    assert "thongsuot tools" in said


async def test_a_process_that_cannot_start_is_named_with_its_last_words(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    wrong = Spec(name="wall", argv=("sh", "-c", "echo no such page; exit 3"), ready_url="http://127.0.0.1:9/")
    good = Spec(name="receiver", argv=(sys.executable, "-c", "import time; time.sleep(1000)"))
    monkeypatch.setattr(stack_module, "specs", lambda *_: (good, wrong))
    registry = CollectorRegistry()
    stack = Stack(Paths(SMALL, tmp_path), Endpoints(), registry)
    with pytest.raises(StackError, match=r"(?s)wall does not start.*no such page"):
        async with stack.running(load(SMALL).inventory):
            raise AssertionError("must not become ready")
    assert stack.pids() == {}
    assert not stack.ready


async def test_children_are_counted_and_ended(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    sleeper = Spec(name="receiver", argv=("sleep", "1000"))
    monkeypatch.setattr(stack_module, "specs", lambda *_: (sleeper,))
    registry = CollectorRegistry()
    stack = Stack(Paths(SMALL, tmp_path), Endpoints(), registry)
    async with stack.running(load(SMALL).inventory):
        assert stack.ready
        assert list(stack._children) == ["receiver"]
        assert b'thongsuot_hub_process_restarts_total{process="receiver"} 0.0' in generate_latest(registry)
        assert b"_created" not in generate_latest(registry)
    assert stack.pids() == {}
    assert (tmp_path / "hub/rendered/prometheus.yml").exists()


def test_a_wrong_inventory_starts_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    wrong = tmp_path / "wrong.yml"
    wrong.write_text("version: 2\n")
    assert main(["up", str(wrong), "--state", str(tmp_path / "state")]) == 2
    assert "wrong.yml" in capsys.readouterr().err
    assert not (tmp_path / "state").exists()
