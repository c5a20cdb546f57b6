"""``zalo``: a message of a Zalo bot to one chat, of a person or of a group.

Bot API: ``POST <base>/bot<TOKEN>/sendMessage`` with ``chat_id`` and ``text`` of 1 to 2000 characters;
the answer is JSON whose ``ok`` says whether the message was taken, also under HTTP 200. The token
stands in the URL, so the URL appears in no log and in no exception.
"""

import re
from typing import Annotated, Any, Final

import msgspec
import requests
from msgspec import Meta

from alerts.channels.base import ChannelConfig, Message, TransportError, secret
from alerts.channels.http import post
from common.i18n import t

KIND: Final = "zalo"
LIMIT_CHARS: Final = 2000
_TOKEN: Final = re.compile(rb"[A-Za-z0-9:_-]{1,200}")


class Config(ChannelConfig, frozen=True, kw_only=True):
    """The bot's token from a file or the environment; one chat, since a retry must not tell one of
    two people twice."""

    chat_id: Annotated[str, Meta(pattern=r"^[A-Za-z0-9_-]{1,100}\Z", extra={"say": "channels.expected_chat"})]
    token_file: str | None = None
    token_env: str | None = None
    base_url: Annotated[
        str, Meta(pattern=r"^https?://[^?#]+\Z", extra={"say": "channels.expected_base_url"})
    ] = "https://bot-api.zaloplatforms.com"
    ca_file: str | None = None
    proxy: str | None = None

    def __post_init__(self) -> None:
        if (self.token_file is None) == (self.token_env is None):
            raise ValueError(f"token_file: {t('channels.exactly_one', other='token_env')}")


def to_person(address: str) -> dict[str, Any]:
    """Return the options that change to write to one person's chat."""
    return {"chat_id": address}


class _Answer(msgspec.Struct):
    ok: bool
    error_code: int = 0
    description: str = ""


def check_answer(body: bytes) -> None:
    """Raise TransportError unless the bot platform says that it took the message."""
    try:
        answer = msgspec.json.decode(body, type=_Answer)
    except (msgspec.DecodeError, RecursionError, ValueError):
        # Some proxy's or portal's page: nobody was told, and it may pass.
        raise TransportError("answered something that is not the bot platform's", permanent=False) from None
    if answer.ok:
        return
    permanent = 400 <= answer.error_code < 500 and answer.error_code not in {408, 425, 429}
    reason = " ".join(answer.description.split())[:200]
    raise TransportError(f"refused with code {answer.error_code}: {reason}", permanent=permanent)


def send(message: Message, config: Config, session: requests.Session) -> None:
    """Deliver ``message``. Raises TransportError."""
    token = secret(config.token_file, config.token_env) or b""
    if not _TOKEN.fullmatch(token):
        raise TransportError("the token holds characters that no bot token has", permanent=False)
    url = f"{config.base_url.rstrip('/')}/bot{token.decode()}/sendMessage"
    body = msgspec.json.encode({"chat_id": config.chat_id, "text": message.text(LIMIT_CHARS)})
    headers = {"Content-Type": "application/json"}
    check_answer(post(session, url, body, headers, proxy=config.proxy, ca_file=config.ca_file))
