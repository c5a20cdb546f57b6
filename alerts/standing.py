"""Which open outages are over, though nobody said so. Pure.

Alertmanager never sends the "resolved" of an alert that ended while a silence or a larger alert muted
it. So the receiver compares its open outages with what stands in Alertmanager, muted alerts included:
what stays absent is over. But absence proves something only where the memory is whole: an Alertmanager
or Prometheus that has just started knows nothing yet, and one that cannot be asked says nothing.

For what Prometheus' rules raised, Prometheus is asked too: while it is dead its alerts expire in
Alertmanager, which then sends a "resolved" that is not true.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Final, Literal

import msgspec

from alerts.outage import MONITORING_DOWN, RULES, Outage
from alerts.store import Standing

ABSENT_POLLS: Final = 3
SETTLE_SECONDS: Final = 150.0  # Prometheus repeats its alerts to Alertmanager every minute


class Memory(msgspec.Struct, frozen=True, kw_only=True):
    """What one service holds. ``started_at`` is Unix seconds."""

    started_at: float

    def whole(self, outage: Outage, now: float, settle_seconds: float) -> bool:
        """Whether it would know of ``outage`` if it lasted."""
        return self.started_at < outage.fired_at or now - self.started_at >= settle_seconds


class Alertmanager(Memory, frozen=True, kw_only=True):
    """``alerts``: fingerprint -> annotation ``outage_id``, or the empty string."""

    alerts: Mapping[str, str]

    def holds(self, outage: Outage) -> bool:
        """Whether the alert of ``outage`` stands, as that outage."""
        named = self.alerts.get(outage.fingerprint)
        return named is not None and (not outage.explicit or named in {"", outage.id})


class Prometheus(Memory, frozen=True, kw_only=True):
    """``firing``: the labels of each alert that fires."""

    firing: tuple[Mapping[str, str], ...]

    def holds(self, outage: Outage) -> bool:
        """Whether a rule fires for ``outage``; external labels come on top of a rule's own."""
        return any(labels.items() <= outage.labels.items() for labels in self.firing if labels)


class View(msgspec.Struct, frozen=True, kw_only=True):
    """One look around at ``now`` (Unix seconds); None is what could not be asked."""

    now: float
    alertmanager: Alertmanager | None = None
    prometheus: Prometheus | None = None


class Verdict(msgspec.Struct, frozen=True):
    """``end``: the outage is over since ``ends_at``; ``reopen``: it was not about to end."""

    outage_id: str
    action: Literal["end", "reopen"]
    ends_at: float = 0.0


def believable(
    outage: Outage, prometheus: Prometheus | None, asked: bool, now: float, settle_seconds: float
) -> bool:
    """Whether a "resolved" for ``outage`` may be passed on at once.

    ``asked`` is False where no Prometheus is configured: then Alertmanager's word stands.
    """
    if not asked or outage.source != RULES:
        return True
    return prometheus is not None and prometheus.whole(outage, now, settle_seconds)


class Judge:
    """Counts for each open outage how often in a row, and since when, it was absent."""

    def __init__(
        self, *, ask_prometheus: bool, settle_seconds: float = SETTLE_SECONDS, polls: int = ABSENT_POLLS
    ) -> None:
        self._ask_prometheus = ask_prometheus
        self._settle_seconds = settle_seconds
        self._polls = polls
        self._absent: dict[str, tuple[int, float]] = {}

    def verdicts(self, standing: Sequence[Standing], view: View) -> tuple[Verdict, ...]:
        """Return what to do after one look around."""
        judged = [item for item in standing if item.outage.alertname != MONITORING_DOWN]
        self._forget_others(item.outage.id for item in judged)
        found = (self._verdict(item, view) for item in judged)
        return tuple(verdict for verdict in found if verdict is not None)

    def _forget_others(self, ids: Iterable[str]) -> None:
        kept = frozenset(ids)
        self._absent = {key: value for key, value in self._absent.items() if key in kept}

    def _verdict(self, item: Standing, view: View) -> Verdict | None:
        present = self._present(item.outage, view)
        if present is None or present:
            self._absent.pop(item.outage.id, None)
            back = present and item.phase == "ending"
            return Verdict(item.outage.id, "reopen") if back else None
        if item.phase == "ending":
            # Alertmanager has said so already; this was the confirmation.
            return Verdict(item.outage.id, "end", item.outage.ends_at or view.now)
        count, since = self._absent.get(item.outage.id, (0, view.now))
        self._absent[item.outage.id] = (count + 1, since)
        return Verdict(item.outage.id, "end", since) if count + 1 >= self._polls else None

    def _present(self, outage: Outage, view: View) -> bool | None:
        """Whether ``outage`` lasts; None while nobody who would know can be asked."""
        memories: list[Alertmanager | Prometheus | None] = [view.alertmanager]
        if self._ask_prometheus and outage.source == RULES:
            memories.append(view.prometheus)
        if any(memory is not None and memory.holds(outage) for memory in memories):
            return True
        whole = all(
            memory is not None and memory.whole(outage, view.now, self._settle_seconds) for memory in memories
        )
        return False if whole else None
