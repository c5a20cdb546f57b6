"""``apprise``: any of the services that the Apprise library reaches (Viber, Teams, SMS gateways, ...).

The service's address holds its tokens, so it is a secret: one line in a file or the environment, such as
``viber://TOKEN/TARGET``; see https://appriseit.com/services/. The library is an optional extra,
``thongsuot[apprise]``, and is loaded by the first message. It goes through the proxies that the
environment names, and says of a failure at most the status that it logs.
"""

import contextlib
import importlib
import logging
import re
import threading
import time
from collections.abc import Iterator
from types import ModuleType
from typing import TYPE_CHECKING, Final

import requests

from alerts.channels.base import ChannelConfig, Message, TransportError, secret
from alerts.channels.http import check
from common.i18n import t

if TYPE_CHECKING:
    import apprise

KIND: Final = "apprise"
LIMIT_CHARS: Final = 2000
_STATUS: Final = re.compile(r"error\s?[=:]\s?([1-5][0-9]{2})\b")
_TYPES: Final = {"firing": "warning", "resolved": "success", "test": "info"}

# At level debug the library writes addresses and bodies; what it says is read here and goes no further.
_LOGGER: Final = logging.getLogger("apprise")
_LOGGER.propagate = False
_LOGGER.setLevel(logging.WARNING)


class Config(ChannelConfig, frozen=True, kw_only=True):
    """Where the address of one service stands; a retry must not tell one of two services twice."""

    url_file: str | None = None
    url_env: str | None = None

    def __post_init__(self) -> None:
        if (self.url_file is None) == (self.url_env is None):
            raise ValueError(f"url_file: {t('channels.exactly_one', other='url_env')}")


def send(message: Message, config: Config, _session: requests.Session) -> None:
    """Deliver ``message``. Raises TransportError, which holds nothing of what the library said."""
    address = secret(config.url_file, config.url_env) or b""
    with _statuses() as statuses:
        try:
            service = _service(address)
            taken = service is not None and service.notify(
                title=message.subject,
                body=_body(message),
                notify_type=_types()[_TYPES[message.status]],
            )
        except TransportError:
            raise
        except Exception as error:  # noqa: BLE001 - a hundred services, and their text may hold a token
            raise TransportError(f"not delivered ({type(error).__name__})", permanent=False) from None
    if service is None:
        raise TransportError("the address is none that Apprise knows", permanent=False)
    if not taken:
        for status in statuses:
            check(status, None, time.time())
        raise TransportError("not delivered", permanent=False)


def _body(message: Message) -> str:
    """Everything but the first line, which goes as the title."""
    text = message.text(LIMIT_CHARS)
    return text.partition("\n")[2] or text


def _service(address: bytes) -> "apprise.NotifyBase | None":
    library = _library()
    asset = library.AppriseAsset(secure_logging=True, async_mode=False, http_redirects=False)
    made: apprise.NotifyBase | None = library.Apprise.instantiate(
        address.decode("utf-8"), asset=asset, suppress_exceptions=True
    )
    return made


def _types() -> "dict[str, apprise.NotifyType]":
    return {str(kind.value): kind for kind in _library().NotifyType}


def _library() -> ModuleType:
    """The library; it takes 36 MB and 0.2 s, which only this channel needs."""
    try:
        return importlib.import_module("apprise")
    except ImportError:
        hint = "Apprise is not installed: install thongsuot[apprise]"
        raise TransportError(hint, permanent=False) from None


@contextlib.contextmanager
def _statuses() -> Iterator[list[int]]:
    """Gather the HTTP statuses of which the library complains in this thread."""
    found: list[int] = []
    mine = threading.get_ident()

    class Handler(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            if record.thread == mine:
                found.extend(int(status) for status in _STATUS.findall(record.getMessage()))

    handler = Handler()
    _LOGGER.addHandler(handler)
    try:
        yield found
    finally:
        _LOGGER.removeHandler(handler)
