"""The contract that every channel keeps, and what is each one's own."""

import contextlib
import email
import email.policy
import hashlib
import hmac
import json
import logging
import socket
import ssl
import struct
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
import pytest
import requests
from hypothesis import given
from hypothesis import strategies as st

from alerts.channels import base
from alerts.channels import email as email_channel
from alerts.channels import http as http_channel
from alerts.channels.base import ChannelConfig, Message, Rendered, TransportError, secret
from alerts.channels.http import MAX_RETRY_AFTER_SECONDS, check, new_session, retry_after
from alerts.channels.registry import convert_options, kinds
from common import i18n
from common.yaml.problems import Refused
from tests.alerts.outages import T0, told
from tests.alerts.servers import Http, Smtp, http, smtp

SECRET = "s3cret-Token:42"
VI = Rendered("vi", "[SỰ CỐ] Xã Ba Tơ mất điện", "Từ: 08:13:20\nGọi: 0255 000 004")
EN = Rendered("en", "[OUTAGE] Ba Tơ commune has no power", "Since: 08:13:20")


def message(**changes: Any) -> Message:
    values: dict[str, Any] = {
        "id": "f00d@1/firing/0/zalo", "outage_id": "f00d@1", "status": "firing", "alertname": "CommuneCutOff",
        "component": "power:21484", "kind": "power", "severity": "page", "communes": ("21484",),
        "starts_at": T0, "texts": (VI, EN), "text_vi": "một", "text_en": "one",
    }  # fmt: skip
    return Message(**values | changes)


@pytest.fixture
def session() -> Iterator[requests.Session]:
    with new_session() as made:
        yield made


@pytest.fixture
def secret_file(tmp_path: Path) -> str:
    path = tmp_path / "secret"
    path.write_text(f"{SECRET}\n")
    return str(path)


def send(kind: str, options: dict[str, Any], session: requests.Session, **changes: Any) -> None:
    kinds()[kind].send(message(**changes), convert_options(kind, options), session)


def failure(kind: str, options: dict[str, Any], session: requests.Session) -> TransportError:
    with pytest.raises(TransportError) as caught:
        send(kind, options, session)
    assert SECRET not in repr(caught.value) + str(caught.value)
    assert caught.value.__cause__ is None
    assert caught.value.__suppress_context__ or caught.value.__context__ is None
    return caught.value


# --- every kind ----------------------------------------------------------------------------------
def test_the_kinds_are_found() -> None:
    assert sorted(kinds()) == ["apprise", "email", "sink", "webhook", "zalo"]


@pytest.mark.parametrize("kind", sorted(kinds()))
def test_a_kind_keeps_the_contract(kind: str) -> None:
    found = kinds()[kind]
    assert issubclass(found.config, ChannelConfig)
    assert found.config.__struct_config__.frozen
    assert found.limit_chars >= 1000
    for field in found.config.__struct_fields__:
        assert not field.endswith(("secret", "token", "password")), "a secret's value is no option"


