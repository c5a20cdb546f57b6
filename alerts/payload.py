"""Alertmanager's webhook body, version "4", from bytes to checked structs. Pure.

Format: https://prometheus.io/docs/alerting/latest/configuration/#webhook_config. Unknown keys are
ignored, since newer Alertmanagers add some; everything else that breaks the limits below is refused
with a closed reason, because a body may come from anybody who reaches the port.
"""

import re
from datetime import UTC, datetime
from enum import StrEnum
from typing import Final, Literal

import msgspec

VERSION: Final = "4"
MAX_ALERTS: Final = 1000
MAX_PAIRS: Final = 64  # labels or annotations of one alert
MAX_NAME_CHARS: Final = 200
MAX_LABEL_CHARS: Final = 4096
MAX_ANNOTATION_CHARS: Final = 65536  # room for the codes of every commune of the country

_FINGERPRINT: Final = re.compile(r"[0-9A-Za-z_-]{1,64}")
AlertStatus = Literal["firing", "resolved"]


class Refusal(StrEnum):
    """Why a body was not taken; the value of label ``result``."""

    TOO_LARGE = "too_large"
    NOT_JSON = "not_json"
    VERSION = "version"
    SHAPE = "shape"
    TOO_MANY_ALERTS = "too_many_alerts"
    TRUNCATED = "truncated"
    LABELS = "labels"


class PayloadError(Exception):
    """A body that is refused; ``reason`` is closed, ``str()`` says what was expected."""

    def __init__(self, reason: Refusal, message: str) -> None:
        super().__init__(message)
        self.reason = reason


class Alert(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """One alert. ``ends_at`` is None while it fires (Alertmanager sends year 1 for that)."""

    status: AlertStatus
    labels: dict[str, str]
    annotations: dict[str, str] = {}
    starts_at: datetime
    ends_at: datetime | None = None
    fingerprint: str


class Webhook(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """A whole notification of one group."""

    version: str
    status: AlertStatus
    alerts: tuple[Alert, ...]
    receiver: str = ""
    group_key: str = ""
    truncated_alerts: int = 0


class _Versioned(msgspec.Struct):
    version: str | int | None = None


_VERSIONED: Final = msgspec.json.Decoder(_Versioned)
_WEBHOOK: Final = msgspec.json.Decoder(Webhook)


def parse(body: bytes) -> Webhook:
    """Return the notification in ``body``. Raises :class:`PayloadError`, and nothing else."""
    _check_version(body)
    try:
        hook = _WEBHOOK.decode(body)
    except msgspec.ValidationError as error:
        raise PayloadError(Refusal.SHAPE, f"not an Alertmanager webhook: {error}") from None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError, ValueError) as error:
        raise PayloadError(Refusal.NOT_JSON, f"not JSON: {error}") from None
    _check_limits(hook)
    return msgspec.structs.replace(hook, alerts=tuple(_normal(alert) for alert in hook.alerts))


def _check_version(body: bytes) -> None:
    """The version decides before the shape does: another version has another shape."""
    try:
        version = _VERSIONED.decode(body).version
    except msgspec.ValidationError as error:
        raise PayloadError(Refusal.SHAPE, f"not an Alertmanager webhook: {error}") from None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError, ValueError) as error:
        raise PayloadError(Refusal.NOT_JSON, f"not JSON: {error}") from None
    if version != VERSION:
        found = "no version" if version is None else f"version {str(version)[:40]!r}"
        raise PayloadError(Refusal.VERSION, f"{found}: only webhook version {VERSION!r} is understood")


def _check_limits(hook: Webhook) -> None:
    if len(hook.alerts) > MAX_ALERTS:
        message = f"{len(hook.alerts)} alerts: at most {MAX_ALERTS} are taken at once"
        raise PayloadError(Refusal.TOO_MANY_ALERTS, message)
    if hook.truncated_alerts > 0:
        message = f"{hook.truncated_alerts} alerts were cut off: max_alerts must be 0 in alertmanager.yml"
        raise PayloadError(Refusal.TRUNCATED, message)
    for alert in hook.alerts:
        _check_pairs("label", alert.labels, MAX_LABEL_CHARS)
        _check_pairs("annotation", alert.annotations, MAX_ANNOTATION_CHARS)
        if not _FINGERPRINT.fullmatch(alert.fingerprint):
            raise PayloadError(Refusal.LABELS, "fingerprint: expected 1 to 64 letters and digits")
        if alert.starts_at.tzinfo is None or (alert.ends_at and alert.ends_at.tzinfo is None):
            raise PayloadError(Refusal.SHAPE, "startsAt, endsAt: expected a time with its zone (RFC 3339)")


def _check_pairs(what: str, pairs: dict[str, str], longest: int) -> None:
    if len(pairs) > MAX_PAIRS:
        raise PayloadError(Refusal.LABELS, f"{len(pairs)} {what}s: at most {MAX_PAIRS} are taken")
    for name, value in pairs.items():
        if len(name) > MAX_NAME_CHARS or len(value) > longest:
            message = f"{what} {name[:40]!r}: name over {MAX_NAME_CHARS} or value over {longest} characters"
            raise PayloadError(Refusal.LABELS, message)


def _normal(alert: Alert) -> Alert:
    """Times in UTC; no end while firing."""
    over = alert.status == "resolved" and alert.ends_at is not None and alert.ends_at.year > 1
    ends = _utc(alert.ends_at) if over and alert.ends_at else None
    return msgspec.structs.replace(alert, starts_at=_utc(alert.starts_at), ends_at=ends)


def _utc(moment: datetime) -> datetime:
    try:
        return moment.astimezone(UTC)
    except OverflowError:
        raise PayloadError(Refusal.SHAPE, f"{moment}: a time outside of years 1 to 9999") from None
