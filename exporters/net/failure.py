"""From what the operating system says to the closed list of reasons."""

import errno
import os
from typing import Final

from inventory.names import Reason

_REMOTE: Final = {
    errno.ECONNREFUSED: Reason.REFUSED,
    errno.ECONNRESET: Reason.RESET,
    errno.EPIPE: Reason.RESET,
    errno.ECONNABORTED: Reason.RESET,
    errno.EHOSTUNREACH: Reason.UNREACHABLE,
    errno.ENETUNREACH: Reason.UNREACHABLE,
    errno.EHOSTDOWN: Reason.UNREACHABLE,
    errno.ENOPROTOOPT: Reason.UNREACHABLE,
    errno.EPROTO: Reason.UNREACHABLE,
    # A firewall on the way said "administratively prohibited" (RFC 1812, 5.2.7.1; RFC 4443, 3.1).
    errno.EACCES: Reason.UNREACHABLE,
    errno.ETIMEDOUT: Reason.TIMEOUT,
}
_LOCAL: Final = frozenset({errno.ENETDOWN, errno.EADDRNOTAVAIL, errno.ENODEV, errno.EPERM, errno.ENETRESET})


class Failure(Exception):  # noqa: N818 - the failure of a measurement is a result, not an error of ours
    """Why a measurement failed; inside a probe only, which turns it into its ``Outcome``."""

    def __init__(self, reason: Reason, evidence: str) -> None:
        super().__init__(evidence)
        self.reason, self.evidence = reason, evidence


def local(error: OSError, doing: str) -> Failure:
    """An error that the system call itself returned: nothing left this machine.

    No route, no such address or interface, no permission, a local firewall, no memory or descriptors.
    The one exception is an RST or an ICMP error that had already come back, as on loopback.
    """
    if error.errno == errno.ECONNREFUSED:
        return Failure(Reason.REFUSED, f"{doing}: {_words(error)}")
    return Failure(Reason.LOCAL, f"{doing}: {_words(error)}")


def remote(error: OSError, doing: str) -> Failure:
    """An error that arrived later, for a packet already sent: the network or the peer said it."""
    if error.errno in _LOCAL:
        return Failure(Reason.LOCAL, f"{doing}: {_words(error)}")
    return Failure(_REMOTE.get(error.errno or 0, Reason.RESET), f"{doing}: {_words(error)}")


def _words(error: OSError) -> str:
    return os.strerror(error.errno) if error.errno else str(error)
