"""What Alertmanager should know just now: what lasts, and for a minute what is over. No I/O."""

from collections.abc import Collection, Iterable, Mapping
from typing import Final

from alerts.book import Book
from alerts.locate.model import Cause
from alerts.pinpoint import words
from alerts.pinpoint.holding import Ended, Open
from alerts.pinpoint.post import Posted, ended, lasting
from alerts.topology import Upstream

ENDED_SECONDS: Final = 60.0
"""An end is told again for so long: an Alertmanager that was away may have missed it."""


class Telling:
    """Remembers under which labels each outage was told: another grade is another alert there, and the one
    before has to be ended.

    ``recovered`` are outages that a run before had told of: they may be over since, so that nobody hears of
    them until they are found again. Their end is told in any case.
    """

    def __init__(self, recovered: Iterable[Open] = ()) -> None:
        self._unsure = {outage.identity for outage in recovered}
        self._told: dict[str, Posted] = {}
        self._over: list[tuple[float, Posted]] = []

    def found(self, outages: Iterable[Open], causes: Collection[Cause]) -> bool:
        """A tick found ``causes``; return whether an outage of a run before is among them for the first
        time. An outage that was found has the cause of that tick."""
        sure = {one.identity for one in outages if one.identity in self._unsure and one.cause in causes}
        self._unsure -= sure
        return bool(sure)

    def sure(self, outages: Iterable[Open]) -> tuple[Open, ...]:
        """Return those of the outages of which people may hear."""
        return tuple(one for one in outages if one.identity not in self._unsure)

    def ended(self, one: Ended, upstream: Mapping[str, Upstream], book: Book, now: float) -> None:
        """An outage is over."""
        outage = one.outage
        self._unsure.discard(outage.identity)
        before = self._told.pop(outage.identity, None)
        labels = before.labels if before else words.labels(outage, upstream)
        notes = words.notes(outage, book, one.at, one.into)
        self._over.append((now, ended(labels, notes, outage.since, one.at)))

    def alerts(
        self, outages: Iterable[Open], upstream: Mapping[str, Upstream], book: Book, now: float
    ) -> tuple[Posted, ...]:
        """Return what to post at ``now`` (Unix seconds)."""
        posted = []
        for outage in self.sure(outages):
            alert = lasting(words.labels(outage, upstream), words.notes(outage, book), outage.since, now)
            before = self._told.get(outage.identity)
            if before is not None and before.labels != alert.labels:
                self._over.append((now, ended(before.labels, before.annotations, outage.since, now)))
            self._told[outage.identity] = alert
            posted.append(alert)
        open_labels = [alert.labels for alert in posted]
        self._over = [
            (at, alert)
            for at, alert in self._over
            if now - at < ENDED_SECONDS and alert.labels not in open_labels
        ]
        return (*posted, *(alert for _, alert in self._over))
