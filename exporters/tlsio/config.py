"""The options of every kind that may speak TLS besides ``http``."""

import ssl
from typing import Annotated, Final, Literal

from msgspec import Meta

from exporters.base import ProbeConfig
from exporters.httpio.tls import TlsFiles, context_for
from exporters.net.resolve import IpVersion

FilePath = Annotated[str, Meta(min_length=1, max_length=4096)]
TlsVersion = Literal["TLSv1.2", "TLSv1.3"]
VERSIONS: Final = ("SSLv3", "TLSv1", "TLSv1.1", "TLSv1.2", "TLSv1.3")
"""As OpenSSL names them, oldest first."""


class TlsConfig(ProbeConfig, frozen=True, kw_only=True):
    """How to speak TLS.

    - ``server_name``: for SNI and verification instead of the address's host.
    - ``ca_file``: authorities to trust instead of the system's; ``cert_file``, ``key_file``: our own
      certificate. All PEM.
    - ``min_tls_version``: a handshake that settles on an older version fails as ``tls``.
    - ``min_valid_days``: a certificate of the chain that expires sooner fails as ``tls``.
    """

    server_name: Annotated[str, Meta(min_length=1, max_length=253)] | None = None
    ca_file: FilePath | None = None
    cert_file: FilePath | None = None
    key_file: FilePath | None = None
    insecure_skip_verify: bool = False
    min_tls_version: TlsVersion = "TLSv1.2"
    min_valid_days: Annotated[float, Meta(ge=0, le=3650)] = 0
    ip_version: IpVersion | None = None


async def context_of(config: TlsConfig, verify: bool = True) -> ssl.SSLContext:
    """Return the context for these options. Raises Failure(local) for files that cannot be used."""
    return await context_for(
        TlsFiles(
            ca_file=config.ca_file,
            cert_file=config.cert_file,
            key_file=config.key_file,
            verify=verify and not config.insecure_skip_verify,
            alpn=(),
        )
    )
