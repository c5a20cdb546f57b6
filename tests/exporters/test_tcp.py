"""The tcp probe on loopback: connections, and what is said over them."""

import asyncio
import os
import socket
import ssl
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from common.yaml.problems import Refused
from exporters.base import Outcome, Target
from exporters.net import conversation
from exporters.net.conversation import MAX_LINE, Conversation, Step
from exporters.net.failure import Failure
from exporters.net.wire import Wire
from exporters.probes import tcp
from exporters.registry import convert_options, kinds
from inventory.names import TLS_CERTIFICATE_EXPIRY, Reason
from tests.exporters.pki import Pki
from tests.exporters.servers import Handler, closed_port, full_backlog, serve, then_silent


async def connect(address: str, within: float = 10.0, source: str | None = None, **options: Any) -> Outcome:
    config = tcp.Config(**options)
    target = Target(name="t", address=address, timeout_seconds=within, source=source)
    return await tcp.probe(target, config)


@pytest.mark.parametrize(("host", "spelt", "version"), [("127.0.0.1", "127.0.0.1", 4), ("::1", "[::1]", 6)])
async def test_a_port_that_accepts(host: str, spelt: str, version: int) -> None:
    async with serve(then_silent(), host=host) as port:
        outcome = await connect(f"{spelt}:{port}")
    assert outcome.ok
    by_phase = {dict(sample.labels).get("phase", ""): sample.value for sample in outcome.samples}
    assert by_phase.pop("") == version
    assert set(by_phase) == {"resolve", "connect"}
    assert 0 < sum(by_phase.values()) <= outcome.duration_seconds


async def test_it_leaves_by_the_source_that_is_asked_for() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        assert (await connect(f"127.0.0.1:{port}", source="127.5.5.5")).ok
        connection, (host, _) = listener.accept()
        connection.close()
        assert (await connect(f"127.0.0.1:{port}", source="lo")).ok
    assert host == "127.5.5.5"


async def test_nobody_listens() -> None:
    with closed_port() as port:
        outcome = await connect(f"127.0.0.1:{port}")
    assert outcome.reason is Reason.REFUSED
    assert outcome.evidence == f"connect to 127.0.0.1 port {port}: Connection refused"


async def test_nothing_comes_back() -> None:
    with full_backlog() as port:
        outcome = await connect(f"127.0.0.1:{port}", within=0.05)
    assert outcome.reason is Reason.TIMEOUT
    assert outcome.evidence == "connect: no answer within 0.05 s"


async def test_a_name_that_does_not_resolve() -> None:
    assert (await connect("no-such-name.invalid:80")).reason is Reason.DNS


async def test_addresses_of_the_other_version() -> None:
    assert (await connect("127.0.0.1:80", ip_version=6)).reason is Reason.LOCAL
    assert (await connect("[::1]:80", source="127.0.0.1")).reason is Reason.LOCAL


# --- what is said --------------------------------------------------------------------------------


async def talk(handler: Handler, *steps: dict[str, Any], within: float = 10.0, **options: Any) -> Outcome:
    """Measure a server with these steps."""
    async with serve(handler) as port:
        target = Target(name="t", address=f"127.0.0.1:{port}", timeout_seconds=within)
        return await kinds()["tcp"].probe(target, convert_options("tcp", {"steps": list(steps), **options}))


def script(*lines: bytes, tls: ssl.SSLContext | None = None) -> Handler:
    """Return a handler that says a line, then hears one and says the next; ``None`` of TLS stays plain."""

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        for line in lines:
            writer.write(line)
            await writer.drain()
            if tls is not None and line == b"+OK begin\r\n":
                await writer.start_tls(tls)
            if not await reader.readline():
                break
        writer.close()

    return handle


async def test_steps_in_turn() -> None:
    outcome = await talk(
        script(b"+OK ready\r\n", b"junk\r\n+OK name\r\n", b"+OK bye"),
        {"expect": r"^\+OK", "send": "USER probe\r\n"},
        {"expect": "OK name$", "send": "QUIT\r\n"},
        {"expect": "bye"},  # not even a whole line
    )
    assert (outcome.reason, outcome.evidence) == (Reason.OK, "")
    phases = {dict(s.labels).get("phase"): s.value for s in outcome.samples}
    assert set(phases) == {None, "resolve", "connect", "exchange"}
    assert phases["exchange"] > 0


async def test_accents_and_unprintable_letters_are_met() -> None:
    outcome = await talk(script("Hệ thống ".encode() + b"\xff\x00\n"), {"expect": "Hệ thống"})
    assert outcome.ok


async def test_a_secret_is_sent_from_a_file_and_never_told(tmp_path: Path) -> None:
    secret = tmp_path / "password"
    secret.write_bytes(b"swordfish\n")
    heard: list[bytes] = []

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        heard.append(await reader.readline())
        writer.close()

    outcome = await talk(handle, {"send": "PASS ", "send_file": str(secret)}, {"expect": "welcome"})
    assert heard == [b"PASS swordfish\n"]
    assert outcome.reason in (Reason.BODY, Reason.RESET)
    assert "swordfish" not in outcome.evidence
    outcome = await talk(handle, {"send_file": str(tmp_path / "none")})
    assert (outcome.reason, outcome.evidence) == (
        Reason.LOCAL,
        f"send_file: {tmp_path}/none: No such file or directory",
    )


@pytest.mark.parametrize("said", ["500 what is 'PASS {}'?\r\n", "535 {}", "{}"])
async def test_a_secret_that_comes_back_is_not_told(tmp_path: Path, said: str) -> None:
    word = "swordfish-and-more"
    secret = tmp_path / "password"
    secret.write_text(f"{word}\n")

    async def handler(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"ready\n")
        await reader.readline()
        writer.write(said.format(word).encode())
        await writer.drain()
        writer.close()

    steps = {"expect": "ready", "send": "PASS ", "send_file": str(secret)}, {"expect": "welcome"}
    outcome = await talk(handler, *steps, max_received_bytes=1000)
    assert (outcome.reason, word in outcome.evidence) == (Reason.BODY, False)
    assert "•••" in outcome.evidence


