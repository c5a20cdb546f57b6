"""Transactions: a token is fetched, used, and what comes back compared. No secret is ever shown."""

import asyncio
import base64
import json
import os
import ssl
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporters import evidence
from exporters.base import Outcome, Target
from exporters.evidence import Notes
from exporters.httpio.template import UnknownName, expand, in_body, in_url, names_in
from exporters.httpio.veil import MIN_LENGTH, Veil
from exporters.probes import http
from exporters.registry import convert_options
from inventory.load import load
from inventory.names import Reason
from tests.exporters.pki import Pki
from tests.exporters.servers import Handler, answering, closed_port, page, serve, then_silent

EXAMPLE = Path(__file__).parents[2] / "examples" / "quang-ngai.yml"
TOKEN = "eyJhbGciOi.J9+x/YQ==.kết"
Route = Callable[[str, dict[str, str], str], bytes]


def lgsp(*routes: tuple[str, Route], seen: list[str] | None = None) -> Handler:
    """Return a handler: the first route whose path begins the request's answers it."""

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            head = (await reader.readuntil(b"\r\n\r\n")).decode()
            lines = head.split("\r\n")
            fields = {name.lower(): value for name, _, value in (line.partition(": ") for line in lines[1:])}
            body = (await reader.readexactly(int(fields.get("content-length", 0)))).decode()
            if seen is not None:
                seen.append(f"{head}{body}")
            path = lines[0].split(" ")[1]
            route = next(route for start, route in routes if path.startswith(start))
            writer.write(route(path, fields, body))
            await writer.drain()
            if fields.get("connection") == "close":
                return

    return handle


def said(data: object, *fields: str, status: str = "200 OK") -> bytes:
    whole = page(json.dumps(data).encode(), status, "Content-Type: application/json", *fields)
    return whole.replace(b"Connection: close\r\n", b"")


def token_route(_path: str, _fields: dict[str, str], body: str) -> bytes:
    return said({"access_token": TOKEN} if "client_secret=bi+mat%2B1" in body else {"error": "no"})


def query_route(path: str, fields: dict[str, str], _body: str) -> bytes:
    if fields.get("authorization") != f"Bearer {TOKEN}":
        return said({"ketQua": "LOI"}, status="401 Unauthorized")
    return said({"ketQua": "OK", "ma": path.rpartition("=")[2], "hoTen": "NGUYEN VAN KIEM THU"})


TRANSACTION: dict[str, Any] = {
    "steps": [
        {
            "name": "token",
            "url": "/token",
            "method": "POST",
            "content_type": "application/x-www-form-urlencoded",
            "body": "grant_type=client_credentials&client_secret=${client_secret}",
            "capture": {"token": {"json": "$.access_token"}},
        },
        {
            "name": "query",
            "url": "/dan-cu?so=${so}",
            "headers": {"Authorization": "Bearer ${token}"},
            "expect": [
                {"json": "$.ketQua", "equals": "OK"},
                {"json": "$.ma", "equals": "${so}"},
            ],
        },
    ],
}


@pytest.fixture
def options(tmp_path: Path) -> dict[str, Any]:
    (tmp_path / "secret").write_text("bi mat+1\n")
    (tmp_path / "so").write_text("051090000001\n")
    files = {"client_secret": str(tmp_path / "secret"), "so": str(tmp_path / "so")}
    return {**TRANSACTION, "variable_files": files}


async def run(
    port: int, options: dict[str, Any], within: float = 10.0, scheme: str = "http"
) -> tuple[Outcome, Notes]:
    config = convert_options("http", options)
    target = Target(name="t", address=f"{scheme}://127.0.0.1:{port}/", timeout_seconds=within)
    with evidence.collecting() as notes:
        outcome = await http.probe(target, config)  # type: ignore[arg-type]  # it is http's
    return outcome, notes


def shown(outcome: Outcome, notes: Notes) -> str:
    return "\n".join([outcome.evidence, *(f"{name} {text}" for name, text in notes.lines)])


async def test_a_token_is_fetched_and_used_and_the_answer_compared(options: dict[str, Any]) -> None:
    seen: list[str] = []
    async with serve(lgsp(("/token", token_route), ("/dan-cu", query_route), seen=seen)) as port:
        outcome, notes = await run(port, options)
    assert (outcome.reason, outcome.evidence) == (Reason.OK, "")
    assert "POST /token HTTP/1.1" in seen[0]
    assert "GET /dan-cu?so=051090000001 HTTP/1.1" in seen[1]
    assert [text for name, text in notes.lines if name == "step"] == [
        "step 1 of 2 (token)",
        "step 2 of 2 (query)",
    ]


