"""Locator, Prometheus and Alertmanager in virtual time, as far as the receiver sees of them.

Causes are true or not; the locator knows of one after 10 s and tells every 5 s what lasts; the rules know
after 15 s and hold on for 20 s. Alertmanager notifies of what is not inhibited, and resolves what nobody
repeats.
"""

from pathlib import Path

import msgspec

from alerts import witness
from alerts.book import Book
from alerts.continuity import JUDGED, Sameness
from alerts.look import STALE_SECONDS
from alerts.outage import LOCATOR, RULES, Outage
from alerts.standing import SETTLE_SECONDS, Alertmanager, Judge, Memory, Prometheus, View, of_witness
from alerts.store import Store
from tests.alerts.outages import T0, province

STEP = 5.0
ALIVE_SECONDS, LASTS_SECONDS, RESENT_SECONDS = 20.0, 600.0, 80.0
LOOK_SECONDS = 10.0


class Cause(msgspec.Struct, frozen=True):
    """What may fail, and how each source names it."""

    name: str
    located: tuple[str, str]
    ruled: tuple[tuple[str, str], ...]
    communes: tuple[str, ...]
    labels: dict[str, str] = {}


CAUSES = (
    Cause("power", ("CommuneCutOff", "power|line:21040"),
          (("CommuneCutOff", "power|lan|line|agent:21040"),), ("21040",)),
    Cause("line", ("LineDown", "line:21496/main"), (("CommuneCutOff", "power|line:21496"),), ("21496",)),
    Cause("pop", ("PopDown", "pop:ba-to"), (("PopDown", "pop:ba-to"),), ("21484",), {"pop": "pop:ba-to"}),
    Cause("system", ("SystemDown", "system:ho-tich"), (("SystemDown", "system:ho-tich"),), ()),
)  # fmt: skip


class Held(msgspec.Struct):
    """An alert in Alertmanager."""

    outage: Outage
    ends_at: float
    updated: float = 0.0


class Act(msgspec.Struct, frozen=True):
    """Something that happens to the world; ``what`` is a cause or nothing."""

    do: str
    what: str = ""


