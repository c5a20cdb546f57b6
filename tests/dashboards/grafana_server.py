"""A local server that keeps the rules of Grafana's HTTP API for folders, data sources and boards.

It stands in for Grafana, which cannot be had in our tests: statuses, bodies and the rules of versions
and names are those published for Grafana 11.6 (https://grafana.com/docs/grafana/v11.6/developers/http_api/),
so what passes here still has to be tried once against the Grafana in use.
"""

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

TOKEN = "glsa_test"
Answer = tuple[int, Any]
Fault = Callable[[str, str], Answer | bytes | None]


class Grafana:
    """The state of the server. ``fault(method, path)`` may answer in its stead; ``writes`` counts."""

    def __init__(self) -> None:
        self.folders: dict[str, dict[str, Any]] = {}
        self.datasources: dict[str, dict[str, Any]] = {}
        self.boards: dict[str, dict[str, Any]] = {}
        self.writes: list[str] = []
        self.requests: list[str] = []
        self.fault: Fault = lambda _method, _path: None
        self.after_read: Callable[[str], None] = lambda _path: None
        self.prefix = ""

    def answer(self, method: str, path: str, body: Any) -> Answer:
        name, _, uid = path.removeprefix("/api/").partition("/")
        if path == "/api/health":
            return 200, {"database": "ok", "version": "11.6.0", "commit": "x"}
        if name == "folders":
            return self._folder(method, uid, body)
        if name == "datasources":
            return self._datasource(method, uid.removeprefix("uid/"), body)
        if path == "/api/dashboards/db" and method == "POST":
            return self._save(body)
        if name == "dashboards" and method == "GET":
            return self._get(self.boards, uid.removeprefix("uid/"), "Dashboard not found")
        return 404, {"message": "Not found"}

    def _get(self, kind: dict[str, dict[str, Any]], uid: str, problem: str) -> Answer:
        return (200, kind[uid]) if uid in kind else (404, {"message": problem})

    def _folder(self, method: str, uid: str, body: Any) -> Answer:
        if method == "GET":
            return self._get(self.folders, uid, "folder not found")
        if method == "POST":
            if body["uid"] in self.folders or any(f["title"] == body["title"] for f in self.folders.values()):
                return 409, {"message": "a folder with the same name already exists in the current location"}
            self.folders[body["uid"]] = {"id": 1, "uid": body["uid"], "title": body["title"], "version": 1}
            return 200, self.folders[body["uid"]]
        found = self.folders[uid]
        if body.get("version") != found["version"] and not body.get("overwrite"):
            return 412, {
                "message": "the folder has been changed by someone else",
                "status": "version-mismatch",
            }
        found |= {"title": body["title"], "version": found["version"] + 1}
        return 200, found

    def _datasource(self, method: str, uid: str, body: Any) -> Answer:
        if method == "GET":
            return self._get(self.datasources, uid, "Data source not found")
        if method == "POST":
            if any(d["name"] == body["name"] for d in self.datasources.values()):
                return 409, {"message": "data source with the same name already exists"}
            added = {"id": 3, "orgId": 1, "readOnly": False, "version": 1, "isDefault": False, "user": ""}
            self.datasources[body["uid"]] = {**added, **body}
            return 200, {"datasource": self.datasources[body["uid"]], "message": "Datasource added"}
        found = self.datasources[uid]
        if found["readOnly"]:
            return 403, {"message": "Cannot update read-only data source"}
        if body.get("version") not in (None, found["version"]):
            return 409, {
                "message": "Datasource has already been updated by someone else. Please reload and try again"
            }
        self.datasources[uid] = {**found, **body, "version": found["version"] + 1}
        return 200, {"datasource": self.datasources[uid], "message": "Datasource updated"}

    def _save(self, body: Any) -> Answer:
        board, folder = body["dashboard"], body.get("folderUid", "")
        if not board.get("title"):
            return 400, {"message": "Dashboard title cannot be empty"}
        if folder and folder not in self.folders:
            return 400, {"message": "folder not found"}
        found = self.boards.get(board["uid"])
        if not body.get("overwrite"):
            for uid, other in self.boards.items():
                same_place = other["meta"]["folderUid"] == folder and uid != board["uid"]
                if same_place and other["dashboard"]["title"] == board["title"]:
                    problem = "A dashboard with the same name in the folder already exists"
                    return 412, {"message": problem, "status": "name-exists"}
            if found and board.get("version") != found["dashboard"]["version"]:
                problem = "The dashboard has been changed by someone else"
                return 412, {"message": problem, "status": "version-mismatch"}
        version = found["dashboard"]["version"] + 1 if found else 1
        saved = {
            **board,
            "id": found["dashboard"]["id"] if found else len(self.boards) + 1,
            "version": version,
        }
        self.boards[board["uid"]] = {
            "dashboard": saved,
            "meta": {"folderUid": folder, "version": version, "provisioned": False},
        }
        return 200, {"status": "success", "uid": board["uid"], "id": saved["id"], "version": version}


def _handler(grafana: Grafana) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def _serve(self) -> None:
            size = int(self.headers.get("Content-Length") or 0)
            body = json.loads(self.rfile.read(size)) if size else None
            path = self.path
            grafana.requests.append(f"{self.command} {path}")
            answer = grafana.fault(self.command, path)
            if answer is None:
                answer = self._checked(path, body)
            self._send(answer)
            if self.command == "GET":
                grafana.after_read(path)

        def _checked(self, path: str, body: Any) -> Answer:
            if not path.startswith(grafana.prefix + "/api/"):
                return 404, {"message": "Not found"}
            path = path.removeprefix(grafana.prefix)
            if path != "/api/health" and self.headers.get("Authorization") != f"Bearer {TOKEN}":
                return 401, {"message": "Invalid API key"}
            if self.command != "GET":
                grafana.writes.append(f"{self.command} {path}")
            return grafana.answer(self.command, path, body)

        def _send(self, answer: Answer | bytes) -> None:
            status, body = (
                (200, answer) if isinstance(answer, bytes) else (answer[0], json.dumps(answer[1]).encode())
            )
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            if status in (301, 302):
                self.send_header("Location", "/elsewhere")
            self.end_headers()
            self.wfile.write(body)

        do_GET = _serve  # noqa: N815 - the name is http.server's
        do_POST = _serve  # noqa: N815 - the same
        do_PUT = _serve  # noqa: N815 - the same

        def log_message(self, *_: object) -> None:
            """Quiet."""

    return Handler


@contextmanager
def serve(grafana: Grafana) -> Iterator[str]:
    """Serve on a free port of the loopback while the context is open; yields the address."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(grafana))
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}{grafana.prefix}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