async def test_what_is_wrong_names_the_step(options: dict[str, Any]) -> None:
    def wrong(_path: str, _fields: dict[str, str], _body: str) -> bytes:
        return said({"ketQua": "LOI", "ma": "1"})

    async with serve(lgsp(("/token", token_route), ("/dan-cu", wrong))) as port:
        outcome, _ = await run(port, options)
    assert outcome.reason is Reason.BODY
    assert outcome.evidence == "step 2 of 2 (query): status 200, but $.ketQua is 'LOI', expected 'OK'"
    async with serve(lgsp(("/token", lambda *_: said({"error": "x"})))) as port:
        outcome, _ = await run(port, options)
    assert outcome.evidence == "step 1 of 2 (token): nothing to capture as token at $.access_token"


def echo(_path: str, fields: dict[str, str], body: str) -> bytes:
    """Say everything back, in every form that comes to mind."""
    token = fields.get("authorization", "")
    words = [
        token,
        body,
        in_url(token),
        base64.b64encode(token.encode()).decode(),
        token[:20],
        json.dumps(token),
    ]
    return said({"echo": words, "ketQua": token}, f"X-Echo: {in_url(token)}", "Set-Cookie: SID=phien-mat")


SECRETS = (TOKEN, TOKEN[:12], in_url(TOKEN), "bi mat+1", "bi+mat", "phien-mat", "YmkgbWF0")


@pytest.mark.parametrize(
    ("token", "query"),
    [
        pytest.param(token_route, echo, id="the system echoes the token"),
        pytest.param(echo, echo, id="the token's own answer is wrong"),
        pytest.param(lambda *_: page(TOKEN.encode()), echo, id="the token comes as no JSON"),
        pytest.param(
            lambda *_: b"HTTP/1.1 302 x\r\nLocation: ftp://x/?t=phien-mat\r\n\r\n", echo, id="redirect"
        ),
        pytest.param(lambda *_: said({"access_token": TOKEN}, status="500 x"), echo, id="status"),
    ],
)
async def test_no_secret_is_shown(options: dict[str, Any], token: Route, query: Route) -> None:
    async with serve(lgsp(("/token", token), ("/dan-cu", query))) as port:
        outcome, notes = await run(port, options)
    assert not outcome.ok
    text = shown(outcome, notes)
    assert "request POST" in text
    assert [secret for secret in SECRETS if secret in text] == []


async def test_what_is_said_to_be_no_secret_may_be_shown(options: dict[str, Any]) -> None:
    steps = [dict(step) for step in options["steps"]]
    steps[0]["capture"] = {"token": {"json": "$.access_token", "secret": False}}
    async with serve(lgsp(("/token", token_route), ("/dan-cu", echo))) as port:
        outcome, notes = await run(port, {**options, "steps": steps})
    assert TOKEN[:12] in shown(outcome, notes)
    assert "bi mat+1" not in shown(outcome, notes)


async def test_variables_stay_with_the_origin_that_the_step_names(options: dict[str, Any]) -> None:
    seen: list[str] = []
    async with serve(lgsp(("/", query_route), seen=seen)) as other:

        def away(path: str, _fields: dict[str, str], _body: str) -> bytes:
            return f"HTTP/1.1 302 x\r\nLocation: http://127.0.0.1:{other}{path}\r\n\r\n".encode()

        async with serve(lgsp(("/token", token_route), ("/dan-cu", away))) as port:
            outcome, _ = await run(port, options)
    assert outcome.reason is Reason.STATUS
    assert len(seen) == 1
    assert "Bearer" not in seen[0]


@pytest.mark.parametrize(
    ("value", "evidence_"),
    [
        ("a\r\nX-Injected: 1", "cannot stand in header Authorization"),
        ("..", "cannot stand in url"),
    ],
)
async def test_a_captured_value_cannot_leave_its_place(
    options: dict[str, Any], value: str, evidence_: str
) -> None:
    steps = [dict(step) for step in options["steps"]]
    steps[1]["url"] = "/dan-cu/${token}/x" if value == ".." else "/dan-cu"
    seen: list[str] = []
    async with serve(lgsp(("/token", lambda *_: said({"access_token": value})), seen=seen)) as port:
        outcome, _ = await run(port, {**options, "steps": steps})
    assert outcome.reason is Reason.BODY
    assert evidence_ in outcome.evidence
    assert len(seen) == 1


