"""What a good file may look like, and where its values are found again."""

import pytest

from common.yaml.tree import MAX_DEPTH
from inventory.load import dump, load, loads
from inventory.model import Inventory
from tests.inventory.provinces import SMALL, small

MINIMAL = """\
version: 1
province: {code: "51", name: Quảng Ngãi}
hub: {name: Hub, address: 10.0.0.1, remote_write_url: http://10.0.0.1/w}
carriers: [{id: vnpt, name: VNPT}]
communes:
- code: "21040"
  name: Xã Bình Sơn
  lines: [{carrier: vnpt, down_mbps: 200, up_mbps: 200}]
systems:
- id: a
  name: A
  owner: B
  check: {kind: http, address: "https://a.example/", options: {OPTIONS}}
"""


def options(text: str) -> dict[str, object]:
    return loads(MINIMAL.replace("OPTIONS", text)).inventory.systems[0].check.options


def test_a_plain_name_stands_for_both_languages() -> None:
    hub = loads(MINIMAL.replace("OPTIONS", "")).inventory.hub
    assert (hub.name.vi, hub.name.en) == ("Hub", "Hub")


def test_text_is_taken_as_written() -> None:
    bare = MINIMAL.replace("OPTIONS", "").replace('code: "21040"', "code: 21040").replace('"51"', "51")
    inventory = loads(bare.replace("name: VNPT", "name: no")).inventory
    assert inventory.communes[0].code == "21040"
    assert inventory.carriers[0].name.vi == "no"  # YAML 1.1 would say false


@pytest.mark.parametrize(
    ("written", "value"),
    [
        ("7", 7),
        ("-0.5", -0.5),
        ("1e3", 1000.0),
        ("010", "010"),
        ("07:30", "07:30"),
        ("yes", "yes"),
        ("true", True),
        ("null", None),
        ("~", None),
        ('"7"', "7"),
        ("2026-11-24", "2026-11-24"),
        ("[1, {a: b}]", [1, {"a": "b"}]),
        ("1" * 30, "1" * 30),
        ("1e999", "1e999"),
    ],
)
def test_options_are_plain_data(written: str, value: object) -> None:
    assert options(f"x: {written}") == {"x": value}


def test_an_optional_section_may_be_left_empty() -> None:
    text = MINIMAL.replace("OPTIONS", "") + "contacts:\ncalendars:\noncall:\nstorage:\n"
    assert loads(text).inventory.contacts == ()


def test_a_byte_order_mark_and_windows_lines_are_let_through() -> None:
    text = MINIMAL.replace("OPTIONS", "").replace("\n", "\r\n")
    assert loads(b"\xef\xbb\xbf" + text.encode()).inventory.hub.address == "10.0.0.1"


def test_depth_is_bounded_just_above_what_options_need() -> None:
    nested = MAX_DEPTH - 5  # mapping, list, mapping, mapping, mapping are open already
    assert options("x: " + "[" * nested + "]" * nested)["x"] is not None


def test_every_value_is_found_again_by_its_line() -> None:
    loaded = load(SMALL)
    lines = SMALL.read_text(encoding="utf-8").splitlines()
    assert "address: 10.51.0.1" in lines[loaded.locations["hub", "address"] - 1]
    assert '- code: "21484"' in lines[loaded.locations["communes", 3, "code"] - 1]
    assert "kind: sink" in lines[loaded.locations["channels", 0, "options", "path"] - 1]


def test_dump_writes_text_that_looks_like_something_else_in_quotes() -> None:
    inventory: Inventory = loads(MINIMAL.replace("OPTIONS", 'x: "1e5", y: "~", z: "true"')).inventory
    assert loads(dump(inventory)).inventory == inventory
    assert loads(dump(small())).inventory == small()
