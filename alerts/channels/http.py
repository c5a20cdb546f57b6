"""What the channels that speak HTTP share: one POST, its limits and what its answer means."""

import logging
import time
from email.utils import parsedate_to_datetime
from typing import Final

import requests

from alerts.channels.base import TIMEOUTS, TransportError

MAX_ANSWER_BYTES: Final = 65536
MAX_RETRY_AFTER_SECONDS: Final = 3600.0
_TRY_AGAIN: Final = frozenset({408, 425, 429})  # RFC 9110, RFC 8470, RFC 6585

# urllib3 logs the path of each request, at level warning when an answer's headers are odd: a bot's
# token stands in that path. What matters of it comes back to us as an exception.
logging.getLogger("urllib3").setLevel(logging.CRITICAL)


def new_session() -> requests.Session:
    """Return a session that ignores ``~/.netrc`` and proxy variables: options say everything."""
    session = requests.Session()
    session.trust_env = False
    return session


def check(status: int, retry_after_header: str | None, now: float) -> None:
    """Raise TransportError unless ``status`` says that the message was taken."""
    if 200 <= status < 300:
        return
    permanent = status < 500 and status not in _TRY_AGAIN
    after = None if permanent else retry_after(retry_after_header, now)
    raise TransportError(f"answered HTTP {status}", permanent=permanent, retry_after=after)


def retry_after(header: str | None, now: float) -> float | None:
    """Return the seconds of a ``Retry-After`` (RFC 9110, 10.2.3), at most an hour; None without one.

    ``now`` is Unix time, for the form that names a date.
    """
    if header is None:
        return None
    text = header.strip()
    if text.isascii() and text.isdigit():
        return min(float(text[:10]), MAX_RETRY_AFTER_SECONDS)
    try:
        seconds = parsedate_to_datetime(text).timestamp() - now
    except (ValueError, TypeError, OverflowError, IndexError):
        return None
    return min(max(seconds, 0.0), MAX_RETRY_AFTER_SECONDS)


def post(
    session: requests.Session,
    url: str,
    body: bytes,
    headers: dict[str, str],
    *,
    proxy: str | None = None,
    ca_file: str | None = None,
) -> bytes:
    """POST ``body`` and return what was answered. Raises TransportError, which never names the URL.

    A redirect is refused: a message must not wander where the configuration did not send it.
    """
    proxies = {"http": proxy, "https": proxy} if proxy else None
    try:
        with session.post(
            url,
            data=body,
            headers=headers,
            timeout=TIMEOUTS,
            allow_redirects=False,
            stream=True,
            proxies=proxies,
            verify=ca_file or True,
        ) as answer:
            check(answer.status_code, answer.headers.get("Retry-After"), time.time())
            return answer.raw.read(MAX_ANSWER_BYTES, decode_content=True) or b""
    except TransportError:
        raise
    except requests.exceptions.Timeout:
        raise TransportError("no answer in time", permanent=False) from None
    except (
        requests.exceptions.InvalidURL,
        requests.exceptions.InvalidSchema,
        requests.exceptions.MissingSchema,
    ):
        raise TransportError("the address is not an http or https URL", permanent=True) from None
    except (requests.exceptions.RequestException, OSError, ValueError) as error:
        # Not the exception's text: it holds the URL, and with it perhaps a token.
        raise TransportError(f"not reached ({type(error).__name__})", permanent=False) from None
    except Exception as error:  # noqa: BLE001 - urllib3's own errors, raised while the body is read
        raise TransportError(f"answer broken off ({type(error).__name__})", permanent=False) from None
