"""TLS contexts, one per set of files: making one reads the whole store of authorities."""

import asyncio
import os
import ssl
import stat
from typing import Final

import msgspec

from exporters.net.failure import Failure
from inventory.names import Reason

MAX_CONTEXTS: Final = 64


class TlsFiles(msgspec.Struct, frozen=True, kw_only=True):
    """What a context is made from. Paths of PEM files; ``key_file`` defaults to ``cert_file``; ``alpn``
    the protocols that are offered (RFC 7301)."""

    ca_file: str | None = None
    cert_file: str | None = None
    key_file: str | None = None
    verify: bool = True
    alpn: tuple[str, ...] = ("http/1.1",)


_Stamp = tuple[int, ...]
_contexts: dict[TlsFiles, tuple[_Stamp, ssl.SSLContext]] = {}


async def context_for(files: TlsFiles) -> ssl.SSLContext:
    """Return the context for ``files``, made anew when one of them has changed.

    Raises Failure(local) when a file cannot be read or used: that is this machine, not the system.
    """
    stamp = _stamp(files)
    known = _contexts.get(files)
    if known is not None and known[0] == stamp:
        return known[1]
    try:
        context = await asyncio.to_thread(_make, files)
    except (OSError, ValueError) as error:  # SSLError is an OSError
        raise Failure(Reason.LOCAL, f"TLS files: {error}") from None
    if len(_contexts) >= MAX_CONTEXTS:
        _contexts.clear()
    _contexts[files] = stamp, context
    return context


def _stamp(files: TlsFiles) -> _Stamp:
    paths = [path for path in (files.ca_file, files.cert_file, files.key_file) if path]
    try:
        found = [os.stat(path) for path in paths]
    except (OSError, ValueError) as error:
        raise Failure(Reason.LOCAL, f"TLS files: {error}") from None
    for path, status in zip(paths, found, strict=True):
        if not stat.S_ISREG(status.st_mode):  # OpenSSL would wait for a pipe's other end for ever
            raise Failure(Reason.LOCAL, f"TLS files: {path}: Not a plain file")
    return tuple(status.st_mtime_ns for status in found)


def _make(files: TlsFiles) -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=files.ca_file)
    if files.alpn:
        context.set_alpn_protocols(list(files.alpn))
    if not files.verify:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    if files.cert_file:
        # An encrypted key would ask for its pass phrase on the terminal.
        context.load_cert_chain(files.cert_file, files.key_file, password=_no_pass_phrase)
    return context


def _no_pass_phrase() -> str:
    raise ValueError("the key is encrypted; a key without a pass phrase, readable by us only, is expected")
