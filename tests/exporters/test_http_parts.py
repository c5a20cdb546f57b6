"""Parts of answers: JSON paths, XPaths, headers, and what is expected of them."""

import json
import time
import weakref
from types import FrameType
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporters.httpio import jsonpath, patterns, xpath
from exporters.httpio.answer import Answer
from exporters.httpio.config import Config, Step
from exporters.httpio.judge import judge
from exporters.httpio.patterns import BUDGET_SECONDS, TooSlow
from exporters.httpio.veil import Veil
from exporters.net.failure import Failure
from exporters.registry import convert_options
from inventory.names import Reason
from tests.exporters.servers import page

STORE = {
    "ketQua": "OK",
    "so": 12,
    "gia": 8.5,
    "dung": True,
    "khong": None,
    "ds": [{"ma": "a", "so": 1}, {"ma": "b", "so": 20}],
    "o'": {"x y": "lồng"},
}
SOAP = """<?xml version="1.0" encoding="utf-8"?>
<s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/" xmlns="urn:lgsp">
  <s:Body><TraCuu loai="dan-cu"><KetQua ma="00"> Thành công </KetQua>
  <Nguoi ten="A"/><Nguoi ten="B"/></TraCuu></s:Body>
</s:Envelope>"""
SPACES = {"s": "http://schemas.xmlsoap.org/soap/envelope/", "l": "urn:lgsp"}


def verdict(body: str | bytes, *expect: dict[str, Any], head: tuple[str, ...] = (), **options: Any) -> str:
    """Return "ok", or reason and evidence."""
    config = convert_options("http", {"expect": list(expect), **options})
    assert isinstance(config, Config)
    answer = Answer("GET", config.max_body_bytes, 1 << 18, all_fields=True)
    answer.feed(page(body if isinstance(body, bytes) else body.encode(), "200 OK", *head))
    try:
        judge(answer, config, config, Veil())
    except Failure as failure:
        return f"{failure.reason}: {failure.evidence}"
    return "ok"


@pytest.mark.parametrize(
    ("path", "found"),
    [
        ("$.ketQua", ["OK"]),
        ("$['ds'][1]['ma']", ["b"]),
        ("$.ds[*].so", [1, 20]),
        ("$.ds[-1].so", [20]),
        ("$.ds[?@.so > 5].ma", ["b"]),
        ("$.ds[?search(@.ma, '[ab]')].so", [1, 20]),
        ("$..ma", ["a", "b"]),
        ("$[\"o'\"]['x y']", ["lồng"]),
        ("$.khong", [None]),
        ("$.nothing", []),
        ("$.ketQua.deeper", []),
    ],
)
def test_json_paths(path: str, found: list[object]) -> None:
    assert jsonpath.select(path, jsonpath.parse(json.dumps(STORE).encode())) == found


