"""Each fault does what it says to real packets, and healing undoes it. Wires and systems only."""

from collections.abc import Iterator

import pytest

from deploy import debian
from tests.lab.client import LabClient, LabError

pytestmark = [pytest.mark.lab, pytest.mark.timeout(120)]

HUB, GATEWAY, ROUTER, POP = "10.51.0.1", "10.51.84.1", "10.51.200.84", "10.51.2.3"
AGENT = "agent-21484"
RESOLVER = "10.51.0.53"


@pytest.fixture(scope="module")
def wires(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LabClient]:
    """The lab of twelve communes without hub and agents."""
    state = tmp_path_factory.mktemp("wires")
    with LabClient(state, options=("--province", "twelve", "--bare")) as client:
        yield client


@pytest.fixture
def lab(wires: LabClient) -> Iterator[LabClient]:
    """The same, healed afterwards."""
    yield wires
    wires.ask("heal")
    assert reaches(wires, AGENT, HUB)


def reaches(lab: LabClient, node: str, address: str) -> bool:
    """Whether one of two pings is answered."""
    words = ["ping", "-c2", "-i0.2", "-W2", address]
    return bool(lab.ask("run", node=node, words=words, seconds=20)["status"] == 0)


def test_a_dead_lan_leaves_the_router_to_answer(lab: LabClient) -> None:
    lab.ask("fault", fault="cut_lan", what="21484")
    assert not reaches(lab, AGENT, GATEWAY)
    assert reaches(lab, "hub", ROUTER)


def test_a_dead_uplink_of_the_hub_loses_what_it_sends(lab: LabClient) -> None:
    lab.ask("fault", fault="hub_uplink")
    assert not reaches(lab, "hub", ROUTER)
    assert reaches(lab, AGENT, RESOLVER)


@pytest.mark.parametrize(
    ("component", "dead", "alive"),
    [
        ("ring:nam", "21496", "21484"),
        ("pop:ba-to", "21484", "21439"),
        ("isp:viettel", "21439", "21040"),
    ],
)
def test_a_dead_router_takes_what_is_behind_it(lab: LabClient, component: str, dead: str, alive: str) -> None:
    lab.ask("fault", fault="down", what=component)
    assert not reaches(lab, f"agent-{dead}", HUB)
    assert reaches(lab, f"agent-{alive}", HUB)


def test_a_dead_service_leaves_its_machine(lab: LabClient) -> None:
    lookup = ["getent", "ahostsv4", "lgsp.lab.test"]
    assert lab.ask("run", node=AGENT, words=lookup, seconds=20)["status"] == 0
    lab.ask("fault", fault="service_dead", what="dns:phan-giai")
    assert reaches(lab, AGENT, RESOLVER)
    assert lab.ask("run", node=AGENT, words=lookup, seconds=20)["status"] != 0


def test_a_lossy_router_loses_some_of_what_passes(lab: LabClient) -> None:
    lab.ask("fault", fault="lossy", what="pop:ba-to", ratio=0.3)
    words = ["ping", "-c100", "-i0.02", "-W1", "-q", HUB]
    said = lab.ask("run", node=AGENT, words=words, seconds=60)["output"]
    received = int(said.partition(" received")[0].split()[-1])
    assert 30 <= received <= 95  # 70 on average; either end is one chance in a billion
    listed = [str(debian.find("nft")), "list", "table", "inet", "lab_fault"]
    counter = lab.ask("run", node="pop-ba-to", words=listed, seconds=20)
    assert "numgen random mod 1000 < 300" in counter["output"]


def test_an_unknown_component_is_refused(lab: LabClient) -> None:
    with pytest.raises(LabError, match="pop:nowhere"):
        lab.ask("fault", fault="down", what="pop:nowhere")
