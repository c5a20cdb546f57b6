"""Messages about several outages in words: storms, the digest of tickets, what flaps. Pure."""

from collections.abc import Callable, Sequence
from typing import Final

from alerts import words
from alerts.book import Book
from alerts.damping import FLAPPING
from alerts.digest import DIGEST
from alerts.outage import Listed, Outage
from alerts.storm import STORM
from common.i18n import t
from inventory.model import Language

LISTS: Final = frozenset({STORM, DIGEST})
SEVERAL: Final = frozenset({STORM, DIGEST, FLAPPING})
Headline = Callable[[Outage, Book, Language], str]


def is_ours(outage: Outage) -> bool:
    """Whether ``outage`` stands for others that it lists."""
    return bool(outage.listed) and outage.alertname in SEVERAL


def headline(outage: Outage, book: Book, language: Language, of_one: Headline) -> str:
    """Return what a message about several says first; ``of_one`` words a single outage."""
    if outage.alertname == STORM:
        count = words.number(len(outage.communes) or len(outage.listed), language)
        return t("message.headline_storm", language, count=count)
    if outage.alertname == FLAPPING:
        said = of_one(single(outage.listed[0]), book, language)
        return t("message.headline_flapping", language, times=max(2, outage.times), headline=said)
    over = sum(one.ends_at is not None for one in outage.listed)
    return t("message.headline_digest", language, open=len(outage.listed) - over, over=over)


def single(one: Listed) -> Outage:
    """Return the outage of an entry, as far as its headline needs it."""
    return Outage(
        id=one.id,
        alertname=one.alertname,
        component=one.component,
        severity=one.severity,
        communes=one.communes,
        starts_at=one.starts_at,
    )


def entries(
    listed: Sequence[Listed], book: Book, language: Language, of_one: Headline, most: int
) -> list[str]:
    """Return a line for each of at most ``most`` outages, and how many more there are."""
    lines = [_entry(one, book, language, of_one) for one in listed[:most]]
    if len(listed) > most:
        count = words.number(len(listed) - most, language)
        lines.append(t("message.listed_more", language, count=count))
    return lines


def left(outage: Outage, book: Book, language: Language, of_one: Headline, most: int) -> list[str]:
    """Return what of a storm is not over when the rest is."""
    still = [one for one in outage.listed if one.ends_at is None]
    if not still:
        return []
    said = t("message.listed_still", language, count=len(still))
    return [said, *entries(still, book, language, of_one, most)]


def _entry(one: Listed, book: Book, language: Language, of_one: Headline) -> str:
    said = of_one(single(one), book, language)
    if one.times > 1:
        said = t("message.listed_times", language, headline=said, times=one.times)
    if one.ends_at is not None:
        lasted = words.duration(one.ends_at - one.starts_at, language)
        return t("message.listed_over", language, headline=said, lasted=lasted)
    since = words.moment(one.starts_at, book.inventory.province.timezone, language)
    return t("message.listed_open", language, headline=said, since=since)
