"""A notification in words: what failed, since when, who is hit, the evidence, whom to call. Pure.

Every message fits its limit: lists of names give way first, then evidence, then whole lines of the
least use; what failed, since when and whom to call stay longest.
"""

from datetime import UTC, datetime
from typing import Final

import msgspec

from alerts import oncall, runbooks, text_lists, words
from alerts.book import Book, commune_of, split
from alerts.carrier import MAX_EVIDENCE_CHARS, carrier_texts
from alerts.channels.base import Rendered, Status
from alerts.damping import FLAPPING
from alerts.digest import DIGEST
from alerts.handling import UPDATES
from alerts.outage import Outage
from alerts.storm import STORM
from common.i18n import catalogue, t
from inventory.model import Contact, Language

MAX_CHARS: Final = 2000
MAX_SUBJECT_CHARS: Final = 160


class _Room(msgspec.Struct, frozen=True):
    """How much each part may take: names in a list, characters of evidence, people to call; ``carrier``:
    whether what to tell the carrier stands in it."""

    names: int
    evidence_chars: int
    callees: int
    carrier: bool = False


_ROOMS: Final = (
    _Room(names=15, evidence_chars=400, callees=6, carrier=True),
    _Room(names=8, evidence_chars=200, callees=4, carrier=True),
    _Room(names=4, evidence_chars=100, callees=3),
    _Room(names=2, evidence_chars=0, callees=2),
    _Room(names=0, evidence_chars=0, callees=1),
)


_LONG_LISTS: Final = tuple(
    _Room(names=names, evidence_chars=0, callees=0) for names in (100, 60, 40, 25, 15, 8, 4, 2, 0)
)
"""For messages about several outages, of which the list is the news."""


class Telling(msgspec.Struct, frozen=True, kw_only=True):
    """What is told: ``late`` marks a resolution whose page never got through; ``now`` is Unix seconds.

    An escalation has its ``step``, the minutes waited and the id of the contact ``called`` next;
    ``answer_link`` is where to acknowledge, ``acked_by`` who has.
    """

    outage: Outage
    status: Status
    now: float
    late: bool = False
    step: int = 0
    waited_minutes: float = 0.0
    called: str | None = None
    answer_link: str = ""
    acked_by: str | None = None
    acked_at: float | None = None