GOOD: dict[str, dict[str, Any]] = {
    "webhook": {"url": "https://gateway.example/hook"},
    "zalo": {"chat_id": "123", "token_env": "T"},
    "email": {"host": "mail.example", "sender": "a@b.vn", "recipients": ["c@d.vn"]},
    "sink": {"path": "x.jsonl"},
    "apprise": {"url_env": "T"},
}
WRONG: list[tuple[str, dict[str, Any], str]] = [
    ("webhook", {"url": "ftp://x"},
     "url: “ftp://x” does not fit; expected a URL that begins with http:// or https://"),
    ("webhook", {"secret": "x"}, "secret: unknown key; expected one of: url, secret_file"),
    ("webhook", {"secret_file": "a", "secret_env": "b"},
     "secret_file: expected this or secret_env, not both"),
    ("zalo", {"token_file": "x"}, "token_file: expected this or token_env, exactly one of them"),
    ("zalo", {"token_env": None}, "token_file: expected this or token_env, exactly one of them"),
    ("zalo", {"chat_id": "a b"}, "chat_id: “a b” does not fit; expected a chat's id of letters"),
    ("zalo", {"chat_id": 12}, "chat_id: 12 is text only in quotes; expected a chat's id of letters"),
    ("zalo", {"base_url": "https://x/?a"}, "base_url: “https://x/?a” does not fit; expected a URL"),
    ("email", {"recipients": []}, "recipients: is empty; expected a list with 1 to 50 entries"),
    ("email", {"recipients": ["a@b.vn", "x"]}, "recipients[1]: “x” does not fit; expected a mail address"),
    ("email", {"security": "start"}, "security: “start” does not fit; expected one of: none, starttls, tls"),
    ("email", {"port": 0}, "port: “0” does not fit; expected a whole number from 1 to 65535"),
    ("email", {"username": "u"}, "username: expected together with exactly one of password_file and"),
    ("email", {"password_env": "P"}, "username: expected together with exactly one of password_file and"),
    ("email", {"username": "u", "password_env": "P", "security": "none"},
     "security: expected tls or starttls where a password is sent"),
    ("apprise", {"url_file": "x"}, "url_file: expected this or url_env, exactly one of them"),
    ("apprise", {"url_env": None}, "url_file: expected this or url_env, exactly one of them"),
    ("apprise", {"url": "json://x"}, "url: unknown key; expected one of: url_file, url_env"),
    ("sink", {"path": ""}, "path: “” does not fit; expected text"),
    *((kind, {"colour": "red"}, "colour: unknown key; expected one of: ") for kind in GOOD),
]  # fmt: skip


@pytest.mark.parametrize("kind", sorted(kinds()))
def test_good_options_are_taken(kind: str) -> None:
    assert isinstance(convert_options(kind, GOOD[kind]), kinds()[kind].config)