class Worlds:
    """All of it. ``trouble`` gathers what must never happen."""

    def __init__(self, path: Path) -> None:
        self.path, self.now = path, T0
        self.same = Sameness(Book.of(province()))
        self.true: dict[str, float] = {}
        self.healed: dict[str, float] = {}
        self.ledger: dict[str, float] = {}
        self.located_since: float | None = T0 - 1000
        self.prometheus_since: float | None = T0 - 1000
        self.am_since = T0 - 1000
        self.held: dict[str, Held] = {}
        self.notified: dict[str, tuple[str, float]] = {}
        self.alive_since, self.alive_until = T0 - 1000, 0.0
        self.acted_at = T0
        self.known: dict[str, str] = {}
        self.trouble: list[str] = []
        self.pages: list[tuple[str, str]] = []
        self.open_receiver()

    def open_receiver(self) -> None:
        self.store = Store(self.path)
        self.store.change("PRAGMA synchronous = OFF")  # no power cut comes here
        self.judge = Judge(ask_prometheus=True)

    # --- what happens ----------------------------------------------------------------------------
    def act(self, act: Act) -> None:
        self.acted_at = self.now
        match act.do:
            case "cut" if act.what not in self.true and self.now - self.healed.get(act.what, 0) >= 90:
                self.true[act.what] = self.now
            case "heal" if self.now - self.true.get(act.what, self.now) >= 60:
                del self.true[act.what]
                self.healed[act.what] = self.now
            case "kill":
                self.located_since = None
            case "start" | "lose" if self.located_since is None:
                self.located_since = self.now
                if act.do == "lose":
                    self.ledger.clear()
            case "prometheus" if self.prometheus_since is None:
                self.prometheus_since = self.now
            case "no prometheus":
                self.prometheus_since = None
            case "alertmanager":
                self.held.clear()
                self.notified.clear()
                self.am_since, self.alive_until = self.now, 0.0
            case "receiver":
                self.store.close()
                self.open_receiver()
            case _:
                pass

    def passes(self, seconds: float) -> None:
        until = self.now + seconds
        while self.now < until:
            self.now += STEP
            self._locator()
            self._rules()
            self._notify()
            if self.now % LOOK_SECONDS == 0:
                self._look()
            self._watch()

    # --- who speaks ------------------------------------------------------------------------------
    def _locator(self) -> None:
        if self.located_since is None:
            return
        patient = self.now - self.located_since < 30
        for cause in CAUSES:
            outage = self._alert(cause, *cause.located, LOCATOR, self.ledger.get(cause.name, self.now - 8))
            since = self.true.get(cause.name)
            seen = since is not None and self.now - since >= 10
            if not patient and seen:
                self.ledger.setdefault(cause.name, self.now - 8)
            if not patient and since is None and self.ledger.pop(cause.name, None) is not None:
                self._hold(msgspec.structs.replace(outage, end_said=True), self.now)
            elif cause.name in self.ledger:
                self._hold(outage, self.now + LASTS_SECONDS)
        if not patient:
            if self.now >= self.alive_until:
                self.alive_since = self.now
            self.alive_until = self.now + ALIVE_SECONDS

    def _rules(self) -> None:
        if self.prometheus_since is None or self.now - self.prometheus_since < 30:
            return
        for cause in CAUSES:
            since = self.true.get(cause.name)
            fires = since is not None and self.now - max(since, self.prometheus_since) >= 15
            holds = since is None and self.now - self.healed.get(cause.name, 0.0) < 20
            for name, component in cause.ruled:
                outage = self._alert(cause, name, component, RULES, self.now)
                known = self.held.get(outage.fingerprint)
                if fires or (holds and known is not None and known.ends_at > self.now):
                    self._hold(outage, self.now + RESENT_SECONDS)
                elif known is not None and known.ends_at > self.now:
                    self._hold(outage, self.now)

    def _alert(self, cause: Cause, name: str, component: str, source: str, since: float) -> Outage:
        kind = component.partition(":")[0]
        fingerprint = f"{source}-{name}-{component}"
        labels = {"alertname": name, "component": component, "source": source, **cause.labels}
        return Outage(
            id=f"{fingerprint}@{since:.0f}", fingerprint=fingerprint, alertname=name, component=component,
            kind=kind, source=source, communes=cause.communes, starts_at=since, labels=labels,
            systems=("system:ho-tich",) if kind == "system" else (),
        )  # fmt: skip

    # --- Alertmanager ----------------------------------------------------------------------------
    def _hold(self, outage: Outage, ends_at: float) -> None:
        """An alert that is held goes on from its first start; one that ended begins anew."""
        known = self.held.get(outage.fingerprint)
        if known is not None and known.ends_at > self.now - STEP:
            started = msgspec.structs.replace(
                outage, id=known.outage.id, starts_at=known.outage.starts_at, ends_at=None
            )
            self.held[outage.fingerprint] = Held(started, ends_at, self.now)
        elif ends_at > self.now:
            self.held[outage.fingerprint] = Held(outage, ends_at, self.now)

    def _lives(self) -> bool:
        return self.now < self.alive_until

    def _notify(self) -> None:
        for fingerprint, held in list(self.held.items()):
            muted = held.outage.source == RULES and self._lives()
            status = "firing" if held.ends_at > self.now else "resolved"
            state = (status, held.outage.starts_at)
            before = self.notified.get(fingerprint)
            if not muted and state != before and (status == "firing" or (before or ("",))[0] == "firing"):
                self.notified[fingerprint] = state
                self._webhook(held.outage, status)
            if status == "resolved":
                del self.held[fingerprint]

    def _webhook(self, outage: Outage, status: str) -> None:
        if status == "firing":
            self.store.take(("zalo",), self.now, firing=[outage], same=self.same)
        else:
            over = msgspec.structs.replace(outage, ends_at=self.now)
            held = [over] if outage.source == RULES else []
            self.store.take((), self.now, resolved=[] if held else [over], held=held, same=self.same)
            if held:
                self._look()

    # --- the receiver ----------------------------------------------------------------------------
    def _look(self) -> None:
        found = witness.standing(self.store)
        rules = [one.outage for one in self.held.values() if one.outage.source == RULES]
        told = [
            one.outage for one in self.held.values()
            if one.outage.source == RULES or self.now - one.updated <= STALE_SECONDS
        ]  # fmt: skip
        alertmanager = Alertmanager(
            started_at=self.am_since,
            alerts={one.fingerprint: "" for one in told},
            locator=Memory(started_at=self.alive_since) if self._lives() else None,
            located=tuple(one for one in told if one.source == LOCATOR),
            overheard=tuple(one for one in rules if self._lives() and one.alertname in JUDGED),
        )
        fresh = witness.unheard(self.store, alertmanager.heard(self.now, SETTLE_SECONDS), self.now)
        self.store.take(("zalo",), self.now, firing=fresh, same=self.same)
        prometheus = None
        if self.prometheus_since is not None:
            prometheus = Prometheus(
                started_at=self.prometheus_since, answers_since=self.prometheus_since,
                firing=tuple(one.labels for one in self._firing()),
            )  # fmt: skip
        view = View(now=self.now, alertmanager=alertmanager, prometheus=prometheus)
        witness.overhear(self.store, alertmanager.overheard, self.same, self.now)
        verdicts = self.judge.verdicts([of_witness(one) for one in found], view)
        witness.apply(self.store, verdicts, found, self.now)

    def _firing(self) -> list[Outage]:
        return [
            one.outage for one in self.held.values()
            if one.outage.source == RULES and one.ends_at > self.now + RESENT_SECONDS - STEP
        ]  # fmt: skip

    # --- what must never happen ------------------------------------------------------------------
    def _watch(self) -> None:
        rows = self.store.rows("SELECT id, phase, record FROM outages")
        for identity, phase, record in rows:
            outage = msgspec.json.decode(record, type=Outage)
            cause = next(c for c in CAUSES if outage.component in {c.located[1], *(r[1] for r in c.ruled)})
            if identity not in self.known:
                self.pages.append((cause.name, identity))
                others = [i for i, p, r in rows if i in self.known and p != "closed"
                          and self.known[i] == cause.name]  # fmt: skip
                if others:
                    self.trouble.append(f"{self.now - T0:.0f}: second page {identity} beside {others}")
                healed = self.now - self.healed.get(cause.name, 0.0) > 30
                if cause.name not in self.true and healed and self._rules_take_back():
                    self.trouble.append(f"{self.now - T0:.0f}: page {identity} of nothing")
                self.known[identity] = cause.name
            if phase == "closed" and self.known[identity] == cause.name:
                self.known[identity] = "closed"
                if self.now - self.true.get(cause.name, self.now) > 60:
                    self.trouble.append(f"{self.now - T0:.0f}: {identity} resolved before its end")
        self._watch_for_missing()

    def _rules_take_back(self) -> bool:
        """Whether Prometheus lives: what it said last stands for a while after its death, with the locator's
        too as if it were news."""
        return self.prometheus_since is not None and self.now - self.prometheus_since > RESENT_SECONDS

    def _watch_for_missing(self) -> None:
        if self.located_since is None and self.prometheus_since is None:
            return
        for name, since in self.true.items():
            if self.now - max(since, self.acted_at) > 125 and name not in self.known.values():
                self.trouble.append(f"{self.now - T0:.0f}: nobody was told of {name}")
