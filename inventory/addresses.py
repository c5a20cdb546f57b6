"""Whether a text can be an address. Pure: nothing is resolved."""

import ipaddress
import re
from typing import Final
from urllib.parse import urlsplit

_NAME: Final = re.compile(r"(?=.{1,253}\Z)([A-Za-z0-9_]([A-Za-z0-9_-]{0,61}[A-Za-z0-9])?\.?)+\Z")
_INTERFACE: Final = re.compile(r"[A-Za-z][A-Za-z0-9_.:@-]{0,14}\Z")
_PHONE: Final = re.compile(r"\+?[0-9][0-9 ().-]{1,29}\Z")
_EMAIL: Final = re.compile(r"[^@\s]{1,64}@[^@\s]{1,255}\Z")


def is_ip(text: str) -> bool:
    """Whether ``text`` is an IPv4 or IPv6 address; a zone (``fe80::1%eth0``) may follow."""
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True


def is_host(text: str) -> bool:
    """Whether ``text`` is an IP address or a host name (RFC 1123, underscores let through).

    >>> is_host("10.51.0.1"), is_host("moj.gov.vn"), is_host("10.51.0.256"), is_host("http://x")
    (True, True, False, False)
    """
    if is_ip(text):
        return True
    all_digits = text.replace(".", "").isdigit()  # a mistyped IPv4 address, not a name
    return not all_digits and _NAME.match(text) is not None


def is_host_port(text: str) -> bool:
    """Whether ``text`` is ``host:port`` or ``[IPv6]:port``."""
    host, colon, port = text.rpartition(":")
    if not colon or not re.fullmatch(r"[0-9]{1,5}", port) or not 0 < int(port) < 65536:
        return False
    if host.startswith("["):
        return host.endswith("]") and ":" in host and is_ip(host[1:-1])
    return is_host(host) and ":" not in host


def is_http_url(text: str) -> bool:
    """Whether ``text`` is an http or https URL with a host, without a password in it."""
    try:
        parts = urlsplit(text)
        port = parts.port
    except ValueError:
        return False
    usable = parts.scheme in {"http", "https"} and parts.hostname is not None and port != 0
    return usable and is_host(parts.hostname or "") and "@" not in parts.netloc and " " not in text


def is_source(text: str) -> bool:
    """Whether ``text`` is an IP address or the name of an interface."""
    return is_ip(text) or _INTERFACE.match(text) is not None


def is_phone(text: str) -> bool:
    """Whether ``text`` can be dialled: digits, spaces, a leading plus."""
    return _PHONE.match(text) is not None


def is_email(text: str) -> bool:
    """Whether ``text`` has the form of a mail address."""
    return _EMAIL.match(text) is not None
