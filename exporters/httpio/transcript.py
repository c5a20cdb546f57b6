"""A probe as people may read it (``/probe?debug=1``): what was sent, by which way, what came back.

Only called when somebody asked. What is secret is masked: variables, what files hold, and the fields
of a header that usually carry a session.
"""

import re
from typing import Final

from exporters.evidence import Notes
from exporters.httpio.answer import Answer
from exporters.httpio.chain import note_certificates
from exporters.httpio.connection import Connection
from exporters.httpio.request import Request
from exporters.httpio.veil import MARK, WITHHELD, Veil

MAX_FIELDS: Final = 60
BODY_LETTERS: Final = 600
_SECRET: Final = re.compile(r"(?i)cookie|auth|token|secret|session|signature|password|api-?key|csrf|jwt")


def step(notes: Notes, where: str) -> None:
    """Begin a step of a transaction."""
    notes.add("step", where)


def connected(notes: Notes, request: Request, connection: Connection) -> None:
    """Say which way was taken."""
    if request.proxy is not None:
        notes.add("proxy", f"{request.proxy.host}:{request.proxy.port}")
    if connection.used:
        notes.add("address", f"{connection.found[0].host}, over the connection of an earlier request")
    secured = connection.tls
    if secured is None:
        return
    cipher = secured.cipher()
    notes.add("tls", f"{secured.version()} {cipher[0] if cipher else ''} for {request.server_name}")
    note_certificates(secured)


def sent(notes: Notes, veil: Veil, request: Request) -> None:
    """Say what is asked."""
    notes.add("request", f"{request.method} {veil.hide(request.url.shown)}")
    for name, value in request.fields:
        notes.add("  header", f"{name}: {field(veil, name, value)}")
    if request.body:
        notes.add("  body", f"{len(request.body)} bytes")


def received(notes: Notes, veil: Veil, answer: Answer) -> None:
    """Say what came back, as far as it did."""
    whole = "" if answer.complete else ", incomplete"
    said = f"HTTP/{answer.http_version} {answer.status}" if answer.status else "no status line"
    notes.add("answer", f"{said}{whole}")
    for name, value in answer.fields[:MAX_FIELDS]:
        shown = name.decode("latin-1")
        notes.add("  header", f"{shown}: {field(veil, shown, value.decode('latin-1'))}")
    if answer.body is not None:
        beginning = WITHHELD if veil.closed else repr(veil.hide(answer.text())[:BODY_LETTERS])
        notes.add("  body", f"{answer.body.length} bytes: {beginning}")


def field(veil: Veil, name: str, value: str) -> str:
    """Return the value of a header field as it may be shown."""
    if _SECRET.search(name):
        return MARK
    if veil.closed and name.lower() not in ("content-type", "content-length", "date", "server", "connection"):
        return MARK
    if name.lower() in ("location", "content-location", "referer", "refresh", "link"):
        path, question, _ = value.partition("?")
        value = f"{path}{question and '?…'}"
    return veil.hide(value)


def timed(notes: Notes, phases: dict[str, float], rtt_seconds: float | None, retransmits: int) -> None:
    """Say how long each phase of one exchange took."""
    for phase, seconds in phases.items():
        notes.add("  phase", f"{phase:<10} {seconds * 1000:10.3f} ms")
    rtt = "unknown" if rtt_seconds is None else f"{rtt_seconds * 1000:.3f} ms"
    notes.add("  tcp", f"round trip {rtt}, {retransmits} segments sent again")
