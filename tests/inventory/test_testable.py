"""Tests that the hub itself holds back prove nothing against a carrier."""

from pathlib import Path

from msgspec.structs import replace

from inventory.load import load
from inventory.model import Inventory, Reflector
from inventory.testable import is_testable, most_mbps

SMALL = load(Path(__file__).parent / "small.yml").inventory


def limited(mbps: float | None) -> Inventory:
    return replace(SMALL, hub=replace(SMALL.hub, reflector=Reflector(throughput_mbps_max=mbps)))


def test_without_a_limit_every_line_is_judged() -> None:
    assert most_mbps(SMALL) is None
    assert is_testable(SMALL, 10_000)
    assert is_testable(limited(None), 10_000)


def test_a_line_is_judged_where_a_sound_one_would_pass() -> None:
    hub = limited(500)  # 475 Mbit/s get through: four fifths of 593
    assert is_testable(hub, 590)
    assert not is_testable(hub, 600)
    assert not is_testable(hub, 1000)
