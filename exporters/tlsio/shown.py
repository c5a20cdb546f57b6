"""What a handshake showed: samples, and whether it is as it should be."""

import hashlib
import ssl
import time
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final, cast

from exporters.base import Sample
from exporters.httpio.certificate import not_after, presented
from exporters.net.failure import Failure
from exporters.tlsio.config import VERSIONS, TlsConfig
from inventory.names import (
    PROBE_SSL_CHAIN_EXPIRY,
    PROBE_SSL_CHAIN_INFO,
    PROBE_SSL_EXPIRY,
    PROBE_TLS_CIPHER,
    PROBE_TLS_VERSION,
    TLS_CERTIFICATE_EXPIRY,
    Metric,
    Reason,
)

METRICS: Final[tuple[Metric, ...]] = (
    PROBE_SSL_EXPIRY,
    PROBE_SSL_CHAIN_EXPIRY,
    PROBE_SSL_CHAIN_INFO,
    PROBE_TLS_VERSION,
    PROBE_TLS_CIPHER,
    TLS_CERTIFICATE_EXPIRY,
)
MAX_CERTIFICATES: Final = 10
MAX_LABEL: Final = 200
_DAY_SECONDS: Final = 86400.0
_ENCODING_DER: Final = 2
_SHORT: Final = {"commonName": "CN", "organizationName": "O", "organizationalUnitName": "OU",
                 "countryName": "C", "stateOrProvinceName": "ST", "localityName": "L"}  # fmt: skip


def expiries(secured: ssl.SSLSocket) -> list[int]:
    """Return the Unix times at which the certificates presented expire, the server's own first."""
    return list(_expiries(presented(secured)[:MAX_CERTIFICATES]))


def _expiries(chain: Sequence[bytes]) -> Iterator[int]:
    for der in chain:
        try:
            yield not_after(der)
        except ValueError:  # OpenSSL read it, so this is a date that nobody can mean
            yield 0


def samples(secured: ssl.SSLSocket) -> Iterator[Sample]:
    """Return what is measured of a connection under TLS."""
    times = expiries(secured)
    for position, expires in enumerate(times):
        yield Sample(TLS_CERTIFICATE_EXPIRY, float(expires), (("position", str(position)),))
    if times:
        yield Sample(PROBE_SSL_EXPIRY, float(min(times)))
    if secured.context.verify_mode is not ssl.CERT_NONE:
        chain = list(_expiries(verified(secured)))
        if chain:
            yield Sample(PROBE_SSL_CHAIN_EXPIRY, float(min(chain)))
        yield Sample(PROBE_SSL_CHAIN_INFO, 1.0, _info(secured))
    yield Sample(PROBE_TLS_VERSION, 1.0, (("version", secured.version() or ""),))
    cipher = secured.cipher()
    yield Sample(PROBE_TLS_CIPHER, 1.0, (("cipher", cipher[0] if cipher else ""),))


def judge(secured: ssl.SSLSocket, config: TlsConfig) -> None:
    """Raise Failure(tls) for a version below the floor or a certificate that expires too soon."""
    version = secured.version() or ""
    if version not in VERSIONS[VERSIONS.index(config.min_tls_version) :]:
        raise Failure(
            Reason.TLS, f"{version or 'no TLS'} was negotiated, at least {config.min_tls_version} wanted"
        )
    times = expiries(secured)
    soonest = min(range(len(times)), key=times.__getitem__, default=None)
    if soonest is None or config.insecure_skip_verify:
        return
    left = (times[soonest] - time.time()) / _DAY_SECONDS
    if left < config.min_valid_days:
        which = f"certificate {soonest} of {len(times)} (0 is the server's own)"
        raise Failure(
            Reason.TLS, f"{which} expires in {left:.1f} days, at least {config.min_valid_days:g} wanted"
        )


def verified(secured: ssl.SSLSocket) -> list[bytes]:
    """Return the chain that was verified as DER, the root last; empty where Python cannot tell."""
    public = getattr(secured, "get_verified_chain", None)  # Python 3.13
    if public is not None:
        return cast("list[bytes]", public() or [])
    # Since 3.10 the C object beneath has what 3.13 made public.
    inner: Any = getattr(secured, "_sslobj", None)
    if not hasattr(inner, "get_verified_chain"):
        return []
    return [bytes(cert.public_bytes(_ENCODING_DER)) for cert in inner.get_verified_chain() or []]


def _info(secured: ssl.SSLSocket) -> tuple[tuple[str, str], ...]:
    der = secured.getpeercert(binary_form=True) or b""
    leaf: Mapping[str, Any] = secured.getpeercert() or {}
    names = ",".join(str(value) for _, value in leaf.get("subjectAltName", ()))
    return (
        ("fingerprint_sha256", hashlib.sha256(der).hexdigest()),
        ("subject", label(distinguished(leaf.get("subject", ())))),
        ("issuer", label(distinguished(leaf.get("issuer", ())))),
        ("subjectalternative", label(names)),
        ("serialnumber", label(str(leaf.get("serialNumber", "")).lower())),
    )


def distinguished(name: Any) -> str:
    """Return a distinguished name as ``CN=hub.example,O=Example``, most specific first."""
    parts = [(str(key), str(value)) for relative in name for key, value in relative]
    return ",".join(f"{_SHORT.get(key, key)}={value}" for key, value in reversed(parts))


def label(text: str) -> str:
    """Return a stranger's text as the value of a label: printable and bounded."""
    line = "".join(letter if letter.isprintable() else "?" for letter in text[: MAX_LABEL + 1])
    return line if len(line) <= MAX_LABEL else line[: MAX_LABEL - 1] + "…"
