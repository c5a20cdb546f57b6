"""Files of snapshots: what is read, what is printed, and what is said of those that cannot be used."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from alerts.locate import offline
from alerts.locate.model import Answer, Cause
from alerts.locate.offline import MalformedError, line, parse
from common import i18n

GOLDEN = Path(__file__).resolve().parents[2] / "golden" / "locate"
GOOD: dict[str, Any] = {
    "components": [{"id": "line:1", "kind": "line"}, {"id": "hub:h", "kind": "hub"}],
    "paths": [{"path": ["line:1", "hub:h"], "alternate": None}, {"path": ["hub:h"]}],
    "snapshots": [{"sent": [4, 4], "failed": [4, 0], "known_down": []}],
}


def encoded(**changes: Any) -> bytes:
    return json.dumps({**GOOD, **changes}).encode()


def snapshot(**changes: Any) -> bytes:
    return encoded(snapshots=[{**GOOD["snapshots"][0], **changes}])


MALFORMED: dict[str, bytes] = {
    "nothing": b"",
    "no-json": b"sent: [1]",
    "cut-off": encoded()[:-9],
    "not-utf8": b'{"components": ["\xff"]}',
    "a-list": b"[]",
    "nan": encoded().replace(b"[4, 0]", b"[NaN, 0]"),
    "deep": encoded(paths=[]).replace(b'"paths": []', b'"paths": ' + b"[" * 9999 + b"]" * 9999),
    "deep-on-top": b"[" * 99999,
    "no-components": json.dumps({k: v for k, v in GOOD.items() if k != "components"}).encode(),
    "no-paths": json.dumps({k: v for k, v in GOOD.items() if k != "paths"}).encode(),
    "no-snapshots": json.dumps({k: v for k, v in GOOD.items() if k != "snapshots"}).encode(),
    "components-an-object": encoded(components={}),
    "component-a-string": encoded(components=["line:1"]),
    "component-without-kind": encoded(components=[{"id": "line:1"}]),
    "component-empty-id": encoded(components=[{"id": "", "kind": "line"}]),
    "component-long-id": encoded(components=[{"id": "x" * 201, "kind": "line"}]),
    "component-twice": encoded(components=[*GOOD["components"], {"id": "hub:h", "kind": "hub"}]),
    "path-unknown-component": encoded(paths=[{"path": ["line:1", "pop:9"]}]),
    "path-empty": encoded(paths=[{"path": []}]),
    "path-a-number": encoded(paths=[{"path": [["hub:h"]]}]),
    "path-missing": encoded(paths=[{"alternate": ["hub:h"]}]),
    "path-long": encoded(paths=[{"path": ["hub:h"] * 101}]),
    "alternate-empty": encoded(paths=[{"path": ["hub:h"], "alternate": []}]),
    "alternate-unknown": encoded(paths=[{"path": ["hub:h"], "alternate": ["x"]}]),
    "snapshot-a-number": encoded(snapshots=[GOOD["snapshots"][0], 5]),
    "sent-missing": encoded(snapshots=[{"failed": [0, 0]}]),
    "sent-short": snapshot(sent=[4]),
    "sent-long": snapshot(sent=[4, 4, 4]),
    "sent-negative": snapshot(sent=[4, -1]),
    "sent-fraction": snapshot(sent=[4, 4.5]),
    "sent-a-text": snapshot(sent=["4", 4]),
    "sent-true": snapshot(sent=[4, True]),
    "sent-null": snapshot(sent=[4, None]),
    "sent-huge": snapshot(sent=[4, 10**30]),
    "failed-over-sent": snapshot(failed=[4, 5]),
    "failed-negative": snapshot(failed=[-1, 0]),
    "known-a-text": snapshot(known_down="hub:h"),
    "binary": bytes(range(256)) * 9,
    "zeros": bytes(1000),
    "blank": b" \n",
    "byte-order-mark": b"\xef\xbb\xbf" + encoded(),
    "two-objects": encoded() + b"\n" + encoded(),
    "null": b"null",
    "infinite": encoded().replace(b"[4, 0]", b"[Infinity, 0]"),
    "thousands-of-digits": encoded().replace(b"[4, 0]", b"[1" + b"0" * 5000 + b", 0]"),
    "half-a-letter": encoded().replace(b"hub:h", b"\\ud800"),
    "deep-within": encoded(snapshots=[]).replace(b'"snapshots": []', b'"snapshots": [' + b"[" * 99999),
    "snapshots-null": encoded(snapshots=None),
    "component-twice-of-two-lines": encoded(components=[{"id": "a\nb", "kind": "line"}] * 2, paths=[]),
    "alternate-a-text": encoded(paths=[{"path": ["hub:h"], "alternate": "hub:h"}]),
    "failed-missing": encoded(snapshots=[{"sent": [4, 4]}]),
    "failed-an-object": snapshot(failed={"0": 4}),
    "known-a-list-of-lists": snapshot(known_down=[["hub:h"]]),
    "known-unknown": snapshot(known_down=["hub:h", "pop:9"]),
    "component-not-utf8": encoded().replace(b"line:1", b"line:\xff"),
    "path-not-utf8": encoded().replace(b'["hub:h"]', b'["hub:\xc3"]'),
    "known-not-utf8": snapshot(known_down=["x"]).replace(b'"x"', b'"\xed\xa0\x80"'),
    "key-not-utf8": encoded().replace(b'"paths"', b'"path\xff"'),
}


def complaint(data: bytes) -> str:
    with pytest.raises(MalformedError) as caught:
        parse(data)
    return str(caught.value)


def test_what_is_said_of_malformed_files_is_the_recorded() -> None:
    said, before = [], i18n.current()
    try:
        for language in ("en", "vi"):
            i18n.choose(language)
            said += [f"{language} {name}: {complaint(data)}\n" for name, data in MALFORMED.items()]
    finally:
        i18n.choose(before)
    assert all(text.count("\n") == 1 for text in said)
    assert "".join(said) == (GOLDEN / "malformed.txt").read_text(encoding="utf-8")


def test_a_file_is_read() -> None:
    file = parse(encoded())
    assert [c.id for c in file.components] == ["line:1", "hub:h"]
    assert file.routes[1].path == ("hub:h",)
    assert file.routes[1].alternate is None
    assert file.snapshots[0].failed.tolist() == [4, 0]


def test_what_may_be_left_out_and_what_is_not_looked_at() -> None:
    file = parse(encoded(snapshots=[{"sent": [1, 1], "failed": [0, 0], "truth": ["x"]}], note=1))
    assert file.snapshots[0].known_down == ()
    assert parse(snapshot(known_down=None)).snapshots[0].known_down == ()


@pytest.mark.parametrize(
    ("limit", "data"),
    [
        ("MAX_BYTES", encoded()),
        ("MAX_COMPONENTS", encoded()),
        ("MAX_PATHS", encoded()),
        ("MAX_SNAPSHOTS", encoded()),
        ("MAX_COUNT", encoded()),
        ("MAX_LEG", encoded()),
    ],
)
def test_limits_hold(limit: str, data: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    parse(data)
    monkeypatch.setattr(offline, limit, 0)
    complaint(data)


def read_or_refused(data: bytes) -> None:
    """What is read is whole, with a count for each path; what is not is refused in one line."""
    try:
        file = parse(data)
    except MalformedError as error:
        said = str(error)
    else:
        for one in file.snapshots:
            assert len(one.sent) == len(one.failed) == len(file.routes)
        return
    assert said
    assert "\n" not in said


@given(st.binary(max_size=300) | st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=4)
    | st.dictionaries(st.sampled_from(["components", "paths", "snapshots", "sent", "id"]), inner, max_size=4),
    max_leaves=20,
).map(lambda value: json.dumps(value).encode()))  # fmt: skip
@settings(max_examples=300, deadline=None)
def test_whatever_comes_is_read_or_refused(data: bytes) -> None:
    read_or_refused(data)


@given(st.data())
@settings(max_examples=200, deadline=None)
def test_a_file_with_something_else_somewhere_is_read_or_refused(data: Any) -> None:
    other = data.draw(
        st.none() | st.integers() | st.text(max_size=3) | st.just([]) | st.just({}) | st.floats()
    )
    file = json.loads(encoded())
    place: Any = file
    while True:
        keys = list(place) if isinstance(place, dict) else list(range(len(place)))
        key = data.draw(st.sampled_from(keys))
        if not isinstance(place[key], (dict, list)) or not place[key] or data.draw(st.booleans()):
            break
        place = place[key]
    place[key] = other
    read_or_refused(json.dumps(file).encode())


@given(st.lists(st.tuples(st.integers(0, len(encoded()) - 1), st.integers(0, 255)), min_size=1, max_size=4))
@settings(max_examples=500, deadline=None)
def test_a_file_with_damaged_bytes_is_read_or_refused(damage: list[tuple[int, int]]) -> None:
    data = bytearray(encoded())
    for place, byte in damage:
        data[place] = byte
    read_or_refused(bytes(data))


def test_a_line_has_what_was_promised_and_nothing_else() -> None:
    cause = Cause(
        component="a", kind="line", members=("a", "b"), loss=0.99, confidence=3.5, runner_up=None,
        affected=(0, 2), communes=("1",), systems=(), evidence=(), sent=4, failed=4,
    )  # fmt: skip
    assert json.loads(line(Answer((cause,), 0.005), 0.25)) == {
        "causes": [
            {"component": "a", "kind": "line", "class": ["a", "b"], "loss": 0.99, "confidence": 3.5,
             "affected": [0, 2], "runner_up": None}
        ],
        "seconds": 0.25,
    }  # fmt: skip
