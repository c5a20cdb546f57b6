"""Mail servers that greet, refuse, babble and interfere."""

import asyncio
import ssl
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from common.yaml.problems import Refused
from exporters.base import Outcome, Target
from exporters.net.phases import Phases
from exporters.probes import smtp
from exporters.registry import convert_options, kinds
from exporters.smtpio.reply import MAX_LINE_OCTETS, MAX_LINES, Replies, Reply
from inventory.names import SMTP_CODE, TLS_CERTIFICATE_EXPIRY, Reason
from tests.exporters.conftest import server_context
from tests.exporters.pki import Pki
from tests.exporters.servers import Handler, closed_port, serve
from tests.exporters.smtp_server import GOOD, mail_server


async def measure(port: int, within: float = 10.0, **options: Any) -> Outcome:
    target = Target(name="t", address=f"127.0.0.1:{port}", timeout_seconds=within)
    return await kinds()["smtp"].probe(target, convert_options("smtp", options))


async def talk(handler: Handler, pki: Pki, within: float = 10.0, **options: Any) -> Outcome:
    async with serve(handler) as port:
        return await measure(port, within, **{"ca_file": str(pki.ca), **options})


def code(outcome: Outcome) -> float:
    [found] = [sample.value for sample in outcome.samples if sample.metric is SMTP_CODE]
    return found


def phases(outcome: Outcome) -> list[str]:
    return [dict(s.labels)["phase"] for s in outcome.samples if "phase" in dict(s.labels)]


async def test_the_whole_conversation(pki: Pki, server_tls: ssl.SSLContext) -> None:
    heard: list[str] = []
    outcome = await talk(mail_server(server_tls, heard), pki)
    assert (outcome.reason, outcome.evidence) == (Reason.OK, "")
    assert heard == ["EHLO [127.0.0.1]", "STARTTLS", "EHLO [127.0.0.1]", "QUIT"]
    assert phases(outcome) == ["resolve", "connect", "banner", "ehlo", "starttls", "tls", "quit"]
    assert code(outcome) == 221
    assert TLS_CERTIFICATE_EXPIRY in {sample.metric for sample in outcome.samples}


async def test_without_tls_and_by_a_name_of_ours(pki: Pki) -> None:
    heard: list[str] = []
    outcome = await talk(mail_server(None, heard), pki, starttls=False, ehlo_name="probe.example")
    assert outcome.ok
    assert heard == ["EHLO probe.example", "QUIT"]
    assert TLS_CERTIFICATE_EXPIRY not in {sample.metric for sample in outcome.samples}


async def test_tls_from_the_first_byte(pki: Pki, server_tls: ssl.SSLContext) -> None:
    async with serve(mail_server(None), server_tls) as port:
        outcome = await measure(port, ca_file=str(pki.ca), tls=True)
    assert outcome.ok
    assert phases(outcome) == ["resolve", "connect", "tls", "banner", "ehlo", "quit"]


@pytest.mark.parametrize(
    ("changes", "options", "reason", "evidence", "last_code"),
    [
        ({"banner": b"554 not for you\r\n"}, {}, Reason.STATUS, "banner: 554 not for you", 554),
        ({"banner": b"421-too\r\n421 busy\r\n"}, {}, Reason.STATUS, "banner: 421 too", 421),
        ({"banner": b"250 what\r\n"}, {}, Reason.STATUS, "banner: 250 what", 250),
        ({"EHLO": b"502 no\r\n"}, {}, Reason.STATUS, "ehlo: 502 no", 502),
        ({"EHLO": b"250 mail.example\r\n"}, {}, Reason.TLS, "STARTTLS is not offered", 250),
        ({"STARTTLS": b"454 not now\r\n"}, {}, Reason.STATUS, "starttls: 454 not now", 454),
        (
            {"STARTTLS": b"220 go\r\n250 injected\r\n"},
            {},
            Reason.PROTOCOL,
            "starttls: more was said before TLS began",
            220,
        ),
        ({"banner": b"HTTP/1.1 400\r\n"}, {}, Reason.PROTOCOL, "banner: b'HTTP/1.1 400' is no reply", 0),
        ({"banner": b"220-a\r\n250 b\r\n"}, {}, Reason.PROTOCOL, "banner: lines of 220 and 250", 0),
        ({"banner": b"220 " + b"x" * 5000}, {}, Reason.PROTOCOL, "banner: a line over 2048 octets", 0),
        ({}, {"banner_regex": "Postfix"}, Reason.BODY, "'Postfix' is not in the banner: 220 mail", 220),
        ({}, {"server_name": "other.example"}, Reason.TLS, "certificate: Hostname mismatch", 220),
        ({"QUIT": b"500 never\r\n"}, {}, Reason.OK, "", 500),
        ({}, {"banner_regex": "^mail.*ESMTP$"}, Reason.OK, "", 221),
    ],
)
async def test_what_may_be_wrong(
    changes: dict[str, Any],
    options: dict[str, Any],
    reason: Reason,
    evidence: str,
    last_code: int,
    pki: Pki,
    server_tls: ssl.SSLContext,
) -> None:
    outcome = await talk(mail_server(server_tls, None, **changes), pki, **options)
    assert outcome.reason is reason
    assert outcome.evidence.startswith(evidence)
    assert code(outcome) == last_code


