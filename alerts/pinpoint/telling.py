"""What Alertmanager should know just now: what lasts, and for a minute what is over. No I/O."""

from collections.abc import Iterable, Mapping
from typing import Final

from alerts.book import Book
from alerts.pinpoint import words
from alerts.pinpoint.holding import Ended, Open
from alerts.pinpoint.post import Posted, ended, lasting
from alerts.topology import Upstream

ENDED_SECONDS: Final = 60.0
"""An end is told again for so long: an Alertmanager that was away may have missed it."""


class Telling:
    """Remembers under which labels each outage was told: another grade is another alert there, and the one
    before has to be ended."""

    def __init__(self) -> None:
        self._told: dict[str, Posted] = {}
        self._over: list[tuple[float, Posted]] = []

    def ended(self, one: Ended, upstream: Mapping[str, Upstream], book: Book, now: float) -> None:
        """An outage is over."""
        outage = one.outage
        before = self._told.pop(outage.identity, None)
        labels = before.labels if before else words.labels(outage, upstream)
        notes = words.notes(outage, book, one.at, one.into)
        self._over.append((now, ended(labels, notes, outage.since, one.at)))

    def alerts(
        self, outages: Iterable[Open], upstream: Mapping[str, Upstream], book: Book, now: float
    ) -> tuple[Posted, ...]:
        """Return what to post at ``now`` (Unix seconds)."""
        posted = []
        for outage in outages:
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
