"""What the ledger has learned of the receiver's outages since they were told of: the newest revision of each.

The locator writes the ledger and names outages by component and beginning; its alerts carry both. Of what the
rules alone told, the ledger knows nothing. One that cannot be read now has learned nothing: outages are shown
without it.
"""

import asyncio
import logging
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Final

from alerts.complaint import Complaint
from alerts.ledger import Entry, Ledger, LedgerError
from alerts.outage import Outage
from alerts.revision import Revision, revision_of
from alerts.threads import OneJob

READ_SECONDS: Final = 3.0
MOST_OUTAGES: Final = 500
_ROUNDING_SECONDS: Final = 0.001
"""Alerts carry moments to the millisecond."""
log = logging.getLogger(__name__)
Alerts = Mapping[str, Sequence[Outage]]
"""The locator's alerts that speak of an outage, by its id."""


def ledger_ids(alert: Outage) -> tuple[str, ...]:
    """Return under which ids the ledger may hold the outage of an alert of the locator's.

    >>> ledger_ids(Outage(id="x", alertname="PopDown", component="pop:ba-to", starts_at=1795310000.25))
    ('pop:ba-to@1795310000',)
    """
    near = (alert.starts_at - _ROUNDING_SECONDS, alert.starts_at + _ROUNDING_SECONDS)
    return tuple(dict.fromkeys(f"{alert.component}@{round(moment)}" for moment in near))


class Learned:
    """Asks the ledger at ``path``, one question at a time, beside the loop."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._turn = asyncio.Lock()
        self._job = OneJob()
        self._complaint = Complaint(log, "the ledger cannot be read: outages are shown without revisions")

    async def of(self, alerts: Alerts) -> dict[str, Revision]:
        """Return the newest revision of each outage that has one, by its id. Raises nothing."""
        wanted = [(identity, found) for identity, found in alerts.items() if found][:MOST_OUTAGES]
        if not wanted:
            return {}
        try:
            async with asyncio.timeout(READ_SECONDS), self._turn:
                revisions = await self._job(lambda: self._read(wanted), READ_SECONDS)
        except (LedgerError, TimeoutError, OSError) as error:
            self._complaint.broken(str(error) or "the disk did not answer in time")
            return {}
        self._complaint.works()
        return revisions

    def _read(self, wanted: Iterable[tuple[str, Sequence[Outage]]]) -> dict[str, Revision]:
        if not self._path.exists():
            return {}  # no locator has ever written one
        ledger = Ledger(self._path, reading=True)
        try:
            newest = ((identity, _newest(ledger, alerts)) for identity, alerts in wanted)
            found = ((identity, None if row is None else revision_of(row)) for identity, row in newest)
            return {identity: revision for identity, revision in found if revision is not None}
        finally:
            ledger.close()


def _newest(ledger: Ledger, alerts: Iterable[Outage]) -> Entry | None:
    ids = dict.fromkeys(one for alert in alerts for one in ledger_ids(alert))
    rows = [row for one in ids for row in ledger.history(one)[-1:]]
    return max(rows, key=lambda row: row.said_at, default=None)
