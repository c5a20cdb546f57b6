"""Addresses on which a reflector listens, as people write them."""

import ipaddress
from typing import Final

import msgspec

from common.i18n import t

ANY: Final = ("0.0.0.0", "::")  # noqa: S104 - a reflector is there to be reached from outside


class Unusable(ValueError):  # noqa: N818 - reads as what it says: what was chosen is unusable
    """What somebody chose for a reflector cannot be; the message says so in the user's language."""


class Place(msgspec.Struct, frozen=True):
    """An address to listen on; one that is ``optional`` may be missing on this machine."""

    host: str
    port: int
    optional: bool = False

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


def everywhere(port: int) -> tuple[Place, ...]:
    """Return all addresses of this machine; either family may be missing."""
    return tuple(Place(host, port, optional=True) for host in ANY)


def parse_places(text: str) -> tuple[Place, ...]:
    """Return where to listen for ``address:port``, ``[v6]:port`` or ``:port``. Raises Unusable.

    >>> parse_places("[::1]:862")
    (Place(host='::1', port=862, optional=False),)
    """
    host, colon, port = text.rpartition(":")
    if not colon or not (port.isascii() and port.isdigit()) or int(port) > 65535:
        raise Unusable(t("reflect.wrong_address", listen=text))
    if not host:
        return everywhere(int(port))
    bracketed = host.startswith("[") and host.endswith("]")
    host = host[1:-1] if bracketed else host
    try:
        is6 = ipaddress.ip_address(host.partition("%")[0]).version == 6
    except ValueError:
        is6 = not bracketed
    if is6 != bracketed:
        raise Unusable(t("reflect.wrong_address", listen=text))
    return (Place(host, int(port)),)
