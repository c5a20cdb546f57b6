"""One probe on its way: its clock, its secrets, its connections, and what is noted of them."""

from exporters import evidence
from exporters.base import Outcome, Target
from exporters.httpio import transcript
from exporters.httpio.answer import Answer
from exporters.httpio.config import Ask, Config, Step
from exporters.httpio.connection import Connection, Pool
from exporters.httpio.request import Request
from exporters.httpio.told import tell_connection, tell_kernel
from exporters.httpio.veil import Veil
from exporters.net.phases import Phases
from inventory.names import (
    PROBE_FAILED_REGEX,
    PROBE_HTTP_DURATION,
    PROBE_HTTP_REDIRECTS,
    PROBE_HTTP_STATUS,
    TCP_RETRANSMITS,
    Reason,
)


class Course:
    """What the requests of one probe share. ``proven``: the peer has been heard on the connection in use.

    ``where`` names the step under way, for evidence; ``notes`` is None unless somebody asked.
    """

    __slots__ = (
        "_before", "_retransmits", "_status", "config", "followed", "notes", "phases", "pool", "proven",
        "reading", "request", "target", "values", "veil", "where",
    )  # fmt: skip

    def __init__(self, target: Target, config: Config, pool: Pool | None) -> None:
        self.target, self.config, self.pool = target, config, pool
        self.veil, self.notes = Veil(), evidence.asked()
        self.values: dict[str, str] = {}
        self.where, self.proven, self.followed = "", False, 0
        self.request: Request | None = None
        self.reading: Answer | None = None  # what came so far, for notes
        self._status = self._retransmits = 0
        self._before: dict[str, float] = {}
        self.start()

    def start(self) -> None:
        """Start the clock anew: what this machine needs to read its own files is not the system's time."""
        self.phases = Phases(PROBE_HTTP_DURATION)

    def enter(self, step: Step, number: int, total: int) -> None:
        """Begin a step of a transaction."""
        self.where = f"step {number + 1} of {total}{step.name and f' ({step.name})'}: "
        self.veil.closed = step.guarded
        if self.notes is not None:
            transcript.step(self.notes, self.where.rstrip(": "))

    def capture(self, ask: Ask, captured: dict[str, str]) -> None:
        """Keep what a step captured, and keep what is secret of it from being shown."""
        for name, value in captured.items():
            if isinstance(ask, Step) and ask.capture[name].secret:
                self.veil.add(value)
        self.values |= captured

    def follow(self) -> None:
        """Count a redirect that is followed."""
        self.followed += 1

    def connected(self, request: Request, connection: Connection) -> None:
        """Note a connection, new or used, on which ``request`` is about to go out."""
        tell_connection(connection, self.phases, all_series=self.config.all_series)
        if self.notes is not None:
            transcript.connected(self.notes, request, connection)
            transcript.sent(self.notes, self.veil, request)

    def ended(self, connection: Connection) -> None:
        """Note what the kernel knows of a connection after an exchange, good or bad."""
        more = tell_kernel(connection, self.phases)
        self._retransmits += more
        if self.notes is not None:
            now = self.phases.durations()
            spent = {phase: seconds - self._before.get(phase, 0.0) for phase, seconds in now.items()}
            self._before = now
            transcript.timed(self.notes, spent, connection.rtt_seconds, more)

    def answered(self, answer: Answer) -> None:
        """Note an answer, redirects too."""
        self._status = answer.status
        if self.notes is not None:
            transcript.received(self.notes, self.veil, answer)
            self.reading = None

    def outcome(self, reason: Reason, said: str = "") -> Outcome:
        """Return the result, with evidence that names the step and shows no secret."""
        if self.notes is not None and self.reading is not None:
            transcript.received(self.notes, self.veil, self.reading)
        note = self.phases.note
        note(PROBE_HTTP_STATUS, self._status)
        note(PROBE_HTTP_REDIRECTS, self.followed)
        note(TCP_RETRANSMITS, self._retransmits)
        if self.config.all_series:
            note(PROBE_FAILED_REGEX, reason in {Reason.BODY, Reason.MAINTENANCE})
        return self.phases.outcome(reason, self.veil.hide(f"{self.where}{said}") if said else "")