def render(telling: Telling, book: Book, language: Language, limit: int = MAX_CHARS) -> Rendered:
    """Return subject and body; together with a line break at most ``limit`` characters."""
    subject = words.cut(_subject(telling, book, language), min(MAX_SUBJECT_CHARS, limit // 2))
    left = limit - len(subject) - 1
    body = ""
    for room in _LONG_LISTS if telling.outage.alertname in text_lists.LISTS else _ROOMS:
        body = "\n".join(line for line in _lines(telling, book, language, room) if line)
        if len(body) <= left:
            break
    return Rendered(language, subject, words.cut(body, left))


def render_test(channel: str, now: float, zone: str, language: Language) -> Rendered:
    """Return the message of ``thongsuot notify --test``, clearly marked."""
    when = words.moment(now, zone, language)
    body = t("message.test_body", language, channel=channel, moment=when)
    return Rendered(language, t("message.test_subject", language), body)


def _subject(telling: Telling, book: Book, language: Language) -> str:
    said = headline(telling.outage, book, language)
    return t(f"message.subject_{_mark(telling)}", language, headline=said)


def _mark(telling: Telling) -> str:
    outage = telling.outage
    if telling.status == "resolved":
        return "steady" if outage.alertname == FLAPPING else "resolved"
    if outage.alertname == DIGEST:
        return "digest"
    if telling.step >= UPDATES:
        return "storm_update"
    return "escalated" if telling.step else _urgency(outage)


def _urgency(outage: Outage) -> str:
    return "ticket" if outage.severity == "ticket" else "page"


# --- what failed ---------------------------------------------------------------------------------
def headline(outage: Outage, book: Book, language: Language) -> str:
    """Return what failed, in a few words."""
    if text_lists.is_ours(outage):
        return text_lists.headline(outage, book, language, headline)
    kinds, _ = split(outage.component)
    name = book.component(outage.component, language)
    code = commune_of(outage.component)
    commune = book.commune(code, language)
    strings = catalogue(language)
    if f"message.alert_{outage.alertname.lower()}" in strings:
        return t(f"message.alert_{outage.alertname.lower()}", language, name=name, commune=commune)
    if code and len(kinds) > 1:
        cause = words.either([_cause(kind, language) for kind in kinds], language)
        # Where neither power nor a line may be the cause, the commune itself is not cut off.
        key = "message.silent" if {"power", "line"}.isdisjoint(kinds) else "message.cut_off"
        return t(key, language, commune=commune, cause=cause)
    key = f"message.failed_{kinds[0]}"
    if key in strings:
        return t(f"message.failed_{kinds[0]}", language, name=name, commune=commune)
    return t("message.failed_other", language, name=name or outage.alertname or outage.id)


def _cause(kind: str, language: Language) -> str:
    key = f"message.cause_{kind}"
    return t(key, language) if key in catalogue(language) else kind


# --- the lines -----------------------------------------------------------------------------------
def _lines(telling: Telling, book: Book, language: Language, room: _Room) -> list[str]:
    outage = telling.outage
    if outage.alertname == DIGEST:
        return text_lists.entries(outage.listed, book, language, headline, room.names)
    hit = [
        *_escalated(telling, book, language),
        _when(telling, book, language),
        t("message.late", language) if telling.late else "",
        *_together(telling, book, language, room),
        _cause_line(telling, book, language),
        _communes(outage, book, language, room),
        _systems(outage, book, language, room),
        _dossiers(outage, book, language),
        _shared(outage, book, language),
    ]
    if telling.status == "resolved":
        return [*hit, _acknowledged(telling, book, language)]
    return [
        *hit,
        _evidence(outage, language, room),
        *([] if outage.alertname == STORM else _calls(outage, book, language, room)),
        *_carrier(outage, book, language, room),
        _on_call(telling, book, language),
        t("message.answer", language, link=telling.answer_link) if telling.answer_link else "",
        _runbook(outage, book, language),
    ]


def _escalated(telling: Telling, book: Book, language: Language) -> list[str]:
    if not 0 < telling.step < UPDATES or telling.status == "resolved":
        return []
    minutes = f"{telling.waited_minutes:g}"
    found = book.contacts.get(telling.called or "")
    if found is None:
        return [t("message.escalated_nobody", language, minutes=minutes)]
    return [t("message.escalated", language, minutes=minutes, who=_person(found, language))]


def _together(telling: Telling, book: Book, language: Language, room: _Room) -> list[str]:
    """What a message about several says beside its list."""
    outage = telling.outage
    if outage.alertname == FLAPPING and outage.listed and telling.status != "resolved":
        return [t("message.flapping", language)]
    if outage.alertname != STORM or not outage.listed:
        return []
    if telling.status == "resolved":
        return text_lists.left(outage, book, language, headline, room.names)
    return [t("message.storm_means", language)]


def _cause_line(telling: Telling, book: Book, language: Language) -> str:
    """At the end of an outage: what it was, in a line of its own for whoever files it."""
    outage = telling.outage
    if telling.status != "resolved" or not outage.component or _urgency(outage) == "ticket":
        return ""
    kinds, _ = split(outage.component)
    if len(kinds) > 1 and commune_of(outage.component):
        cause = words.either([_cause(kind, language) for kind in kinds], language)
    else:
        cause = book.component(outage.component, language)
    return t("message.cause", language, cause=cause)


def _acknowledged(telling: Telling, book: Book, language: Language) -> str:
    if telling.acked_by is None or telling.acked_at is None:
        return ""
    when = words.moment(telling.acked_at, book.inventory.province.timezone, language)
    return t("message.acknowledged", language, who=telling.acked_by, when=when)


def _when(telling: Telling, book: Book, language: Language) -> str:
    outage, zone = telling.outage, book.inventory.province.timezone
    since = words.moment(outage.starts_at, zone, language)
    if telling.status != "resolved":
        return t("message.since", language, since=since)
    until = telling.now if outage.ends_at is None else outage.ends_at
    lasted = words.duration(until - outage.starts_at, language)
    return t(
        "message.lasted", language, since=since, until=words.moment(until, zone, language), lasted=lasted
    )


def _communes(outage: Outage, book: Book, language: Language, room: _Room) -> str:
    names = [book.commune(code, language) for code in outage.communes]
    if not names or outage.communes == (commune_of(outage.component),):
        return ""
    return _counted("communes", names, language, room)


def _systems(outage: Outage, book: Book, language: Language, room: _Room) -> str:
    own = outage.component.removeprefix("system:")
    names = [book.system(item, language) for item in outage.systems if item.removeprefix("system:") != own]
    return _counted("systems", names, language, room) if names else ""


def _counted(what: str, names: list[str], language: Language, room: _Room) -> str:
    count = words.number(len(names), language)
    listed = words.shortened(what, names, room.names, language)
    if not listed:
        return t(f"message.{what}_count", language, count=count)
    return t(f"message.{what}", language, count=count, names=listed)


def _dossiers(outage: Outage, book: Book, language: Language) -> str:
    """Only for pages: a ticket is about something that people still work around."""
    per_day = 0.0 if _urgency(outage) == "ticket" else book.dossiers_per_day(outage.communes)
    return t("message.dossiers", language, count=words.number(per_day, language)) if per_day >= 1 else ""


def _shared(outage: Outage, book: Book, language: Language) -> str:
    """Whoever judges an outage of a line must know whether office work runs over it too. What is no line's
    outage may be one all the same, and its source says of which: an agent that never reported."""
    code = commune_of(outage.component)
    lines = book.shared_lines(outage.component) or book.shared_of(code, outage.shared)
    if not lines:
        return ""
    if len(book.lines(outage.component) or book.communes[code].lines) == 1:
        return t("message.shared", language)
    return t("message.shared_named", language, names=", ".join(lines))


def _evidence(outage: Outage, language: Language, room: _Room) -> str:
    said = outage.evidence_in(language)
    if not said or room.evidence_chars == 0:
        return ""
    return t("message.evidence", language, evidence=words.cut(said, room.evidence_chars))


def _calls(outage: Outage, book: Book, language: Language, room: _Room) -> list[str]:
    callees = book.callees(outage)
    if not callees:
        return [t("message.call_unknown", language)]
    lines = [
        t("message.call_one", language, what=_answers_for(kinds, language), who=_person(who, language))
        for who, kinds in ((book.contacts[item], kinds) for item, kinds in callees.items())
    ]
    return [t("message.call", language), *lines[: room.callees]]


def _carrier(outage: Outage, book: Book, language: Language, room: _Room) -> list[str]:
    """What to read out to whom, ready made; where room is short, whom to call matters more."""
    if not room.carrier:
        return []
    found = carrier_texts(outage, book, language, min(room.evidence_chars, MAX_EVIDENCE_CHARS))
    return [f"{one.label} {one.text}" for one in found[: room.callees]]


def _answers_for(kinds: list[str], language: Language) -> str:
    return words.sentence(", ".join(t(f"message.kind_{kind}", language) for kind in kinds))


def _person(contact: Contact, language: Language) -> str:
    name = contact.name.vi if language == "vi" else contact.name.en
    reach = contact.phone or contact.email
    return f"{name}, {reach}" if reach else t("message.no_phone", language, name=name)


def _on_call(telling: Telling, book: Book, language: Language) -> str:
    found = oncall.contact(book.inventory, datetime.fromtimestamp(telling.now, UTC), book.holidays)
    return "" if found is None else t("message.on_call", language, who=_person(found, language))


def _runbook(outage: Outage, book: Book, language: Language) -> str:
    base = book.inventory.runbook_base_url
    if not base:
        return ""
    kinds, _ = split(outage.component)
    return t("message.runbook", language, link=runbooks.link(base, outage.alertname, kinds[0]))
