"""The far end of throughput tests as ``thongsuot reflect`` runs it."""

import argparse
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final

import msgspec
from prometheus_client import CollectorRegistry

from common.i18n import t
from common.web import ListenError, parse_listen
from exporters.throughputhub.app import make_app
from exporters.throughputhub.leases import Limits
from exporters.throughputhub.listen import serve, server_context
from exporters.throughputhub.tokens import BadTokens, Tokens

MBPS: Final = 125000.0


class Refused(Exception):  # noqa: N818 - reads as what it says
    """Options that do not go together; the message is for people."""


class Options(msgspec.Struct, frozen=True, kw_only=True):
    """``certificate`` is None where plain HTTP was asked for."""

    listen: str
    tokens: Path
    limits: Limits
    certificate: Path | None
    key: Path | None


def options(arguments: argparse.Namespace) -> Options | None:
    """Return what the command line asks for, None for no throughput tests. Raises Refused."""
    if arguments.throughput_listen is None:
        return None
    try:
        parse_listen(arguments.throughput_listen)
    except ListenError:
        raise Refused(t("reflect.wrong_throughput", listen=arguments.throughput_listen)) from None
    if arguments.token_file is None:
        raise Refused(t("reflect.needs_token_file"))
    if (arguments.certificate is None) != arguments.plain_http:
        raise Refused(t("reflect.needs_certificate"))
    if arguments.max_tests < 1 or (arguments.max_mbps is not None and not arguments.max_mbps > 0):
        raise Refused(t("reflect.positive"))
    rate = None if arguments.max_mbps is None else arguments.max_mbps * MBPS
    return Options(
        listen=arguments.throughput_listen,
        tokens=arguments.token_file,
        limits=Limits(tests=arguments.max_tests, bytes_per_second=rate),
        certificate=arguments.certificate,
        key=arguments.certificate_key,
    )


@asynccontextmanager
async def serving(chosen: Options, registry: CollectorRegistry) -> AsyncIterator[str]:
    """Serve while the context is open; yields the URL. Raises ListenError for what cannot be used."""
    try:
        tokens = Tokens(chosen.tokens)
    except (BadTokens, OSError) as error:
        raise ListenError(t("reflect.bad_tokens", path=chosen.tokens, problem=_words(error))) from None
    context = None
    if chosen.certificate is not None:
        try:
            context = server_context(str(chosen.certificate), str(chosen.key) if chosen.key else None)
        except (OSError, ValueError) as error:
            words = t("reflect.bad_certificate", path=chosen.certificate, problem=_words(error))
            raise ListenError(words) from None
    async with serve(make_app(tokens, chosen.limits, registry), chosen.listen, context) as (host, port):
        scheme = "http" if context is None else "https"
        yield f"{scheme}://[{host}]:{port}" if ":" in host else f"{scheme}://{host}:{port}"


def _words(error: Exception) -> str:
    return (error.strerror if isinstance(error, OSError) else None) or str(error)
