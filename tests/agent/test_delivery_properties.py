"""Whatever dies, in whatever order: every sample that was kept arrives, once, with its own time.

Virtual time, a hub that stores as Prometheus does (the same sample twice is one sample), and an agent
whose file is real. What a ``kill -9`` may cost is what was made in the last minute and shows no change.
"""

import asyncio
import math
import tempfile
from enum import StrEnum
from pathlib import Path

from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from agent.expose import Tier
from agent.remote_write import compress
from agent.spool.piece import Piece
from agent.transport import Reply, Result
from inventory.names import PROBE_DURATION, PROBE_SUCCESS, TARGET_UP
from tests.agent import virtual
from tests.agent.oracle import decode
from tests.agent.push_bench import EPOCH, Bench, Hub

RISK_SECONDS = 60.0
Sample = tuple[str, int, float]


class Event(StrEnum):
    """What happens, and lasts until the next event unless it is a moment."""

    WELL = "well"
    CUT = "cut"
    BUSY = "busy"
    FAILING = "failing"
    MUTE = "mute"  # the hub takes what it gets, and its answers are lost
    FULL = "full"  # the agent's disk is full
    CHANGE = "change"  # a state changes
    KILL = "kill"  # of the agent
    REBOOT = "reboot"  # of the agent's machine
    POWER = "power"  # the hub is started anew, without what it acknowledged last


LASTING = {
    Event.WELL: Result.OK,
    Event.CUT: Result.UNREACHABLE,
    Event.BUSY: Result.BUSY,
    Event.FAILING: Result.SERVER_ERROR,
    Event.MUTE: Result.TIMEOUT,
}


class Store(Hub):
    """A hub with a start time, that loses the last seconds when it loses power."""

    def __init__(self) -> None:
        super().__init__()
        self.start = EPOCH + virtual.now()
        self.got: dict[Sample, float] = {}  # when it was last taken

    async def send(self, body: bytes, timeout_seconds: float | None = None) -> Reply:
        reply = await super().send(body)
        if reply.result in {Result.OK, Result.TIMEOUT}:
            self.got |= dict.fromkeys(samples(body), virtual.now())
        self.bodies.clear()
        self.samples.clear()
        return reply

    def lose_power(self) -> None:
        self.start = EPOCH + virtual.now()
        self.got = {sample: at for sample, at in self.got.items() if at < virtual.now() - 30}


def samples(body: bytes) -> list[Sample]:
    """Return (series, Unix ms, value) of a compressed request."""
    return [
        (" ".join(f"{name}={value}" for name, value in labels), time_ms, value)
        for labels, points in decode(body)
        for value, time_ms in points
        if value == value
    ]


class Field:
    """An agent, its disk and its hub; ``made`` is everything that was ever collected."""

    def __init__(self, directory: Path) -> None:
        self.directory, self.hub = directory, Store()
        self.boots, self.full = 1, False
        self.made: list[tuple[float, Piece, bytes]] = []
        self.kills: list[tuple[float, float]] = []  # (when, since when what was made is at risk)
        self.full_since = math.inf
        self.agent = self.begin()

    def begin(self) -> Bench:
        agent = Bench(directory=self.directory, boot=f"boot {self.boots}", hub=self.hub)
        keep = agent.spool.take

        def take(piece: Piece) -> None:
            self.made.append((virtual.now(), piece, piece.raw))
            keep(piece)

        agent.spool.take = take  # type: ignore[method-assign]  # watched
        agent.pusher.urge()
        return agent

    async def happen(self, event: Event) -> None:
        if event in LASTING:
            self.hub.result = LASTING[event]
        elif event is Event.FULL:
            self.full = not self.full
            if self.full:
                self.full_since = min(self.full_since, virtual.now())
        elif event is Event.CHANGE:
            self.agent.pusher.urge({"a"}, change=True)
        elif event is Event.POWER:
            self.hub.lose_power()
        else:
            await self.kill(reboot=event is Event.REBOOT)
        self.squeeze()

    async def kill(self, *, reboot: bool) -> None:
        self.kills.append((virtual.now(), self.full_since - RISK_SECONDS))
        await self.agent.stop()
        self.boots += reboot
        self.agent = self.begin()
        await asyncio.sleep(0.01)

    def squeeze(self) -> None:
        """Let the disk be full, or have room."""
        disk = self.agent.spool._shelf._disk
        if disk is not None:
            disk._db.execute(f"PRAGMA max_page_count={1 if self.full else 1 << 30}")

    async def live(self, seconds: float) -> None:
        """Let time pass; states are pushed every 5 s, with values that never repeat."""
        end = virtual.now() + seconds
        while virtual.now() < end:
            for group in (self.agent.a, self.agent.b):
                group.set(Tier.STATE, TARGET_UP, virtual.now())
                group.set(Tier.STATE, PROBE_SUCCESS, virtual.now())
                group.set(Tier.DETAIL, PROBE_DURATION, virtual.now())
            self.agent.pusher.urge()
            await asyncio.sleep(min(5.0, end - virtual.now()))

    def at_risk(self, made: float, piece: Piece) -> bool:
        """What a full disk did not take is in memory only, and even changes are."""
        return any(
            made <= kill and (made >= full or (not piece.change and made >= kill - RISK_SECONDS))
            for kill, full in self.kills
        )


async def story(directory: Path, events: list[tuple[Event, float]]) -> Field:
    field = Field(directory)
    await field.live(20)
    for event, seconds in events:
        await field.happen(event)
        await field.live(seconds)
    field.full = False
    field.squeeze()
    field.hub.result = Result.OK
    await field.live(600)
    await field.agent.stop()
    return field


def judge(field: Field) -> None:
    """The clock of these agents is right, so even what they had to date themselves keeps its time."""
    made = [(when, piece, _samples(raw)) for when, piece, raw in field.made]
    last = max(when for when, _, _ in made)
    missing = [
        (when, sample)
        for when, piece, found in made
        if when < last - RISK_SECONDS and not field.at_risk(when, piece)
        for sample in found
        if sample not in field.hub.got
    ]
    assert not missing, (len(missing), missing[:3])
    everything = {sample for _, _, found in made for sample in found}
    assert field.hub.got.keys() <= everything, "nothing arrives that was not made"


def _samples(raw: bytes) -> list[Sample]:

    return samples(compress((raw,)))


def run(events: list[tuple[Event, float]]) -> Field:
    with tempfile.TemporaryDirectory() as name:
        directory = Path(name)

        async def main() -> Field:
            field = await story(directory, events)
            judge(field)
            return field

        return virtual.run(main)


@settings(max_examples=15, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(st.tuples(st.sampled_from(Event), st.floats(0.1, 400)), max_size=8))
@example([(Event.CUT, 300), (Event.KILL, 100), (Event.WELL, 30), (Event.POWER, 100)])
@example([(Event.CUT, 200), (Event.REBOOT, 200), (Event.REBOOT, 200), (Event.WELL, 10)])
@example([(Event.CUT, 200), (Event.FULL, 300), (Event.WELL, 100), (Event.FULL, 10)])
@example([(Event.MUTE, 200), (Event.CHANGE, 0.3), (Event.KILL, 1), (Event.WELL, 50)])
def test_every_sample_arrives_whatever_dies(events: list[tuple[Event, float]]) -> None:
    run(events)


def test_what_shows_a_change_survives_a_kill_at_once() -> None:
    field = run([(Event.CUT, 120), (Event.CHANGE, 0.3), (Event.KILL, 30), (Event.WELL, 10)])
    assert any(piece.change for _, piece, _ in field.made)
