"""The page behind a link, as a phone and as a chat program's preview fetch it."""

import asyncio
import re
import sqlite3
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from prometheus_client import CollectorRegistry

from alerts import ackpage, handling
from alerts.ackpage import AnswerPage
from alerts.book import Book
from alerts.learned import Learned
from alerts.links import Links
from alerts.telemetry import Telemetry
from common.web import serve
from tests.alerts.desk import Desk, commune, oncall, province_with
from tests.alerts.outages import T0

KEY = bytes(range(32))


class Phone:
    """Somebody with the link to one outage."""

    def __init__(
        self, desk: Desk, url: str, base: str, http: aiohttp.ClientSession, woken: list[int]
    ) -> None:
        self.desk, self.url, self.base, self.woken = desk, url, base, woken
        self._http = http

    async def get(self, url: str | None = None, **headers: str) -> tuple[int, str, dict[str, str]]:
        async with self._http.get(url or self.url, headers=headers) as answer:
            return answer.status, await answer.text(), dict(answer.headers)

    async def post(self, data: Any, url: str | None = None, **headers: str) -> tuple[int, str]:
        async with self._http.post(url or self.url, data=data, headers=headers) as answer:
            return answer.status, await answer.text()

    async def state(self) -> handling.Handled:
        return await self.desk.state(commune("21040").id)


@asynccontextmanager
async def phone(tmp_path: Path, life_seconds: float = 1e9) -> AsyncIterator[Phone]:
    desk = Desk(tmp_path / "store.sqlite", province_with(oncall=oncall(escalate_to="truc-b")))
    woken: list[int] = []
    links = Links(KEY, "http://x", life_seconds)
    telemetry = Telemetry(CollectorRegistry())
    page = AnswerPage(
        desk.store, links, Book.of(desk.inventory), telemetry, lambda: woken.append(1),
        learned=Learned(tmp_path / "ledger.sqlite"),
    )  # fmt: skip
    await desk.fires(commune("21040"))
    async with serve(page.app(), "127.0.0.1:0") as (host, port), aiohttp.ClientSession() as http:
        base = f"http://{host}:{port}"
        page.links = Links(KEY, base, life_seconds)
        yield Phone(desk, page.links.url(commune("21040").id, "zalo", T0), base, http, woken)
    await desk.store.close()


async def test_looking_changes_nothing(tmp_path: Path) -> None:
    async with phone(tmp_path) as one:
        before = await one.state()
        for _ in range(3):
            status, text, headers = await one.get()
            assert status == 200
        assert "<h1>Xã Bình Sơn mất kết nối" in text
        assert '<form method="post">' in text
        assert await one.state() == before
        assert one.woken == []
        assert headers["Cache-Control"] == "no-store"
        assert headers["Referrer-Policy"] == "no-referrer"
        assert "frame-ancestors 'none'" in headers["Content-Security-Policy"]
        assert "width=device-width" in text
        assert not re.search(r"<script|src=|https?://", text), "nothing is loaded from anywhere"


async def test_acknowledging_is_kept_once_and_stops_the_escalation(tmp_path: Path) -> None:
    async with phone(tmp_path) as one:
        status, text = await one.post({"action": "acknowledge", "name": "Bình <b>"})
        assert status == 200
        assert "Bình &lt;b&gt; đã tiếp nhận lúc" in text
        await one.post({"action": "acknowledge", "name": "An"})
        state = await one.state()
        assert (state.acked_by, one.woken != []) == ("Bình <b>", True)
        assert state.silenced_until is not None
        await one.desk.told()
        await one.desk.passes(4000, step=50)
        assert await one.desk.told() == []
        assert 'value="acknowledge"' not in (await one.get())[1]


async def test_without_a_name_the_channel_stands_for_it(tmp_path: Path) -> None:
    async with phone(tmp_path) as one:
        assert (await one.post({"action": "silence", "hours": "4"}))[0] == 200
        state = await one.state()
        assert state.acked_by == "người nhận qua kênh zalo"


