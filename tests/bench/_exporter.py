"""A page of metrics whose every value is the number of the scrape: ``_exporter PORT TEMPLATE LOG``.

The series are those of ``TEMPLATE``, a page of an agent. ``LOG`` gets one line per scrape: its number, the
Unix time, and how long it took to hand over, so that each stored sample can be traced to when it was
measured. What took so long that the scraper may have given up counts for nothing.
"""

import sys
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Final

from tests.bench._text import heads

SLOW_SECONDS: Final = 0.3


class _Page(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    heads: tuple[bytes, ...] = ()
    log: Path
    number = 0

    def do_GET(self) -> None:
        """One scrape."""
        _Page.number += 1
        number, began = _Page.number, time.time()
        end = f" {number}\n".encode()
        body = end.join(self.heads) + end
        self.send_response(200)
        self.send_header("Content-Type", "text/plain; version=0.0.4")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
        with self.log.open("ab", buffering=0) as file:
            file.write(f"{number} {began:.3f} {time.time() - began:.3f}\n".encode())

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""


def read(log: Path) -> dict[int, float]:
    """Return when each scrape was that was surely handed over, by its number."""
    lines = [line.split() for line in log.read_text(encoding="ascii").splitlines()]
    return {int(number): float(unix) for number, unix, took in lines if float(took) < SLOW_SECONDS}


def main(port: int, template: Path, log: Path) -> None:
    """Serve for ever."""
    _Page.heads, _Page.log = tuple(heads(template.read_bytes())), log
    server = ThreadingHTTPServer(("127.0.0.1", port), _Page)
    server.daemon_threads = True
    server.serve_forever()


if __name__ == "__main__":
    main(int(sys.argv[1]), Path(sys.argv[2]), Path(sys.argv[3]))
