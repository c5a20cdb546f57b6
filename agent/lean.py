"""Imports that cost an agent less memory than they cost others."""

import ssl
import sys


def import_aiohttp() -> None:
    """Import aiohttp without the certificates of the system.

    It reads them as it is imported, for whoever will need them: 2.7 MB, and an agent that trusts somebody
    says whom (:mod:`agent.hub_http`). What is made instead trusts nobody. Does nothing when it is there.
    """
    if "aiohttp" in sys.modules:
        return
    usual = ssl.create_default_context
    vars(ssl)["create_default_context"] = _trusting_nobody
    try:
        import aiohttp  # noqa: F401, PLC0415 - all that is to be done here
    finally:
        vars(ssl)["create_default_context"] = usual


def _trusting_nobody() -> ssl.SSLContext:
    return ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
