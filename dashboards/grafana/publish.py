"""Push folder, data source and boards to a Grafana server, over its HTTP API.

Every step reads what is there, compares, and writes only a difference, with the version that it read:
so a second push changes nothing, a step can be repeated after a lost answer, and somebody else's
simultaneous change is never overwritten unseen. Blocking, for the command line only.

API: https://grafana.com/docs/grafana/v11.6/developers/http_api/ (folder, data_source, dashboard).
There is no Grafana in our tests: they run against a local server that keeps that API's rules.

PushError
├── InputError   address, token file or CA file are wrong
└── ServerError  Grafana refused, failed or was not there; ``retry`` says whether again may help
"""

import json
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any, Final, TypeVar
from urllib.parse import urlsplit

import msgspec
import requests
from grafana_client import GrafanaApi  # type: ignore[import-untyped]  # ships no types
from grafana_client.client import (  # type: ignore[import-untyped]  # ships no types
    GrafanaClientError,
    GrafanaException,
    TokenAuth,
)

from common.i18n import t
from dashboards.grafana.session import AnswerTooLarge, BoundedSession, DeadlinePassed

FOLDER_UID: Final = "thongsuot"
DATASOURCE_UID: Final = "thongsuot-prometheus"
DATASOURCE_NAME: Final = "Thông suốt Prometheus"
TIMEOUT_SECONDS: Final = 10.0
WAITS_SECONDS: Final = (0.5, 2.0)
"""Pauses before the second and third attempt of a step."""
_MAX_TOKEN_BYTES: Final = 4096
_RETRY_STATUS: Final = frozenset({409, 412, 429, 502, 503, 504})

T = TypeVar("T")


class PushError(Exception):
    """``key`` and ``values`` are a string of the catalogue and what it takes."""

    def __init__(self, key: str, **values: object) -> None:
        super().__init__(key)
        self.key = key
        self.values = values

    def __str__(self) -> str:
        return t(self.key, **self.values)


class InputError(PushError):
    """What the operator gave cannot be used."""


class ServerError(PushError):
    """Grafana refused, failed or was not there."""

    def __init__(self, key: str, *, retry: bool = False, **values: object) -> None:
        super().__init__(key, **values)
        self.retry = retry


class Change(msgspec.Struct, frozen=True):
    """``kind`` folder, datasource or board; ``action`` created, updated or unchanged."""

    kind: str
    name: str
    action: str


def read_token(path: Path) -> str:
    """Return the token in a file. Raises InputError."""
    try:
        with path.open("rb") as file:
            text = file.read(_MAX_TOKEN_BYTES + 1).decode("ascii").strip()
    except (OSError, UnicodeDecodeError):
        text = ""
    if not text or len(text) > _MAX_TOKEN_BYTES or not text.isprintable() or " " in text:
        raise InputError("boards.error_token_file", path=path)
    return text


def connect(url: str, token: str, ca_file: Path | None = None) -> GrafanaApi:
    """Return a client; nothing is sent yet. Raises InputError."""
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        raise InputError("boards.error_url", url=url) from None
    extra = parts.query or parts.fragment or parts.username or parts.password
    if parts.scheme not in {"http", "https"} or not parts.hostname or extra:
        raise InputError("boards.error_url", url=_without_secrets(url))
    if ca_file is not None and not _is_pem(ca_file):
        raise InputError("boards.error_ca_file", path=ca_file)
    host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
    prefix = parts.path.strip("/")
    api = GrafanaApi(
        TokenAuth(token),
        host=host,
        port=port,
        protocol=parts.scheme,
        url_path_prefix=f"{prefix}/" if prefix else "",
        verify=str(ca_file) if ca_file else True,
        timeout=TIMEOUT_SECONDS,
    )
    api.client.s = BoundedSession(TIMEOUT_SECONDS)
    return api


def _without_secrets(url: str) -> str:
    return url.rpartition("@")[2].partition("?")[0]


def _is_pem(path: Path) -> bool:
    try:
        with path.open("rb") as file:
            return b"-----BEGIN CERTIFICATE-----" in file.read(1 << 20)
    except OSError:
        return False


