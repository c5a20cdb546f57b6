"""``python _lab_usual_sink.py PORT FILE``: takes Alertmanager's webhooks, one JSON line each, dated."""

import http.server
import json
import sys
import time
from pathlib import Path

MAX_BODY_BYTES = 1 << 24


def main(port: str, file: str) -> None:
    """Serve on the loopback for ever."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            now = time.time()
            size = min(int(self.headers.get("Content-Length", 0)), MAX_BODY_BYTES)
            body = json.loads(self.rfile.read(size))
            with Path(file).open("a", encoding="utf-8") as out:
                out.write(json.dumps({"time": now, "path": self.path, **body}) + "\n")
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    http.server.ThreadingHTTPServer(("127.0.0.1", int(port)), Handler).serve_forever()


if __name__ == "__main__":
    main(*sys.argv[1:3])
