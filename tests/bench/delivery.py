"""A line that is cut for as long as it takes to measure what a commune measures in 6 hours, side by side.

Our agent, Prometheus in agent mode and vmagent send the same series, each over a line and to a hub of its
own, at the same time. Time is compressed by the rate: everything is measured every second. During the cut
the sender is killed, its disk is full for a while, its machine is restarted, the hub's Prometheus is
killed and the hub restarted; soon after the line is back, Prometheus and then the sender are killed again.

Ours is judged sample by sample against what the agent wrote down as it measured; the others scrape a page
whose every value is the number of the scrape. ``DELIVERY_CUT_SECONDS`` sets how long the cut is.
"""

import contextlib
import json
import os
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Final

import msgspec

from agent.spool.spool import FLUSH_SOONER_SECONDS, IN_FLIGHT_SECONDS
from tests.bench._delivered import Risks, Score, by_series, judge, judge_scrapes, truth_of
from tests.bench._path import FAR, Lane, inside
from tests.bench._province import LINE_MBPS, province, system_address
from tests.bench._rows import progress
from tests.bench._senders import BEHIND_SECONDS, Ours, Peer, PrometheusAgent, Sender, Vmagent
from tests.bench._text import heads
from tests.bench._watched import read
from tests.exporters.pki import Pki

CUT_SECONDS: Final = 105.0
SYSTEMS: Final = 180
SITE_SAMPLES_PER_MINUTE: Final = 2100
"""Of a commune with 1,000 series, as in :mod:`tests.bench.delivery_hundred`."""
RISK_SECONDS: Final = max(FLUSH_SOONER_SECONDS, IN_FLIGHT_SECONDS) + 2.0
"""How much of what shows no change a kill may cost. It is 60 s where a site measures as much as usual: here
memory fills a hundred times as fast, and is written sooner, but for what is on its way."""
WARM_SECONDS: Final = 12.0
COMPLETE_SECONDS: Final = 60.0
NEARLY: Final = 1.01
QUIET_SECONDS: Final = 12.0
AFTER_SECONDS: Final = 65.0
"""How long the story is watched at least once the lines are back."""
DRAIN_SECONDS: Final = 420.0
CURRENT_SECONDS: Final = 5.0
"""Everything is measured every second, and collected and sent every second: what is younger is current."""
LIVE_LIMIT_SECONDS: Final = 10.0
TICK_SECONDS: Final = 0.25
TOGGLE_SECONDS: Final = 12.0
STOPPED_SECONDS: Final = 10.0
"""A moment of the story takes much less, even where a query waits for its answer."""
MINUTES: Final = 30
_CUT: Final = "table inet cut { chain forward { type filter hook forward priority 0; drop; }; }"
_DEAD: Final = "table inet dead {{ chain in {{ type filter hook input priority 0; ip daddr {} drop; }}; }}"


class Line(msgspec.Struct):
    """What is seen of one sender: (monotonic seconds, bytes sent) over time, and when it was current."""

    sender: Sender
    sent: list[tuple[float, int]] = []
    live_seconds: float | None = None
    behind_at: float = 0.0

    def note(self, now: float) -> None:
        """Note what has been sent."""
        self.sent.append((now, self.sender.sent_bytes()))

    def rates(self, since: float, until: float = float("inf")) -> list[tuple[float, float]]:
        """Return (monotonic seconds, bytes per second) over windows of about a second."""
        found, (at, sent) = [], self.sent[0]
        for now, bytes_ in self.sent:
            if now - at >= 1.0:
                if since <= at and now <= until:
                    found.append((now, (bytes_ - sent) / (now - at)))
                at, sent = now, bytes_
        return found


