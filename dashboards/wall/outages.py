"""From Alertmanager's open alerts to outages in words: what failed, why, whom to call. Pure.

Alertmanager says what people were told, silenced and acknowledged; the locator, where it is at work, says
more about the same outages (matched by component), and stands in for an Alertmanager that is away.
"""

import re
from collections.abc import Iterable, Iterator
from typing import Final

from alerts.amapi import Alert
from alerts.locatorapi import Outage
from common import annotations
from common.i18n import catalogue, t
from inventory.model import Text
from inventory.names import ComponentKind

from .directory import Directory
from .snapshot import Call, OutageView, Sure

SEVERITIES: Final = ("page", "ticket")
"""Others (the dead-man's switch) are not outages."""
MAX_OUTAGES: Final = 200
MAX_EVIDENCE_CHARS: Final = 300
MAX_NAME_CHARS: Final = 120
MAX_SYSTEMS: Final = 100
MAX_COMMUNES: Final = 4000
MAX_OTHERS: Final = 4
HARD_LOSS: Final = 0.9
"""From here on nothing passes; what is less is told as loss."""
_UNSURE_NATS: Final = 3.0
_SURE_NATS: Final = 7.0
_CODE: Final = re.compile(r"[0-9]{5}")
_CLASS: Final = re.compile(r"([a-z]+(?:\|[a-z]+)+):([0-9]{5})")
_NATS: Final = re.compile(r"[0-9]{1,9}(?:\.[0-9]{1,9})?")


def outages(
    directory: Directory, alerts: tuple[Alert, ...], blamed: tuple[Outage, ...] = ()
) -> tuple[tuple[OutageView, ...], int]:
    """Return outages, pages and wide ones first, and how many alerts a larger one explains.

    ``blamed`` is what the locator says now; nothing where it is not at work.
    """
    own = [alert for alert in alerts if alert.label("severity") in SEVERITIES]
    open_ = [alert for alert in own if not alert.inhibited_by]
    known = {one.component: one for one in blamed}
    told = {alert.label("component") for alert in open_ if _is_located(alert)}
    shown = [outage(directory, alert, _said(known, alert)) for alert in open_]
    shown += (outage(directory, _untold(one), one) for one in blamed if one.component not in told)
    ranked = sorted(shown, key=lambda o: (o.silenced, not o.page, -_width(o), -o.since, o.key))
    return tuple(ranked[:MAX_OUTAGES]), len(own) - len(open_)


def _said(known: dict[str, Outage], alert: Alert) -> Outage | None:
    return known.get(alert.label("component")) if _is_located(alert) else None


def _is_located(alert: Alert) -> bool:
    """A rule's ticket about a line is not the outage of that line."""
    return alert.label("severity") == "page" or alert.label("source") == "locator"


def _untold(one: Outage) -> Alert:
    """What the locator knows and Alertmanager does not: it is away, or was told a moment ago."""
    severity = "page" if one.paged else "ticket"
    return Alert(
        labels={"component": one.component, "kind": one.kind, "severity": severity}, starts=one.since
    )  # fmt: skip


def _width(outage: OutageView) -> float:
    """How many communes it concerns; one that names none is everybody's."""
    return len(outage.communes) or float("inf")


def outage(directory: Directory, alert: Alert, said: Outage | None = None) -> OutageView:
    """Return one alert as an outage; ``said`` is what the locator knows of it."""
    component = alert.label("component")
    kinds, commune = split(component)
    members = [f"{kind}:{commune}" for kind in kinds] if len(kinds) > 1 else [component]
    notes = alert.annotations
    return OutageView(
        key=alert.fingerprint or f"{alert.label('alertname')}/{component}",
        component=component[:MAX_NAME_CHARS],
        what=_what(directory, alert, kinds, commune),
        cause=_cause(kinds, alert.label("alertname")),
        since=annotations.began(notes, alert.starts),
        page=alert.label("severity") == "page",
        silenced=bool(alert.silenced_by) and alert.acknowledged_by is None,
        acknowledged_by=alert.acknowledged_by,
        shared=any(map(directory.shared, _shareable(directory, alert, members, commune))),
        communes=_communes(directory, said.communes if said else notes.get("communes", "").split(), alert),
        systems=tuple(said.systems if said else notes.get("systems", "").split())[:MAX_SYSTEMS],
        evidence=_evidence(alert),
        calls=_calls(directory, members, commune),
        sure=_sure(said.confidence if said else _nats(alert)),
        loss=said.loss if said and said.loss < HARD_LOSS else None,
        others=_others(directory, kinds, said.members if said else notes.get("class", "").split()),
        runner_up=_name(directory, said.runner_up) if said and said.runner_up else None,
        counted=(said.failed, said.sent) if said and said.sent else None,
    )


