"""The harness of one target: when it is probed, with what deadline, and what its answers mean."""

import asyncio
import logging
from collections import defaultdict
from collections.abc import Callable
from contextvars import copy_context
from typing import Final

import msgspec

from agent import confirm, schedule
from agent.build import Traits
from agent.config import AgentTarget
from agent.confirm import Evidence, Step, Transition
from agent.deadline import Measure, measure_once, target_of
from agent.expose import Histogram
from agent.measured import Measured
from agent.state import StateBook
from exporters.base import Outcome, PeerClock
from inventory.names import Reason, State

MAX_IN_FLIGHT: Final = 3
"""Probes of one target that may wait for answers at once: enough for one a second with deadlines of
2 s, and gentle to a system that accepts and never answers."""
FIRST_ROUND_SECONDS: Final = 5.0
PACKETS_PASSED: Final = frozenset(
    {
        Reason.REFUSED,
        Reason.TLS,
        Reason.STATUS,
        Reason.BODY,
        Reason.MAINTENANCE,
        Reason.REDIRECT,
        Reason.PROTOCOL,
        Reason.TOO_LARGE,
        Reason.STALLED,
        Reason.AUTH,
    }
)
"""Reasons that prove that packets passed: the gate cannot be to blame."""
log = logging.getLogger(__name__)


class Tools(msgspec.Struct):
    """What all runners of an agent share. ``changed(key, confirmed)`` is told of news worth pushing,
    ``urgent(key)`` of what must be pushed whole and at once; ``broken(kind)`` counts exceptions that a
    probe let out; ``skipped()`` slots that were not used; ``turns`` are the locks of exclusive kinds;
    ``peer_clock`` takes in what a target said of its clock."""

    site: str
    now: Callable[[], float]
    limiter: asyncio.Semaphore
    book: StateBook
    delays: Histogram
    changed: Callable[[str, bool], None]
    broken: Callable[[str], None]
    skipped: Callable[[int], None]
    urgent: Callable[[str], None]
    turns: defaultdict[str, asyncio.Lock]
    peer_clock: Callable[[AgentTarget, PeerClock], None] = lambda target, clock: None