async def test_the_deadline_is_of_the_whole_and_names_the_step(options: dict[str, Any]) -> None:
    def slow(*_: object) -> bytes:
        return b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n123"

    async with serve(lgsp(("/token", token_route), ("/dan-cu", slow))) as port:
        outcome, _ = await run(port, {**options, "reuse_connections": "within"}, 0.3)
    assert outcome.reason is Reason.STALLED
    assert outcome.evidence == "step 2 of 2 (query): transfer: no complete answer within 0.3 s"


@pytest.mark.parametrize("content", [None, "", "a\nb", "x" * 5000])
async def test_a_variable_that_cannot_be_read_is_local(
    options: dict[str, Any], tmp_path: Path, content: str | None
) -> None:
    if content is None:
        (tmp_path / "secret").unlink()
    else:
        (tmp_path / "secret").write_text(content)
    outcome, _ = await run(9, options)
    assert outcome.reason is Reason.LOCAL
    assert outcome.evidence.startswith("variable_files: ")


@pytest.mark.parametrize("letters", [0, 40_000, 400_000])
async def test_a_body_that_cannot_be_used_is_local(tmp_path: Path, letters: int) -> None:
    body = tmp_path / "body"
    if letters:
        body.write_bytes(("ệ" * letters).encode() if letters > 65536 else b"\xe1\xbb" * letters)
    else:
        os.mkfifo(body)
    outcome, _ = await run(9, {"method": "POST", "body_file": str(body)})
    assert outcome.reason is Reason.LOCAL
    why = {0: "Not a plain file", 40_000: "not UTF-8", 400_000: "over 65536 characters"}[letters]
    assert outcome.evidence == f"body_file: {body}: {why}"


async def test_a_body_from_a_file_and_its_type(tmp_path: Path) -> None:
    seen: list[str] = []
    (tmp_path / "body").write_text('{"ten": "Hồ sơ", "khoa": "${khoa}"}')
    (tmp_path / "khoa").write_text('a"b')
    options = {
        "method": "POST",
        "body_file": str(tmp_path / "body"),
        "content_type": "application/json",
        "variable_files": {"khoa": str(tmp_path / "khoa")},
    }
    async with serve(lgsp(("/", lambda *_: said({})), seen=seen)) as port:
        outcome, _ = await run(port, options)
    assert outcome.ok
    assert "\r\nContent-Type: application/json\r\n" in seen[0]
    assert seen[0].endswith('{"ten": "Hồ sơ", "khoa": "a\\"b"}')


async def test_what_debug_shows(options: dict[str, Any]) -> None:
    async with serve(lgsp(("/token", token_route), ("/dan-cu", query_route))) as port:
        outcome, notes = await run(port, options)
    text = shown(outcome, notes)
    for line in (
        "address 127.0.0.1",
        f"request POST http://127.0.0.1:{port}/token",
        f"request GET http://127.0.0.1:{port}/dan-cu?…",
        "  header Authorization: •••",
        "answer HTTP/1.1 200",
        "  header content-type: application/json",
        "(not shown: this step captures a secret)",
        "NGUYEN VAN KIEM THU",
        "  phase processing",
        "  tcp round trip",
    ):
        assert line in text, line