class Publisher:
    """The steps of a push. ``sleep`` is given for tests."""

    def __init__(self, api: GrafanaApi, url: str, sleep: Callable[[float], None] = time.sleep) -> None:
        self._api = api
        self._url = url
        self._sleep = sleep

    def push(self, prometheus_url: str, boards: dict[str, bytes]) -> Iterator[Change]:
        """Yield each step's change as it is done. Raises ServerError; what was yielded stays done."""
        self._attempt("/api/health", self._health)
        yield self._attempt(FOLDER_UID, self._folder)
        yield self._attempt(DATASOURCE_UID, partial(self._datasource, prometheus_url))
        for body in boards.values():
            board = with_datasource(json.loads(body))
            yield self._attempt(board["uid"], partial(self._board, board))

    def _attempt(self, what: str, act: Callable[[], T]) -> T:
        """Do a step, again where that may help. Raises ServerError."""
        for wait_seconds in WAITS_SECONDS:
            try:
                return self._translated(what, act)
            except ServerError as error:
                if not error.retry:
                    raise
                self._sleep(wait_seconds)
        return self._translated(what, act)

    def _translated(self, what: str, act: Callable[[], T]) -> T:
        """Do a step once; whatever goes wrong comes out as a ServerError."""
        try:
            return act()
        except GrafanaException as error:
            raise self._refused(what, error) from error
        except (requests.Timeout, DeadlinePassed) as error:
            seconds = f"{TIMEOUT_SECONDS:g}"
            raise ServerError("boards.error_timeout", retry=True, url=self._url, seconds=seconds) from error
        except requests.ConnectionError as error:
            raise ServerError(
                "boards.error_unreachable", retry=True, url=self._url, problem=_cause(error)
            ) from error
        except (requests.RequestException, AnswerTooLarge, LookupError, TypeError, ValueError) as error:
            raise ServerError("boards.error_answer", url=self._url, what=what) from error

    def _refused(self, what: str, error: GrafanaException) -> ServerError:
        status = error.status_code
        retry = status in _RETRY_STATUS
        if status == 401:
            return ServerError("boards.error_unauthorized", url=self._url)
        if status == 403:
            return ServerError("boards.error_forbidden", url=self._url, what=what)
        if status == 404:
            return ServerError("boards.error_not_found", url=self._url, what=what)
        problem = f"{status}: {str(error.message)[:200]}"
        if status in {409, 412}:
            return ServerError("boards.error_conflict", retry=retry, what=what, problem=problem)
        return ServerError("boards.error_server", retry=retry, url=self._url, what=what, problem=problem)

    def _health(self) -> None:
        answer = self._api.health.check()
        if not isinstance(answer, dict) or "database" not in answer:
            raise LookupError("no Grafana")

    def _folder(self) -> Change:
        title = t("boards.folder_title")
        found = _or_none(partial(self._api.folder.get_folder, FOLDER_UID))
        if found is None:
            self._api.folder.create_folder(title, FOLDER_UID)
            return Change("folder", title, "created")
        if found["title"] == title:
            return Change("folder", title, "unchanged")
        self._api.folder.update_folder(FOLDER_UID, title, version=found["version"])
        return Change("folder", title, "updated")

    def _datasource(self, prometheus_url: str) -> Change:
        wanted = datasource(prometheus_url)
        found = _or_none(partial(self._api.datasource.get_datasource_by_uid, DATASOURCE_UID))
        if found is None:
            self._api.datasource.create_datasource(wanted)
            return Change("datasource", DATASOURCE_NAME, "created")
        if covers(found, wanted):
            return Change("datasource", DATASOURCE_NAME, "unchanged")
        self._api.datasource.update_datasource_by_uid(
            DATASOURCE_UID, {**wanted, "version": found.get("version")}
        )
        return Change("datasource", DATASOURCE_NAME, "updated")

    def _board(self, board: dict[str, Any]) -> Change:
        found = _or_none(partial(self._api.dashboard.get_dashboard, board["uid"]))
        if found is None:
            self._write(board, None)
            return Change("board", board["title"], "created")
        there = found["dashboard"]
        if covers(there, board) and found["meta"].get("folderUid") == FOLDER_UID:
            return Change("board", board["title"], "unchanged")
        self._write(board, there)
        return Change("board", board["title"], "updated")

    def _write(self, board: dict[str, Any], there: dict[str, Any] | None) -> None:
        known = {"id": None} if there is None else {"id": there["id"], "version": there["version"]}
        self._api.dashboard.update_dashboard(
            {
                "dashboard": {**board, **known},
                "folderUid": FOLDER_UID,
                "overwrite": False,
                "message": "thongsuot boards push",
            }
        )


def datasource(prometheus_url: str) -> dict[str, Any]:
    """Return the data source as Grafana's API takes it."""
    return {
        "uid": DATASOURCE_UID,
        "name": DATASOURCE_NAME,
        "type": "prometheus",
        "access": "proxy",
        "url": prometheus_url,
        "jsonData": {"httpMethod": "POST", "timeInterval": "30s"},
    }


def with_datasource(board: dict[str, Any]) -> dict[str, Any]:
    """Return the board with our data source chosen, so that it opens on data."""
    variables = [
        {**variable, "current": {"selected": True, "text": DATASOURCE_NAME, "value": DATASOURCE_UID}}
        if variable["type"] == "datasource"
        else variable
        for variable in board["templating"]["list"]
    ]
    return {**board, "templating": {**board["templating"], "list": variables}}


def covers(there: object, wanted: object) -> bool:
    """Whether everything wanted is there. What a server adds by itself does not count as a change.

    >>> covers({"a": 1, "id": 7}, {"a": 1}), covers({"a": [1, 2]}, {"a": [1]})
    (True, False)
    """
    if isinstance(wanted, dict):
        return isinstance(there, dict) and all(covers(there.get(key), value) for key, value in wanted.items())
    if isinstance(wanted, list):
        return (
            isinstance(there, list)
            and len(there) == len(wanted)
            and all(covers(one, other) for one, other in zip(there, wanted, strict=True))
        )
    return there == wanted


def _or_none(read: Callable[[], Any]) -> dict[str, Any] | None:
    """Return what is there, None where Grafana says that there is nothing. Raises ValueError."""
    try:
        found = read()
    except GrafanaClientError as error:
        if error.status_code == 404:
            return None
        raise
    if not isinstance(found, dict):
        raise ValueError("expected an object")
    return found


def _cause(error: BaseException) -> str:
    """The innermost reason, without addresses and objects that urllib3 puts around it."""
    while (inner := error.__context__ or error.__cause__) is not None:
        error = inner
    return getattr(error, "strerror", None) or str(error)[:200] or type(error).__name__
