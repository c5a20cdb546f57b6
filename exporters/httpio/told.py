"""The samples that come of a connection and of an answer."""

from email.utils import mktime_tz, parsedate_tz

from exporters.base import Sample
from exporters.httpio.answer import Answer
from exporters.httpio.certificate import earliest_expiry, not_after
from exporters.httpio.connection import Connection
from exporters.net.phases import Phases
from exporters.tlsio.shown import verified
from inventory.names import (
    PROBE_HTTP_CONTENT_LENGTH,
    PROBE_HTTP_LAST_MODIFIED,
    PROBE_HTTP_LENGTH,
    PROBE_HTTP_SSL,
    PROBE_HTTP_VERSION,
    PROBE_IP_PROTOCOL,
    PROBE_SSL_CHAIN_EXPIRY,
    PROBE_SSL_EXPIRY,
    PROBE_TLS_VERSION,
    TCP_RTT,
)


def tell_connection(connection: Connection, phases: Phases, *, all_series: bool) -> None:
    """Note what a connection shows before anything is sent on it."""
    if connection.used:  # a new one noted it when the name was resolved
        phases.note(PROBE_IP_PROTOCOL, connection.found[0].version)
    secured = connection.tls
    if all_series:
        phases.note(PROBE_HTTP_SSL, secured is not None)
    if secured is None:
        return
    expiry = earliest_expiry(secured)
    if expiry is not None:
        phases.note(PROBE_SSL_EXPIRY, expiry)
    if all_series:
        phases.add(Sample(PROBE_TLS_VERSION, 1.0, (("version", secured.version() or ""),)))
        chain = [not_after(der) for der in verified(secured)]
        if chain:
            phases.note(PROBE_SSL_CHAIN_EXPIRY, min(chain))


def tell_kernel(connection: Connection, phases: Phases) -> int:
    """Note the kernel's round trip of a connection; return the segments sent again on it meanwhile."""
    retransmits = connection.ask_kernel()
    if connection.rtt_seconds is not None:
        phases.note(TCP_RTT, connection.rtt_seconds)
    return retransmits


def tell_answer(answer: Answer, phases: Phases, *, all_series: bool) -> None:
    """Note what the last answer says of itself."""
    if answer.body is not None:
        phases.note(PROBE_HTTP_LENGTH, answer.body.length)
    if not all_series:
        return
    declared = answer.field(b"content-length")
    phases.note(PROBE_HTTP_CONTENT_LENGTH, int(declared) if declared.isdecimal() else -1)
    phases.note(PROBE_HTTP_VERSION, float(answer.http_version))
    modified = unix_time(answer.field(b"last-modified"))
    if modified is not None:
        phases.note(PROBE_HTTP_LAST_MODIFIED, modified)


def unix_time(text: str) -> float | None:
    """Return the Unix time of an HTTP date (RFC 9110, 5.6.7), None for what is none.

    >>> unix_time("Sun, 06 Nov 1994 08:49:37 GMT")
    784111777.0
    """
    try:
        parts = parsedate_tz(text[:60])
        return float(mktime_tz(parts)) if parts is not None else None
    except (ValueError, OverflowError, IndexError, TypeError):  # what the library makes of some nonsense
        return None
