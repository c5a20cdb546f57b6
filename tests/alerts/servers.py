"""Real servers on loopback for the channels: HTTP that answers as told, and an SMTP sink."""

import contextlib
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@dataclass
class Http:
    """Answers ``status``/``headers``/``body`` to everything and keeps what it was sent."""

    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b'{"ok":true}'
    hold: threading.Event | None = None
    url: str = ""
    requests: list[tuple[str, str, dict[str, str], bytes]] = field(default_factory=list)


@contextmanager
def http(server: Http) -> Iterator[Http]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            length = int(self.headers.get("Content-Length", 0))
            server.requests.append((self.command, self.path, dict(self.headers), self.rfile.read(length)))
            if server.hold is not None:
                server.hold.wait(20)
            self.send_response(server.status)
            for name, value in server.headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(server.body)))
            self.end_headers()
            self.wfile.write(server.body)

        do_GET = do_DELETE = do_POST  # noqa: N815 - the base class's names

        def log_message(self, format: str, *args: Any) -> None:
            """Tests print nothing."""

    class Quiet(ThreadingHTTPServer):
        daemon_threads = True

        def handle_error(self, *_: Any) -> None:
            """A client that went away is what some tests are about."""

    with Quiet(("127.0.0.1", 0), Handler) as listening:
        server.url = f"http://127.0.0.1:{listening.server_port}"
        thread = threading.Thread(target=listening.serve_forever, args=(0.02,), daemon=True)
        thread.start()
        try:
            yield server
        finally:
            if server.hold is not None:
                server.hold.set()
            listening.shutdown()
            thread.join(5)


@dataclass
class Smtp:
    """A mail server that takes what it is told to. ``answers`` overrides a command's answer."""

    answers: dict[str, str] = field(default_factory=dict)
    tls: ssl.SSLContext | None = None
    implicit: bool = False
    port: int = 0
    mails: list[str] = field(default_factory=list)
    commands: list[str] = field(default_factory=list)
    encrypted: list[bool] = field(default_factory=list)


@contextmanager
def smtp(server: Smtp) -> Iterator[Smtp]:
    listener = socket.create_server(("127.0.0.1", 0))
    server.port = listener.getsockname()[1]

    def accept() -> None:
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            with connection, contextlib.suppress(OSError):
                _converse(server, connection)

    thread = threading.Thread(target=accept, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        thread.join(5)


def _converse(server: Smtp, raw: socket.socket) -> None:
    raw.settimeout(10)
    if not server.implicit or server.tls is None:
        _talk(server, raw)
        return
    with server.tls.wrap_socket(raw, server_side=True) as encrypted:
        _talk(server, encrypted)


def _talk(server: Smtp, connection: socket.socket) -> None:
    stream = connection.makefile("rwb", buffering=0)

    def say(text: str) -> None:
        stream.write(text.encode() + b"\r\n")

    if isinstance(connection, ssl.SSLSocket) == server.implicit:
        say(server.answers.get("GREETING", "220 sink"))
    while line := stream.readline():
        command = line.decode().strip()
        verb = command.split(" ")[0].upper().partition(":")[0]
        server.commands.append(command)
        if verb in server.answers:
            say(server.answers[verb])
        elif verb == "EHLO":
            say("250-sink\r\n250-STARTTLS\r\n250 AUTH PLAIN" if server.tls else "250 sink")
        elif verb == "STARTTLS" and server.tls is not None:
            say("220 go")
            with server.tls.wrap_socket(connection, server_side=True) as encrypted:
                _talk(server, encrypted)
            return
        elif verb == "AUTH":
            say("235 welcome")
        elif verb == "DATA":
            say("354 go on")
            lines = []
            while (text := stream.readline().decode()) not in (".\r\n", ""):
                lines.append(text)
            server.mails.append("".join(lines))
            server.encrypted.append(isinstance(connection, ssl.SSLSocket))
            say(server.answers.get("END", "250 taken"))
        elif verb == "QUIT":
            say("221 bye")
            return
        else:
            say("250 fine")


def wait_until(condition: Callable[[], bool], seconds: float = 10.0) -> bool:
    """Poll; for what happens in a thread or process that cannot be awaited."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.01)
    return True
