"""The wall's application over HTTP: pages, events, gates, limits."""

import asyncio
import re
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager

import aiohttp
import msgspec
import pytest
from prometheus_client import CollectorRegistry

from alerts.promapi import QueryError
from common.web import serve
from dashboards.wall import gate as gates
from dashboards.wall.app import application
from dashboards.wall.attempts import PER_CLIENT, Attempts
from dashboards.wall.days import Days
from dashboards.wall.gate import Gate, LoginGate, OpenGate, ProxyGate
from dashboards.wall.meters import Meters
from dashboards.wall.passwords import make_line, parse_users
from dashboards.wall.sessions import Sessions
from dashboards.wall.state import WALL, Wall
from dashboards.wall.stream import update

from .wall_data import NOW, alert, down, healthy, silent, small
from .wall_fakes import FakePrometheus

PASSWORD = "correct horse battery"
USERS = parse_users(make_line("truc", PASSWORD), "users")


class Served:
    """A wall being served, and a client of it."""

    def __init__(
        self, wall: Wall, url: str, client: aiohttp.ClientSession, prometheus: FakePrometheus
    ) -> None:
        self.wall = wall
        self.url = url
        self.client = client
        self.prometheus = prometheus

    async def get(self, path: str, **headers: str) -> tuple[int, str, Mapping[str, str]]:
        async with self.client.get(self.url + path, headers=headers, allow_redirects=False) as answer:
            return answer.status, await answer.text(), answer.headers

    async def post(self, path: str, data: dict[str, str], **headers: str) -> tuple[int, str]:
        async with self.client.post(
            self.url + path, data=data, headers=headers, allow_redirects=False
        ) as answer:
            return answer.status, await answer.text()


@asynccontextmanager
async def serving(gate: Gate | None = None, max_viewers: int = 5) -> AsyncIterator[Served]:
    registry = CollectorRegistry()
    wall, prometheus = Wall(small(), wall_clock=lambda: NOW), FakePrometheus()
    app = application(
        wall, Days(prometheus), gate or OpenGate(), registry=registry, meters=Meters(registry),
        max_viewers=max_viewers,
    )  # fmt: skip
    jar = aiohttp.CookieJar(unsafe=True)  # cookies for an IP address
    async with serve(app, "127.0.0.1:0") as (host, port), aiohttp.ClientSession(cookie_jar=jar) as client:
        yield Served(wall, f"http://{host}:{port}", client, prometheus)


@pytest.fixture
async def site() -> AsyncIterator[Served]:
    async with serving() as served:
        served.wall.publish(healthy())
        yield served


async def events(stream: aiohttp.ClientResponse, until: str) -> dict[str, str]:
    """Read events up to and with the first of name ``until``; return the fragments by id."""
    found: dict[str, str] = {}
    async with asyncio.timeout(10):
        while True:
            block = (await stream.content.readuntil(b"\n\n")).decode()
            name, _, data = block.strip().partition("\ndata: ")
            if name == "event: fragment":
                fragment = msgspec.json.decode(data)
                found[fragment["id"]] = fragment["html"]
            if name == f"event: {until}":
                return found


# --- pages ---------------------------------------------------------------------------------------
async def test_pages_are_served_with_every_guard_against_foreign_code(site: Served) -> None:
    for path in ("/", "/commune/21040", "/login", "/nowhere", "/commune/99999"):
        _, _, headers = await site.get(path)
        policy = headers["Content-Security-Policy"]
        assert policy.startswith("default-src 'self';")
        assert "unsafe" not in policy
        assert (headers["X-Content-Type-Options"], headers["X-Frame-Options"]) == ("nosniff", "DENY")
        assert headers["Cache-Control"] == "no-store"


async def test_the_page_shows_every_commune_in_the_language_asked_for(site: Served) -> None:
    status, vietnamese, _ = await site.get("/")
    assert status == 200
    assert '<html lang="vi"' in vietnamese
    _, english, _ = await site.get("/", **{"Accept-Language": "en-GB, vi;q=0.5"})
    assert '<html lang="en"' in english
    assert vietnamese.count('class="dot up"') == english.count('class="dot up"') == 6


