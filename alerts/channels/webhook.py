"""``webhook``: a JSON POST to any address, signed so that the other side can trust it.

``X-Thongsuot-Signature: sha256=<hex>`` is HMAC-SHA256 (RFC 2104) with the secret over the value of
``X-Thongsuot-Timestamp`` (Unix seconds), a full stop and the body. ``X-Thongsuot-Delivery`` is the
same for every attempt at one notification.
"""

import hashlib
import hmac
import time
from typing import Annotated, Final

import msgspec
import requests
from msgspec import Meta

from alerts.channels.base import ChannelConfig, Message, secret
from alerts.channels.http import post
from common.i18n import t

KIND: Final = "webhook"
LIMIT_CHARS: Final = 4000


class Config(ChannelConfig, frozen=True, kw_only=True):
    """``url`` of the other side; the signing secret from a file or the environment, if any."""

    url: Annotated[str, Meta(pattern=r"^https?://", max_length=2000, extra={"say": "channels.expected_url"})]
    secret_file: str | None = None
    secret_env: str | None = None
    ca_file: str | None = None
    proxy: str | None = None

    def __post_init__(self) -> None:
        if self.secret_file is not None and self.secret_env is not None:
            raise ValueError(f"secret_file: {t('channels.at_most_one', other='secret_env')}")


class Envelope(msgspec.Struct, frozen=True, kw_only=True):
    """The body. Times are Unix seconds."""

    version: int = 1
    id: str
    outage_id: str
    status: str
    step: int
    alertname: str
    component: str
    kind: str
    severity: str
    communes: tuple[str, ...]
    systems: tuple[str, ...]
    starts_at: float
    ends_at: float | None
    subject: str
    text: str


def envelope(message: Message) -> Envelope:
    """Return the body for ``message``."""
    return Envelope(
        id=message.id,
        outage_id=message.outage_id,
        status=message.status,
        step=message.step,
        alertname=message.alertname,
        component=message.component,
        kind=message.kind,
        severity=message.severity,
        communes=message.communes,
        systems=message.systems,
        starts_at=message.starts_at,
        ends_at=message.ends_at,
        subject=message.subject,
        text=message.text(LIMIT_CHARS),
    )


def signature(key: bytes, timestamp: str, body: bytes) -> str:
    """Return the value of ``X-Thongsuot-Signature``."""
    return "sha256=" + hmac.new(key, timestamp.encode() + b"." + body, hashlib.sha256).hexdigest()


def send(message: Message, config: Config, session: requests.Session) -> None:
    """Deliver ``message``. Raises TransportError."""
    body = msgspec.json.encode(envelope(message))
    timestamp = str(int(time.time()))
    headers = {
        "Content-Type": "application/json",
        "X-Thongsuot-Timestamp": timestamp,
        "X-Thongsuot-Delivery": message.id,
    }
    key = secret(config.secret_file, config.secret_env)
    if key is not None:
        headers["X-Thongsuot-Signature"] = signature(key, timestamp, body)
    post(session, config.url, body, headers, proxy=config.proxy, ca_file=config.ca_file)
