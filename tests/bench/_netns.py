"""Looks into network namespaces: what is opened inside stays there. Inside a sandbox only."""

import http.client
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import msgspec
from pyroute2 import netns  # type: ignore[import-untyped]  # it ships no types


@contextmanager
def entered(namespace: Path) -> Iterator[None]:
    """Be in a namespace for a while, with this thread only."""
    here = os.open("/proc/thread-self/ns/net", os.O_RDONLY | os.O_CLOEXEC)
    try:
        netns.setns(str(namespace))
        yield
    finally:
        netns.setns(here)
        os.close(here)


class _Connection(http.client.HTTPConnection):
    namespace: Path

    def connect(self) -> None:
        with entered(self.namespace):
            self.sock = socket.create_connection((self.host, self.port), self.timeout)


def fetch(namespace: Path, port: int, path: str, seconds: float = 3.0, method: str = "GET") -> bytes:
    """Return the body of a page on the loopback of a namespace. Raises OSError, also for a status but 2xx."""
    connection = _Connection("127.0.0.1", port, timeout=seconds)
    connection.namespace = namespace
    try:
        connection.request(method, path)
        answer = connection.getresponse()
        body = answer.read()
    except http.client.HTTPException as error:
        raise OSError(f"{path}: {error!r}") from None
    finally:
        connection.close()
    if answer.status >= 300:
        raise OSError(f"{path}: {answer.status} {body[:200]!r}")
    return body


class _Found(msgspec.Struct):
    metric: dict[str, str]
    value: tuple[float, str] | None = None
    values: list[tuple[float, str]] = []


class _Data(msgspec.Struct):
    result: list[_Found]


class _Answer(msgspec.Struct):
    data: _Data


def query(namespace: Path, port: int, promql: str, seconds: float = 3.0) -> list[_Found]:
    """Return what Prometheus finds: series with ``value``, or ``values``. Raises OSError."""
    path = f"/api/v1/query?{urlencode({'query': promql, 'timeout': f'{seconds:g}s'})}"
    body = fetch(namespace, port, path, seconds + 1.0)
    try:
        return msgspec.json.decode(body, type=_Answer).data.result
    except msgspec.MsgspecError as error:
        raise OSError(f"not an answer: {error}") from None


def number(namespace: Path, port: int, promql: str, seconds: float = 3.0) -> float | None:
    """Return the value of a query with one result, None where there is none, or no answer."""
    try:
        found = query(namespace, port, promql, seconds)
    except OSError:
        return None
    return float(found[0].value[1]) if found and found[0].value else None


def sent_bytes(namespace: Path, interface: str) -> int:
    """Return how many bytes an interface has sent."""
    with entered(namespace):
        text = Path("/proc/thread-self/net/dev").read_text(encoding="ascii")
    line: Any = next(row for row in text.splitlines() if row.strip().startswith(f"{interface}:"))
    return int(line.split(":")[1].split()[8])
