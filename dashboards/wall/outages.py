"""From Alertmanager's open alerts to outages in words: what failed, why, whom to call. Pure."""

import re
from collections.abc import Iterator
from typing import Final

from alerts.amapi import Alert
from common import annotations
from common.i18n import catalogue, t
from inventory.model import Text
from inventory.names import ComponentKind

from .directory import Directory
from .snapshot import Call, OutageView

SEVERITIES: Final = ("page", "ticket")
"""Others (the dead-man's switch) are not outages."""
MAX_OUTAGES: Final = 200
MAX_EVIDENCE_CHARS: Final = 300
_CODE: Final = re.compile(r"[0-9]{5}")
_CLASS: Final = re.compile(r"([a-z]+(?:\|[a-z]+)+):([0-9]{5})")


def outages(directory: Directory, alerts: tuple[Alert, ...]) -> tuple[tuple[OutageView, ...], int]:
    """Return outages, pages and wide ones first, and how many alerts a larger one explains."""
    own = [alert for alert in alerts if alert.label("severity") in SEVERITIES]
    open_ = [outage(directory, alert) for alert in own if not alert.inhibited_by]
    hidden = sum(1 for alert in own if alert.inhibited_by)
    ranked = sorted(open_, key=lambda o: (o.silenced, not o.page, -_width(o), -o.since, o.key))
    return tuple(ranked[:MAX_OUTAGES]), hidden


def _width(outage: OutageView) -> float:
    """How many communes it concerns; one that names none is everybody's."""
    return len(outage.communes) or float("inf")


def outage(directory: Directory, alert: Alert) -> OutageView:
    """Return one alert as an outage."""
    component = alert.label("component")
    kinds, commune = split(component)
    members = [f"{kind}:{commune}" for kind in kinds] if len(kinds) > 1 else [component]
    return OutageView(
        key=alert.fingerprint or f"{alert.label('alertname')}/{component}",
        component=component,
        what=_what(directory, alert, kinds, commune),
        cause=_cause(kinds, alert.label("alertname")),
        since=annotations.began(alert.annotations, alert.starts),
        page=alert.label("severity") == "page",
        silenced=bool(alert.silenced_by),
        shared=any(map(directory.shared, _shareable(directory, alert, members, commune))),
        communes=_communes(directory, alert, commune),
        systems=tuple(alert.annotations.get("systems", "").split()),
        evidence=_evidence(alert),
        calls=_calls(directory, members, commune),
    )


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
    return directory.name(component or alert.label("alertname"))


def _cause(kinds: tuple[str, ...], alertname: str) -> Text:
    said = f"wall.cause_{alertname.lower()}"  # where more can be said than what kind of thing it is
    if said in catalogue("vi"):
        return Text(vi=t(said, "vi"), en=t(said, "en"))
    known = [kind for kind in kinds if kind in set(ComponentKind)]
    if not known:
        return Text(vi=alertname or "?", en=alertname or "?")
    return Text(vi=_list(known, "vi"), en=_list(known, "en"))


def _list(kinds: list[str], language: str) -> str:
    words = [t(f"wall.kind_{kind}", language) for kind in kinds]
    last = words.pop()
    if not words:
        return last
    return t("wall.one_of", language, first=", ".join(words), last=last)


def _communes(directory: Directory, alert: Alert, of_class: str) -> tuple[str, ...]:
    listed = alert.annotations.get("communes", "").split() or [alert.label("commune"), of_class]
    codes = dict.fromkeys(code for code in listed if _CODE.fullmatch(code))
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