async def test_english_is_there_too(tmp_path: Path) -> None:
    async with phone(tmp_path) as one:
        for text in (
            (await one.get(**{"Accept-Language": "en-GB,vi"}))[1],
            (await one.get(f"{one.url}?lang=en"))[1],
        ):
            assert "Bình Sơn commune is cut off" in text
            assert ">Acknowledge</button>" in text


@pytest.mark.parametrize("data", [{}, {"action": "x"}, {"action": "silence", "hours": "9999"}, b"x" * 5000])
async def test_a_wrong_form_does_nothing(tmp_path: Path, data: Any) -> None:
    async with phone(tmp_path) as one:
        assert (await one.post(data))[0] == 400
        assert (await one.state()).acked_at is None


async def test_a_wrong_link_does_nothing(tmp_path: Path) -> None:
    async with phone(tmp_path) as one:
        for url in (one.url[:-1], f"{one.url}x", f"{one.base}/a/x.y", f"{one.base}/a/%00"):
            assert (await one.post({"action": "acknowledge"}, url))[0] == 404
            assert (await one.get(url))[0] == 404
        assert (await one.get(f"{one.base}/a/"))[0] == 404
        assert (await one.state()).acked_at is None


async def test_an_old_link_says_so(tmp_path: Path) -> None:
    async with phone(tmp_path, life_seconds=-1e9) as one:
        status, text, _ = await one.get()
        assert (status, "hết hạn" in text) == (410, True)
        assert (await one.post({"action": "acknowledge"}))[0] == 410
        assert (await one.state()).acked_at is None


async def test_what_is_over_needs_no_answer(tmp_path: Path) -> None:
    async with phone(tmp_path) as one:
        await one.desk.ends(commune("21040"))
        assert "<form" not in (await one.get())[1]
        status, text = await one.post({"action": "acknowledge"})
        assert (status, "Sự cố đã được khắc phục." in text) == (200, True)
        assert (await one.state()).acked_at is None


async def test_an_outage_that_nobody_knows_any_more(tmp_path: Path) -> None:
    async with phone(tmp_path) as one:
        gone = Links(KEY, one.base, 1e9).url("gone@1", "zalo", T0)
        assert (await one.get(gone))[0] == 410
        assert (await one.post({"action": "acknowledge"}, gone))[0] == 410


async def test_guessing_is_slowed_down_and_does_not_lock_out_those_with_a_link(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ackpage, "BAD_PER_SECOND", 0.0)
    monkeypatch.setattr(ackpage, "GOOD_PER_SECOND", 0.0)
    async with phone(tmp_path) as one:
        found = [(await one.get(f"{one.base}/a/x.y{n}"))[0] for n in range(25)]
        assert found == [404] * 20 + [429] * 5
        found = [(await one.get())[0] for _ in range(62)]
        assert found == [200] * 60 + [429] * 2


async def test_a_body_that_never_comes_is_not_waited_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ackpage, "READ_SECONDS", 0.05)
    async with phone(tmp_path) as one:
        host, port = one.base.removeprefix("http://").split(":")
        reader, writer = await asyncio.open_connection(host, int(port))
        path = one.url.removeprefix(one.base)
        writer.write(f"POST {path} HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\naction".encode())
        async with asyncio.timeout(5):
            assert (await reader.readline()).startswith(b"HTTP/1.1 400")
        writer.close()


async def test_a_store_that_is_away_says_so(tmp_path: Path) -> None:
    async with phone(tmp_path) as one:
        lock = sqlite3.connect(tmp_path / "store.sqlite", isolation_level=None)
        lock.execute("BEGIN EXCLUSIVE")
        try:
            assert (await one.post({"action": "acknowledge"}))[0] == 503
        finally:
            lock.execute("ROLLBACK")
            lock.close()
        assert (await one.post({"action": "acknowledge"}))[0] == 200
