"""``http``: one request as a browser would send it, and whether the answer is that of a healthy system.

``address`` is an ``http://`` or ``https://`` URL. A status code alone is not health: a front end may
answer 200 with a page that says "Hệ thống đang bảo trì", so pages whose title or first heading says
"under maintenance" fail unless ``forbidden_body_regex`` says otherwise. Sample exposition::

    probe_http_status_code 200
    probe_http_redirects 0
    probe_ip_protocol 4
    probe_ssl_earliest_cert_expiry 1798761599
    probe_http_uncompressed_body_length 1256
    probe_http_duration_seconds{phase="resolve"} 0.000004
    probe_http_duration_seconds{phase="connect"} 0.0117
    probe_http_duration_seconds{phase="tls"} 0.0281
    probe_http_duration_seconds{phase="processing"} 0.0349
    probe_http_duration_seconds{phase="transfer"} 0.0021

The phases of all redirects followed add up. Without TLS there is neither ``tls`` nor an expiry.
"""

import asyncio
from typing import Final

from exporters.base import Outcome, Target
from exporters.httpio.answer import Answer
from exporters.httpio.config import Config
from exporters.httpio.exchange import Request, exchange
from exporters.httpio.judge import judge, status_expected
from exporters.httpio.redirects import Journey
from exporters.httpio.url import parse_url
from exporters.net.failure import Failure
from exporters.net.phases import Phases
from inventory.names import (
    PROBE_HTTP_DURATION,
    PROBE_HTTP_LENGTH,
    PROBE_HTTP_REDIRECTS,
    PROBE_HTTP_STATUS,
    PROBE_IP_PROTOCOL,
    PROBE_SSL_EXPIRY,
    Reason,
)

KIND: Final = "http"
METRICS: Final = (
    PROBE_HTTP_STATUS,
    PROBE_HTTP_REDIRECTS,
    PROBE_HTTP_LENGTH,
    PROBE_HTTP_DURATION,
    PROBE_SSL_EXPIRY,
    PROBE_IP_PROTOCOL,
)


def check_address(address: str) -> None:
    """Raise ValueError unless ``address`` is a URL that can be probed."""
    parse_url(address)


async def probe(target: Target, config: Config) -> Outcome:
    """Request, follow redirects, judge. Never raises for what a network or a peer does."""
    phases = _phases()
    try:
        journey = Journey(target, config)
        first = await journey.request()
        # What this machine needs to read its own files is not the system's time.
        phases = _phases()
        async with asyncio.timeout(target.timeout_seconds):
            judge(await _last_answer(journey, first, config, phases), config)
    except Failure as failure:
        return phases.outcome(failure.reason, failure.evidence)
    except TimeoutError:
        within = f"within {target.timeout_seconds:g} s"
        return phases.outcome(_timed_out(phases.current), f"{phases.current}: no complete answer {within}")
    return phases.outcome(Reason.OK)


def _phases() -> Phases:
    phases = Phases(PROBE_HTTP_DURATION)
    phases.note(PROBE_HTTP_STATUS, 0)
    phases.note(PROBE_HTTP_REDIRECTS, 0)
    return phases


async def _last_answer(journey: Journey, request: Request, config: Config, phases: Phases) -> Answer:
    """Return the answer at the end of the redirects."""
    for followed in range(config.max_redirects + 1):
        phases.note(PROBE_HTTP_REDIRECTS, followed)
        answer = await exchange(request, phases)
        phases.note(PROBE_HTTP_STATUS, answer.status)
        last = config.max_redirects == 0 or status_expected(answer.status, config)
        if last or answer.status not in (301, 302, 303, 307, 308):
            if answer.body is not None:
                phases.note(PROBE_HTTP_LENGTH, answer.body.length)
            return answer
        journey.follow(answer)
        request = await journey.request()
    raise Failure(Reason.REDIRECT, f"over {config.max_redirects} redirects, the last to {journey.url}")


def _timed_out(phase: str) -> Reason:
    """Return what running out of time means in a phase: after connecting, the network path works."""
    if phase == "resolve":
        return Reason.DNS
    return Reason.TIMEOUT if phase in ("", "connect") else Reason.STALLED
