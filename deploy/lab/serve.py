"""Lets a program play with the lab: one JSON object a line on stdin, one answer a line on stdout.

The first line on stdout is ``{"ready": true}``, once everything is green. ``pages`` right after it
shows what went out before. Then, one at a time::

    {"do": "play", "scenario": "cut-line"}            the result of the scenario
    {"do": "blip", "commune": "21040", "seconds": 2}
    {"do": "fault", "fault": "cut_line", "what": "21040"}, {"do": "heal"}
    {"do": "fault", "fault": "impair_line", "what": "21040", "up": {"delay_seconds": 0.1, "loss_ratio": 0.02}}
    {"do": "fault", "fault": "lossy", "what": "pop:ba-to", "ratio": 0.3}
    {"do": "kill", "words": ["/prometheus ", ...]}    kill -9 of processes by their command line
    {"do": "start_agent", "commune": "21040"}
    {"do": "start", "name": "other", "node": "hub", "words": ["..."]}     a program that stays
    {"do": "run", "node": "agent-21040", "words": ["ping", "-c1", "10.51.0.1"]}
    {"do": "green", "seconds": 60}                    waits until all is well
    {"do": "pages", "seconds": 10}                    what went out until then, played or not
"""

import asyncio
import sys
import threading
from collections.abc import Awaitable, Callable
from typing import Any, Final, Literal

import msgspec

from deploy.lab.green import NotGreen, Watch
from deploy.lab.impair import Impairment
from deploy.lab.lab import Lab
from deploy.lab.nodes import CommandFailed, kill_matching
from deploy.lab.pages import Sink
from deploy.lab.play import Player
from deploy.lab.scenario import SCENARIOS, Limits
from deploy.lab.story import GREEN_SECONDS
from deploy.lab.terminal import Terminal

_MAX_LINE_BYTES: Final = 1 << 16
_SMALL: Final = 6
"""Communes that start within the usual time; more of them take as much longer."""


Fault = Literal[
    "", "cut_line", "cut_power", "kill_agent", "stop_agent", "pop_down", "maintenance_page", "hub",
    "stop_hub", "impair_line", "cut_lan", "hub_uplink", "down", "service_dead", "lossy",
    "kill_locator", "start_locator",
]  # fmt: skip


class Request(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One line of stdin."""

    do: Literal["play", "blip", "fault", "heal", "kill", "start_agent", "start", "run", "green", "pages"]
    scenario: str = ""
    fault: Fault = ""
    what: str = ""
    up: Impairment = Impairment()
    down: Impairment = Impairment()
    ratio: float = 0.3
    commune: str = ""
    name: str = ""
    node: str = ""
    words: tuple[str, ...] = ()
    seconds: float = 2.0
    limits: Limits = Limits()


class Servant:
    """Answers requests about one lab, one at a time."""

    def __init__(self, lab: Lab, watch: Watch, terminal: Terminal) -> None:
        self._lab = lab
        self._watch = watch
        self._terminal = terminal
        self._sink = Sink(lab.places.sink)

    async def answer(self, line: bytes) -> dict[str, Any]:
        """Do what ``line`` says; an error is an answer too."""
        try:
            request = msgspec.json.decode(line, type=Request)
            return await self._do(request)
        except (msgspec.DecodeError, KeyError, CommandFailed, NotGreen, OSError, TimeoutError) as error:
            return {"error": f"{type(error).__name__}: {error}"}

    async def _do(self, request: Request) -> dict[str, Any]:
        match request.do:
            case "play":
                return await self._play(request)
            case "blip":
                async with self._lab.faults.blip(request.commune, request.seconds):
                    pass
            case "fault":
                await self._fault(request)
            case "heal":
                await self._lab.faults.heal()
            case "kill":
                return {"killed": kill_matching(*request.words)}
            case "start" | "start_agent":
                await self._start(request)
            case "run":
                ended = await self._lab.nodes.run(request.node, request.words, seconds=request.seconds)
                return {"status": ended.status, "output": ended.output}
            case "green":
                await self._watch.wait(request.seconds, self._terminal.health)
            case "pages":
                await asyncio.sleep(request.seconds)
                return {"pages": msgspec.to_builtins(self._sink.new())}
        return {"done": request.do}

    async def _play(self, request: Request) -> dict[str, Any]:
        scenario = next(s for s in (*SCENARIOS.values(), None) if s is None or s.name == request.scenario)
        if scenario is None:
            raise KeyError(request.scenario)
        if request.what:
            scenario = scenario.moved(request.what)
        await self._watch.wait(GREEN_SECONDS, self._terminal.health)
        player = Player(self._lab, request.limits, self._sink)
        result = await player.play(scenario, self._terminal)
        plain: dict[str, Any] = msgspec.to_builtins(result)
        return plain

    async def _start(self, request: Request) -> None:
        if request.do == "start":
            await self._lab.nodes.start(request.name, request.node, request.words)
        else:
            await self._lab.start_agent(request.commune)

    async def _fault(self, request: Request) -> None:
        if request.fault == "":
            raise KeyError("fault")
        faults = self._lab.faults
        what = request.what
        verbs: dict[str, Callable[[], Awaitable[None]]] = {
            "cut_line": lambda: faults.cut_line(what),
            "cut_power": lambda: faults.cut_power(what),
            "kill_agent": lambda: faults.kill_agent(what),
            "stop_agent": lambda: faults.stop_agent(what),
            "stop_hub": faults.stop_hub,
            "kill_locator": faults.kill_locator,
            "start_locator": faults.start_locator,
            "pop_down": lambda: faults.pop_down(what),
            "maintenance_page": lambda: faults.maintenance_page(what),
            "hub": faults.hub_unreachable,
            "hub_uplink": faults.hub_uplink,
            "cut_lan": lambda: faults.cut_lan(what),
            "down": lambda: faults.down(what),
            "service_dead": lambda: faults.service_dead(what),
            "lossy": lambda: faults.lossy(what, request.ratio),
            "impair_line": lambda: faults.impair_line(what, request.up, request.down),
        }
        await verbs[request.fault]()


async def serve(lab: Lab, terminal: Terminal, *, bare: bool = False) -> None:
    """Answer until stdin ends. Raises green.NotGreen when the lab never became well; a ``bare`` one is not
    waited for."""
    lines = _stdin()
    async with Watch(lab) as watch:
        servant = Servant(lab, watch, terminal)
        if not bare:
            await watch.wait(GREEN_SECONDS * max(1.0, len(lab.communes) / _SMALL), terminal.health)
        _write({"ready": True})
        while line := await lines.get():
            _write(await servant.answer(line))


def _stdin() -> asyncio.Queue[bytes]:
    """Read lines in a thread: stdin may be a file, on which no loop can wait. Empty bytes at the end."""
    lines: asyncio.Queue[bytes] = asyncio.Queue()
    loop = asyncio.get_running_loop()

    def read() -> None:
        # Unbuffered: a thread that waits with the lock of a buffer makes the interpreter abort at its end.
        with open(sys.stdin.fileno(), "rb", buffering=0, closefd=False) as stdin:
            while line := stdin.readline(_MAX_LINE_BYTES):
                loop.call_soon_threadsafe(lines.put_nowait, line)
        loop.call_soon_threadsafe(lines.put_nowait, b"")

    threading.Thread(target=read, daemon=True).start()
    return lines


def _write(answer: dict[str, Any]) -> None:
    sys.stdout.write(msgspec.json.encode(answer).decode() + "\n")
    sys.stdout.flush()
