"""When the certificates in a PEM file expire. Pure."""

import re
import ssl
from typing import Final

from exporters.httpio.certificate import not_after

_BLOCK: Final = re.compile(r"-----BEGIN CERTIFICATE-----.{1,65536}?-----END CERTIFICATE-----", re.DOTALL)
MAX_BYTES: Final = 1 << 20


def earliest(pem: bytes) -> int | None:
    """Return the Unix time at which the first of the certificates in ``pem`` expires; None without any that
    can be read."""
    found = []
    for block in _BLOCK.findall(pem[:MAX_BYTES].decode("ascii", "replace")):
        try:
            found.append(not_after(ssl.PEM_cert_to_DER_cert(block)))
        except ValueError:
            continue
    return min(found, default=None)
