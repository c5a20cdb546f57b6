"""``host:port`` and where to leave from."""

import re
import socket
from typing import Final

from common.i18n import t
from exporters.net.failure import Failure
from exporters.net.literal import IpVersion, literal
from inventory.names import Reason

_LABEL: Final = re.compile(r"(?!-)[\w-]{1,63}(?<!-)\Z")  # letters of any alphabet: IDNA (RFC 5890)


def split_host_port(text: str) -> tuple[str, int]:
    """Split ``host:port`` or ``[v6]:port``. Raises ValueError.

    >>> split_host_port("[::1]:443")
    ('::1', 443)
    """
    host, colon, port = text.rpartition(":")
    bracketed = host.startswith("[") and host.endswith("]")
    host = host[1:-1] if bracketed else host
    usable = colon and host and (bracketed or ":" not in host)
    if not usable or not (port.isascii() and port.isdigit()) or not 1 <= int(port) <= 65535:
        raise ValueError(t("probes.expected_host_port"))
    check_host(host)
    return host, int(port)


def split_host_maybe_port(text: str, default: int) -> tuple[str, int]:
    """Split ``host`` or ``host:port``, IPv6 addresses with a port in brackets. Raises ValueError.

    >>> split_host_maybe_port("time.example", 123)
    ('time.example', 123)
    """
    try:
        if text.startswith("[") and text.endswith("]") and ":" in text:
            check_host(text[1:-1])
            return text[1:-1], default
        if literal(text.partition("%")[0]) is None and ":" in text:
            return split_host_port(text)
        check_host(text)
    except ValueError:
        raise ValueError(t("probes.expected_host_maybe_port", port=default)) from None
    return text, default


def host_port_of(address: str, default: int | None = None) -> tuple[str, int]:
    """Return host and port of a target. Raises Failure(local): the configuration, not the network."""
    try:
        return split_host_port(address) if default is None else split_host_maybe_port(address, default)
    except ValueError:
        raise Failure(Reason.LOCAL, f"{address[:200]!r} is not host:port") from None


def check_host(host: str) -> None:
    """Raise ValueError, saying what was expected, unless ``host`` is an address or could be a name."""
    bare, percent, _ = host.partition("%")
    if literal(bare) is not None and (not percent or ":" in bare):
        return
    labels = host.removesuffix(".").split(".")
    if len(host) > 253 or not all(_LABEL.match(label) for label in labels) or labels[-1].isdigit():
        raise ValueError(t("probes.expected_host"))


def bind_source(sock: socket.socket, source: str | None) -> None:
    """Make ``sock`` leave by ``source``, an own address or an interface. Raises OSError."""
    if not source:
        return
    address = literal(source)
    if address is None:
        # Unprivileged since Linux 5.7 while the socket is not bound to a device yet.
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, source.encode() + b"\0")
    elif address.family == sock.family:
        sock.bind(address.at(0))


def version_for(source: str | None, version: IpVersion | None) -> IpVersion | None:
    """Return the IP version to use: that of a numeric source when none is asked for.

    Raises Failure(local) when the source is of the other version.
    """
    address = literal(source) if source else None
    if address is None:
        return version
    if version is not None and version != address.version:
        raise Failure(Reason.LOCAL, f"source {source} is not an IPv{version} address")
    return address.version
