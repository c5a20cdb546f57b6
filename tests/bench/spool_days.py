"""For how many days the spool of a commune lasts: the agents of the example province with the most and the
fewest targets, as rendered, measure on loopback while their hub takes nothing.

Addresses are those of peers on loopback, and what needs a router or another hub's token is left out; all
else is as it is in the field. ``SPOOL_DAYS_SECONDS`` sets how long both are watched, from their third
minute on.
"""

import itertools
import os
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, Final

import msgspec

from agent.config import AgentConfig, AgentTarget, Push
from deploy.render_agents import commune_config, to_yaml
from inventory.load import load
from inventory.names import AGENT_BACKLOG_SAMPLES, AGENT_SPOOL_BYTES, AGENT_SPOOL_LIMIT
from tests.bench import _text
from tests.bench.agent_memory import _Server, _Site, reflector, site
from tests.bench.probe_cpu import free_port
from tests.exporters.pki import Pki

EXAMPLE: Final = Path(__file__).parents[2] / "examples" / "quang-ngai.yml"
DAYS: Final = 14.0
FIRST_SECONDS: Final = 130.0
DEFAULT_SECONDS: Final = 320.0
LEAST_SAMPLES: Final = 300
"""What is less is a change of state, which its minute's row takes in."""
_LEFT_OUT: Final = frozenset({"throughput", "uplink"})


class _Failing(_Site):
    """A hub that tells its time and takes nothing."""

    def do_POST(self) -> None:  # noqa: N802 - the name that http.server looks for
        self.rfile.read(int(self.headers["Content-Length"]))
        self._answer(503, b"")


class Peers:
    """What targets are measured against; ``ports`` by probe."""

    def __init__(self, ca: Path, https: int, tcp: int, stamp: int) -> None:
        self._ca, self._https, self._tcp, self._stamp = str(ca), https, tcp, stamp
        self._numbers = itertools.count(2)

    def of(self, target: AgentTarget) -> dict[str, Any]:
        """Return what of a target is different here."""
        number = next(self._numbers)
        places: dict[str, tuple[str, dict[str, Any]]] = {
            "http": (f"https://localhost:{self._https}/{number}", {"ca_file": self._ca}),
            "tcp": (f"127.0.0.1:{self._tcp}", {}),
            "stamp": (f"127.0.0.1:{self._stamp}", {"packets_per_second": 10, "train_seconds": 5}),
            "traffic": ("lo", {}),
            "host": (target.address, target.options),
            "power": (target.address, target.options),
        }
        address, options = places.get(target.probe, (f"127.0.0.{number}", {}))
        return {"address": address, "options": options, "source": None}


@contextmanager
def _hub() -> Iterator[int]:
    server = _Server(("127.0.0.1", 0), _Failing)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield server.server_address[1]
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def configuration(rendered: AgentConfig, peers: Peers, hub: int, state: Path) -> AgentConfig:
    """Return what was rendered for a commune, with peers on this machine."""
    targets = [
        msgspec.structs.replace(one, **peers.of(one))
        for one in rendered.targets
        if one.probe not in _LEFT_OUT
    ]
    assert rendered.push is not None
    push = Push(
        url=f"http://127.0.0.1:{hub}/api/v1/write",
        heartbeat_seconds=rendered.push.heartbeat_seconds,
        state_seconds=rendered.push.state_seconds,
        detail_seconds=rendered.push.detail_seconds,
    )
    return msgspec.structs.replace(
        rendered, targets=tuple(targets), push=push, fetch=None,
        listen=f"127.0.0.1:{free_port()}", state_directory=str(state),
    )  # fmt: skip


class Held(msgspec.Struct, frozen=True):
    """What a spool held when it had just been written."""

    at: float
    bytes: float
    samples: float


def _watch(listen: str, seconds: float) -> tuple[list[Held], float]:
    """Return what was held after each time that the spool was written, and what it may take."""
    found: list[Held] = []
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        time.sleep(0.5)
        body, _ = _text.scrape(listen)
        samples = _text.total(body, AGENT_BACKLOG_SAMPLES.name)
        if not found or samples > found[-1].samples + LEAST_SAMPLES:
            found.append(Held(time.monotonic(), _text.total(body, AGENT_SPOOL_BYTES.name), samples))
    return found, _text.total(body, AGENT_SPOOL_LIMIT.name)


def measure(config: AgentConfig, path: Path, seconds: float) -> dict[str, Any]:
    """Run an agent, and return how fast its spool grows."""
    path.write_bytes(to_yaml(config))
    command = [sys.executable, "-m", "agent", "--config", str(path), "--log-level", "error"]
    with subprocess.Popen(command, stderr=subprocess.DEVNULL) as agent:  # it says that nobody takes anything
        try:
            time.sleep(FIRST_SECONDS)
            found, limit = _watch(config.listen, seconds)
        finally:
            agent.terminate()
            agent.wait(10)
    first, last = found[1], found[-1]  # the first look came at any moment
    grown, samples, took = last.bytes - first.bytes, last.samples - first.samples, last.at - first.at
    per_day = grown / took * 86_400
    return {
        "site": config.site,
        "targets": len(config.targets),
        "minutes": took / 60,
        "samples a minute": samples / took * 60,
        "bytes a sample": grown / samples,
        "MB a day": per_day / 1e6,
        "days": limit / per_day,
    }


def run(seconds: float | None = None) -> dict[str, Any]:
    """Return a row for the largest and the smallest commune."""
    chosen = seconds or float(os.environ.get("SPOOL_DAYS_SECONDS", DEFAULT_SECONDS))
    inventory = load(EXAMPLE).inventory
    agents = sorted(
        (commune_config(inventory, one) for one in inventory.communes if one.transport != "scrape"),
        key=lambda config: len(config.targets),
    )
    with tempfile.TemporaryDirectory() as name, ExitStack() as stack:
        directory = Path(name)
        pki, hub = Pki(directory), stack.enter_context(_hub())
        tcp, https = stack.enter_context(site()), stack.enter_context(site(pki.host("localhost")))
        stamp = stack.enter_context(reflector())
        configs = [
            configuration(one, Peers(pki.ca, https, tcp, stamp), hub, directory / one.site)
            for one in (agents[-1], agents[0])
        ]
        with ThreadPoolExecutor() as both:
            paths = [directory / f"{one.site}.yml" for one in configs]
            rows = list(both.map(measure, configs, paths, [chosen] * len(configs)))
    return {
        "rows": rows,
        "claims": {
            f"{row['targets']} targets: the spool lasts for at least {DAYS:g} days": row["days"] >= DAYS
            for row in rows
        },
    }
