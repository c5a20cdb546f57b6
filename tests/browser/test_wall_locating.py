"""The culprit on the wall page in Chromium: card, mark on the map, doubts; dead zones; a dead locator."""

import time

import pytest
from playwright.async_api import expect

from inventory.names import DeadZone

from .conftest import DESK, PHONE, TELEVISION, Open
from .stack import Stack, wall_over
from .test_wall import BA_DINH, BINH_SON, CONTRAST, NO_SCROLL, VAN_TUONG

pytestmark = [pytest.mark.browser, pytest.mark.timeout(180), pytest.mark.asyncio(loop_scope="session")]
expect.set_options(timeout=25_000)
POP = "pop:ba-to"


async def trouble(parts: Stack) -> None:
    """A POP that loses a third of what passes, with some doubt, and a commune that is cut off."""
    now = time.time()
    parts.field.cut(BA_DINH, now - 40)
    await parts.locate(
        POP, BINH_SON, VAN_TUONG, since=now - 60, loss=0.31, confidence=1.4, runner_up="isp:vnpt", failed=12,
    )  # fmt: skip
    members = (f"power:{BA_DINH}", f"line:{BA_DINH}/main")
    await parts.locate(f"power|line:{BA_DINH}", BA_DINH, since=now - 40, members=members)
    await parts.settled()


async def test_a_card_tells_all_that_is_known_of_a_culprit(small: Stack, visit: Open) -> None:
    await trouble(small)
    page = await visit(small.url + "?lang=en")
    pop = page.locator(f'.outages > [data-component="{POP}"]')
    for said in ("loses about 31 % of packets", "not sure", "Could also be: VNPT", "Affects 2 communes",
                 "12 of 40 measurements"):  # fmt: skip
        await expect(pop).to_contain_text(said)
    commune = page.locator(f'.outages > [data-component="power|line:{BA_DINH}"]')
    await expect(commune.locator(".cause")).to_contain_text("power or line")
    await expect(commune.locator(".tag.sure")).to_be_visible()
    await expect(page.locator(".outages > li")).to_have_count(2)


async def test_the_map_marks_the_culprit_and_colours_whom_it_hits_and_nobody_else(
    small: Stack, visit: Open
) -> None:
    await trouble(small)
    page = await visit(small.url)
    await expect(page.locator(".dot.degraded")).to_have_count(2)
    await expect(page.locator(".dot.down")).to_have_count(1)
    await expect(page.locator(".dot.up")).to_have_count(3)
    await expect(page.locator(".live.matrix tbody tr")).to_have_count(0)  # no outages of their own
    mark = page.locator("a.culprit")
    await expect(mark).to_have_count(1)
    await mark.press("Enter")  # in one go: the page may be drawn anew in between
    await expect(page.locator(f'.outages > [data-component="{POP}"]:target')).to_have_count(1)


async def test_a_dead_locator_is_said_once_and_the_rules_outages_stay(small: Stack, visit: Open) -> None:
    await trouble(small)
    page = await visit(small.url)
    await expect(page.locator(".outages .tag.unsure")).to_have_count(1)
    await expect(page.locator(".warning")).to_have_count(0)
    small.locating = False
    await small.alert("pop:other", alertname="PopDown", communes=VAN_TUONG)
    async with wall_over(small) as url:  # one that has never heard it
        fresh = await visit(url)
        await expect(fresh.locator(".warning")).to_have_count(1)
        await expect(fresh.locator(".warning")).to_contain_text("Bộ định vị sự cố không trả lời")
        await expect(fresh.locator('.outages > [data-component="pop:other"]')).to_be_visible()
        await expect(fresh.locator(".outages .tag.loss")).to_have_count(0)


async def test_the_layer_of_dead_zones_obeys_click_and_keyboard(small: Stack, visit: Open) -> None:
    small.field.dead_zones = {BINH_SON: DeadZone.AVAILABILITY, VAN_TUONG: DeadZone.WEAK_SIGNAL}
    await small.settled()
    async with wall_over(small) as url:
        page = await visit(url)
        switch, rings = page.get_by_role("checkbox"), page.locator(".dot .zone")
        await expect(rings).to_have_count(2)
        await expect(rings.first).to_be_hidden()
        await switch.click()
        await expect(rings.first).to_be_visible()
        await expect(page.locator(".zone-list > li")).to_have_count(2)
        await expect(page.locator(".zone-list > li").first).to_contain_text("Bình Sơn")
        await expect(page.locator(".legend.zones")).to_contain_text("Thường xuyên gián đoạn: 1")
        await page.keyboard.press("Space")
        await expect(rings.first).to_be_hidden()
        await expect(page.locator(".zone-list")).to_be_hidden()
        await page.keyboard.press("Space")
        await expect(page.locator(".zone-list")).to_be_visible()
        small.field.fail(BA_DINH, "system:dvc")  # a fragment arrives: the choice stays
        await expect(page.locator(".dot.degraded")).to_have_count(1)
        await expect(rings.first).to_be_visible()


@pytest.mark.parametrize("scheme", ["light", "dark"])
async def test_cards_of_the_locator_stand_out_and_fit(small: Stack, visit: Open, scheme: str) -> None:
    await trouble(small)
    small.field.dead_zones = {BINH_SON: DeadZone.AVAILABILITY}
    await small.settled()
    async with wall_over(small) as url:
        page = await visit(f"{url}?zones=on", size=DESK, color_scheme=scheme)
        await expect(page.locator(".doubt")).to_be_visible()
        await expect(page.locator(".zone-list")).to_be_visible()
        ratios = await page.evaluate(
            CONTRAST, ".tag, .doubt, .evidence, .where, .zone-list a, .zone-list .why, .warning"
        )
        assert len(ratios) >= 7
        assert min(ratios) >= 4.5
        for width in (PHONE["width"], 320):
            narrow = await visit(f"{url}?zones=on", size={"width": width, "height": PHONE["height"]})
            await expect(narrow.locator(".doubt")).to_be_visible()
            assert await narrow.evaluate(NO_SCROLL), width
        wide = await visit(f"{url}?zones=on", size=TELEVISION)
        await expect(wide.locator(".zone-list")).to_be_visible()
        assert await wide.evaluate(f"document.documentElement.scrollHeight <= innerHeight && {NO_SCROLL}")


async def test_on_a_full_television_a_culprits_name_is_never_cut_for_a_tag(whole: Stack, visit: Open) -> None:
    page = await visit(whole.url, size=TELEVISION)
    await expect(page.locator(".compact .outages")).to_be_visible()
    names = await page.locator(".outages > .page:visible h3").all()
    assert len(names) >= 3
    for name in names:
        assert await name.evaluate("e => e.scrollWidth <= e.clientWidth"), await name.inner_text()
    small_text = (
        "[...document.querySelectorAll('.outages h3')].map(e => parseFloat(getComputedStyle(e).fontSize))"
    )
    assert min(await page.evaluate(small_text)) >= 26  # some 12 mm high on a screen of 55 inches
