"""The reflector under 10,000 sessions and 50,000 packets of garbage a second, and what ``stamp`` costs.

A real ``thongsuot reflect`` in a process of its own; the garbage comes from another. Half of it is random
octets, half well-formed packets of sessions that never come back.
"""

import asyncio
import os
import random
import re
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import psutil

from exporters.base import Target
from exporters.probes import stamp
from exporters.stampio.packet import Sent, encode_sent, parse_reflected

SESSIONS = 10_000
GARBAGE_PER_SECOND = 50_000
GARBAGE_SECONDS = 8
PAGES, PORT = 28498, 28462
GROWTH_LIMIT_MB = 3.0
STAMP_LIMIT_PERCENT = 1.0


@contextmanager
def reflector() -> Iterator[psutil.Process]:
    """Run the command and wait until it says that it answers."""
    command = [sys.executable, "-m", "deploy.cli", "reflect"]
    command += ["--listen", f"127.0.0.1:{PAGES}", "--stamp-listen", f"127.0.0.1:{PORT}"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            process.stdout.readline()
            yield psutil.Process(process.pid)
        finally:
            process.terminate()


def metrics() -> dict[str, float]:
    """Return what the reflector says of itself, by the end of the name or the result."""
    with urllib.request.urlopen(f"http://127.0.0.1:{PAGES}/metrics", timeout=30) as answer:
        text = answer.read().decode()
    found = re.findall(r'^thongsuot_reflector_(\w+)(?:\{result="(\w+)"\})? (\S+)$', text, re.MULTILINE)
    return {result or name: float(value) for name, result, value in found}


def settled() -> dict[str, float]:
    """Return the metrics once what waits in the socket has been looked at."""
    before: dict[str, float] = {}
    now = metrics()
    while now != before:
        time.sleep(0.5)
        before, now = now, metrics()
    return now


def visit(sock: socket.socket) -> list[int]:
    """Send one packet of each session, in turn; return the numbers of the answers."""
    numbers = []
    for session in range(1, SESSIONS + 1):
        sock.send(encode_sent(Sent(0, 1, 0x8001, session), None))
        answer = parse_reflected(sock.recv(100), None)
        numbers.append(answer.sequence if answer is not None else -1)
    return numbers


def flood() -> None:
    """Send garbage at an even rate (in a process of its own)."""
    chance = random.Random(1)
    noise = [chance.randbytes(chance.randrange(14, 200)) for _ in range(2000)]
    sockets = [socket.socket(socket.AF_INET, socket.SOCK_DGRAM) for _ in range(20)]
    for sock in sockets:
        sock.connect(("127.0.0.1", PORT))
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1)  # nobody reads the answers
    begun = time.monotonic()
    for number in range(0, GARBAGE_SECONDS * GARBAGE_PER_SECOND, 2):
        turn, session = divmod(number // 2, 0xFFFF)
        sock = sockets[turn % len(sockets)]
        sock.send(noise[number % len(noise)])
        sock.send(encode_sent(Sent(number, 1, 0x8001, session + 1), None))
        wait = begun + number / GARBAGE_PER_SECOND - time.monotonic()
        if wait > 0.005:
            time.sleep(wait)


def flooded(process: psutil.Process) -> tuple[float, dict[str, float]]:
    """Let a flood pass; return the reflector's resident megabytes and metrics after it."""
    subprocess.run([sys.executable, "-m", "tests.bench.reflector"], check=True, env=dict(os.environ))
    told = settled()
    return process.memory_info().rss / 1e6, told


async def cost() -> float:
    """Return the share of a core, in percent, that 10 packets a second take."""
    target = Target(name="bench", address=f"127.0.0.1:{PORT}", timeout_seconds=8)
    config = stamp.Config(train_seconds=5)
    await stamp.probe(target, stamp.Config())
    processor, begun = time.process_time(), time.monotonic()
    for _ in range(3):
        await stamp.probe(target, config)
    return (time.process_time() - processor) / (time.monotonic() - begun) * 100


def run() -> dict[str, Any]:
    """Flood, and see what is left."""
    with reflector() as process, socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        percent = asyncio.run(cost())
        sock.connect(("127.0.0.1", PORT))
        sock.settimeout(10)
        first = visit(sock)
        time.sleep(1)  # a newcomer proves itself by sending on
        second = visit(sock)
        before = process.memory_info().rss / 1e6
        processor, begun = process.cpu_times(), time.monotonic()
        full, _ = flooded(process)
        after, seconds = process.cpu_times(), time.monotonic() - begun
        end, told = flooded(process)
        third = visit(sock)
    busy = (after.user + after.system - processor.user - processor.system) / seconds * 100
    row = {
        "sessions": SESSIONS,
        "garbage": 2 * GARBAGE_SECONDS * GARBAGE_PER_SECOND,
        "seconds": round(seconds, 1),
        "looked_at": int(sum(told[name] for name in told if not name.startswith("sessions"))) - 2 * SESSIONS,
        "before_mb": round(before, 1),
        "full_mb": round(full, 1),
        "end_mb": round(end, 1),
        "core_percent": round(busy, 1),
        "stamp_core_percent": round(percent, 2),
    }
    kept = (first, second, third) == ([0] * SESSIONS, [1] * SESSIONS, [2] * SESSIONS)
    return {
        "rows": [row],
        "claims": {
            f"{SESSIONS} sessions keep their counts through the garbage": kept,
            f"once its tables are full, memory grows by less than {GROWTH_LIMIT_MB:g} MB":
                end - full < GROWTH_LIMIT_MB,
            f"10 test packets a second take less than {STAMP_LIMIT_PERCENT:g} % of a core":
                percent < STAMP_LIMIT_PERCENT,
        },
    }  # fmt: skip


if __name__ == "__main__":
    flood()