class Runner:
    """Probes one target until :meth:`stop`. ``measure`` is the probe with its options filled in.

    ``followers`` are probed when this target is confirmed down.
    """

    def __init__(
        self,
        target: AgentTarget,
        measure: Measure,
        measured: Measured,
        tools: Tools,
        traits: Traits = Traits(),  # noqa: B008 - frozen
    ) -> None:
        self.target, self.measured = target, measured
        self.gate: Runner | None = None
        self.followers: tuple[Runner, ...] = ()
        self._traits = traits
        self._asked = self._owes_haste = False
        self._measure, self._tools = measure, tools
        self._probe_target = target_of(target)
        # With as many in flight as may be, the next send has to wait for an answer, and then for its own.
        self._gap = 2 * (target.interval_seconds + target.timeout_seconds) + 10
        self._flying: set[asyncio.Task[None]] = set()
        self._timer: asyncio.TimerHandle | None = None
        self._due = 0.0  # what the timer is set to
        self._context = copy_context()  # else there is a new one with each timer
        self._latest: Evidence | None = None
        self._stopped = False
        self._bugs = 0

    def start(self) -> None:
        """Begin; the first probe comes within :data:`FIRST_ROUND_SECONDS`, later ones on the grid."""
        now = self._tools.now()
        # Targets have the same names at every site, and all of a system's visitors must not come at once.
        name, interval = f"{self._tools.site}/{self.target.name}", self.target.interval_seconds
        self._tracker = confirm.begin(now)
        self._slots = schedule.grid(name, now, interval)
        self._last_fired = now - interval
        self._extra: float | None = now + schedule.phase(name, min(interval, FIRST_ROUND_SECONDS))
        self._arm()

    async def stop(self) -> None:
        """Cancel what is under way and give up what is undecided as unknown."""
        self._stopped = True
        if self._timer is not None:
            self._timer.cancel()
        for task in self._flying:
            task.cancel()
        await asyncio.gather(*self._flying, return_exceptions=True)
        if self._traits.judges:
            self._credit(confirm.lapse(self._tracker))

    def kick(self) -> None:
        """Probe now, unless an answer is under way: somebody depends on knowing."""
        if not self._flying and not self._stopped:
            self._extra = self._tools.now()
            self._arm()

    def follow_up(self) -> None:
        """Probe now and log what comes of it: what this target follows was confirmed down."""
        self._asked = True
        self.kick()

    def check_silence(self) -> None:
        """Make the state unknown when nothing was heard for too long."""
        if not self._traits.judges:
            return
        unsure = self._tracker.state is not State.UNKNOWN or self._tracker.pending
        if unsure and self._tools.now() - self._tracker.heard_seconds > self._gap:
            self._apply(confirm.lapse(self._tracker))

    @property
    def judges(self) -> bool:
        """Whether this target is up or down at all."""
        return self._traits.judges

    @property
    def ready(self) -> bool:
        """Whether a first result is there."""
        return self.measured.seen

    @property
    def suspect(self) -> bool:
        """Whether what depends on this target cannot be judged now."""
        answered = self._latest is not None and self._latest.says is State.UP
        return not answered or self._tracker.state is State.DOWN

    async def probe_aside(self) -> Outcome:
        """Probe once for somebody who asks, aside of the schedule: of it only what was counted is kept.

        Raises TimeoutError and whatever the probe lets out.
        """
        if not self._traits.exclusive:
            return self._take_aside(await self._probe())
        turn = self._tools.turns[self.target.probe]
        if turn.locked():
            why = f"another {self.target.probe} is under way"
            return Outcome(reason=Reason.DEFERRED, duration_seconds=0.0, evidence=why)
        async with turn:
            return self._take_aside(await self._probe())

    def _take_aside(self, outcome: Outcome) -> Outcome:
        self.measured.take_aside(outcome)
        if (
            outcome.urgent
        ):  # the schedule's own probe finds nothing new any more: it has to hurry for this one
            self._owes_haste = True
            self.kick()
        return outcome

    async def _probe(self) -> Outcome:
        """Probe once, with the harness' deadline. Raises TimeoutError and whatever the probe lets out."""
        return await measure_once(self._measure, self._probe_target)

    def _arm(self) -> None:
        """Set the timer to whatever is due next."""
        if self._stopped:
            return
        now = self._tools.now()
        due = self._slots.next_seconds()
        if self._extra is not None:
            due = min(due, self._extra)
        if self._tracker.doubt is not None:
            due = min(due, schedule.reprobe(self._tracker.doubt, self._last_fired, now))
        if self._timer is not None:
            if self._due == due:
                return
            self._timer.cancel()
        self._due = due
        loop, wait = asyncio.get_running_loop(), max(0.0, due - now)
        self._timer = loop.call_later(wait, self._fire, due, context=self._context)

    def _fire(self, due: float) -> None:
        self._timer = None
        now = self._tools.now()
        if now < due - 0.001:  # a timer's clock is not ours
            self._arm()
            return
        before = self._slots.skipped
        if self._slots.next_seconds() <= now + 0.001:
            self._slots.use(now)
        self._extra, self._last_fired = None, now
        if len(self._flying) < (1 if self._traits.exclusive else MAX_IN_FLIGHT):
            task = asyncio.get_running_loop().create_task(self._run(due))
            self._flying.add(task)
            task.add_done_callback(self._landed)
        else:
            self._slots.skipped += 1
        if self._slots.skipped > before:
            self._tools.skipped(self._slots.skipped - before)
        self._arm()

    def _landed(self, task: asyncio.Task[None]) -> None:
        self._flying.discard(task)
        self._arm()

    async def _run(self, due: float) -> None:
        if self._traits.exclusive:
            async with self._tools.turns[self.target.probe]:
                await self._measure_now(self._tools.now())
        else:
            await self._measure_now(due)

    async def _measure_now(self, due: float) -> None:
        async with self._tools.limiter:
            sent = self._tools.now()
            self._tools.delays.observe(max(0.0, sent - due))
            try:
                outcome = await self._probe()
            except Exception:  # noqa: BLE001 - a bug in one probe must not stop the others; it is counted
                self._bug()
                return
        self._take(sent, outcome)

    def _bug(self) -> None:
        self._tools.broken(self.target.probe)
        self._bugs += 1
        if self._bugs & (self._bugs - 1) == 0:  # the 1st, 2nd, 4th, 8th ...: never a flood
            log.exception("bug in a probe", extra={"target": self.target.name, "times": self._bugs})

    def _take(self, sent: float, outcome: Outcome) -> None:
        before = self.measured.last
        self.measured.take(outcome)
        if outcome.peer_clock is not None:
            self._tools.peer_clock(self.target, outcome.peer_clock)
        self._log_failure(before, outcome)
        if outcome.urgent or self._owes_haste:
            self._owes_haste = False
            self._tools.urgent(self.measured.key)
        if self._asked:
            self._asked = False
            self._log_follow_up(outcome)
        if not self._traits.judges:
            return
        evidence = Evidence(sent, self._reading(outcome))
        if self._latest is None or evidence.sent_seconds >= self._latest.sent_seconds:
            self._latest = evidence
        self._apply(confirm.step(self._tracker, evidence, self._gap))
        news = before is None or before.reason is not outcome.reason
        if self.gate is not None and news and not outcome.ok:
            self.gate.kick()
        partial = outcome.partial or (before is not None and before.partial)
        if news or partial or self._tracker.doubt is not None:
            self._tools.changed(self.measured.key, False)

    def _reading(self, outcome: Outcome) -> State:
        """What a result says about the target: nothing, where it is our own machine that failed."""
        if outcome.ok:
            return State.UP
        if outcome.reason in (Reason.LOCAL, Reason.DEFERRED):
            return State.UNKNOWN
        blind = self.gate is not None and self.gate.suspect and outcome.reason not in PACKETS_PASSED
        return State.UNKNOWN if blind else State.DOWN

    def _apply(self, step: Step) -> None:
        self._credit(step)
        if step.transition is not None:
            self._announce(step.transition)

    def _credit(self, step: Step) -> None:
        self._tracker = step.tracker
        for interval in step.credited:
            seconds = interval.end_seconds - interval.start_seconds
            self._tools.book.credit(self.measured.key, interval.state, seconds)

    def _log_failure(self, before: Outcome | None, outcome: Outcome) -> None:
        """Keep the evidence of a new kind of failure, confirmed or not: a blip has its reasons too."""
        known = before is not None and before.reason is outcome.reason
        if known or outcome.reason in (Reason.OK, Reason.DEFERRED):
            return
        log.info(
            "probe failed",
            extra={
                "target": self.target.name,
                "reason": outcome.reason.value,
                "evidence": outcome.evidence,
            },
        )

    def _announce(self, change: Transition) -> None:
        self.measured.confirm(change.state, change.at_seconds)
        self._tools.changed(self.measured.key, True)
        if change.state is State.DOWN:
            for follower in self.followers:
                follower.follow_up()
        last = self.measured.last
        log.info(
            "target is %s",
            change.state.value,
            extra={
                "target": self.target.name,
                "was": change.was.value,
                "reason": last.reason.value if last else "",
                "evidence": last.evidence if last else "",
            },
        )

    def _log_follow_up(self, outcome: Outcome) -> None:
        log.info(
            "measured after a failure of %s",
            self.target.on_failure_of,
            extra={
                "target": self.target.name,
                "reason": outcome.reason.value,
                "evidence": outcome.evidence,
            },
        )
