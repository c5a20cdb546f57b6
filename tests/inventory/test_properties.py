"""Whatever bytes come, the loader answers with an inventory or InventoryError, and dump is its inverse."""

import contextlib
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from inventory.load import InventoryError, dump, loads
from inventory.model import Inventory
from inventory.problems import key_of, shorten
from tests.inventory.provinces import SMALL, inventories, small

REFUSED = Path(__file__).parents[1] / "invalid" / "inventory"
CORPUS = [SMALL.read_bytes(), *(path.read_bytes() for path in sorted(REFUSED.glob("*.yml")))]
"""What the damage below is done to."""

no_timing = settings(deadline=None)  # the first example reads the national list


def read(data: bytes) -> None:
    with contextlib.suppress(InventoryError):
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


@given(st.text(max_size=200))
def test_what_is_shown_of_a_value_is_one_short_line(text: str) -> None:
    assert len(shorten(text)) <= 60
    assert shorten(text).isprintable()
    assert key_of(("a", 1, text)).startswith("a[1].")
