"""What every request of an agent to its hub shares: names, certificates, tokens."""

import socket
import ssl
from pathlib import Path
from typing import Final, Protocol

from aiohttp.abc import AbstractResolver, ResolveResult

from exporters.net.failure import Failure
from exporters.net.resolve import resolve

CONNECT_SECONDS: Final = 2.0
_MAX_TOKEN_BYTES: Final = 8192


class Files(Protocol):
    """Credentials as the configuration names them; None: there is none."""

    @property
    def ca_file(self) -> str | None: ...

    @property
    def certificate_file(self) -> str | None: ...

    @property
    def certificate_key_file(self) -> str | None: ...


def tls_context(files: Files) -> ssl.SSLContext:
    """Return a context that trusts the authority given, else the system's, and shows the agent's
    certificate where it has one; TLS 1.2 or newer. Blocking. Raises OSError or ssl.SSLError."""
    context = ssl.create_default_context(cafile=files.ca_file)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    if files.certificate_file is not None:
        context.load_cert_chain(files.certificate_file, files.certificate_key_file, password=_no_pass_phrase)
    return context


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


class CredentialError(OSError):
    """A token or key that cannot be used; never holds it."""


def read_token(path: Path) -> str:
    """Return the token in a file. Blocking. Raises CredentialError."""
    try:
        with path.open("rb") as file:
            token = file.read(_MAX_TOKEN_BYTES).decode("ascii").strip()
    except UnicodeDecodeError:
        raise CredentialError(f"{path}: not a token") from None
    except OSError as error:
        raise CredentialError(f"{path}: {error.strerror}") from None
    if not token or any(not 33 <= ord(letter) <= 126 for letter in token):
        raise CredentialError(f"{path}: not a token")
    return token
