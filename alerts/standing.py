"""Which open outages are over, though nobody said so. Pure.

Alertmanager never sends the "resolved" of an alert that ended while a silence or a larger alert muted
it. So the receiver compares its open outages with what stands in Alertmanager, muted alerts included:
what stays absent is over. But absence proves something only where the memory is whole: an Alertmanager
or Prometheus that has just started knows nothing yet, and one that cannot be asked says nothing.

Of what the locator raised it is the locator that must be there: it repeats what lasts every few seconds, so
what is absent while it lives is over, and while it does not live nobody says anything.

For what Prometheus' rules raised, Prometheus is asked and decides: while it is dead or cannot reach
Alertmanager its alerts expire there, and a "resolved" goes out that is not true; and what ended while
Alertmanager was dead is over all the same.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Final, Literal

import msgspec

from alerts.continuity import Witness
from alerts.outage import LOCATOR, MONITORING_DOWN, OWN, RULES, Outage
from alerts.store import Phase, Standing

ABSENT_POLLS: Final = 3
SETTLE_SECONDS: Final = 90.0
"""Until a service that has started knows what lasts. Prometheus repeats its alerts to Alertmanager at least
every minute; its own rules judge nothing for half a minute after a pause, and then hold their alerts."""


_PHASES: Final[Mapping[str, Phase]] = {
    "stands": "open", "doubted": "ending", "silent": "silent", "ended": "closed",
}  # fmt: skip


class Memory(msgspec.Struct, frozen=True, kw_only=True):
    """What one service holds. ``started_at`` is Unix seconds."""

    started_at: float

    def whole(self, outage: Outage, now: float, settle_seconds: float) -> bool:
        """Whether it would know of ``outage`` if it lasted."""
        return self.started_at < outage.fired_at or now - self.started_at >= settle_seconds


class Alertmanager(Memory, frozen=True, kw_only=True):
    """``alerts``: fingerprint -> annotation ``outage_id``, or the empty string; ``muted``: those of them that
    are silenced, or inhibited by anything but the locator's life. ``locator``: the one that lives, since it
    does; ``located``: what it tells of; ``overheard``: what the rules say of the same, muted."""

    alerts: Mapping[str, str]
    muted: frozenset[str] = frozenset()
    locator: Memory | None = None
    located: tuple[Outage, ...] = ()
    overheard: tuple[Outage, ...] = ()

    def holds(self, outage: Outage) -> bool:
        """Whether the alert of ``outage`` stands, as that outage."""
        named = self.alerts.get(outage.fingerprint)
        return named is not None and (not outage.explicit or named in {"", outage.id})

    def heard(self, now: float, settle_seconds: float) -> tuple[Outage, ...]:
        """Return what a locator tells of that has lived long enough to have forgotten what is over."""
        settled = self.locator is not None and now - self.locator.started_at >= settle_seconds
        return self.located if settled else ()


class Prometheus(Memory, frozen=True, kw_only=True):
    """``firing``, ``pending``: the labels of each alert that fires, or will if it lasts.

    ``answers_since``: it reads its log before it answers and evaluates rules, which may take minutes.
    """

    firing: tuple[Mapping[str, str], ...]
    pending: tuple[Mapping[str, str], ...] = ()
    answers_since: float = 0.0

    def holds(self, outage: Outage) -> bool:
        """Whether a rule stands for ``outage``; external labels come on top of a rule's own.

        What is pending has ended in between, unless it is only a new start that makes it wait again.
        """
        again = self.pending if self.started_at >= outage.fired_at else ()
        return any(labels.items() <= outage.labels.items() for labels in (*self.firing, *again) if labels)

    def whole(self, outage: Outage, now: float, settle_seconds: float) -> bool:
        """Whether it would know of ``outage`` if it lasted."""
        evaluates = now - max(self.started_at, self.answers_since) >= settle_seconds
        return self.started_at < outage.fired_at or evaluates


class View(msgspec.Struct, frozen=True, kw_only=True):
    """One look around at ``now`` (Unix seconds); None is what could not be asked."""

    now: float
    alertmanager: Alertmanager | None = None
    prometheus: Prometheus | None = None


class Verdict(msgspec.Struct, frozen=True):
    """``end``: over since ``ends_at``; ``reopen``: it was not about to end; ``silence``: nobody stands behind
    it any more, which is no end."""

    outage_id: str
    action: Literal["end", "reopen", "silence"]
    ends_at: float = 0.0


def of_witness(found: Witness) -> Standing:
    """Return what is judged of a witness: its alert."""
    return Standing(found.alert, _PHASES[found.phase])


def _own(outage: Outage) -> bool:
    """Whether neither Alertmanager nor Prometheus knows of it."""
    return outage.source == OWN or outage.alertname == MONITORING_DOWN


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
        judged = [item for item in standing if not _own(item.outage)]
        self._forget_others(item.outage.id for item in judged)
        found = (self._verdict(item, view) for item in judged)
        return tuple(verdict for verdict in found if verdict is not None)

    def _forget_others(self, ids: Iterable[str]) -> None:
        kept = frozenset(ids)
        self._absent = {key: value for key, value in self._absent.items() if key in kept}

    def _verdict(self, item: Standing, view: View) -> Verdict | None:
        if self._is_mute(item, view):
            self._absent.pop(item.outage.id, None)
            return None if item.phase == "silent" else Verdict(item.outage.id, "silence")
        present = self._present(item.outage, view)
        if present is None or present:
            self._absent.pop(item.outage.id, None)
            back = present and item.phase in {"ending", "silent"}
            return Verdict(item.outage.id, "reopen") if back else None
        if item.phase == "ending":
            # Alertmanager has said so already; this was the confirmation.
            return Verdict(item.outage.id, "end", item.outage.ends_at or view.now)
        count, since = self._absent.get(item.outage.id, (0, view.now))
        self._absent[item.outage.id] = (count + 1, since)
        return Verdict(item.outage.id, "end", since) if count + 1 >= self._polls else None

    def _present(self, outage: Outage, view: View) -> bool | None:
        """Whether ``outage`` lasts; None while nobody who would know can be asked."""
        if view.alertmanager is not None and view.alertmanager.holds(outage):
            return True
        if outage.source == LOCATOR:
            return self._located(outage, view)
        by_rules = self._ask_prometheus and outage.source == RULES
        knows = view.prometheus if by_rules else view.alertmanager
        if knows is None:
            return None
        if knows.holds(outage):
            return True
        return False if knows.whole(outage, view.now, self._settle_seconds) else None

    def _is_mute(self, item: Standing, view: View) -> bool:
        """Whether the locator raised it and does not live."""
        known = view.alertmanager
        if item.outage.source != LOCATOR or known is None or known.locator is not None:
            return False
        return view.now - known.started_at >= self._settle_seconds

    def _located(self, outage: Outage, view: View) -> bool | None:
        """Whether an outage that Alertmanager does not hold lasts for the locator."""
        known = view.alertmanager
        if known is None or known.locator is None:
            return None
        asked = (known, known.locator)
        return False if all(one.whole(outage, view.now, self._settle_seconds) for one in asked) else None
