"""How long each phase of a measurement took, and the samples that come of it."""

from time import perf_counter
from typing import Final

from exporters.base import Outcome, Sample
from exporters.evidence import asked
from exporters.net.literal import Address
from exporters.net.resolve import Found
from inventory.names import PROBE_IP_PROTOCOL, Label, Metric, Reason

MAX_EVIDENCE: Final = 300
_PHASE: Final = str(Label.PHASE)


class Phases:
    """The clock of one measurement. Phases are entered in turn; one entered again adds up. Without a
    metric their durations are told to nobody."""

    __slots__ = ("_durations", "_entered", "_metric", "_notes", "_remark", "_started", "current")

    def __init__(self, metric: Metric | None) -> None:
        self._metric = metric
        self._durations: dict[str, float] = {}
        self._notes: dict[tuple[str, tuple[tuple[str, str], ...]], Sample] = {}
        self._remark = ""
        self._started = self._entered = perf_counter()
        self.current = ""

    def enter(self, phase: str) -> None:
        """End the current phase and begin ``phase``."""
        self.leave()
        self.current = phase

    def leave(self) -> None:
        """End the current phase."""
        now = perf_counter()
        if self.current:
            self._durations[self.current] = self._durations.get(self.current, 0.0) + now - self._entered
        self._entered, self.current = now, ""

    def durations(self) -> dict[str, float]:
        """Return the seconds of the phases completed so far."""
        return dict(self._durations)

    def note(self, metric: Metric, value: float) -> None:
        """Remember the last value of a metric without labels of its own."""
        self.add(Sample(metric, float(value)))

    def add(self, sample: Sample) -> None:
        """Remember the last value of a series."""
        self._notes[sample.metric.name, sample.labels] = sample

    def resolved(self, found: Found) -> Address:
        """Return the first of the addresses found, and remember its version and what is wrong with them.

        Of several names in one measurement (redirects) a single stale one makes it stale.
        """
        self.note(PROBE_IP_PROTOCOL, found[0].version)
        if (notes := asked()) is not None:
            others = ", ".join(address.host for address in found[1:])
            notes.add("address", f"{found[0].host}{others and f'; found too, not tried: {others}'}")
        if not self._remark:
            self._remark = found.stale
            for sample in found.samples():
                self.add(sample)
        return found[0]

    def outcome(self, reason: Reason, evidence: str = "") -> Outcome:
        """Return the result: the phases that were completed, and what was noted."""
        samples = list(self._notes.values())
        if self._metric is not None:
            durations = self._durations.items()
            samples += [Sample(self._metric, seconds, ((_PHASE, phase),)) for phase, seconds in durations]
        return Outcome(
            reason=reason,
            duration_seconds=perf_counter() - self._started,
            samples=tuple(samples),
            evidence=one_line("; ".join(filter(None, (evidence, self._remark)))),
        )


def one_line(text: str) -> str:
    """Return ``text`` as one printable line of bounded length: much of it comes from strangers."""
    line = "".join(letter if letter.isprintable() else " " for letter in text[: MAX_EVIDENCE * 4])
    return line if len(line) <= MAX_EVIDENCE else line[: MAX_EVIDENCE - 1] + "…"