@pytest.mark.parametrize("path", ["", "ketQua", "$.", "$[", "$..", "$.a b", "$[?@.a ==]", "$" + ".a" * 300])
def test_what_is_no_json_path(path: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        jsonpath.compiled(path)


@pytest.mark.parametrize(
    ("path", "found"),
    [
        ("//l:KetQua", ["Thành công"]),
        ("//l:KetQua/text()", ["Thành công"]),
        ("//l:KetQua/@ma", ["00"]),
        ("/s:Envelope/s:Body/l:TraCuu/@loai", ["dan-cu"]),
        ("//{*}Nguoi/@ten", ["A", "B"]),
        ("//{urn:lgsp}Nguoi[2]/@ten", ["B"]),
        ("//l:Nguoi[@ten='A']/@ten", ["A"]),
        ("//l:Khac", []),
        ("//l:KetQua/@khac", []),
    ],
)
def test_xpaths(path: str, found: list[str]) -> None:
    assert xpath.select(path, xpath.parse(SOAP.encode()), SPACES) == found


@pytest.mark.parametrize(
    "path", ["", "/", "//", "//[", "//x/", "//x[foo(]", "//x/@", "//k:x", "//x/@k:y", "@x", "text()"]
)
def test_what_is_no_xpath(path: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        xpath.check_prefixes(path, SPACES)


@pytest.mark.parametrize(
    "document",
    [
        b"",
        b"<a>",
        b"<a></b>",
        b"no xml",
        b"<a/><b/>",
        b'<!DOCTYPE a [<!ENTITY x "y">]><a>&x;</a>',
        b'<!DOCTYPE a SYSTEM "file:///etc/passwd"><a/>',
        b"<a>&x;</a>",
        b"<a>" * 200 + b"</a>" * 200,
        b'<?xml version="1.0" encoding="no-such"?><a/>',
        b"\xff\xfe\x00<a/>",
        b"<a \xff='x'/>",
    ],
)
def test_hostile_xml_is_refused(document: bytes) -> None:
    with pytest.raises(ValueError, match=r"."):
        xpath.parse(document)


def test_a_billion_laughs_stay_unread() -> None:
    lines = "".join(f'<!ENTITY l{n} "{f"&l{n - 1};" * 10}">' for n in range(1, 12))
    bomb = f'<!DOCTYPE l [<!ENTITY l0 "ha">{lines}]><l>&l11;</l>'
    before = time.process_time()
    assert "document type" in verdict(bomb, {"xpath": "//l", "present": True})
    assert time.process_time() - before < 1


@pytest.mark.parametrize(
    "expect",
    [
        {"json": "$.ketQua", "equals": "OK"},
        {"json": "$.ketQua", "matches": "^O"},
        {"json": "$.so", "equals": 12},
        {"json": "$.so", "equals": 12.0},
        {"json": "$.so", "equals": "12"},
        {"json": "$.gia", "at_least": 8.5, "at_most": 9},
        {"json": "$.dung", "equals": True},
        {"json": "$.dung", "equals": "true"},
        {"json": "$.khong", "matches": "^null$"},
        {"json": "$.khong", "present": True},
        {"json": "$.nothing", "present": False},
        {"json": "$.ds[*].so", "at_least": 1},
        {"json": "$.ds[0]", "equals": '{"ma":"a","so":1}'},
        {"header": "x-phien-ban", "equals": "3"},
        {"header": "X-Phien-Ban", "equals": 3},
        {"header": "X-Many", "equals": "a, b"},
        {"header": "X-None", "present": False},
        {"matches": "ketQua"},
    ],
)
def test_what_fits(expect: dict[str, Any]) -> None:
    head = ("X-Phien-Ban: 3", "X-Many: a", "X-Many: b")
    assert verdict(json.dumps(STORE), expect, head=head) == "ok"


@pytest.mark.parametrize(
    ("expect", "said"),
    [
        ({"json": "$.ketQua", "equals": "LOI"}, "$.ketQua is 'OK', expected 'LOI'"),
        ({"json": "$.ketQua", "matches": "LOI"}, "$.ketQua is 'OK', expected a match of 'LOI'"),
        ({"json": "$.so", "equals": True}, "$.so is '12', expected true"),
        ({"json": "$.dung", "equals": 1}, "$.dung is 'true', expected 1"),
        ({"json": "$.so", "at_most": 11}, "$.so is '12', expected at most 11"),
        ({"json": "$.ketQua", "at_least": 1}, "$.ketQua is 'OK', expected at least 1"),
        ({"json": "$.dung", "at_least": 0}, "$.dung is 'true', expected at least 0"),
        ({"json": "$.ds[*].so", "at_most": 5}, "$.ds[*].so is '20', expected at most 5"),
        ({"json": "$.nothing", "equals": "x"}, "$.nothing is not there"),
        ({"json": "$.nothing", "present": True}, "$.nothing is not there"),
        ({"json": "$.khong", "present": False}, "$.khong is there"),
        ({"header": "X-None", "matches": "x"}, "header X-None is not there"),
        ({"xpath": "//a", "present": True}, "the page as XML: "),
    ],
)
def test_what_does_not_fit(expect: dict[str, Any], said: str) -> None:
    found = verdict(json.dumps(STORE), expect)
    assert found.startswith("body: status 200, but ")
    assert said in found


def test_xml_and_its_values() -> None:
    fits: list[dict[str, Any]] = [
        {"xpath": "//l:KetQua", "equals": "Thành công"},
        {"xpath": "//l:KetQua/@ma", "equals": "00"},
        {"xpath": "//l:KetQua/@ma", "equals": 0},
        {"xpath": "//l:Loi", "present": False},
    ]
    assert verdict(SOAP, *fits, namespaces=SPACES) == "ok"
    assert "is '00', expected 1" in verdict(SOAP, {"xpath": "//{*}KetQua/@ma", "equals": 1})


@pytest.mark.parametrize("body", ["", "{", "[" * 5000, "nan", '{"a":1}x', b"\xff", '{"a":' * 2000])
def test_what_is_no_json_is_a_wrong_page(body: str | bytes) -> None:
    assert verdict(body, {"json": "$.a", "present": True}).startswith(
        "body: status 200, but the page as JSON"
    )


def test_a_byte_order_mark_is_no_fault() -> None:
    assert verdict(b"\xef\xbb\xbf" + b'{"a": 1}', {"json": "$.a", "equals": 1}) == "ok"


def test_a_document_that_is_too_large_is_not_searched_in_part() -> None:
    body = json.dumps({"a": "x" * 300_000})
    assert verdict(body, {"json": "$.a", "present": True}).startswith("too_large: page of 300")


@pytest.mark.parametrize(
    "path",
    [
        "$..*..*..*..*",
        "$..[?count(@..*) < count($..*)]",
        "$[?match(@, '(a*)*b')]",
        "$[?search(@, '(a|a)*(a|a)*(a|a)*c')]",
    ],
)
@pytest.mark.usefixtures("silent_collector")
def test_a_path_that_explodes_is_broken_off(path: str) -> None:
    document = json.dumps(["a" * 40] * 30 + [[[[[list(range(20))] * 10] * 10] * 5]])
    before = time.process_time()
    said = verdict(document, {"json": path, "present": True})
    assert time.process_time() - before < BUDGET_SECONDS + 5  # without the limit: minutes, and years
    assert said == "ok" or said.startswith(("local: a pattern or path took over", "body: "))


def frame_in(file: str) -> FrameType:
    """Return a frame of code that claims to stand in ``file``."""
    found: dict[str, FrameType] = {}
    exec(compile("import sys; found['frame'] = sys._getframe()", file, "exec"), {"found": found})
    return found["frame"]


def test_what_would_be_swallowed_waits_for_the_next_strike() -> None:
    callback = weakref.WeakKeyDictionary.__init__.__code__.co_filename
    patterns._too_slow(0, frame_in(callback))
    with pytest.raises(TooSlow):
        patterns._too_slow(0, frame_in(__file__))
    with pytest.raises(TooSlow):
        patterns._too_slow(0, None)


JSON = st.recursive(
    st.none() | st.booleans() | st.floats(allow_nan=False, allow_infinity=False) | st.integers() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner, max_size=4),
    max_leaves=12,
)


@given(JSON)
def test_every_document_is_its_own_root(document: Any) -> None:
    try:
        parsed = jsonpath.parse(json.dumps(document).encode())
    except ValueError:
        return  # lone surrogates, numbers beyond every machine's
    assert jsonpath.select("$", parsed) == [parsed]
    text = jsonpath.text_of(parsed)
    assert verdict(json.dumps(document), {"json": "$", "matches": ""}) == "ok"
    assert isinstance(text, str)


@given(st.dictionaries(st.text(max_size=8), st.text(max_size=8), min_size=1, max_size=5))
def test_what_json_path_finds_is_what_is_there(document: dict[str, str]) -> None:
    for key, value in document.items():
        try:
            path = jsonpath.compiled(f"$[{json.dumps(key)}]")
        except ValueError:
            assert any(0xD800 <= ord(letter) <= 0xDFFF for letter in key)
            continue
        assert [node.value for node in path.find(document)] == [value]
    found = jsonpath.select("$.*", document)
    assert found == list(document.values())


@given(
    st.text(max_size=30)
    | st.lists(st.sampled_from(list("$.[]?@*:,'\"()<=&|!ab01 ")), max_size=15).map("".join)
)
def test_no_text_breaks_the_reading_of_json_paths(text: str) -> None:
    try:
        jsonpath.compiled(text)
    except ValueError:
        return
    assert isinstance(jsonpath.select(text, STORE), list)


@given(
    st.text(max_size=30) | st.lists(st.sampled_from(list("/.[]@*:='\"(){}ab1 ")), max_size=15).map("".join)
)
def test_no_text_breaks_the_reading_of_xpaths(text: str) -> None:
    try:
        xpath.check_prefixes(text, {"a": "urn:a"})
        found = xpath.select(text, xpath.parse(SOAP.encode()), {"a": "urn:a"})
    except ValueError:
        return
    assert all(isinstance(value, str) for value in found)


XML = st.lists(
    st.sampled_from(
        ["<a>", "</a>", "<b x='1'>", "</b>", "t", "&lt;", "&x;", "<!--c-->", "<![CDATA[d]]>", "<?p q?>",
         "<c/>", "<!DOCTYPE a>", "\0", "ệ", " xmlns='urn:x'"]
    ),
    max_size=12,
).map("".join)  # fmt: skip


@given(XML | st.binary(max_size=60).map(lambda data: data.decode("latin-1")))
def test_any_bytes_are_a_document_or_refused(text: str) -> None:
    try:
        document = xpath.parse(text.encode())
    except ValueError:
        return
    assert len(document) == 1
    assert all(isinstance(value, str) for value in xpath.select("//*", document, {}))


def test_steps_keep_what_captures_need() -> None:
    step = Step(capture={})
    assert not step.guarded
    with pytest.raises(Failure) as failed:
        judge(_answered(b"{}"), _capturing({"json": "$.token"}), Config(), Veil())
    assert (failed.value.reason, failed.value.evidence) == (
        Reason.BODY,
        "nothing to capture as token at $.token",
    )


def _answered(body: bytes, *head: str) -> Answer:
    answer = Answer("GET", 1 << 20, 1 << 18, all_fields=True)
    answer.feed(page(body, "200 OK", *head))
    return answer


def _capturing(capture: dict[str, Any]) -> Step:
    config = convert_options("http", {"steps": [{"capture": {"token": capture}}]})
    assert isinstance(config, Config)
    return config.steps[0]


@pytest.mark.parametrize(
    ("capture", "body", "head", "taken"),
    [
        ({"json": "$.t"}, b'{"t": "abc"}', (), "abc"),
        ({"json": "$.t"}, b'{"t": 12}', (), "12"),
        ({"json": "$.t", "matches": "^Bearer (.*)$"}, b'{"t": "Bearer abc"}', (), "abc"),
        ({"xpath": "//t"}, b"<a><t> abc </t></a>", (), "abc"),
        ({"header": "Set-Cookie", "matches": "SID=([^;]+)"}, b"",
         ("Set-Cookie: a=b", "Set-Cookie: SID=x1; Path=/"), "x1"),
        ({"matches": 'name="csrf" value="([^"]+)"'}, b'<input name="csrf" value="q&amp;w">', (), "q&w"),
        ({"matches": "[0-9]+"}, b"so 42!", (), "42"),
    ],
)  # fmt: skip
def test_captures(capture: dict[str, Any], body: bytes, head: tuple[str, ...], taken: str) -> None:
    assert judge(_answered(body, *head), _capturing(capture), Config(), Veil()) == {"token": taken}


@pytest.mark.parametrize("body", [b'{"t": null}', b'{"t": ""}', b'{"t": "%s"}' % (b"x" * 5000), b"{}"])
def test_what_cannot_be_captured_is_a_wrong_page(body: bytes) -> None:
    with pytest.raises(Failure) as failed:
        judge(_answered(body), _capturing({"json": "$.t"}), Config(), Veil())
    assert failed.value.reason is Reason.BODY
    assert "xxx" not in failed.value.evidence
