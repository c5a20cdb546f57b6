"""Certificates and configurations of the lab's systems."""

import re
import ssl
import subprocess
from pathlib import Path

import pytest

from deploy import debian
from deploy.lab import systems
from deploy.lab.lab import placed, province
from deploy.lab.order import Places
from deploy.lab.topology import derive
from exporters.httpio.patterns import MAINTENANCE
from inventory.load import dump, loads


@pytest.mark.promtool
def test_certificates_are_accepted_for_every_name(tmp_path: Path) -> None:
    places = Places(tmp_path)
    topology = derive(province())
    systems.make_certificates(topology, places)
    context = ssl.create_default_context(cafile=str(systems.ca_file(places)))
    assert len(context.get_ca_certs()) == 1
    server = places.certificates / "server.pem"
    for name in topology.names:
        done = subprocess.run(
            [str(debian.find("openssl")), "verify", "-x509_strict", "-CAfile", str(systems.ca_file(places)),
             "-verify_hostname", name, str(server)],
            capture_output=True, text=True, timeout=20, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr


def test_the_maintenance_page_is_one_that_the_probe_knows(tmp_path: Path) -> None:
    pages = re.findall(r'return 200 "(.*)";', systems.nginx_configuration(Places(tmp_path), "x", "10.0.0.1"))
    maintenance, healthy = (page.replace('\\"', '"') for page in pages)
    assert re.search(MAINTENANCE, maintenance)
    assert not re.search(MAINTENANCE, healthy)


def test_the_placed_inventory_is_valid_and_absolute(tmp_path: Path) -> None:
    places = Places(tmp_path)
    inventory = loads(dump(placed(province(), places))).inventory
    assert inventory.channels[0].options["path"] == str(places.sink)
    assert {system.check.options["ca_file"] for system in inventory.systems} == {str(systems.ca_file(places))}


def test_name_resolution_asks_the_lab_only(tmp_path: Path) -> None:
    topology = derive(province())
    files = systems.write_resolver_files(topology, Places(tmp_path))
    assert set(files.values()) == {"/etc/resolv.conf", "/etc/nsswitch.conf", "/etc/hosts"}
    own = {target: path.read_text(encoding="ascii") for path, target in files.items()}
    assert own["/etc/resolv.conf"].startswith(f"nameserver {topology.resolver}\n")
