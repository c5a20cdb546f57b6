"""What is over, on the wall page in Chromium: the badge of what was learned afterwards."""

import time

import msgspec
import pytest
from playwright.async_api import expect

from alerts.gaps.model import GapLabel, Side, between
from alerts.ledger import Entry
from alerts.revision import Revision, Said, entry_of

from .conftest import DESK, PHONE, TELEVISION, Open
from .stack import Stack
from .test_wall import BINH_SON, CONTRAST, NO_SCROLL, VAN_TUONG

pytestmark = [pytest.mark.browser, pytest.mark.timeout(180), pytest.mark.asyncio(loop_scope="session")]
expect.set_options(timeout=25_000)


def over(code: str, ago: float, kind: str = "power|line") -> Entry:
    """An outage of ten minutes that ended so many seconds ago, as the locator writes it."""
    until = time.time() - ago
    cause = {"members": [f"power:{code}", f"line:{code}/main"], "communes": [code], "loss": 0.99}
    return Entry(
        id=f"{kind}:{code}@{until - 600:.0f}", said_at=until, status="ended", component=f"{kind}:{code}",
        kind=kind, since=until - 600, until=until, why="ended", record=msgspec.json.encode({"cause": cause}),
    )  # fmt: skip


def learned(row: Entry, label: GapLabel, component: str, verdict: str = "cause") -> Entry:
    """What the reviser writes of it."""
    said = Said(
        component=row.component, kind=row.kind, since=row.since, until=row.until or 0.0,
        communes=(component.partition(":")[2].partition("/")[0],),
    )  # fmt: skip
    revision = Revision(
        verdict=verdict, component=component, kind=component.partition(":")[0], label=label,  # type: ignore[arg-type]  # one of its words
        start=between(said.since - 3, said.since), end=between(said.until - 9, said.until - 5),
        vouched_by=(Side.HUB, Side.SITE), said=said,
    )  # fmt: skip
    return entry_of(row.id, revision, time.time())


async def test_a_revision_shows_without_a_reload_where_the_outage_stands(small: Stack, visit: Open) -> None:
    first, second = over(BINH_SON, 700), over(VAN_TUONG, 300)
    small.learn(first, second)
    page = await visit(small.url)
    await expect(page.locator(".ended-list li")).to_have_count(2)
    await expect(page.locator(".revised")).to_have_count(0)
    await page.evaluate("window.sameDocument = true")
    small.learn(
        learned(first, GapLabel.LINE_DOWN, f"line:{BINH_SON}/main"),
        learned(second, GapLabel.POWER_DOWN, f"power:{VAN_TUONG}"),
    )
    line = page.locator(f'.ended-list [data-component="line:{BINH_SON}/main"]')
    power = page.locator(f'.ended-list [data-component="power:{VAN_TUONG}"]')
    await expect(line.locator(".revised")).to_have_text("đã xác định lại: mất đường truyền")
    await expect(power.locator(".revised")).to_have_text("đã xác định lại: mất điện")
    await expect(power.locator(".was")).to_contain_text("lúc báo: nguồn điện hoặc đường truyền")
    assert await page.evaluate("window.sameDocument") is True

    await page.goto(f"{small.url}commune/{BINH_SON}?lang=en")
    await expect(page.locator(".ended-list li")).to_have_count(1)
    await expect(page.locator(".ended-list .revised")).to_have_text("revised: line down")


@pytest.mark.parametrize("size", [PHONE, DESK, TELEVISION])
async def test_it_is_read_on_every_screen(small: Stack, visit: Open, size: object) -> None:
    row = over("21499", 100)
    small.learn(row, learned(row, GapLabel.POWER_DOWN, "power:21499"))
    page = await visit(small.url, size=size)
    badge = page.locator('.ended-list [data-component="power:21499"] .revised').first
    await (expect(badge).to_be_in_viewport() if size is TELEVISION else expect(badge).to_be_visible())
    assert await page.evaluate(NO_SCROLL)
    assert min(await page.evaluate(CONTRAST, ".revised, .ended-list .when, .ended-list .cause")) >= 4.5