async def test_language_and_theme_are_remembered(site: Served) -> None:
    await site.get("/?lang=en&theme=dark")
    _, body, _ = await site.get("/")
    assert '<html lang="en" data-theme="dark"' in body
    await site.get("/?lang=xx&theme=pink")
    _, body, _ = await site.get("/")
    assert '<html lang="en" data-theme="dark"' in body


@pytest.mark.parametrize(
    ("path", "status"),
    [("/commune/99999", 404), ("/commune/abcde", 404), ("/static/nothing.js", 404),
     ("/static/..%2fapp.py", 404), ("/events?page=99999", 404), ("/commune/99999/day", 404), ("/login", 303)],
)  # fmt: skip
async def test_what_is_not_there(site: Served, path: str, status: int) -> None:
    assert (await site.get(path))[0] == status


async def test_assets_have_addresses_that_change_with_their_content(site: Served) -> None:
    _, body, _ = await site.get("/")
    for name in ("wall.css", "wall.js", "icon.svg"):
        (address,) = re.findall(rf'"(/static/{re.escape(name)}\?[0-9a-f]{{12}})"', body)
        status, _, headers = await site.get(address)
        assert status == 200
        assert "immutable" in headers["Cache-Control"]


async def test_a_day_is_read_once_for_all_who_look(site: Served) -> None:
    await asyncio.gather(*(site.get("/commune/21040") for _ in range(5)))
    assert len(site.prometheus.asked) == 5
    await site.get("/commune/21040/day")
    assert len(site.prometheus.asked) == 5


async def test_a_day_that_cannot_be_read_says_so(site: Served) -> None:
    site.prometheus.day = QueryError("execution: too many samples")
    status, body, _ = await site.get("/commune/21040?lang=en")
    assert status == 200
    assert "The last 24 hours cannot be read" in body
    assert "too many samples" not in body