class Stage:
    """All of them, and the clock of the story."""

    def __init__(self, lines: list[Line], cut_seconds: float) -> None:
        self.lines = lines
        self.cut_seconds = cut_seconds
        self.cut_at = self.healed_at = self.stopped_seconds = 0.0
        self._toggled = self._looked = self._ticked = 0.0
        self._dead = False

    def every(self, what: Callable[[Sender], None]) -> Callable[[], None]:
        """Return what does something to each sender."""

        def all_of_them() -> None:
            for line in self.lines:
                what(line.sender)

        return all_of_them

    def now(self) -> float:
        """Return monotonic seconds, without those in which everybody was stopped (see :meth:`_tick`)."""
        return time.monotonic() - self.stopped_seconds

    def watch(self, seconds: float, *, done: Callable[[], bool] = lambda: False) -> None:
        """Let time pass: tend the senders, note what they send and when they are current."""
        self._ticked = time.monotonic()
        until = self.now() + seconds
        while (now := self.now()) < until and not done():
            for line in self.lines:
                line.sender.tend()
                line.note(now)
                if self.healed_at and line.live_seconds is None and _current(line.sender):
                    line.live_seconds = self.now() - self.healed_at
            self._look(now)
            self._toggle(now)
            time.sleep(TICK_SECONDS)
            self._tick()

    def play(self, story: list[tuple[float, str, Callable[[], None]]]) -> None:
        """Do everything in its second from now on."""
        began = self.now()
        for at, what, do in story:
            self.watch(began + at - self.now())
            progress(f"{self.now() - began:5.0f} s  {what}")
            do()

    def _tick(self) -> None:
        """See whether this process, and so all of them, did not run for a while: on a machine that is
        shared, that happens, and must not have everything happen at once afterwards."""
        now = time.monotonic()
        if now - self._ticked > STOPPED_SECONDS:
            self.stopped_seconds += now - self._ticked
            progress(f"everything was stopped for {now - self._ticked:.0f} s")
        self._ticked = now

    def cut(self) -> None:
        """Let nothing through any more."""
        self.cut_at = self.now()
        for line in self.lines:
            line.sender.lane.nft("left", _CUT)

    def heal(self) -> None:
        """Let everything through again."""
        for line in self.lines:
            line.sender.lane.nft("left", "delete table inet cut")
        self.healed_at = self.now()

    def quiet(self) -> bool:
        """Whether everything has happened and nobody has had anything waiting for a while."""
        return self.now() - self.healed_at > AFTER_SECONDS and all(
            self.now() - line.behind_at > QUIET_SECONDS for line in self.lines
        )

    def usual(self, line: Line) -> float:
        """Return the bytes per second of live data, as before the cut."""
        rates = [rate for _, rate in line.rates(self.cut_at - WARM_SECONDS / 2, self.cut_at)]
        return sum(rates) / max(1, len(rates))

    def _look(self, now: float) -> None:
        """Note who has something waiting."""
        if self.healed_at and now - self._looked >= 1.0:
            self._looked = now
            for line in self.lines:
                if line.sender.behind():
                    line.behind_at = now

    def _toggle(self, now: float) -> None:
        """Let a system of ours fail and come back, again and again: states change during the cut."""
        if now - self._toggled < TOGGLE_SECONDS:
            return
        self._toggled, self._dead = now, not self._dead
        for line in self.lines:
            if isinstance(line.sender, Ours):
                address = system_address(1)
                rules = _DEAD.format(address) if self._dead else "delete table inet dead"
                line.sender.lane.nft("near", rules)


def _current(sender: Sender) -> bool:
    """Whether the hub has of everything what was just measured."""
    age = sender.hub.value("time() - min(timestamp(probe_success))")
    return age is not None and age < CURRENT_SECONDS


def _story(stage: Stage) -> list[tuple[float, str, Callable[[], None]]]:
    """Return what happens, by seconds since the cut."""
    cut = stage.cut_seconds
    return [
        (0, "the lines are cut", stage.cut),
        (0.15 * cut, "kill -9 of the senders", stage.every(lambda one: one.kill())),
        (0.30 * cut, "their disks are full", stage.every(lambda one: one.fill())),
        (0.40 * cut, "there is room again", stage.every(lambda one: one.free())),
        (0.55 * cut, "their machines restart", stage.every(lambda one: one.reboot())),
        (0.70 * cut, "kill -9 of the hubs' Prometheus", stage.every(_kill_prometheus)),
        (0.85 * cut, "the hubs restart", stage.every(_restart_hub)),
        (cut, "the lines are back", stage.heal),
        (cut + 15, "kill -9 of the hubs' Prometheus", stage.every(_kill_prometheus)),
        (cut + 25, "kill -9 of the senders", stage.every(lambda one: one.kill())),
    ]


def _kill_prometheus(sender: Sender) -> None:
    sender.hub.end("prometheus")
    sender.hub.start_prometheus()


def _restart_hub(sender: Sender) -> None:
    sender.hub.end_all()
    sender.start_hub()


def _set_up(stack: ExitStack, directory: Path) -> list[Line]:
    """Start everything. The others scrape the series that our agent has by then."""

    def lane(name: str) -> Lane:
        (directory / name).mkdir()
        return stack.enter_context(Lane(directory / name / "net"))

    pki = Pki(directory)
    inventory = province(FAR, 1, SYSTEMS, str(pki.host("hub", san=f"IP:{FAR}")))
    ours = Ours(lane("ours"), directory / "ours", inventory, pki.ca)
    stack.callback(ours.end)
    _start(ours)
    template = directory / "template"
    template.write_bytes(_complete(ours))
    progress(f"{len(heads(template.read_bytes()))} series, every second")
    senders: list[Sender] = [ours]
    for kind in (PrometheusAgent, Vmagent):
        peer = kind(lane(kind.__name__), directory / kind.__name__, template)
        stack.callback(peer.end)
        _start(peer)
        senders.append(peer)
    return [Line(sender) for sender in senders]