def _nats(alert: Alert) -> float | None:
    given = alert.annotations.get("confidence", "")
    return float(given) if _NATS.fullmatch(given) else None


def _sure(nats: float | None) -> Sure | None:
    if nats is None:
        return None
    return Sure.UNSURE if nats < _UNSURE_NATS else Sure.LIKELY if nats < _SURE_NATS else Sure.SURE


def _others(
    directory: Directory, kinds: tuple[str, ...], members: tuple[str, ...] | list[str]
) -> tuple[Text, ...]:
    """Who else it may be: said by the cause already where the class is one commune's."""
    return () if len(kinds) > 1 else tuple(_name(directory, one) for one in members[1 : 1 + MAX_OTHERS])


def _name(directory: Directory, component: str) -> Text:
    """A name as the inventory has it; of a class its commune and what it may be."""
    kinds, commune = split(component)
    if len(kinds) > 1 and commune in directory.places:
        place, cause = directory.places[commune].name, _cause(kinds, "")
        return Text(vi=f"{place.vi} ({cause.vi})", en=f"{place.en} ({cause.en})")
    return directory.name(component[:MAX_NAME_CHARS])


def _evidence(alert: Alert) -> Text | None:
    """Here it begins a line of its own."""
    vi, en = (annotations.evidence(alert.annotations, language) for language in ("vi", "en"))
    vi, en = (said[:1].upper() + said[1:MAX_EVIDENCE_CHARS] for said in (vi, en))
    return Text(vi=vi, en=en) if vi else None


def split(component: str) -> tuple[tuple[str, ...], str]:
    """Return the kinds that a component id names, and the code of the commune of a class.

    >>> split("power|line:21040"), split("pop:ba-to")
    ((('power', 'line'), '21040'), (('pop',), ''))
    """
    match = _CLASS.fullmatch(component)
    if match:
        return tuple(match[1].split("|")), match[2]
    return (component.partition(":")[0],), ""


def _what(directory: Directory, alert: Alert, kinds: tuple[str, ...], commune: str) -> Text:
    """The name of what failed: the commune for a class, else the component; without one the alert."""
    if len(kinds) > 1 and commune in directory.places:
        return directory.places[commune].name
    component = alert.label("component")
    return directory.name((component or alert.label("alertname"))[:MAX_NAME_CHARS])


def _cause(kinds: tuple[str, ...], alertname: str) -> Text:
    known = [kind for kind in kinds if kind in set(ComponentKind)]
    name = alertname[:MAX_NAME_CHARS] or "?"
    kind = Text(vi=_list(known, "vi"), en=_list(known, "en")) if known else Text(vi=name, en=name)
    said = f"wall.cause_{alertname.lower()}"  # where more can be said than what kind of thing it is
    if said in catalogue("vi"):
        return Text(vi=t(said, "vi", kind=kind.vi), en=t(said, "en", kind=kind.en))
    return kind


def kinds_text(kinds: Iterable[str]) -> Text:
    """Return kinds of component in words: the kind, or the kinds that it may be."""
    return _cause(tuple(kinds), "")


def _list(kinds: list[str], language: str) -> str:
    words = [t(f"wall.kind_{kind}", language) for kind in kinds]
    last = words.pop()
    if not words:
        return last
    return t("wall.one_of", language, first=", ".join(words), last=last)


def _communes(directory: Directory, named: tuple[str, ...] | list[str], alert: Alert) -> tuple[str, ...]:
    listed = named or [alert.label("commune"), split(alert.label("component"))[1]]
    codes = dict.fromkeys(code for code in listed[:MAX_COMMUNES] if _CODE.fullmatch(code))
    return tuple(code for code in codes if code in directory.places)


def _calls(directory: Directory, members: list[str], commune: str) -> tuple[Call, ...]:
    """Contacts of every suspect; the carriers of all lines where a class names 'line'."""
    return directory.calls(_lines_of(directory, members, commune))


def _shareable(directory: Directory, alert: Alert, members: list[str], commune: str) -> Iterator[str]:
    """The lines that an alert is about, by its component or as it says itself."""
    yield from _lines_of(directory, members, commune)
    yield from (f"line:{alert.label('commune')}/{line}" for line in annotations.shared(alert.annotations))


def _lines_of(directory: Directory, members: list[str], commune: str) -> list[str]:
    """Return the members, each line of the commune where a class names 'line'."""
    ids: list[str] = []
    for member in members:
        place = directory.places.get(commune)
        if place and member == f"line:{commune}":
            ids += (f"line:{commune}/{line}" for line in place.lines)
        else:
            ids.append(member)
    return ids