async def test_a_bug_is_told_without_its_insides(site: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(site.wall, "shown", None)
    status, body, _ = await site.get("/")
    assert status == 500
    assert "Traceback" not in body


async def test_health_and_metrics(site: Served) -> None:
    assert (await site.get("/-/healthy"))[0] == 200
    assert (await site.get("/-/ready"))[0] == 200
    _, body, _ = await site.get("/metrics")
    assert "thongsuot_wall_viewers 0.0" in body


async def test_it_is_not_ready_before_the_first_answers() -> None:
    async with serving() as served:
        assert (await served.get("/-/ready"))[0] == 503


# --- events --------------------------------------------------------------------------------------
async def test_a_viewer_hears_what_changes_and_nothing_else(site: Served) -> None:
    async with site.client.get(f"{site.url}/events?lang=en") as stream:
        first = await events(stream, "tick")
        assert set(first) == {
            "banner", "counters", "map", "duty", "outages", "ended", "systems", "matrix", "rest",
        }  # fmt: skip
        site.wall.publish(healthy())
        assert await events(stream, "tick") == {}
        broken = msgspec.structs.replace(healthy(), alerts=(alert("pop:ba-to", communes="21484"),))
        site.wall.publish(broken)
        changed = await events(stream, "tick")
        assert set(changed) == {"outages", "counters", "map"}
        assert "POP Ba Tơ" in changed["outages"]


async def test_one_communes_page_has_a_stream_of_its_own(site: Served) -> None:
    async with site.client.get(f"{site.url}/events?page=21040&lang=en") as stream:
        assert set(await events(stream, "tick")) == {
            "banner",
            "ended",
            "quality",
            "site",
            "status",
            "targets",
        }
        site.wall.publish(silent(healthy(), "21040"))
        assert "Agent silent" in (await events(stream, "tick"))["status"]


async def test_viewers_beyond_the_limit_are_told_so() -> None:
    async with serving(max_viewers=1) as served, served.client.get(f"{served.url}/events") as stream:
        await events(stream, "tick")
        assert (await served.get("/events"))[0] == 503
        _, body, _ = await served.get("/metrics")
        assert "thongsuot_wall_viewers 1.0" in body
        assert 'thongsuot_wall_refused_total{reason="full"} 1.0' in body
        assert (await served.get("/"))[0] == 200


async def test_a_viewer_is_sent_home_when_the_server_stops() -> None:
    async with serving() as served, served.client.get(f"{served.url}/events") as stream:
        await events(stream, "tick")
        served.wall.close()
        async with asyncio.timeout(5):
            assert await stream.content.read() == b""


async def test_nothing_is_rendered_twice_while_nothing_changes() -> None:
    wall = Wall(small(), wall_clock=lambda: NOW)
    wall.publish(healthy())
    before = wall.parts(WALL, "vi")
    wall.publish(msgspec.structs.replace(healthy(), at=NOW + 2))
    assert wall.parts(WALL, "vi") is before
    wall.publish(down(healthy(), ("21040", "hub:main")))
    assert wall.parts(WALL, "vi") is not before


async def test_a_viewer_who_missed_some_gets_the_latest_alone() -> None:
    wall = Wall(small(), wall_clock=lambda: NOW)
    wall.publish(healthy())
    sent: dict[str, str] = {}
    update(wall, wall.parts(WALL, "en"), sent)  # type: ignore[arg-type] # markup is text
    for code in ("21040", "21061", "21085"):
        wall.publish(silent(healthy(), code))
    told = update(wall, wall.parts(WALL, "en"), sent)  # type: ignore[arg-type] # markup is text
    assert b"B\xc3\xacnh Minh" in told
    assert told.count(b"event: fragment") == len({b"counters", b"map", b"matrix", b"rest", b"systems"})


async def test_another_inventory_makes_browsers_reload() -> None:
    wall = Wall(small(), wall_clock=lambda: NOW)
    before = wall.build
    wall.use(small())
    assert wall.build == before
    wall.use(msgspec.structs.replace(small(), communes=small().communes[:2]))
    assert wall.build != before
    assert not wall.knows("21499")


# --- gates ---------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("host", "status"),
    [("localhost:1", 200), ("127.0.0.1", 200), ("[::1]:9495", 200), ("wall.localhost", 200),
     ("evil.example", 403), ("evil.example:9495", 403), ("10.0.0.1:9495", 403)],
)  # fmt: skip
async def test_on_loopback_a_foreign_name_is_refused(site: Served, host: str, status: int) -> None:
    assert (await site.get("/", Host=host))[0] == status


@pytest.fixture
async def gate() -> LoginGate:
    return LoginGate(Sessions(b"k" * 32, USERS), Attempts(asyncio.get_running_loop().time()))


@pytest.fixture
async def guarded(gate: LoginGate) -> AsyncIterator[Served]:
    async with serving(gate) as served:
        served.wall.publish(healthy())
        yield served


FORM = {"name": "truc", "password": PASSWORD, "next": "/commune/21040"}


async def test_without_a_login_there_is_only_the_login(guarded: Served) -> None:
    status, _, headers = await guarded.get("/commune/21040")
    assert (status, headers["Location"]) == (303, "/login?next=/commune/21040")
    assert (await guarded.get("/events"))[0] == 401
    assert (await guarded.get("/commune/21040/day"))[0] == 303
    assert (await guarded.post("/logout", {}))[0] == 401
    assert (await guarded.get("/-/healthy"))[0] == 200
    status, body, _ = await guarded.get("/login?next=/commune/21040")
    assert status == 200
    assert 'value="/commune/21040"' in body
    assert "Bình Sơn" not in body


