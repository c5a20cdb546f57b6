"""An outage as an alert: labels that name it, annotations that say why. Pure.

Labels are identity and nothing else: an alert whose labels change is another alert. What may change while
it lasts (evidence, communes, confidence) is annotation. The names are those of the plain rules, so that one
runbook and one set of inhibitions serve both; the label ``source`` tells them apart.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from alerts import words as phrases
from alerts.book import Book, split
from alerts.outage import LOCATOR, SEGMENT_LOSSY
from alerts.pinpoint.grade import blamed, is_partial
from alerts.pinpoint.holding import Open
from alerts.rules_alerts import (
    AGENT_SILENT,
    COMMUNE_CUT_OFF,
    DNS_DOWN,
    LINE_DOWN,
    SHARED_SEGMENT_DOWN,
    SYSTEM_DOWN,
    WIDE,
)
from alerts.rules_quality import NAMES
from alerts.rules_systems import SYSTEM_IN_MAINTENANCE
from alerts.topology import Upstream
from common import annotations
from common.i18n import LANGUAGES, t
from inventory.model import Language
from inventory.names import ComponentKind, LineVerdict

LINE_LOSSY: Final = NAMES[LineVerdict.LOSSY]
MOST_NAMED: Final = 400
MOST_ALTERNATIVES: Final = 3
_NAMES: Final[Mapping[str, str]] = {
    **WIDE,
    ComponentKind.SYSTEM: SYSTEM_DOWN,
    ComponentKind.DNS: DNS_DOWN,
    ComponentKind.LINE: LINE_DOWN,
    ComponentKind.AGENT: AGENT_SILENT,
    ComponentKind.LAN: AGENT_SILENT,
    "lan|agent": AGENT_SILENT,
}
_OF_COMMUNE: Final = frozenset({"power", "lan", "line", "agent"})
_SERVES: Final = frozenset({ComponentKind.SYSTEM, ComponentKind.HOST, ComponentKind.DNS})
"""Kinds that answer requests; the others pass packets on."""


def alert_name(kind: str) -> str:
    """Return the name of the alert for a kind of component that is down, or for a class such as
    ``power|line``."""
    if kind in _NAMES:
        return _NAMES[kind]
    return COMMUNE_CUT_OFF if _OF_COMMUNE.issuperset(kind.split("|")) else SHARED_SEGMENT_DOWN


def lossy_name(kind: str) -> str:
    """Return the name of the alert for a kind of component that fails in part: networks lose packets."""
    if kind in _SERVES:
        return alert_name(kind)
    return LINE_LOSSY if _OF_COMMUNE.issuperset(kind.split("|")) else SEGMENT_LOSSY


def labels(outage: Open, upstream: Mapping[str, Upstream]) -> dict[str, str]:
    """Return the labels of an outage; ``upstream`` by component, a commune's row under its agent."""
    commune = commune_of(outage.identity)
    above = upstream.get(f"agent:{commune}" if commune else outage.identity)
    found = {
        "alertname": _alert(outage),
        "component": outage.identity,
        "kind": outage.kind,
        "severity": "ticket" if outage.grade == "ticket" else "page",
        "source": LOCATOR,
        "commune": commune,
        **({"pop": above.pop, "ring": above.ring, "isp": above.isp} if above else {}),
    }
    return {name: value for name, value in found.items() if value}


def _alert(outage: Open) -> str:
    if outage.maintained:
        return SYSTEM_IN_MAINTENANCE
    return alert_name(outage.kind) if outage.grade == "down" else lossy_name(outage.kind)


def commune_of(identity: str) -> str:
    """Return the commune of a component or class of one, else the empty string."""
    kinds, _, rest = identity.partition(":")
    return rest.partition("/")[0] if _OF_COMMUNE.issuperset(kinds.split("|")) else ""


def notes(outage: Open, book: Book, until: float | None = None, into: str | None = None) -> dict[str, str]:
    """Return the annotations of an outage that lasts, or that ended at ``until``."""
    cause = outage.cause
    found = {
        "communes": " ".join(cause.communes[:MOST_NAMED]),
        "systems": " ".join(cause.systems[:MOST_NAMED]),
        annotations.SINCE: f"{outage.since:.3f}",
        "confidence": f"{cause.confidence:.1f}",
        "class": " ".join(cause.members),
        **{f"{annotations.EVIDENCE}_{lang}": _evidence(outage, book, into, lang) for lang in LANGUAGES},
    }
    if until is not None:
        found[annotations.UNTIL] = f"{until:.3f}"
    return {name: value for name, value in found.items() if value}


def _evidence(outage: Open, book: Book, into: str | None, language: Language) -> str:
    """Say what was seen, how sure that is, and what else it may be."""
    cause = outage.cause
    others = [member for member in blamed(cause) if member != cause.component]
    said: dict[str, Any] = {
        "failed": cause.failed,
        "sent": cause.sent,
        "loss": round(cause.loss * 100),
        "others": _named(others, book, language),
        "instead": name_of(cause.runner_up or "", book, language),
        "into": name_of(into or "", book, language),
    }
    partial = "pinpoint.failing" if cause.kind in _SERVES else "pinpoint.lossy"
    parts = [t(partial if is_partial(cause) else "pinpoint.lost", language, **said)]
    if outage.maintained:
        parts.append(t("evidence.system_in_maintenance", language))
    if others:
        parts.append(t("pinpoint.class", language, **said))
    if cause.runner_up:
        parts.append(t("pinpoint.doubt" if cause.confidence < 3 else "pinpoint.instead", language, **said))
    if into:
        parts.append(t("pinpoint.into", language, **said))
    return "; ".join(parts)


def _named(members: Sequence[str], book: Book, language: Language) -> str:
    return phrases.either([name_of(one, book, language) for one in members[:MOST_ALTERNATIVES]], language)


def name_of(identity: str, book: Book, language: Language) -> str:
    """Return the name of a component, or of a class of one commune; what nobody knows keeps its id."""
    kinds, rest = split(identity)
    if len(kinds) == 1:
        return book.component(identity, language)
    found = [book.component(member, language) for member in book.members(identity)]
    return phrases.either(found, language) if rest else identity
