"""What is written is read back as the same."""

from typing import Any

import msgspec
import yaml
from hypothesis import given
from hypothesis import strategies as st

from common.yaml.load import loads
from common.yaml.write import dump


class Box(msgspec.Struct):
    content: Any


LOOKS = [
    "1e5",
    "010",
    "07:30",
    "no",
    "true",
    "~",
    "null",
    "",
    " ",
    "1_000",
    "0x10",
    "-",
    "1.",
    ".5",
    "2026-11-24",
]
TEXTS = st.text(max_size=20) | st.sampled_from(LOOKS)
LEAVES = (
    st.none()
    | st.booleans()
    | st.integers(-(10**17), 10**17)
    | st.floats(allow_nan=False, allow_infinity=False)
    | TEXTS
)
DATA = st.recursive(
    LEAVES,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3),
    max_leaves=10,
)


@given(DATA, st.booleans())
def test_plain_data_survives(content: Any, compact: bool) -> None:
    written = dump({"content": content}, "# made\n", compact=compact)
    assert written.startswith(b"# made\n")
    assert loads(written, "f.yml", Box).value.content == content


@given(DATA)
def test_other_readers_of_yaml_see_the_same(content: Any) -> None:
    assert yaml.safe_load(dump({"content": content})) == {"content": content}


def test_shared_values_are_written_out() -> None:
    shared = ["x"]
    assert dump({"a": shared, "b": shared, "c": ("y",)}) == b"a:\n- x\nb:\n- x\nc:\n- y\n"
