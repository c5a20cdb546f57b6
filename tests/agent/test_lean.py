"""What an agent does not load into its memory, and that it trusts whom it should all the same."""

import subprocess
import sys

SCRIPT = """
import ssl, sys
from agent.lean import import_aiohttp
usual = ssl.create_default_context
import_aiohttp()
assert ssl.create_default_context is usual
from aiohttp import connector
from agent import service
from agent.config import Push
from agent.hub_http import tls_context
nobody = connector._SSL_CONTEXT_VERIFIED
assert nobody.cert_store_stats()["x509"] == 0
assert nobody.verify_mode is ssl.CERT_REQUIRED and nobody.check_hostname
system = tls_context(Push(url="https://hub.invalid/api/v1/write"))
assert system.cert_store_stats() == usual().cert_store_stats()
assert system.verify_mode is ssl.CERT_REQUIRED and system.check_hostname
print(*sys.modules)
"""


def test_certificates_of_the_system_are_read_only_by_who_trusts_them() -> None:
    done = subprocess.run([sys.executable, "-c", SCRIPT], capture_output=True, text=True, check=True)
    assert not {"prometheus_client", "lxml", "cryptography"} & set(done.stdout.split())
