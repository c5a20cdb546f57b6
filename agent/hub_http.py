"""What every request of an agent to its hub shares: names, certificates, tokens."""

import asyncio
import logging
import os
import socket
import ssl
import stat
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final, Protocol

import aiohttp
from aiohttp.abc import AbstractResolver, ResolveResult

from common.files import read_plain
from exporters.net.failure import Failure
from exporters.net.resolve import resolve

CONNECT_SECONDS: Final = 2.0
FILES_SECONDS: Final = 30.0
"""How long a changed token or certificate may go unnoticed; a refusal has them looked at at once."""
_MAX_TOKEN_BYTES: Final = 8192
log = logging.getLogger(__name__)


class Files(Protocol):
    """Credentials as the configuration names them; None: there is none."""

    @property
    def ca_file(self) -> str | None: ...

    @property
    def certificate_file(self) -> str | None: ...

    @property
    def certificate_key_file(self) -> str | None: ...


class CredentialError(OSError):
    """A token, key or certificate that cannot be used; never holds it."""


def new_session(headers: Mapping[str, str] | None = None) -> aiohttp.ClientSession:
    """Return a session for one connection at a time that is kept alive; nothing but ``headers``, and no
    proxy of the environment, gets into its requests."""
    return aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(
            limit=1, resolver=Resolver(), use_dns_cache=False, keepalive_timeout=75
        ),
        timeout=aiohttp.ClientTimeout(total=None, sock_connect=CONNECT_SECONDS),
        headers=headers,
        cookie_jar=aiohttp.DummyCookieJar(),
        trust_env=False,
        auto_decompress=False,  # nothing of an answer is worth what unpacking a bomb costs
    )


def tls_context(files: Files) -> ssl.SSLContext:
    """Return a context that trusts the authority given, else the system's, and shows the agent's
    certificate where it has one; TLS 1.2 or newer. Blocking. Raises CredentialError."""
    for path in _paths(files):
        _must_be_plain(path)
    try:
        context = ssl.create_default_context(cafile=files.ca_file)
    except OSError as error:
        raise _unusable(files.ca_file, error) from None
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    if files.certificate_file is not None:
        try:
            context.load_cert_chain(
                files.certificate_file, files.certificate_key_file, password=_no_pass_phrase
            )
        except CredentialError as error:
            raise CredentialError(
                f"{files.certificate_key_file or files.certificate_file}: {error}"
            ) from None
        except OSError as error:
            raise _unusable(files.certificate_file, error) from None
    return context


class Tls:
    """The context of one hub, made anew when the files that it was made of have changed.

    A connection that shook hands with the old one is not used again. While the new files do not fit
    together (certificate and key are two files, and change one after the other), the old context serves.
    """

    def __init__(self, files: Files, now: Callable[[], float]) -> None:
        self._files, self._now = files, now
        self._context: ssl.SSLContext | None = None
        self._made_of: object = None
        self._problem = ""
        self._looked_seconds: float | None = None

    async def context(self) -> ssl.SSLContext:
        """Return the context to shake hands with. Raises CredentialError while there was none yet."""
        now = self._now()
        if self._looked_seconds is None or now - self._looked_seconds > FILES_SECONDS:
            await self._look()
            self._looked_seconds = now
        assert self._context is not None  # noqa: S101 - _look has made it, or raised
        return self._context

    def doubt(self) -> None:
        """Look at the files again before the next handshake."""
        self._looked_seconds = None

    async def _look(self) -> None:
        found = await asyncio.to_thread(_stamps, self._files)
        if self._context is not None and found == self._made_of:
            return
        try:
            self._context = await asyncio.to_thread(tls_context, self._files)
        except CredentialError as error:
            if self._context is None:
                raise
            if str(error) != self._problem:
                log.warning("changed certificates cannot be used, the old ones serve: %s", error)
            self._problem = str(error)
        else:
            self._made_of, self._problem = found, ""


def _paths(files: Files) -> list[str]:
    named = (files.ca_file, files.certificate_file, files.certificate_key_file)
    return [path for path in named if path is not None]


def _stamps(files: Files) -> list[tuple[int, ...]]:
    """Return what changes whenever one of the files does. Blocking."""
    found: list[tuple[int, ...]] = []
    for path in _paths(files):
        try:
            status = os.stat(path)
            found.append((status.st_mtime_ns, status.st_size, status.st_ino, status.st_dev))
        except (OSError, ValueError):
            found.append(())
    return found


def _must_be_plain(path: str) -> None:
    """Raise CredentialError for what is no file: OpenSSL would wait for a pipe's other end for ever."""
    try:
        mode = os.stat(path).st_mode
    except OSError as error:
        raise CredentialError(f"{path}: {error.strerror}") from None
    except ValueError:  # a NUL within the name
        raise CredentialError(f"{path!r}: not a file name") from None
    if not stat.S_ISREG(mode):
        raise CredentialError(f"{path}: Not a plain file")


def _unusable(path: str | None, error: OSError) -> CredentialError:
    """``error`` says which rule was broken, never what stands in the file."""
    why = (error.reason if isinstance(error, ssl.SSLError) else error.strerror) or "no PEM file"
    return CredentialError(f"{path}: {why}")


def _no_pass_phrase() -> str:
    raise CredentialError("the key is encrypted; a key without a pass phrase is expected")


class Resolver(AbstractResolver):
    """Resolves as the probes do: old answers serve while name servers fail, and a stop waits for none."""

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        """Return the addresses of ``host``, best first. Raises OSError."""
        try:
            found = await resolve(host, patience_seconds=CONNECT_SECONDS)
        except Failure as failure:
            raise OSError(None, failure.evidence) from None
        flags = socket.AI_NUMERICHOST | socket.AI_NUMERICSERV
        return [
            ResolveResult(hostname=host, host=one.host, port=port, family=one.family, proto=0, flags=flags)
            for one in found
            if family in {socket.AF_UNSPEC, one.family}
        ]

    async def close(self) -> None:
        """Do nothing: nothing is held."""


def read_token(path: Path) -> str:
    """Return the token in a file. Blocking. Raises CredentialError."""
    try:
        token = read_plain(path, _MAX_TOKEN_BYTES).decode("ascii").strip()
    except UnicodeDecodeError:
        raise CredentialError(f"{path}: not a token") from None
    except OSError as error:
        raise CredentialError(f"{path}: {error.strerror}") from None
    if not token or any(not 33 <= ord(letter) <= 126 for letter in token):
        raise CredentialError(f"{path}: not a token")
    return token