async def test_a_login_lets_in_and_a_logout_out(guarded: Served) -> None:
    async with guarded.client.post(f"{guarded.url}/login", data=FORM, allow_redirects=False) as answer:
        assert (answer.status, answer.headers["Location"]) == (303, "/commune/21040")
        cookie = answer.headers["Set-Cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=Strict" in cookie
    status, body, _ = await guarded.get("/")
    assert status == 200
    assert 'action="/logout"' in body
    assert (await guarded.post("/logout", {}))[0] == 303
    assert (await guarded.get("/"))[0] == 303


@pytest.mark.parametrize("wrong", [{"password": "x"}, {"name": "nobody"}, {"name": "", "password": ""}])
async def test_a_wrong_login_says_no_more_than_that(guarded: Served, wrong: dict[str, str]) -> None:
    status, body = await guarded.post("/login?lang=en", {**FORM, **wrong})
    assert status == 403
    assert "Wrong name or password" in body
    assert gates.COOKIE not in {cookie.key for cookie in guarded.client.cookie_jar}


async def test_guessing_is_slowed_down(guarded: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("dashboards.wall.app.verify", lambda *_: False)
    statuses = [(await guarded.post("/login", {**FORM, "password": "x"}))[0] for _ in range(PER_CLIENT + 1)]
    assert statuses == [403] * PER_CLIENT + [429]


@pytest.mark.parametrize(
    "headers",
    [{"Sec-Fetch-Site": "cross-site"}, {"Sec-Fetch-Site": "same-site"}, {"Origin": "https://evil.example"},
     {"Origin": "null"}],
)  # fmt: skip
async def test_another_site_can_log_nobody_in_or_out(guarded: Served, headers: dict[str, str]) -> None:
    assert (await guarded.post("/login", FORM, **headers))[0] == 403
    await guarded.post("/login", FORM, Origin=guarded.url)
    assert (await guarded.post("/logout", {}, **headers))[0] == 403
    assert (await guarded.get("/"))[0] == 200


async def test_a_login_that_is_too_large_is_refused(guarded: Served) -> None:
    assert (await guarded.post("/login", {**FORM, "password": "x" * 10_000}))[0] == 413


@pytest.mark.parametrize("kind", ["charset=none-such", "charset=utf-8"])
async def test_a_form_in_no_encoding_is_a_bad_request(guarded: Served, kind: str) -> None:
    headers = {"Content-Type": f"application/x-www-form-urlencoded; {kind}"}
    async with guarded.client.post(f"{guarded.url}/login", data=b"name=\xff", headers=headers) as answer:
        assert answer.status == 400


async def test_a_form_that_never_ends_is_not_waited_for(
    guarded: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("dashboards.wall.app.FORM_SECONDS", 0.01)
    host, _, port = guarded.url.removeprefix("http://").partition(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    kind = "application/x-www-form-urlencoded"
    head = f"POST /login HTTP/1.1\r\nHost: x\r\nContent-Type: {kind}\r\nContent-Length: 9\r\n\r\nname"
    writer.write(head.encode())
    async with asyncio.timeout(10):
        assert b"408" in await reader.readline()
    writer.close()
    await writer.wait_closed()


async def test_a_session_that_ends_takes_its_stream_with_it(guarded: Served, gate: LoginGate) -> None:
    await guarded.post("/login", FORM)
    async with guarded.client.get(f"{guarded.url}/events") as stream:
        await events(stream, "tick")
        gate.sessions.users = parse_users(make_line("truc", "another horse battery"), "users")
        guarded.wall.publish(healthy())
        async with asyncio.timeout(5):
            assert await stream.content.read() == b""


async def test_a_proxys_word_counts_from_the_proxy_alone() -> None:
    async with serving(ProxyGate("X-Remote-User", frozenset({"127.0.0.1"}))) as served:
        served.wall.publish(healthy())
        assert (await served.get("/", **{"X-Remote-User": "truc"}))[0] == 200
        assert (await served.get("/"))[0] == 403
        assert (await served.get("/", **{"X-Remote-User": ""}))[0] == 403
    async with serving(ProxyGate("X-Remote-User", frozenset({"10.0.0.1"}))) as served:
        assert (await served.get("/", **{"X-Remote-User": "truc"}))[0] == 403
