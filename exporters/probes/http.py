"""``http``: one request as a browser would send it, or several that build on each other, and whether the
answers are those of a healthy system.

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
    probe_http_duration_seconds{phase="proxy"} 0.0093
    probe_http_duration_seconds{phase="tls"} 0.0281
    probe_http_duration_seconds{phase="processing"} 0.0349
    probe_http_duration_seconds{phase="transfer"} 0.0021
    thongsuot_tcp_rtt_seconds 0.0115
    thongsuot_tcp_retransmits_total 0
    thongsuot_dns_answer_stale 0

With ``all_series`` also::

    probe_http_content_length 1256
    probe_http_version 1.1
    probe_http_ssl 1
    probe_failed_due_to_regex 0
    probe_http_last_modified_timestamp_seconds 1798761599
    probe_ssl_last_chain_expiry_timestamp_seconds 1798761599
    probe_tls_version_info{version="TLSv1.3"} 1

The phases of all steps and redirects add up; the other values are those of the last answer, and the
segments sent again those of all connections. Without TLS there is neither ``tls`` nor an expiry,
without a name no staleness, without a proxy for https no ``proxy``.
"""

import asyncio
import contextlib
from typing import Final

from exporters.base import Outcome, Target
from exporters.httpio import again
from exporters.httpio.answer import Answer
from exporters.httpio.config import Ask, Config, Step
from exporters.httpio.connection import Pool
from exporters.httpio.course import Course
from exporters.httpio.exchange import exchange
from exporters.httpio.files import Held, load
from exporters.httpio.journey import Journey
from exporters.httpio.judge import judge, status_expected
from exporters.httpio.request import Request
from exporters.httpio.told import tell_answer
from exporters.httpio.url import parse_url
from exporters.kept import Kept
from exporters.net.failure import Failure
from exporters.net.wire import NotTrusted
from inventory.names import (
    DNS_ANSWER_STALE,
    PROBE_FAILED_REGEX,
    PROBE_HTTP_CONTENT_LENGTH,
    PROBE_HTTP_DURATION,
    PROBE_HTTP_LAST_MODIFIED,
    PROBE_HTTP_LENGTH,
    PROBE_HTTP_REDIRECTS,
    PROBE_HTTP_SSL,
    PROBE_HTTP_STATUS,
    PROBE_HTTP_VERSION,
    PROBE_IP_PROTOCOL,
    PROBE_SSL_CHAIN_EXPIRY,
    PROBE_SSL_EXPIRY,
    PROBE_TLS_VERSION,
    TCP_RETRANSMITS,
    TCP_RTT,
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
    TCP_RTT,
    TCP_RETRANSMITS,
    DNS_ANSWER_STALE,
    PROBE_HTTP_CONTENT_LENGTH,
    PROBE_HTTP_VERSION,
    PROBE_HTTP_SSL,
    PROBE_FAILED_REGEX,
    PROBE_HTTP_LAST_MODIFIED,
    PROBE_SSL_CHAIN_EXPIRY,
    PROBE_TLS_VERSION,
)
_kept_pools: Final = Kept(Pool)


def check_address(address: str) -> None:
    """Raise ValueError unless ``address`` is a URL that can be probed."""
    parse_url(address)


async def probe(target: Target, config: Config) -> Outcome:
    """Request, follow redirects, judge, step by step. Never raises for what a network or a peer does."""
    course = Course(target, config, _pool(target, config))
    try:
        return await _probe(course)
    finally:
        if course.pool is not None and config.reuse_connections == "within":
            course.pool.close()


def _pool(target: Target, config: Config) -> Pool | None:
    if config.reuse_connections == "never":
        return None
    return Pool() if config.reuse_connections == "within" else _kept_pools.of(target)


async def _probe(course: Course) -> Outcome:
    deadline = course.target.timeout_seconds
    try:
        steps = course.config.steps or (course.config,)
        held = await load(course.config, steps, course.veil)
        course.values = {name: held.lines[path] for name, path in course.config.variable_files.items()}
        first = await _begin(course, steps[0], held)
        course.start()
        async with asyncio.timeout(deadline):
            await _run(course, steps, held, first)
    except Failure as failure:
        if course.notes is not None and isinstance(failure, NotTrusted):
            with contextlib.suppress(Failure, TimeoutError):
                async with asyncio.timeout(deadline):
                    await again.show_chain(course)
        return course.outcome(failure.reason, failure.evidence)
    except TimeoutError:
        phase = course.phases.current
        said = f"{phase and f'{phase}: '}no complete answer within {deadline:g} s"
        return course.outcome(_timed_out(phase, course.proven), said)
    return course.outcome(Reason.OK)


async def _begin(course: Course, ask: Ask, held: Held) -> tuple[Journey, Request]:
    journey = Journey(course.target, course.config, ask, held, course.values)
    return journey, await journey.request()


async def _run(course: Course, steps: tuple[Ask, ...], held: Held, first: tuple[Journey, Request]) -> None:
    for number, ask in enumerate(steps):
        if isinstance(ask, Step):
            course.enter(ask, number, len(steps))
        journey, request = first if number == 0 else await _begin(course, ask, held)
        answer = await _last_answer(course, ask, journey, request)
        course.capture(ask, judge(answer, ask, course.config, course.veil, course.values))


async def _last_answer(course: Course, ask: Ask, journey: Journey, request: Request) -> Answer:
    """Return the answer at the end of the redirects."""
    config = course.config
    for followed in range(config.max_redirects + 1):
        if followed:
            course.follow()
            request = await journey.request()
        answer = await exchange(request, course)
        course.answered(answer)
        last = config.max_redirects == 0 or status_expected(answer.status, ask)
        if last or answer.status not in (301, 302, 303, 307, 308):
            tell_answer(answer, course.phases, all_series=config.all_series)
            return answer
        journey.follow(answer)
    raise Failure(Reason.REDIRECT, f"over {config.max_redirects} redirects, the last to {journey.url.shown}")


def _timed_out(phase: str, proven: bool) -> Reason:
    """Return what running out of time means in a phase: after connecting, the network path works.

    A connection of an earlier probe proves nothing until something comes back on it.
    """
    if phase == "resolve":
        return Reason.DNS
    return Reason.STALLED if proven and phase not in ("", "connect", "proxy") else Reason.TIMEOUT
