"""Whatever bytes come, the loader answers with an inventory or Refused, and dump is its inverse."""

import contextlib
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from common.yaml.problems import Refused
from inventory.load import dump, loads
from inventory.model import Inventory
from tests.inventory.provinces import SMALL, inventories, small

REFUSED = Path(__file__).parents[1] / "invalid" / "inventory"
CORPUS = [SMALL.read_bytes(), *(path.read_bytes() for path in sorted(REFUSED.glob("*.yml")))]
"""What the damage below is done to."""

no_timing = settings(deadline=None)  # the first example reads the national list


def read(data: bytes) -> None:
    with contextlib.suppress(Refused):
        loads(data)


@no_timing
@given(st.binary(max_size=300))
def test_any_bytes(data: bytes) -> None:
    read(data)


@no_timing
@given(st.text(alphabet="[]{}:,-?&*!|>'\"%@`# \n\tab01.", max_size=120))
def test_any_yaml_punctuation(text: str) -> None:
    read(text.encode())


@no_timing
@given(st.sampled_from(CORPUS), st.integers(0, 10**6), st.integers(0, 60), st.binary(max_size=20))
def test_a_file_damaged_anywhere(data: bytes, at: int, cut: int, into: bytes) -> None:
    start = at % (len(data) + 1)
    read(data[:start] + into + data[start + cut :])


@no_timing
@given(inventories())
def test_every_inventory_survives_being_written_and_read(inventory: Inventory) -> None:
    assert loads(dump(inventory)).inventory == inventory


def test_the_small_province_survives_too() -> None:
    assert loads(dump(small())).inventory == small()