def _complete(ours: Ours) -> bytes:
    """Return the agent's page once it has everything there is. Raises TimeoutError."""
    until, before = time.monotonic() + COMPLETE_SECONDS, 0
    while time.monotonic() < until:
        time.sleep(3.0)
        with contextlib.suppress(OSError):
            page = ours.page()
            found = len(heads(page))
            if found <= before * NEARLY:  # a few come and go
                return page
            before = found
    raise TimeoutError(f"the agent still finds new series after {COMPLETE_SECONDS:g} s")


def _start(sender: Sender) -> None:
    sender.start_hub()
    sender.hub.wait_ready()
    sender.begin()


def _score(sender: Sender, until: float, series: int) -> Score:
    progress(f"comparing what {sender.name} measured with what its hub has")
    if isinstance(sender, Ours):
        stored = by_series(sender.hub.samples('{job="thongsuot-agent"}', MINUTES))
        truth = truth_of(made for made in read(sender.truth) if made.unix <= until)
        return judge(truth, stored, Risks(sender.kills, RISK_SECONDS))
    assert isinstance(sender, Peer)
    found = sender.hub.samples('{job="bench",__name__!~"up|scrape_.*"}', MINUTES)
    return judge_scrapes(sender.scrapes, found, series, until)


def _row(stage: Stage, line: Line, score: Score, ended: float) -> dict[str, Any]:
    live, drain = line.live_seconds, line.behind_at - stage.healed_at
    peak = max((rate for _, rate in line.rates(stage.healed_at)), default=0.0)
    return {
        "sender": line.sender.name, "expected": score.expected, "received": score.received,
        "lost": score.lost, "lost %": 100 * score.lost / score.expected, "twice": score.twice,
        "wrong": score.wrong, "live after s": "never" if live is None else live,
        "drained after s": drain if ended - line.behind_at > QUIET_SECONDS / 2 else f"> {drain:.0f}",
        "peak Mbit/s": peak * 8 / 1e6,
        "live Mbit/s": stage.usual(line) * 8 / 1e6,
        "crashes": line.sender.crashes,
    }  # fmt: skip


def measure(cut_seconds: float) -> dict[str, Any]:
    """Play the story and judge everybody. Inside a sandbox only."""
    with tempfile.TemporaryDirectory(prefix="bench-") as name, ExitStack() as stack:
        lines = _set_up(stack, Path(name))
        stage = Stage(lines, cut_seconds)
        stage.watch(WARM_SECONDS)
        stage.play(_story(stage))
        stage.watch(DRAIN_SECONDS, done=stage.quiet)
        ended, until = stage.now(), time.time() - BEHIND_SECONDS
        for line in lines:
            line.sender.stop()
        series = len(heads((Path(name) / "template").read_bytes()))
        scores = {line.sender.name: _score(line.sender, until, series) for line in lines}
        rows = [_row(stage, line, scores[line.sender.name], ended) for line in lines]
        return {
            "rows": rows,
            "claims": _claims(rows[0], scores[lines[0].sender.name]),
            "scores": msgspec.to_builtins(scores),
            "stopped_seconds": stage.stopped_seconds,
            "equivalent_hours": cut_seconds * series / SITE_SAMPLES_PER_MINUTE / 60,
            "rates": {line.sender.name: line.rates(0.0) for line in lines},
        }


def _claims(row: dict[str, Any], score: Score) -> dict[str, bool]:
    live = row["live after s"]
    share = LINE_MBPS / 10
    return {
        f"ours: nothing lost but at most {RISK_SECONDS:g} s before each kill": score.unexcused == 0,
        "ours: states changed, and every change arrived": score.changes > 0 == score.changes_lost,
        "ours: nothing wrong, nothing twice": score.wrong == score.twice == 0,
        f"ours: live data current within {LIVE_LIMIT_SECONDS:g} s of reconnection": (
            isinstance(live, float) and live <= LIVE_LIMIT_SECONDS
        ),
        "ours: the backlog is sent to its end": isinstance(row["drained after s"], float),
        f"ours: at most a tenth of the line, {share:g} Mbit/s, and what is live": (
            row["peak Mbit/s"] <= share * 1.3 + row["live Mbit/s"]
        ),
    }


def run(cut_seconds: float | None = None) -> dict[str, Any]:
    """Return the table of all three."""
    chosen = cut_seconds or float(os.environ.get("DELIVERY_CUT_SECONDS", CUT_SECONDS))
    seconds = 2 * chosen + DRAIN_SECONDS + 300
    result: dict[str, Any] = json.loads(inside("tests.bench.delivery", str(chosen), seconds=seconds))
    return result


if __name__ == "__main__":
    print(json.dumps(measure(float(sys.argv[1]))))