async def test_a_pipe_in_place_of_a_secret_holds_nobody_up(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    outcome = await talk(then_silent(), {"send_file": str(tmp_path / "pipe")})
    assert outcome.evidence == f"send_file: {tmp_path}/pipe: Not a plain file"


async def test_tls_within_the_conversation(pki: Pki, server_tls: ssl.SSLContext) -> None:
    steps: tuple[dict[str, Any], ...] = (
        {"expect": "ready", "send": "STLS\r\n"},
        {"expect": "begin", "starttls": True},
        {"send": "X\r\n"},
    )
    handler = script(b"ready\r\n", b"+OK begin\r\n", b"secret words\r\n", tls=server_tls)
    outcome = await talk(handler, *steps, {"expect": "secret"}, ca_file=str(pki.ca))
    assert (outcome.reason, outcome.evidence) == (Reason.OK, "")
    assert TLS_CERTIFICATE_EXPIRY in {sample.metric for sample in outcome.samples}
    assert (await talk(handler, *steps)).reason is Reason.TLS


async def test_words_slipped_in_before_tls_are_not_believed(pki: Pki) -> None:
    handler = script(b"+OK begin\r\n+OK injected\r\n")
    outcome = await talk(handler, {"expect": "begin", "starttls": True}, ca_file=str(pki.ca))
    assert outcome.reason is Reason.PROTOCOL
    assert outcome.evidence == "step 0: 14 bytes more before TLS began"


async def test_tls_from_the_first_byte(pki: Pki, server_tls: ssl.SSLContext) -> None:
    async with serve(script(b"hello\n"), server_tls) as port:
        target = Target(name="t", address=f"127.0.0.1:{port}", timeout_seconds=10.0)
        options = {"tls": True, "ca_file": str(pki.ca), "steps": [{"expect": "hello"}]}
        outcome = await kinds()["tcp"].probe(target, convert_options("tcp", options))
    assert outcome.ok


@pytest.mark.parametrize(
    ("said", "pattern", "reason", "evidence"),
    [
        (b"-ERR busy\r\n", "OK", Reason.BODY, "step 0: 'OK' did not come; last came '-ERR busy'"),
        (b"", "OK", Reason.BODY, "step 0: 'OK' did not come; nothing came"),
        (b"x" * 30_000, "OK", Reason.TOO_LARGE, "step 0: over 20000 bytes; last came 'xxx"),
        (b"\n" * 6000, "OK", Reason.TOO_LARGE, "step 0: over 5000 lines; "),
        (b"a" * 4000 + b"\n", "(a|a)*$b", Reason.LOCAL, "searching for '(a|a)*$b' takes too much CPU time"),
    ],
)
async def test_what_was_not_expected(said: bytes, pattern: str, reason: Reason, evidence: str) -> None:
    async def handle(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(said)
        await writer.drain()
        writer.close()

    outcome = await talk(handle, {"expect": pattern}, max_received_bytes=20_000)
    assert outcome.reason is reason
    assert outcome.evidence.startswith(evidence)


async def test_many_lines_are_searched_in_turns_with_others(monkeypatch: pytest.MonkeyPatch) -> None:
    turns = 0

    async def sleep(_: float) -> None:
        nonlocal turns
        turns += 1

    monkeypatch.setattr("exporters.net.conversation.asyncio.sleep", sleep)
    held = [b"x\n" * 1050 + b"OK\n"]

    class Said(Wire):
        def __init__(self) -> None:
            return

        async def receive(self) -> bytes:
            return held.pop()

    await Conversation(Said(), 65536).take(0, Step(expect="OK"), b"")
    assert turns == 10


async def test_a_server_that_drips_costs_no_more_than_the_budget(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(conversation, "SEARCH_SECONDS", 0.0)
    outcome = await talk(then_silent(b"x"), {"expect": "OK"})
    assert outcome.reason is Reason.LOCAL


async def test_nothing_comes_after_connecting() -> None:
    outcome = await talk(then_silent(), {"expect": "OK"}, within=0.05)
    assert (outcome.reason, outcome.evidence) == (Reason.STALLED, "exchange: no answer within 0.05 s")


@given(
    parts=st.lists(st.binary(min_size=1, max_size=30), max_size=8),
    pattern=st.sampled_from(["OK", "^$", "x$", "\\n"]),
)
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_whatever_is_said_is_found_or_is_a_failure(parts: list[bytes], pattern: str) -> None:
    class Said(Wire):
        def __init__(self) -> None:
            self.coming = list(parts)

        async def receive(self) -> bytes:
            return self.coming.pop(0) if self.coming else b""

    async def run() -> Reason:
        try:
            await Conversation(Said(), MAX_LINE).take(0, Step(expect=pattern), b"")
        except Failure as failure:
            return failure.reason
        return Reason.OK

    assert asyncio.run(run()) in (Reason.OK, Reason.BODY)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"steps": [{}]}, "steps[0]: this step neither waits"),
        ({"steps": [{"expect": "("}]}, "steps[0].expect"),
        ({"steps": [{"say": "x"}]}, "say: unknown key"),
        ({"steps": [{"expect": "x"}] * 33}, "steps"),
        ({"min_tls_version": "SSLv3"}, "min_tls_version"),
    ],
)
def test_options_that_are_refused(options: dict[str, Any], words: str) -> None:
    with pytest.raises(Refused) as refused:
        convert_options("tcp", options)
    assert words in str(refused.value)
