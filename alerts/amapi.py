"""Alertmanager's API v2: open alerts, since when and what mutes them; silences made and ended.

    async with AmApi("http://127.0.0.1:9493") as alertmanager:
        shown = [alert for alert in await alertmanager.alerts() if not alert.muted]

Raises nothing but ApiError (tree in ``alerts.httpapi``).
API: https://github.com/prometheus/alertmanager/blob/main/api/v2/openapi.yaml
"""

import re
from datetime import datetime
from typing import Final
from urllib.parse import quote

import msgspec

from alerts.httpapi import ApiError, BadAnswerError, JsonApi

CREATOR: Final = "thongsuot"
"""Who stands behind silences that answers to messages make."""
_ANSWERED: Final = re.compile(r"answered by (.{0,200}): \S+")

__all__ = [
    "CREATOR",
    "Alert",
    "AmApi",
    "ApiError",
    "Matcher",
    "Silence",
    "answer_comment",
    "parse_alerts",
    "parse_answers",
]


class Alert(msgspec.Struct, frozen=True, kw_only=True):
    """One alert. ``starts`` and ``updated`` (when it was last told, 0 where unknown) are Unix seconds; the
    ids of what mutes it are silences and alerts. Somebody has acknowledged it where an answer to a message
    silences it."""

    labels: dict[str, str]
    annotations: dict[str, str] = {}
    starts: float
    updated: float = 0.0
    fingerprint: str = ""
    inhibited_by: tuple[str, ...] = ()
    silenced_by: tuple[str, ...] = ()
    acknowledged_by: str | None = None

    @property
    def muted(self) -> bool:
        """Whether a silence or a larger alert keeps it from being notified."""
        return bool(self.inhibited_by or self.silenced_by)

    def label(self, name: str) -> str:
        """Return a label's value, or the empty string."""
        return self.labels.get(name, "")


class Matcher(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """A label that a silence asks for; a regular expression matches whole values."""

    name: str
    value: str
    is_regex: bool = False
    is_equal: bool = True


class Silence(msgspec.Struct, frozen=True, kw_only=True, rename="camel", omit_defaults=True):
    """A silence. With an ``id`` it takes the place of that one."""

    matchers: tuple[Matcher, ...]
    starts_at: datetime
    ends_at: datetime
    created_by: str
    comment: str
    id: str | None = None


class _State(msgspec.Struct, frozen=True):
    state: str = ""


class _Shown(msgspec.Struct, frozen=True, rename="camel"):
    id: str
    comment: str = ""
    created_by: str = ""
    status: _State = _State()


class _Made(msgspec.Struct):
    silenceID: str  # noqa: N815 - Alertmanager's name


class _Status(msgspec.Struct, frozen=True, rename="camel"):
    state: str = ""
    silenced_by: tuple[str, ...] | None = None
    inhibited_by: tuple[str, ...] | None = None


class _Alert(msgspec.Struct, frozen=True, rename="camel"):
    labels: dict[str, str]
    starts_at: datetime
    annotations: dict[str, str] = {}
    updated_at: datetime | None = None
    fingerprint: str = ""
    status: _Status = _Status()


def _alert(raw: _Alert) -> Alert:
    if raw.starts_at.tzinfo is None:
        raise BadAnswerError("startsAt without a time zone")
    told = raw.updated_at
    return Alert(
        labels=raw.labels,
        annotations=raw.annotations,
        starts=raw.starts_at.timestamp(),
        updated=told.timestamp() if told is not None and told.tzinfo is not None else 0.0,
        fingerprint=raw.fingerprint,
        inhibited_by=raw.status.inhibited_by or (),
        silenced_by=raw.status.silenced_by or (),
    )


def parse_alerts(body: bytes) -> tuple[Alert, ...]:
    """Parse the answer of ``/api/v2/alerts``, oldest alert first. Raises BadAnswerError."""
    try:
        found = msgspec.json.decode(body, type=tuple[_Alert, ...])
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise BadAnswerError(f"alerts: {error}") from error
    return tuple(sorted(map(_alert, found), key=lambda alert: (alert.starts, alert.fingerprint)))


def answer_comment(who: str | None, outage_id: str) -> str:
    """Return the comment of a silence that somebody's answer made."""
    return f"answered by {who or ''}: {outage_id}"


def _shown(body: bytes) -> tuple[_Shown, ...]:
    try:
        return msgspec.json.decode(body, type=tuple[_Shown, ...])
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise BadAnswerError(f"silences: {error}") from error


def parse_silences_of(body: bytes, outage_id: str) -> tuple[str, ...]:
    """Parse the answer of ``/api/v2/silences``: what answers about an outage made and is not over. Raises
    BadAnswerError."""
    ours = (one for one in _shown(body) if one.created_by == CREATOR and one.status.state != "expired")
    return tuple(one.id for one in ours if one.comment.endswith(f": {outage_id}"))


def parse_answers(body: bytes) -> dict[str, str]:
    """Parse the answer of ``/api/v2/silences``: id -> who answered. Raises BadAnswerError."""
    found = _shown(body)
    said = ((one.id, _ANSWERED.fullmatch(one.comment)) for one in found if one.created_by == CREATOR)
    return {identity: match[1] for identity, match in said if match}


class AmApi(JsonApi):
    """Alertmanager below ``url``."""

    async def alerts(self, *, inhibited: bool = True, silenced: bool = True) -> tuple[Alert, ...]:
        """Return the open alerts, the muted ones too unless told otherwise."""
        wanted = {"inhibited": inhibited, "silenced": silenced, "active": True, "unprocessed": True}
        parameters = {name: str(value).lower() for name, value in wanted.items()}
        status, body = await self.get("/api/v2/alerts", parameters)
        if status != 200:
            raise BadAnswerError(f"HTTP status {status}")
        return parse_alerts(body)

    async def answered_alerts(self) -> tuple[Alert, ...]:
        """Return the open alerts, those with ``acknowledged_by`` that an answer silences. Raises ApiError."""
        found = await self.alerts()
        if not any(alert.silenced_by for alert in found):
            return found
        status, body = await self.get("/api/v2/silences", {})
        if status != 200:
            raise BadAnswerError(f"HTTP status {status}")
        answered = parse_answers(body)
        return tuple(
            msgspec.structs.replace(alert, acknowledged_by=answered[silence])
            if (silence := next((one for one in alert.silenced_by if one in answered), None))
            else alert
            for alert in found
        )

    async def make_silence(self, silence: Silence) -> str:
        """Make or replace a silence; return its id. Raises ApiError."""
        status, body = await self.post_json("/api/v2/silences", msgspec.json.encode(silence))
        if status != 200:
            raise BadAnswerError(f"silence refused: HTTP status {status}")
        try:
            return msgspec.json.decode(body, type=_Made).silenceID
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            raise BadAnswerError(f"silence: {error}") from error

    async def end_silences_of(self, outage_id: str) -> None:
        """End what answers about an outage made, be it that nobody remembers it. Raises ApiError."""
        status, body = await self.get("/api/v2/silences", {})
        if status != 200:
            raise BadAnswerError(f"HTTP status {status}")
        for identity in parse_silences_of(body, outage_id):
            await self.end_silence(identity)

    async def end_silence(self, identity: str) -> None:
        """End a silence; one that is unknown or over is fine. Raises ApiError."""
        status, body = await self.delete(f"/api/v2/silence/{quote(identity, safe='')}")
        if status not in {200, 404} and b"already expired" not in body:
            raise BadAnswerError(f"silence not ended: HTTP status {status}")
