"""A page of metrics whose every value is the number of the scrape: ``_exporter PORT TEMPLATE LOG``.

The series are those of ``TEMPLATE``, a page of an agent. ``LOG`` gets one line per scrape, its number and
the Unix time, so that each stored sample can be traced to when it was measured.
"""

import sys
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from tests.bench._text import heads


class _Page(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    heads: tuple[bytes, ...] = ()
    log: Path
    number = 0

    def do_GET(self) -> None:
        """One scrape."""
        _Page.number += 1
        with self.log.open("ab", buffering=0) as file:
            file.write(f"{_Page.number} {time.time():.3f}\n".encode())
        end = f" {_Page.number}\n".encode()
        body = end.join(self.heads) + end
        self.send_response(200)
        self.send_header("Content-Type", "text/plain; version=0.0.4")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""


def read(log: Path) -> dict[int, float]:
    """Return when each scrape was, by its number."""
    lines = log.read_text(encoding="ascii").splitlines()
    return {int(number): float(unix) for number, unix in (line.split() for line in lines)}


def main(port: int, template: Path, log: Path) -> None:
    """Serve for ever."""
    _Page.heads, _Page.log = tuple(heads(template.read_bytes())), log
    server = ThreadingHTTPServer(("127.0.0.1", port), _Page)
    server.daemon_threads = True
    server.serve_forever()


if __name__ == "__main__":
    main(int(sys.argv[1]), Path(sys.argv[2]), Path(sys.argv[3]))
