"""From the command line's options to a gate, or why the page must not start."""

import ipaddress
import logging
import re
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from common import statedir
from common.i18n import t
from common.web import is_loopback, parse_listen

from .attempts import Attempts
from .gate import Gate, LoginGate, OpenGate, ProxyGate
from .passwords import User, UsersError, parse_users
from .sessions import Sessions, load_key

_TOKEN: Final = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]{1,100}")  # field-name, RFC 9110, 5.1
_MOST_BYTES: Final = 1 << 20
log = logging.getLogger(__name__)


class AdmissionError(Exception):
    """Options that would let in anybody, or nobody; the message is for the operator."""


def gate_for(listen: str, users_file: Path | None, proxy_header: str | None, proxies: Sequence[str]) -> Gate:
    """Return who may look. Raises AdmissionError, ListenError."""
    found = check(listen, users_file, proxy_header, proxies)
    if not isinstance(found, dict):
        return found
    try:
        key = load_key(statedir.default() / "wall" / "session.key")
    except OSError as error:
        raise AdmissionError(str(error)) from error
    return LoginGate(Sessions(key, found), Attempts(time.monotonic()))


def check(
    listen: str, users_file: Path | None, proxy_header: str | None, proxies: Sequence[str]
) -> ProxyGate | OpenGate | dict[str, User]:
    """Return who may look, or the users who have to log in, and write nothing.

    Raises AdmissionError, ListenError.
    """
    if bool(proxy_header) != bool(proxies):
        raise AdmissionError(t("wall.proxy_needs_both"))
    if proxy_header:
        return _proxy_gate(proxy_header, proxies)
    if users_file is not None:
        return read_users(users_file)
    host, _ = parse_listen(listen)
    if not is_loopback(host):
        raise AdmissionError(t("wall.need_login", listen=listen))
    return OpenGate()


def _proxy_gate(header: str, proxies: Sequence[str]) -> ProxyGate:
    if not _TOKEN.fullmatch(header):
        raise AdmissionError(t("wall.proxy_bad_header", header=header))
    found: list[str] = []
    for proxy in proxies:
        try:
            found.append(str(ipaddress.ip_address(proxy)))
        except ValueError:
            raise AdmissionError(t("wall.proxy_bad_address", address=proxy)) from None
    return ProxyGate(header, frozenset(found))


def read_users(path: Path) -> dict[str, User]:
    """Return the users of a file. Raises AdmissionError."""
    try:
        with path.open("rb") as file:
            content = file.read(_MOST_BYTES).decode()
        if path.stat().st_mode & 0o004:
            log.warning("the users file can be read by everybody on this machine", extra={"path": str(path)})
        return parse_users(content, str(path))
    except OSError as error:
        raise AdmissionError(t("wall.users_unreadable", path=path, problem=error.strerror)) from error
    except UnicodeDecodeError as error:
        raise AdmissionError(t("wall.users_unreadable", path=path, problem="UTF-8")) from error
    except UsersError as error:
        raise AdmissionError(str(error)) from error


def reload_users(gate: Gate, path: Path) -> None:
    """Take a changed users file; whose line changed is logged out. Raises AdmissionError."""
    if isinstance(gate, LoginGate):
        gate.sessions.users = read_users(path)