async def test_debug_shows_how_far_it_came() -> None:
    with closed_port() as port:
        outcome, notes = await run(port, {})
    assert outcome.reason is Reason.REFUSED
    assert ("address", "127.0.0.1") in notes.lines
    async with serve(then_silent(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhel")) as port:
        outcome, notes = await run(port, {}, 0.2)
    assert outcome.reason is Reason.STALLED
    assert ("answer", "HTTP/1.1 200, incomplete") in notes.lines
    assert ("  header", "content-length: 5") in notes.lines
    assert ("  body", "3 bytes: 'hel'") in notes.lines
    async with serve(answering(b"220 smtp ready\r\n")) as port:
        outcome, notes = await run(port, {})
    assert ("answer", "no status line, incomplete") in notes.lines


# --- the worked example: the population database through the LGSP ---------------------------------


def example(directory: Path, ca: Path) -> dict[str, Any]:
    """Return the example's options, with files of ours."""
    (system,) = (one for one in load(EXAMPLE).inventory.systems if one.id == "csdl-dan-cu")
    options = json.loads(json.dumps(system.check.options))
    assert system.check.kind == "http"
    for name, value in {"client_id": "xa-21040", "client_secret": "bi mat+1", "so_dinh_danh": "0510"}.items():
        (directory / name).write_text(f"{value}\n")
        options["variable_files"][name] = str(directory / name)
    return {**options, "ca_file": str(ca)}


@pytest.mark.parametrize(
    ("answer", "reason", "words"),
    [
        ({"ketQua": "OK", "congDan": {"soDinhDanh": "0510"}}, Reason.OK, ""),
        ({"ketQua": "OK", "congDan": {"soDinhDanh": "9999"}}, Reason.BODY, "$.congDan.soDinhDanh is '9999'"),
        ({"ketQua": "HE_THONG_BAN"}, Reason.BODY, "$.ketQua is 'HE_THONG_BAN', expected 'OK'"),
    ],
)
async def test_the_example(
    tmp_path: Path, pki: Pki, server_tls: ssl.SSLContext, answer: object, reason: Reason, words: str
) -> None:
    seen: list[str] = []

    def found(_path: str, fields: dict[str, str], body: str) -> bytes:
        known = fields["authorization"] == f"Bearer {TOKEN}" and json.loads(body) == {"soDinhDanh": "0510"}
        return said(answer if known else {}, status="200 OK" if known else "401 x")

    handler = lgsp(("/token", token_route), ("/csdl-dan-cu/v1/tra-cuu", found), seen=seen)
    async with serve(handler, tls=server_tls) as port:
        outcome, notes = await run(port, example(tmp_path, pki.ca), scheme="https")
    assert outcome.reason is reason, outcome.evidence
    assert words in outcome.evidence
    assert "client_id=xa-21040&client_secret=bi+mat%2B1" in seen[0]
    assert not [secret for secret in SECRETS if secret in shown(outcome, notes)]


# --- templates and the veil ----------------------------------------------------------------------


@given(st.text(max_size=40))
def test_a_value_never_leaves_its_place(value: str) -> None:
    values = {"v": value}
    assert json.loads(expand('{"a": "${v}"}', values, in_body("application/json"))) == {"a": value}
    form = expand("a=${v}&b=1", values, in_body("application/x-www-form-urlencoded; charset=utf-8"))
    assert form.count("&") == form.count("a=") == 1 if "a=" not in value else True
    assert set("<>\"'") & set(expand("${v}", values, in_body("text/xml"))) == set()
    try:
        url = expand("/p/${v}/q?x=${v}", values, in_url)
    except ValueError:
        assert value in (".", "..")
        return
    assert url.isascii()
    assert (url.count("/"), url.count("?"), url.count("&"), url.count("#")) == (3, 1, 0, 0)


@given(
    st.text(max_size=30)
    | st.lists(st.sampled_from(["$", "{", "}", "${", "$${", "a", "${a}"]), max_size=8).map("".join)
)
def test_any_template_is_read_or_refused(text: str) -> None:
    try:
        names = names_in(text)
    except UnknownName:
        return
    filled = expand(text, dict.fromkeys(names, "<v>"))
    assert filled.count("<v>") >= len(names)
    with pytest.raises(UnknownName):
        expand(f"{text} ${{unknown_name}}", dict.fromkeys(names, ""))


LETTERS = st.characters(codec="utf-8")


@given(
    st.text(LETTERS, min_size=MIN_LENGTH, max_size=40),
    st.text(LETTERS, max_size=20),
    st.text(LETTERS, max_size=20),
)
def test_no_form_of_a_secret_passes_the_veil(secret: str, before: str, after: str) -> None:
    veil = Veil()
    veil.add(secret)
    for form in (
        secret,
        in_url(secret),
        json.dumps(secret)[1:-1],
        base64.b64encode(secret.encode()).decode(),
    ):
        assert secret not in veil.hide(f"{before}{form}{after}") or secret in "•••"
        assert form not in veil.hide(f"{before}{form}{after}") or form in "•••"
    if len(secret) > 10:
        assert secret[:9] not in veil.hide(before + secret[:-1])


def test_a_closed_veil_quotes_nothing() -> None:
    veil = Veil()
    assert veil.quote("abc", 2) == "'ab'"
    veil.closed = True
    assert "abc" not in veil.quote("abc", 3)