async def test_a_server_that_does_not_say_goodbye_is_healthy(
    pki: Pki, server_tls: ssl.SSLContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(smtp, "QUIT_SECONDS", 0.01)
    outcome = await talk(mail_server(server_tls, None, QUIT=b""), pki)
    assert (outcome.reason, outcome.evidence, code(outcome)) == (Reason.OK, "", 250)


async def test_so_it_is_when_time_runs_out_over_the_goodbye(monkeypatch: pytest.MonkeyPatch) -> None:
    async def polite(target: Target, config: smtp.Config, phases: Phases) -> None:
        phases.enter("quit")
        await asyncio.sleep(60)

    monkeypatch.setattr(smtp, "_measure", polite)
    assert (await measure(1, within=0.01)).ok


@pytest.mark.parametrize("step", ["banner", "EHLO", "STARTTLS"])
async def test_a_server_that_falls_silent(step: str, pki: Pki, server_tls: ssl.SSLContext) -> None:
    outcome = await talk(mail_server(server_tls, None, **{step: b""}), pki, within=0.3)
    assert outcome.reason is Reason.STALLED
    assert outcome.evidence == f"{step.lower()}: no answer within 0.3 s"


async def test_a_server_that_hangs_up(pki: Pki) -> None:
    async def rude(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(GOOD["banner"])
        await reader.readline()
        writer.close()

    outcome = await talk(rude, pki)
    assert outcome.reason is Reason.RESET
    with closed_port() as port:
        assert (await measure(port)).reason is Reason.REFUSED


async def test_an_expired_certificate(pki: Pki) -> None:
    context = server_context(pki.host("old-mail", expires="20210203040506Z"))
    outcome = await talk(mail_server(context), pki)
    assert (outcome.reason, outcome.evidence) == (Reason.TLS, "certificate: certificate has expired")


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"tls": True, "starttls": True}, "exclude each other"),
        ({"ehlo_name": "a b"}, "ehlo_name"),
        ({"ehlo_name": "x\r\nRCPT"}, "ehlo_name"),
        ({"banner_regex": "("}, "banner_regex"),
    ],
)
def test_options_that_are_refused(options: dict[str, Any], words: str) -> None:
    with pytest.raises(Refused) as refused:
        convert_options("smtp", options)
    assert words in str(refused.value)


# --- replies -------------------------------------------------------------------------------------


def read(*parts: bytes) -> list[Reply]:
    replies, found = Replies(), []
    for part in parts:
        replies.feed(part)
        while (reply := replies.next()) is not None:
            found.append(reply)
    return found


def test_replies_come_in_any_pieces() -> None:
    data = b"220 hub\r\n250-hub\r\n250-SIZE 1000\r\n250 starttls\n354\r\n"
    whole = read(data)
    assert whole == [Reply(220, ("hub",)), Reply(250, ("hub", "SIZE 1000", "starttls")), Reply(354, ("",))]
    assert read(*(data[n : n + 1] for n in range(len(data)))) == whole
    assert [reply.good for reply in whole] == [True, True, False]
    assert whole[1].offers("STARTTLS")
    assert whole[1].offers("SIZE")
    assert not whole[1].offers("HUB")  # the first line is a greeting
    assert str(whole[2]) == "354"


@pytest.mark.parametrize(
    "data", [b"\r\n", b"22 x\r\n", b"220x\r\n", b"199 x\r\n", b"600 x\r\n", "٢٢٠ x\r\n".encode(), b"-250 x\n"]
)
def test_what_is_no_reply(data: bytes) -> None:
    with pytest.raises(ValueError, match="is no reply"):
        read(data)


def test_replies_are_bounded() -> None:
    with pytest.raises(ValueError, match="lines"):
        read(b"250-x\r\n" * (MAX_LINES + 1))
    with pytest.raises(ValueError, match="octets"):
        read(b"250 " + b"x" * MAX_LINE_OCTETS)


@given(st.lists(st.binary(max_size=60), max_size=10))
def test_any_bytes_are_replies_or_a_value_error(parts: list[bytes]) -> None:
    try:
        found = read(*parts)
    except ValueError:
        return
    assert all(200 <= reply.code <= 599 and reply.lines for reply in found)
