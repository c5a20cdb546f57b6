"""SNMP of the lab's gateways: what snmpd is told is what the agents are told."""

import stat
from pathlib import Path

import pytest

from deploy.lab import routers
from deploy.lab.lab import placed, province
from deploy.lab.order import Places
from deploy.render_agents import commune_config
from exporters.collectors.traffic import Config
from exporters.registry import convert_options
from inventory.model import Inventory, Snmp


@pytest.fixture
def inventory(tmp_path: Path) -> Inventory:
    places = Places(tmp_path)
    found = placed(province(), places)
    routers.write_secrets(found, places)
    return found


def test_every_commune_has_its_traffic_read_and_some_in_each_way(inventory: Inventory) -> None:
    ways = []
    for commune in inventory.communes:
        (target,) = (t for t in commune_config(inventory, commune).targets if t.probe == "traffic")
        options = convert_options("traffic", target.options)
        assert isinstance(options, Config)
        ways.append(options.snmp.version if options.snmp else "own")
        assert target.target == f"line:{commune.code}/main"
        assert target.source is None
    assert set(ways) == {"2c", "3", "own"}


def test_agents_find_the_secrets_and_nobody_else_reads_them(inventory: Inventory) -> None:
    files = set()
    for commune in inventory.communes:
        traffic = commune.lines[0].traffic
        assert traffic is not None
        snmp = traffic.snmp or Snmp(address="")
        files |= {snmp.community_file, snmp.auth_key_file, snmp.privacy_key_file} - {None}
    held = [Path(name or "").read_text() for name in files]
    assert len(set(held)) == len(files) == 6
    assert {stat.S_IMODE(Path(name or "").stat().st_mode) for name in files} == {0o600}


def test_what_snmpd_is_told(tmp_path: Path) -> None:
    for name in ("c", "a", "p"):
        (tmp_path / name).write_text(f"bi-mat-{name}\n")
    community, auth, privacy = (str(tmp_path / name) for name in ("c", "a", "p"))
    head = "agentaddress udp:10.0.0.1:161\ndontLogTCPWrappersConnects yes\n"
    v2c = Snmp(address="10.0.0.1", community_file=community)
    assert routers.configuration(v2c) == f"{head}rocommunity bi-mat-c\n"
    v3 = Snmp(address="10.0.0.1", version="3", user="op", auth_key_file=auth)
    assert routers.configuration(v3) == f"{head}createUser op SHA bi-mat-a\nrouser op auth\n"
    private = Snmp(
        address="fd00::1", port=1161, version="3", user="op", auth_protocol="sha512", auth_key_file=auth,
        privacy_key_file=privacy,
    )  # fmt: skip
    assert routers.configuration(private).splitlines() == [
        "agentaddress udp6:[fd00::1]:1161",
        "dontLogTCPWrappersConnects yes",
        "createUser op SHA-512 bi-mat-a AES bi-mat-p",
        "rouser op priv",
    ]
