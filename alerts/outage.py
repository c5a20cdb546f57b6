"""An outage as the receiver keeps it, and how an alert becomes one. Pure.

The identity of an outage is the annotation ``outage_id`` where the sender gives one, else the alert's
fingerprint with its start: Alertmanager notifies again after a crash, and repeats, with both unchanged.
An outage begins before its alert fires, and may end before its alert does: annotations ``since`` and
``until`` say when, and are no part of the identity.
"""

import re
from datetime import datetime
from typing import Any, Final

import msgspec

from alerts.payload import Alert
from common import annotations
from common.i18n import t

WATCHDOG: Final = "Watchdog"
"""The alert that always fires; its absence is the news."""
MONITORING_DOWN: Final = "MonitoringDown"
"""Raised by the receiver itself when the watchdog stays away."""
LOCATOR: Final = "locator"
"""Value of the label ``source`` of what the locator found."""
SEGMENT_LOSSY: Final = "SegmentLossy"
"""What the locator calls it when something wide loses a part of what passes."""
LOCATOR_ALIVE: Final = "LocatorAlive"
"""The alert that fires while the locator works: it keeps the plain rules quiet, and nobody is told of it."""
RULES: Final = "rules"
"""Value of the label ``source`` of what Prometheus' rules raised."""
OWN: Final = "receiver"
"""Source of what the receiver itself makes: one message about several outages."""

SEVERITY_NONE: Final = "none"
"""Severity of planned work: the alert stands to explain others, nobody is told."""

_CODE: Final = re.compile(r"[0-9]{5}")
_ID: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9:._/|@+-]{0,127}")
MAX_EVIDENCE_CHARS: Final = 2000
MAX_ID_CHARS: Final = 300
MAX_MEMBERS: Final = 50


class Listed(msgspec.Struct, frozen=True, kw_only=True):
    """An outage as an entry of a message about several; ``times`` where it came and went."""

    id: str
    alertname: str
    component: str = ""
    severity: str = "page"
    communes: tuple[str, ...] = ()
    starts_at: float
    ends_at: float | None = None
    times: int = 1


class Outage(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of one outage. Times are Unix seconds; ``ends_at`` is None while it lasts.

    ``alerted_at`` is when its alert fired, None where that was the start. ``evidence`` is what a source
    wrote that does not say in which language, and what records hold from before there were two.
    ``shared`` are ids of shared lines of its commune that it may be about. ``listed`` are the outages that
    one of the receiver's own tells of, ``times`` how often something that flaps came and went. ``members``
    are the components between which the locator cannot tell; ``end_said`` whether whoever raised it has said
    that it is over, since an alert that nobody repeats ends too.
    """

    id: str
    fingerprint: str = ""
    alertname: str
    component: str = ""
    kind: str = ""
    severity: str = "page"
    source: str = ""
    communes: tuple[str, ...] = ()
    systems: tuple[str, ...] = ()
    shared: tuple[str, ...] = ()
    evidence: str = ""
    evidence_vi: str = ""
    evidence_en: str = ""
    labels: dict[str, str] = {}
    starts_at: float
    alerted_at: float | None = None
    ends_at: float | None = None
    listed: tuple[Listed, ...] = ()
    times: int = 0
    members: tuple[str, ...] = ()
    end_said: bool = False

    @property
    def fired_at(self) -> float:
        """When its alert fired: what a service must have outlived to know of it."""
        return self.starts_at if self.alerted_at is None else self.alerted_at

    def evidence_in(self, language: str) -> str:
        """Return the evidence in ``language``, or in whatever there is."""
        said = {"evidence": self.evidence, "evidence_vi": self.evidence_vi, "evidence_en": self.evidence_en}
        return annotations.evidence(said, language)

    @property
    def explicit(self) -> bool:
        """Whether the sender named the outage itself."""
        return not self.id.startswith(f"{self.fingerprint}@")


def from_alert(alert: Alert) -> Outage:
    """Return the outage that ``alert`` speaks of."""
    labels, notes, fired = alert.labels, alert.annotations, _unix(alert.starts_at)
    began = annotations.began(notes, fired)
    return Outage(
        id=_identity(alert),
        fingerprint=alert.fingerprint,
        alertname=_one_line(labels.get("alertname", ""))[:MAX_ID_CHARS],
        component=_one_line(labels.get("component", ""))[:MAX_ID_CHARS],
        kind=_one_line(labels.get("kind", ""))[:MAX_ID_CHARS],
        severity=_one_line(labels.get("severity", "page"))[:MAX_ID_CHARS],
        source=_source(labels),
        communes=_communes(labels, notes),
        systems=tuple(dict.fromkeys(_one_line(notes.get("systems", "")).split())),
        shared=annotations.shared(notes),
        evidence=_one_line(notes.get("evidence", "")),
        evidence_vi=_one_line(notes.get("evidence_vi", "")),
        evidence_en=_one_line(notes.get("evidence_en", "")),
        labels=labels,
        starts_at=began,
        alerted_at=fired,
        ends_at=annotations.ended(notes, began, _unix(alert.ends_at)) if alert.ends_at else None,
        members=tuple(dict.fromkeys(_one_line(notes.get("class", "")).split()))[:MAX_MEMBERS],
        end_said=alert.status == "resolved" and annotations.UNTIL in notes,
    )


def monitoring_down(since: float, identity: str, hub: str) -> Outage:
    """Return the receiver's own outage: the watchdog has been away since ``since``."""
    return Outage(
        id=identity,
        alertname=MONITORING_DOWN,
        component=f"hub:{hub}",
        kind="hub",
        source=OWN,
        evidence_vi=t("evidence.no_watchdog", "vi"),
        evidence_en=t("evidence.no_watchdog", "en"),
        starts_at=since,
    )


def is_watchdog(alert: Alert) -> bool:
    """Whether ``alert`` is the dead-man's switch rather than an outage."""
    return alert.labels.get("alertname") == WATCHDOG


def public(outage: Outage) -> dict[str, Any]:
    """Return what ``/api/outages`` shows of an outage."""
    shown: dict[str, Any] = msgspec.to_builtins(outage)
    del shown["labels"]
    return shown


def _identity(alert: Alert) -> str:
    given = alert.annotations.get("outage_id", "")
    if _ID.fullmatch(given):
        return given
    return f"{alert.fingerprint}@{round(_unix(alert.starts_at) * 1000)}"


def _source(labels: dict[str, str]) -> str:
    """Nothing that comes in by the webhook is the receiver's own."""
    given = _one_line(labels.get("source", ""))[:MAX_ID_CHARS]
    return "" if given == OWN else given


def _communes(labels: dict[str, str], notes: dict[str, str]) -> tuple[str, ...]:
    listed = [code for code in notes.get("communes", "").split() if _CODE.fullmatch(code)]
    own = labels.get("commune", "")
    if not listed and _CODE.fullmatch(own):
        listed = [own]
    return tuple(dict.fromkeys(listed))


def _one_line(text: str) -> str:
    """Control characters go: evidence is shown to people and written to logs."""
    flat = "".join(char if char.isprintable() else " " for char in text)
    return " ".join(flat.split())[:MAX_EVIDENCE_CHARS]


def _unix(moment: datetime) -> float:
    return moment.timestamp()
