"""Asks Alertmanager and Prometheus what stands, for :mod:`alerts.standing`."""

import logging
import time
from collections.abc import Collection, Sequence
from datetime import UTC, datetime
from typing import Any, Final, TypeVar

import msgspec

from alerts import payload
from alerts.amapi import Alert, AmApi
from alerts.complaint import Complaint
from alerts.continuity import JUDGED
from alerts.httpapi import ApiError, BadAnswerError, JsonApi
from alerts.outage import LOCATOR, LOCATOR_ALIVE, RULES, SEVERITY_NONE, Outage, from_alert
from alerts.standing import Alertmanager, Memory, Prometheus, View

ASK_SECONDS: Final = 5.0
STALE_SECONDS: Final = 30.0
T = TypeVar("T")
log = logging.getLogger(__name__)


class _Status(msgspec.Struct):
    uptime: datetime  # the time of start, whatever its name says


class _Rule(msgspec.Struct):
    labels: dict[str, str]
    state: str


class _Rules(msgspec.Struct):
    alerts: tuple[_Rule, ...]


class _RulesAnswer(msgspec.Struct):
    data: _Rules


class _Runtime(msgspec.Struct, rename="camel"):
    start_time: datetime


class _RuntimeAnswer(msgspec.Struct):
    data: _Runtime


def decode(answer: tuple[int, bytes], type_: type[T]) -> T:
    """Return the JSON of an answer. Raises BadAnswerError."""
    status, body = answer
    if status != 200:
        raise BadAnswerError(f"HTTP status {status}")
    try:
        return msgspec.json.decode(body, type=type_)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise BadAnswerError(str(error)) from error


def held(found: Sequence[Alert], started_at: float, now: float) -> Alertmanager:
    """Return what an Alertmanager with these alerts holds."""
    living = [alert for alert in found if _is(alert, LOCATOR, {LOCATOR_ALIVE})]
    life = {alert.fingerprint for alert in living}
    told = [alert for alert in found if not _is_stale(alert, now)]
    return Alertmanager(
        started_at=started_at,
        alerts={alert.fingerprint: alert.annotations.get("outage_id", "") for alert in told},
        muted=frozenset(
            alert.fingerprint for alert in found if alert.silenced_by or {*alert.inhibited_by} - life
        ),
        locator=Memory(started_at=min(alert.starts for alert in living)) if living else None,
        overheard=tuple(_outage(one) for one in found if one.muted and _is(one, RULES, JUDGED)),
        located=tuple(_outage(one) for one in told if not one.muted and _is(one, LOCATOR, JUDGED)),
    )


def _is_stale(alert: Alert, now: float) -> bool:
    """Whether the locator, that repeats everything every few seconds, no longer tells of it."""
    return alert.label("source") == LOCATOR and bool(alert.updated) and now - alert.updated > STALE_SECONDS


def _is(alert: Alert, source: str, names: Collection[str]) -> bool:
    named = alert.label("source") == source and alert.label("alertname") in names
    return named and (alert.label("severity") != SEVERITY_NONE or LOCATOR_ALIVE in names)


def _outage(alert: Alert) -> Outage:
    starts_at = datetime.fromtimestamp(alert.starts, UTC)
    return from_alert(
        payload.Alert(
            status="firing", labels=alert.labels, annotations=alert.annotations, starts_at=starts_at,
            fingerprint=alert.fingerprint,
        )
    )  # fmt: skip


class Beginnings:
    """Since when each service runs, as far as it can be believed. Pure: times are Unix seconds.

    One that dates its start ahead was started by a clock that has been put back since. Its word would prove
    nothing for years; so it counts from when that was noticed.
    """

    def __init__(self) -> None:
        self._noticed: dict[str, float] = {}

    def believed(self, who: str, said: float, now: float) -> float:
        """Return since when ``who`` runs, that says ``said``."""
        if said <= now:
            self._noticed.pop(who, None)
            return said
        self._noticed[who] = min(now, self._noticed.get(who, now))
        return self._noticed[who]


class Look:
    """Both services, asked together. Use as an async context manager."""

    def __init__(self, alertmanager_url: str, prometheus_url: str | None) -> None:
        self._alertmanager = AmApi(alertmanager_url, timeout_seconds=ASK_SECONDS)
        self._prometheus = JsonApi(prometheus_url, timeout_seconds=ASK_SECONDS) if prometheus_url else None
        self._am_complaint = Complaint(log, "Alertmanager cannot be asked")
        self._prom_complaint = Complaint(log, "Prometheus cannot be asked")
        self._answers_since: float | None = None
        self._beginnings = Beginnings()

    async def __aenter__(self) -> "Look":
        await self._alertmanager.__aenter__()
        if self._prometheus is not None:
            await self._prometheus.__aenter__()
        return self

    async def __aexit__(self, *error: Any) -> None:
        await self._alertmanager.__aexit__(*error)
        if self._prometheus is not None:
            await self._prometheus.__aexit__(*error)

    @property
    def asks_prometheus(self) -> bool:
        """Whether a Prometheus is configured."""
        return self._prometheus is not None

    async def around(self) -> View:
        """Return what stands now. What cannot be asked is None; raises nothing."""
        prometheus = await self._ask_prometheus()
        alertmanager = await self._ask_alertmanager()
        return View(now=time.time(), alertmanager=alertmanager, prometheus=prometheus)

    async def _ask_alertmanager(self) -> Alertmanager | None:
        try:
            # Alerts first: one that started in between would have an empty memory and an old start.
            found = await self._alertmanager.alerts()
            status = decode(await self._alertmanager.get("/api/v2/status", {}), _Status)
        except ApiError as error:
            self._am_complaint.broken(str(error))
            return None
        self._am_complaint.works()
        now = time.time()
        shown = held(found, self._beginnings.believed("alertmanager", status.uptime.timestamp(), now), now)
        if shown.locator is None:
            return shown
        since = self._beginnings.believed("locator", shown.locator.started_at, now)
        return msgspec.structs.replace(shown, locator=Memory(started_at=since))

    async def _ask_prometheus(self) -> Prometheus | None:
        if self._prometheus is None:
            return None
        try:
            rules = decode(await self._prometheus.get("/api/v1/alerts", {}), _RulesAnswer)
            runtime = decode(await self._prometheus.get("/api/v1/status/runtimeinfo", {}), _RuntimeAnswer)
        except ApiError as error:
            self._prom_complaint.broken(str(error))
            self._answers_since = None
            return None
        self._prom_complaint.works()
        now = time.time()
        self._answers_since = min(self._answers_since or now, now)
        return Prometheus(
            started_at=self._beginnings.believed("prometheus", runtime.data.start_time.timestamp(), now),
            answers_since=self._answers_since,
            firing=tuple(rule.labels for rule in rules.data.alerts if rule.state == "firing"),
            pending=tuple(rule.labels for rule in rules.data.alerts if rule.state == "pending"),
        )
