"""How well lines carry, on the wall page in Chromium: cards, badges, what a silent site does not say."""

import pytest
from playwright.async_api import expect

from .conftest import PHONE, TELEVISION, Open
from .stack import Stack, wall_over
from .test_wall import BA_DINH, BINH_SON, CONTRAST, NO_SCROLL, VAN_TUONG

pytestmark = [pytest.mark.browser, pytest.mark.timeout(180), pytest.mark.asyncio(loop_scope="session")]
expect.set_options(timeout=25_000)


def trouble(parts: Stack) -> None:
    """Something of everything: a congested shared line, a slow and lossy one, one on battery."""
    parts.field.verdicts = {
        (BINH_SON, "main"): {"congested", "chronic"},
        (VAN_TUONG, "main"): {"slow", "lossy", "under_contract"},
    }
    parts.field.on_battery = {BA_DINH}


async def test_bad_lines_are_marked_where_their_communes_stand(small: Stack, visit: Open) -> None:
    trouble(small)
    await small.settled()
    async with wall_over(small) as url:
        page = await visit(url)
        rows = page.locator(".live.matrix tbody tr")
        await expect(rows).to_have_count(3)
        await expect(rows.filter(has_text="Bình Sơn").locator(".badge")).to_have_text(
            ["nghẽn", "nghẽn kéo dài"]
        )
        await expect(rows.filter(has_text="Vạn Tường").locator(".badge")).to_have_text(
            ["mất gói", "chậm", "dưới cam kết"]
        )
        await expect(rows.filter(has_text="Ba Dinh").locator(".badge")).to_have_text(["chạy pin"])
        await expect(page.locator(".dot.up")).to_have_count(6)  # they are connected all the same
        english = await visit(f"{url}?lang=en")
        await expect(english.locator(".badge.slow")).to_have_text("slow")


async def test_a_commune_page_tells_how_its_line_carries(small: Stack, visit: Open) -> None:
    trouble(small)
    await small.settled()
    async with wall_over(small) as url:
        page = await visit(f"{url}commune/{BINH_SON}?lang=en")
        card = page.locator(".line-list > li")
        await expect(card).to_have_count(1)
        await expect(card.locator("h3")).to_contain_text("main · VNPT")
        await expect(card.locator(".tag").nth(1)).to_have_text("shared line")
        down, up = card.locator(".way").nth(0), card.locator(".way").nth(1)
        await expect(down).to_contain_text("200 Mbit/s")
        await expect(down).to_contain_text("used 97 %")
        await expect(down).to_contain_text("95th percentile over 7 days: 93 %")
        await expect(down.locator(".fill.over")).to_have_count(1)
        await expect(up).to_contain_text("measured 190 Mbit/s (95 %)")
        await expect(card.locator(".facts")).to_contain_text("9.4 ms")
        await expect(page.locator(".live.site")).to_contain_text("mains")
        slow = await visit(f"{url}commune/{VAN_TUONG}")
        await expect(slow.locator(".line-list .facts .bad")).to_have_text(
            ["Độ trễ tới trung tâm83 ms", "Tỷ lệ mất gói2,4 %"]
        )
        await expect(slow.locator(".way").first).to_contain_text("đo được 110 Mbit/s (55 %)")
        dark = await visit(f"{url}commune/{BA_DINH}")
        await expect(dark.locator(".live.site .bad")).to_have_text("Nguồn điệnnguồn dự phòng")


async def test_of_a_silent_site_only_the_contract_is_shown(small: Stack, visit: Open) -> None:
    trouble(small)
    small.field.silence(BINH_SON)
    await small.settled()
    async with wall_over(small) as url:
        page = await visit(f"{url}commune/{BINH_SON}?lang=en")
        await expect(page.locator(".big.unknown")).to_be_visible()
        await expect(page.locator(".way").first).to_contain_text("load not measured")
        await expect(page.locator(".line-list .badge")).to_have_count(0)
        await expect(page.locator(".live.site")).to_have_text("Not known now.")


@pytest.mark.parametrize("scheme", ["light", "dark"])
async def test_cards_and_badges_stand_out_and_fit(small: Stack, visit: Open, scheme: str) -> None:
    trouble(small)
    small.field.fail(VAN_TUONG, "system:dvc")
    await small.alert(
        "line:21040/main", alertname="LineCongested", communes=BINH_SON, severity="ticket",
        evidence_vi="trong 5 phút qua đã dùng 97 % băng thông cam kết chiều xuống", evidence_en="97 % down",
    )  # fmt: skip
    await small.settled()
    async with wall_over(small) as url:
        page = await visit(f"{url}commune/{BINH_SON}", color_scheme=scheme)
        await expect(page.locator(".badge").first).to_be_visible()
        await expect(page.locator(".shared-line")).to_contain_text("Dùng chung đường truyền")
        await expect(page.locator(".outages .cause")).to_contain_text("đường truyền: đang nghẽn")
        ratios = await page.evaluate(CONTRAST, ".badge, .said span, .facts dt, .facts dd, .rate, .tag, h3")
        assert len(ratios) > 15
        assert min(ratios) >= 4.5
        for path in ("", f"commune/{BINH_SON}"):
            for width in (360, 320):
                narrow = await visit(url + path, size={"width": width, "height": PHONE["height"]})
                await expect(narrow.locator(".badge").first).to_be_visible()
                assert await narrow.evaluate(NO_SCROLL), (path, width)
        wide = await visit(url, size=TELEVISION)
        await expect(wide.locator(".badge").first).to_be_visible()
        ticket = wide.locator('[data-component="line:21040/main"]')
        await expect(ticket.locator(".shared-tag")).to_be_visible()  # there is no room for the sentence
        await expect(ticket.locator(".shared-line")).to_be_hidden()
        assert await wide.evaluate(f"document.documentElement.scrollHeight <= innerHeight && {NO_SCROLL}")


async def test_on_a_full_television_a_ticket_still_says_what_is_wrong(whole: Stack, visit: Open) -> None:
    code = whole.field.codes[0]
    for line, name in (("main", "LineUnderContract"), ("backup", "LineChronicallyCongested")):
        await whole.alert(f"line:{code}/{line}", alertname=name, communes=code, severity="ticket")
    await whole.settled()
    async with wall_over(whole) as url:
        page = await visit(url, size=TELEVISION)
        await expect(page.locator(".compact .outages")).to_be_visible()
        causes = page.locator(f'.outages > li:visible[data-component^="line:{code}/"] .cause')
        await expect(causes.first).to_be_visible()
        for cause in await causes.all():
            assert await cause.evaluate("e => e.scrollWidth <= e.clientWidth"), await cause.inner_text()


async def test_on_a_television_badges_leave_every_system_its_column(whole: Stack, visit: Open) -> None:
    code = whole.field.codes[0]
    whole.field.verdicts = {(code, "main"): {"slow", "lossy", "under_contract"}}
    await whole.settled()
    async with wall_over(whole) as url:
        page = await visit(url, size=TELEVISION)
        badge = page.locator(".live.matrix .badge:visible")
        await expect(badge).to_have_text(["mất gói"])
        last = page.locator(".live.matrix thead th").last
        assert await last.evaluate("e => e.getBoundingClientRect().right") <= TELEVISION["width"]
