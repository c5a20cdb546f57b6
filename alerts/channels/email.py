"""``email``: a plain-text message by SMTP (RFC 5321), over TLS unless the options say otherwise.

The ``Message-ID`` is the same for every attempt, so that a mail server can tell a repetition.
"""

import contextlib
import hashlib
import smtplib
import ssl
from collections.abc import Iterator
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import formatdate
from typing import Annotated, Any, Final, Literal

import requests
from msgspec import Meta

from alerts.channels.base import ANSWER_SECONDS, ChannelConfig, Message, TransportError, secret
from common.i18n import t

KIND: Final = "email"
LIMIT_CHARS: Final = 4000
Address = Annotated[
    str,
    Meta(
        pattern=r"^[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]+@[A-Za-z0-9.-]+\Z",
        max_length=254,
        extra={"say": "channels.expected_address"},
    ),
]


class Config(ChannelConfig, frozen=True, kw_only=True):
    """A mail server and who writes to whom. ``security``: ``tls`` from the first byte (port 465),
    ``starttls`` (port 587), or ``none`` for a relay on this machine."""

    host: Annotated[str, Meta(min_length=1, max_length=253)]
    port: Annotated[int, Meta(ge=1, le=65535)] = 587
    security: Literal["starttls", "tls", "none"] = "starttls"
    sender: Address
    recipients: Annotated[tuple[Address, ...], Meta(min_length=1, max_length=50)]
    username: str | None = None
    password_file: str | None = None
    password_env: str | None = None
    ca_file: str | None = None

    def __post_init__(self) -> None:
        named = sum(source is not None for source in (self.password_file, self.password_env))
        if named != (self.username is not None):
            raise ValueError(f"username: {t('channels.username_and_password')}")
        if self.username is not None and self.security == "none":
            raise ValueError(f"security: {t('channels.password_in_clear')}")


def to_person(address: str) -> dict[str, Any]:
    """Return the options that change to write to one person."""
    return {"recipients": [address]}


def compose(message: Message, config: Config) -> EmailMessage:
    """Return the mail for ``message``."""
    digest = hashlib.sha256(message.id.encode()).hexdigest()[:32]
    mail = EmailMessage(policy=SMTP)
    mail["From"] = config.sender
    mail["To"] = ", ".join(config.recipients)
    mail["Subject"] = " ".join(message.subject.split())
    mail["Date"] = formatdate(usegmt=True)
    mail["Message-ID"] = f"<{digest}@{config.sender.partition('@')[2]}>"
    mail["Auto-Submitted"] = "auto-generated"  # RFC 3834: no out-of-office answers
    mail.set_content(message.text(LIMIT_CHARS), cte="base64")  # not every relay takes 8BITMIME
    return mail


def send(message: Message, config: Config, _session: requests.Session) -> None:
    """Deliver ``message``. Raises TransportError."""
    password = secret(config.password_file, config.password_env)
    mail = compose(message, config)
    try:
        with _connection(config) as server:
            if config.username is not None and password is not None:
                server.login(config.username, password.decode())
            server.send_message(mail)
    except smtplib.SMTPRecipientsRefused as error:
        codes = [code for code, _ in error.recipients.values()]
        raise TransportError(f"every recipient refused: {codes}", permanent=min(codes) >= 500) from None
    except smtplib.SMTPResponseException as error:
        raise TransportError(f"answered SMTP {error.smtp_code}", permanent=error.smtp_code >= 500) from None
    except (smtplib.SMTPException, OSError, UnicodeError) as error:
        # Not the exception's text: a server may repeat in it what it was sent.
        raise TransportError(f"not delivered ({type(error).__name__})", permanent=False) from None


@contextlib.contextmanager
def _connection(config: Config) -> Iterator[smtplib.SMTP]:
    context = ssl.create_default_context(cafile=config.ca_file)
    server: smtplib.SMTP
    if config.security == "tls":
        server = smtplib.SMTP_SSL(config.host, config.port, timeout=ANSWER_SECONDS, context=context)
    else:
        server = smtplib.SMTP(config.host, config.port, timeout=ANSWER_SECONDS)
    try:
        if config.security == "starttls":
            server.starttls(context=context)
        yield server
    finally:
        # QUIT is a courtesy: once the message was taken, a lost goodbye must not send it again.
        with contextlib.suppress(smtplib.SMTPException, OSError):
            server.quit()
        server.close()
