"""Keeps Alertmanager's silences as people wanted them: made after an answer, ended with the outage.

What is wanted stands in the store, so an Alertmanager that is away gets its silences later, and a crash
leaves none behind.
"""

import logging
import re
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Final

from alerts import handling
from alerts.amapi import CREATOR, AmApi, ApiError, Matcher, Silence, answer_comment
from alerts.complaint import Complaint
from alerts.damping import FLAPPING
from alerts.handling import REPLACE, Handled
from alerts.httpapi import BadAnswerError
from alerts.outage import Outage
from alerts.storm import STORM
from alerts.telemetry import Telemetry
from alerts.threads import StoreThread

MAX_COMPONENTS: Final = 4000
log = logging.getLogger(__name__)


def matchers(outage: Outage, members: Sequence[Outage] = ()) -> tuple[Matcher, ...]:
    """Return what a silence for ``outage`` asks for: all labels of its alert, or the components of those
    that it tells of; nothing where Alertmanager knows no such alert."""
    if outage.alertname == STORM:
        named = sorted({re.escape(one.component) for one in members if one.component})[:MAX_COMPONENTS]
        return (Matcher(name="component", value="|".join(named), is_regex=True),) if named else ()
    if outage.alertname == FLAPPING:
        return (Matcher(name="component", value=outage.component),) if outage.component else ()
    pairs = sorted(outage.labels.items())
    return tuple(Matcher(name=name, value=value) for name, value in pairs if value)


class Silences:
    """One receiver's silences in the Alertmanager of ``api``."""

    def __init__(self, store: StoreThread, api: AmApi, telemetry: Telemetry) -> None:
        self._store = store
        self._api = api
        self._telemetry = telemetry
        self._complaint = Complaint(log, "Alertmanager takes no silence")

    async def turn(self, now: float) -> None:
        """Make and end what is wanted; what it does not take is tried again. Raises StoreError."""
        trouble = ""
        for item in await self._store(handling.silenced, now):
            try:
                await self._keep(item, now)
            except ApiError as error:
                self._telemetry.silences_failed.inc()
                trouble = str(error)
                if not isinstance(error, BadAnswerError):
                    break  # nobody is there: the others need not wait for that too
        if trouble:
            self._complaint.broken(trouble)
        else:
            self._complaint.works()

    async def _keep(self, item: Handled, now: float) -> None:
        outage, known = item.outage, item.silence_id
        if item.over:
            await self._api.end_silences_of(outage.id)  # by its comment: a crash may have left it unnoted
            await self._store(handling.silence_ended, outage.id)
            return
        wanted = known is None or known.startswith(REPLACE)
        if not wanted or item.silenced_until is None or item.silenced_until <= now:
            return
        members = await self._store(handling.children, outage.id)
        asked = matchers(outage, [member.outage for member in members])
        if not asked:
            return
        await self._api.end_silences_of(outage.id)  # also one that was made and, by a crash, not noted
        made = await self._api.make_silence(_silence(item, item.silenced_until, asked, now))
        await self._store(handling.silence_made, outage.id, made)
        log.info("silenced in Alertmanager", extra={"outage": outage.id, "silence": made})


def _silence(item: Handled, until: float, asked: tuple[Matcher, ...], now: float) -> Silence:
    return Silence(
        matchers=asked,
        starts_at=datetime.fromtimestamp(now, UTC),
        ends_at=datetime.fromtimestamp(until, UTC),
        created_by=CREATOR,
        comment=answer_comment(item.acked_by, item.outage.id),
    )