@pytest.mark.parametrize(("kind", "change", "expected"), WRONG)
def test_wrong_options_are_refused_with_what_was_expected(
    kind: str, change: dict[str, Any], expected: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    said = {}
    for language in i18n.LANGUAGES:
        monkeypatch.setattr(i18n, "_chosen", language)
        with pytest.raises(Refused) as caught:
            convert_options(kind, GOOD[kind] | change)
        (problem,) = caught.value.problems
        said[language] = f"{problem.key}: {problem}".replace(f"{kind}: {problem.key}: ", "")
    assert said["en"].startswith(expected)
    assert said["vi"].partition(":")[0] == said["en"].partition(":")[0]
    assert said["vi"] != said["en"]


def test_an_unknown_kind_is_refused_with_those_that_exist() -> None:
    with pytest.raises(Refused) as caught:
        convert_options("fax", {})
    said = "fax: kind: “fax” does not fit; expected one of: apprise, email, sink, webhook, zalo"
    assert caught.value.problems[0].full("en") == said


def test_a_secret_comes_from_a_file_or_the_environment(
    secret_file: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CHANNEL_SECRET", SECRET)
    assert secret(secret_file, None) == secret(None, "CHANNEL_SECRET") == SECRET.encode()
    assert secret(None, None) is None
    (tmp_path / "empty").write_text(" \n")
    for file, variable, said in [
        (str(tmp_path / "empty"), None, "empty, expected a secret"),
        (str(tmp_path / "none"), None, "No such file or directory"),
        (None, "CHANNEL_MISSING", "environment variable CHANNEL_MISSING is empty"),
    ]:
        with pytest.raises(TransportError, match=said) as caught:
            secret(file, variable)
        assert not caught.value.permanent


def test_a_text_over_the_limit_is_cut_with_a_sign() -> None:
    assert message().text(2000) == f"{VI.subject}\n{VI.body}{base.SEPARATOR}{EN.subject}\n{EN.body}"
    assert message(texts=(VI,)).text(10) == "[SỰ CỐ] X…"


# --- every kind over HTTP ------------------------------------------------------------------------
@dataclass
class Over:
    """A channel aimed at an HTTP server."""

    kind: str
    options: dict[str, Any]


@contextmanager
def garbage(answer: bytes) -> Iterator[int]:
    """A server that reads a request, says ``answer`` and resets the connection."""
    listener = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        with contextlib.suppress(OSError):
            while True:
                connection, _ = listener.accept()
                with connection, contextlib.suppress(OSError):
                    connection.recv(65536)
                    connection.sendall(answer)
                    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    try:
        yield listener.getsockname()[1]
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        thread.join(5)


@contextmanager
def aimed(kind: str, server: Http, secret_file: str) -> Iterator[Over]:
    with http(server), aimed_at(kind, server, secret_file) as over:
        yield over


@contextmanager
def aimed_at(kind: str, server: Http, secret_file: str) -> Iterator[Over]:
    if kind == "webhook":
        yield Over(kind, {"url": f"{server.url}/{SECRET}", "secret_file": secret_file})
    elif kind == "apprise":
        path = Path(secret_file).with_name("address")
        path.write_text(f"{server.url.replace('http', 'json', 1)}/{SECRET}?rto=0.3\n")
        yield Over(kind, {"url_file": str(path)})
    else:
        yield Over(kind, {"chat_id": "9", "token_file": secret_file, "base_url": server.url})


HTTP_KINDS = ("apprise", "webhook", "zalo")
NO_RETRY_AFTER = {"apprise"}  # the library keeps headers to itself
STATUSES: list[tuple[int, dict[str, str], bool, float | None]] = [
    (301, {"Location": "http://127.0.0.1:1/"}, True, None),
    (400, {}, True, None),
    (401, {}, True, None),
    (404, {}, True, None),
    (410, {"Retry-After": "5"}, True, None),
    (408, {}, False, None),
    (425, {}, False, None),
    (429, {"Retry-After": "7"}, False, 7.0),
    (500, {}, False, None),
    (502, {}, False, None),
    (503, {"Retry-After": "120"}, False, 120.0),
    (599, {}, False, None),
]


@pytest.mark.parametrize("kind", HTTP_KINDS)
@pytest.mark.parametrize("status", [200, 201, 204])
def test_two_hundreds_are_delivered(
    kind: str, status: int, secret_file: str, session: requests.Session
) -> None:
    body = b"" if status == 204 and kind == "webhook" else b'{"ok":true}'
    server = Http(status=200 if kind == "zalo" else status, body=body)
    with aimed(kind, server, secret_file) as over:
        send(over.kind, over.options, session)
    assert len(server.requests) == 1


@pytest.mark.parametrize("kind", HTTP_KINDS)
@pytest.mark.parametrize(("status", "headers", "permanent", "after"), STATUSES)
def test_what_a_status_means(
    kind: str, status: int, headers: dict[str, str], permanent: bool, after: float | None,
    secret_file: str, session: requests.Session,
) -> None:  # fmt: skip
    with aimed(kind, Http(status=status, headers=headers), secret_file) as over:
        error = failure(over.kind, over.options, session)
    after = None if kind in NO_RETRY_AFTER else after
    assert (str(error), error.permanent, error.retry_after) == (f"answered HTTP {status}", permanent, after)


@pytest.mark.parametrize("kind", HTTP_KINDS)
def test_nobody_listening_is_retried(kind: str, secret_file: str, session: requests.Session) -> None:
    with aimed(kind, Http(), secret_file) as over:
        pass
    error = failure(over.kind, over.options, session)
    said = "not delivered" if kind == "apprise" else "not reached (ConnectionError)"
    assert (str(error), error.permanent) == (said, False)


@pytest.mark.parametrize("kind", HTTP_KINDS)
def test_a_server_that_never_answers_is_retried(
    kind: str, secret_file: str, session: requests.Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(http_channel, "TIMEOUTS", (0.2, 0.2))
    with aimed(kind, Http(hold=threading.Event()), secret_file) as over:
        error = failure(over.kind, over.options, session)
    assert (str(error), error.permanent) == (
        "not delivered" if kind == "apprise" else "no answer in time",
        False,
    )


@pytest.mark.parametrize("kind", HTTP_KINDS)
@pytest.mark.parametrize("answer", [b"", b"\x00\xff\r\n\r\n", b"HTTP/1.1 999999 x\r\n\r\n", b"HTTP/1.1 2"])
def test_garbage_and_resets_are_retried(
    kind: str, answer: bytes, secret_file: str, session: requests.Session
) -> None:
    """Somebody who hangs up, says something else, or stops in the middle of a line."""
    with garbage(answer) as port:
        server = Http(url=f"http://127.0.0.1:{port}")
        with aimed_at(kind, server, secret_file) as over:
            assert not failure(over.kind, over.options, session).permanent


@pytest.mark.parametrize("kind", HTTP_KINDS)
def test_an_untrusted_certificate_is_not_talked_to(
    kind: str, secret_file: str, session: requests.Session, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    server = Smtp(tls=certificate(tmp_path)[0], implicit=True)
    with smtp(server):
        options = {
            "webhook": {"url": f"https://localhost:{server.port}/", "secret_file": secret_file},
            "zalo": {
                "chat_id": "1",
                "token_file": secret_file,
                "base_url": f"https://localhost:{server.port}",
            },
            "apprise": {"url_env": "ADDRESS"},
        }
        monkeypatch.setenv("ADDRESS", f"jsons://localhost:{server.port}/{SECRET}")
        error = failure(kind, options[kind], session)
    said = "not delivered" if kind == "apprise" else "not reached (SSLError)"
    assert (str(error), error.permanent) == (said, False)
    assert server.commands == []


@pytest.mark.parametrize("kind", HTTP_KINDS)
def test_ten_megabytes_of_answer_are_not_read(kind: str, secret_file: str, session: requests.Session) -> None:
    with aimed(kind, Http(body=b'{"ok":true,"x":"' + b"x" * 10_000_000), secret_file) as over:
        if kind != "zalo":
            send(over.kind, over.options, session)
        else:
            assert not failure(over.kind, over.options, session).permanent


def test_proxy_variables_and_netrc_are_not_obeyed(
    session: requests.Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")
    with http(Http()) as server:
        send("webhook", {"url": server.url}, session)
    assert len(server.requests) == 1


def test_a_proxy_of_the_options_is_used(session: requests.Session) -> None:
    with http(Http()) as proxy:
        send("webhook", {"url": "http://gateway.example/hook", "proxy": proxy.url}, session)
    assert proxy.requests[0][1] == "http://gateway.example/hook"


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        (None, None),
        ("7", 7.0),
        (" 0 ", 0.0),
        ("99999999999", MAX_RETRY_AFTER_SECONDS),
        ("Sun, 22 Nov 2026 01:13:30 GMT", 10.0),
        ("Sun, 22 Nov 2020 01:13:30 GMT", 0.0),
        ("-5", None),
        ("soon", None),
        ("", None),
    ],
)
def test_retry_after_in_all_its_forms(header: str | None, expected: float | None) -> None:
    assert retry_after(header, T0) == expected


@given(st.text(max_size=60))
def test_any_retry_after_is_bounded(header: str) -> None:
    found = retry_after(header, T0)
    assert found is None or 0 <= found <= MAX_RETRY_AFTER_SECONDS


@given(st.integers(100, 999))
def test_a_status_is_taken_or_raises(status: int) -> None:
    if 200 <= status < 300:
        check(status, None, T0)
        return
    with pytest.raises(TransportError) as caught:
        check(status, None, T0)
    assert caught.value.permanent is (status < 500 and status not in {408, 425, 429})


@pytest.mark.parametrize("kind", HTTP_KINDS)
@pytest.mark.parametrize("status", [200, 500])
def test_no_log_ever_holds_the_secret(
    kind: str, status: int, secret_file: str, session: requests.Session, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    odd = Http(status=status, headers={"Odd Header": "x"})
    with aimed(kind, odd, secret_file) as over, contextlib.suppress(TransportError):
        send(over.kind, over.options, session)
    assert SECRET not in caplog.text


# --- webhook -------------------------------------------------------------------------------------
def test_a_webhook_is_signed_over_time_and_body(secret_file: str, session: requests.Session) -> None:
    with http(Http()) as server:
        send("webhook", {"url": f"{server.url}/hook", "secret_file": secret_file}, session)
    _, path, headers, body = server.requests[0]
    stamp = headers["X-Thongsuot-Timestamp"]
    expected = hmac.new(SECRET.encode(), stamp.encode() + b"." + body, hashlib.sha256).hexdigest()
    assert path == "/hook"
    assert headers["X-Thongsuot-Signature"] == f"sha256={expected}"
    assert headers["X-Thongsuot-Delivery"] == "f00d@1/firing/0/zalo"
    found = json.loads(body)
    assert (found["version"], found["status"], found["communes"]) == (1, "firing", ["21484"])
    assert found["subject"] == VI.subject
    assert EN.body in found["text"]


def test_a_webhook_without_a_secret_is_not_signed(session: requests.Session) -> None:
    with http(Http()) as server:
        send("webhook", {"url": server.url}, session)
    assert "X-Thongsuot-Signature" not in server.requests[0][2]


# --- apprise -------------------------------------------------------------------------------------
def test_apprise_gets_title_and_text(secret_file: str, session: requests.Session) -> None:
    with aimed("apprise", server := Http(), secret_file) as over:
        send("apprise", over.options, session)
    _, path, _, body = server.requests[0]
    found = json.loads(body)
    assert path.startswith(f"/{SECRET}")
    assert (found["title"], found["type"]) == (VI.subject, "warning")
    assert found["message"] == f"{VI.body}{base.SEPARATOR}{EN.subject}\n{EN.body}"


@pytest.mark.parametrize("address", [SECRET, f"nosuch://{SECRET}", "json://", f"\udcff{SECRET}"])
def test_an_address_that_apprise_does_not_know_is_not_shown(
    address: str, tmp_path: Path, session: requests.Session
) -> None:
    path = tmp_path / "address"
    path.write_bytes(address.encode("utf-8", "surrogateescape"))
    assert not failure("apprise", {"url_file": str(path)}, session).permanent


def test_without_the_library_it_says_what_to_install(
    session: requests.Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "apprise", None)
    monkeypatch.setenv("ADDRESS", f"json://127.0.0.1/{SECRET}")
    error = failure("apprise", {"url_env": "ADDRESS"}, session)
    assert (str(error), error.permanent) == ("Apprise is not installed: install thongsuot[apprise]", False)


# --- zalo ----------------------------------------------------------------------------------------
def test_zalo_is_told_by_its_bot(secret_file: str, session: requests.Session) -> None:
    long = Rendered("vi", "[SỰ CỐ]", "x" * 3000)
    with aimed("zalo", server := Http(), secret_file) as over:
        send("zalo", over.options, session, texts=(long,))
    method, path, _, body = server.requests[0]
    assert (method, path) == ("POST", f"/bot{SECRET}/sendMessage")
    found = json.loads(body)
    assert (found["chat_id"], len(found["text"])) == ("9", 2000)


@pytest.mark.parametrize(
    ("answer", "permanent", "said"),
    [
        (
            b'{"ok":false,"error_code":401,"description":"Unauthorized"}',
            True,
            "refused with code 401: Unauthorized",
        ),
        (
            b'{"ok":false,"error_code":429,"description":"slow\\ndown"}',
            False,
            "refused with code 429: slow down",
        ),
        (b'{"ok":false,"error_code":500}', False, "refused with code 500: "),
        (b'{"ok":false}', False, "refused with code 0: "),
        (b"<html>log in</html>", False, "answered something that is not the bot platform's"),
        (b"", False, "answered something that is not the bot platform's"),
    ],
)
def test_two_hundred_alone_is_not_delivery(
    answer: bytes, permanent: bool, said: str, secret_file: str, session: requests.Session
) -> None:
    with aimed("zalo", Http(body=answer), secret_file) as over:
        error = failure("zalo", over.options, session)
    assert (str(error), error.permanent) == (said, permanent)


def test_a_token_that_would_break_the_url_is_not_sent(tmp_path: Path, session: requests.Session) -> None:
    (tmp_path / "token").write_text("abc/../../x?y")
    with http(Http()) as server:
        options = {"chat_id": "1", "token_file": str(tmp_path / "token"), "base_url": server.url}
        assert "abc" not in str(failure("zalo", options, session))
    assert server.requests == []


# --- e-mail --------------------------------------------------------------------------------------
def certificate(directory: Path) -> tuple[ssl.SSLContext, str]:
    """A server's context for ``localhost``, and the file by which a client trusts it."""
    key, cert = directory / "key.pem", directory / "cert.pem"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
         "-days", "2", "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost",
         "-keyout", key, "-out", cert],
        check=True, capture_output=True, timeout=30,
    )  # fmt: skip
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(cert, key)
    return context, str(cert)


def mail_options(server: Smtp, **changes: Any) -> dict[str, Any]:
    plain = {
        "host": "localhost", "port": server.port, "security": "none", "sender": "thongsuot@tinh.example",
        "recipients": ["truc@tinh.example", "so@tinh.example"],
    }  # fmt: skip
    return plain | changes


def test_a_mail_says_it_in_both_languages(session: requests.Session) -> None:
    with smtp(Smtp()) as server:
        send("email", mail_options(server), session)
        send("email", mail_options(server), session)
    parsed = [email.message_from_string(text, policy=email.policy.default) for text in server.mails]
    assert parsed[0]["Subject"] == VI.subject
    assert parsed[0]["To"] == "truc@tinh.example, so@tinh.example"
    assert parsed[0]["Auto-Submitted"] == "auto-generated"
    assert parsed[0]["Message-ID"] == parsed[1]["Message-ID"]
    content = parsed[0].get_content().replace("\r\n", "\n").strip()
    assert content == message().text(email_channel.LIMIT_CHARS)
    assert [c for c in server.commands if c.startswith("rcpt")] == [
        "rcpt TO:<truc@tinh.example>", "rcpt TO:<so@tinh.example>",
    ] * 2  # fmt: skip


@pytest.mark.parametrize("security", ["starttls", "tls"])
def test_a_mail_goes_over_tls_with_a_password(
    security: str, tmp_path: Path, secret_file: str, session: requests.Session
) -> None:
    context, trusted = certificate(tmp_path)
    with smtp(Smtp(tls=context, implicit=security == "tls")) as server:
        options = mail_options(
            server, security=security, ca_file=trusted, username="bot", password_file=secret_file
        )
        send("email", options, session)
    assert server.encrypted == [True]
    assert sum(command.startswith("AUTH PLAIN") for command in server.commands) == 1


def test_a_mail_server_without_starttls_gets_nothing(session: requests.Session) -> None:
    with smtp(Smtp()) as server:
        error = failure("email", mail_options(server, security="starttls"), session)
    assert (str(error), error.permanent) == ("not delivered (SMTPNotSupportedError)", False)
    assert server.mails == []


def test_a_mail_server_with_an_untrusted_certificate_gets_nothing(
    tmp_path: Path, session: requests.Session
) -> None:
    with smtp(Smtp(tls=certificate(tmp_path)[0])) as server:
        error = failure("email", mail_options(server, security="starttls"), session)
    assert (str(error), error.permanent) == ("not delivered (SSLCertVerificationError)", False)
    assert server.mails == []


@pytest.mark.parametrize(
    ("answers", "said", "permanent"),
    [
        ({"GREETING": "554 go away"}, "answered SMTP 554", True),
        ({"GREETING": "421 busy"}, "answered SMTP 421", False),
        ({"MAIL": "550 no such sender"}, "answered SMTP 550", True),
        ({"MAIL": "451 greylisted"}, "answered SMTP 451", False),
        ({"RCPT": "550 nobody"}, "every recipient refused: [550, 550]", True),
        ({"RCPT": "450 later"}, "every recipient refused: [450, 450]", False),
        ({"DATA": "554 no"}, "answered SMTP 554", True),
        ({"END": "452 full"}, "answered SMTP 452", False),
        ({"GREETING": "HTTP/1.1 400 Bad Request"}, "answered SMTP -1", False),
    ],
)
def test_what_a_mail_server_answers(
    answers: dict[str, str], said: str, permanent: bool, session: requests.Session
) -> None:
    with smtp(Smtp(answers=answers)) as server:
        error = failure("email", mail_options(server), session)
    assert (str(error), error.permanent) == (said, permanent)


def test_a_password_that_is_refused_is_not_repeated_by_us(
    tmp_path: Path, secret_file: str, session: requests.Session
) -> None:
    context, trusted = certificate(tmp_path)
    with smtp(Smtp(tls=context, answers={"AUTH": f"535 wrong password {SECRET}"})) as server:
        options = mail_options(
            server, security="starttls", ca_file=trusted, username="bot", password_file=secret_file
        )
        error = failure("email", options, session)
    assert (str(error), error.permanent) == ("answered SMTP 535", True)


def test_no_mail_server_is_retried(session: requests.Session) -> None:
    with smtp(Smtp()) as server:
        pass
    error = failure("email", mail_options(server), session)
    assert (str(error), error.permanent) == ("not delivered (ConnectionRefusedError)", False)


def test_a_lost_goodbye_is_still_delivery(session: requests.Session) -> None:
    with smtp(Smtp(answers={"QUIT": "500 what"})) as server:
        send("email", mail_options(server), session)
    assert len(server.mails) == 1


# --- sink ----------------------------------------------------------------------------------------
def test_the_sink_holds_one_line_a_notification(tmp_path: Path, session: requests.Session) -> None:
    path = tmp_path / "sink.jsonl"
    for _ in range(2):  # a crash between writing and recording repeats it
        send("sink", {"path": str(path)}, session)
    send("sink", {"path": str(path)}, session, id="f00d@1/resolved/0/zalo", status="resolved")
    lines = told(path)
    assert [line["status"] for line in lines] == ["firing", "resolved"]
    keys = {
        "time", "id", "outage_id", "status", "alertname", "component", "kind", "severity", "communes",
        "starts_at", "ends_at", "text_vi", "text_en",
    }  # fmt: skip
    assert lines[0].keys() == keys
    assert lines[0]["text_vi"] == "một"


def test_a_sink_that_cannot_be_written_is_retried(tmp_path: Path, session: requests.Session) -> None:
    error = failure("sink", {"path": str(tmp_path / "none" / "sink.jsonl")}, session)
    assert not error.permanent
    assert str(error).endswith("No such file or directory")


def test_a_full_disk_leaves_no_half_line(session: requests.Session) -> None:
    error = failure("sink", {"path": "/dev/full"}, session)
    assert (str(error), error.permanent) == ("/dev/full: No space left on device", False)


def test_messages_are_frozen() -> None:
    with pytest.raises(AttributeError, match="immutable"):
        message().status = "resolved"  # type: ignore[misc]  # that is the point
    assert msgspec.structs.replace(message(), step=1).step == 1
