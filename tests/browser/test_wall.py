"""The wall page in Chromium, over a real Prometheus and a real Alertmanager."""

import asyncio
import re
import time
from collections.abc import Awaitable
from pathlib import Path

import pytest
from playwright.async_api import Page, ViewportSize, expect

from dashboards.wall.attempts import Attempts
from dashboards.wall.gate import LoginGate
from dashboards.wall.passwords import make_line, parse_users
from dashboards.wall.sessions import Sessions
from inventory.load import load

from .conftest import DESK, PHONE, SMALL, TELEVISION, Open
from .field import Field
from .stack import Stack, stack, wall_over

pytestmark = [pytest.mark.browser, pytest.mark.timeout(180), pytest.mark.asyncio(loop_scope="session")]
expect.set_options(timeout=25_000)
BINH_SON, VAN_TUONG, BA_DINH = "21040", "21061", "21499"
LOST = ("Failed to load resource", "ERR_")  # what Chromium says when the server itself is gone

NO_SCROLL = "document.documentElement.scrollWidth <= document.documentElement.clientWidth"
CONTRAST = """(selector) => {
  const light = (text) => {
    const [r, g, b] = text.match(/[\\d.]+/g).slice(0, 3).map((v) => {
      const c = v / 255; return c <= 0.03928 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4; });
    return 0.2126 * r + 0.7152 * g + 0.0722 * b; };
  const solid = (e) => !/, 0\\)$|transparent/.test(getComputedStyle(e).backgroundColor);
  const behind = (e) => {
    while (e && !solid(e)) e = e.parentElement;
    return getComputedStyle(e).backgroundColor; };
  return [...document.querySelectorAll(selector)].filter((e) => e.offsetParent && e.textContent.trim())
    .map((e) => { const a = light(getComputedStyle(e).color), b = light(behind(e));
      return (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05); });
}"""


def dot(page: Page, code: str, state: str) -> Awaitable[None]:
    """Wait until a commune's dot shows a state."""
    return expect(page.locator(f'.dot.{state}[data-code="{code}"]')).to_have_count(1)


# --- states, live --------------------------------------------------------------------------------
async def test_an_outage_appears_and_goes_without_a_reload(small: Stack, visit: Open) -> None:
    page = await visit(small.url)
    await expect(page.locator(".dot.up")).to_have_count(6)
    await expect(page.locator(".calm")).to_have_text("Không có sự cố nào đang mở")
    await page.evaluate("window.sameDocument = true")

    small.field.cut(BINH_SON)
    small.field.silence(VAN_TUONG)
    small.field.fail(BA_DINH, "system:dvc")
    await small.alert("power|line:21040", communes=BINH_SON)
    await dot(page, BINH_SON, "down")
    await dot(page, VAN_TUONG, "unknown")
    await dot(page, BA_DINH, "degraded")
    outage = page.locator('[data-component="power|line:21040"]')
    await expect(outage).to_contain_text("nguồn điện hoặc đường truyền")
    await expect(outage.get_by_role("link", name="0255 000 003")).to_have_attribute("href", "tel:0255000003")
    await expect(page.locator(".counter.down .number")).to_have_text("1")
    await expect(page.locator("tbody tr", has_text="Xã Ba Dinh").locator("td.down")).to_have_count(1)

    small.field.heal(BINH_SON)
    await small.alert("power|line:21040", ends=True, communes=BINH_SON)
    await dot(page, BINH_SON, "up")
    await expect(outage).to_have_count(0)
    assert await page.evaluate("window.sameDocument") is True


async def test_ages_tick_in_the_browser(small: Stack, visit: Open) -> None:
    await small.alert("pop:ba-to", since=time.time() - 3, communes="21484")
    page = await visit(small.url)
    age = page.locator(".outages .age")
    first = await age.text_content()
    await expect(age).not_to_have_text(str(first))
    await expect(page.locator("#clock")).to_have_text(re.compile(r"^\d\d:\d\d:\d\d$"))


async def test_communes_that_never_spoke_are_shown_as_such(small: Stack, visit: Open) -> None:
    small.field.never.update((BINH_SON, BA_DINH))
    await small.settled()
    async with wall_over(small) as url:  # one that has not heard them before
        page = await visit(url)
        await dot(page, VAN_TUONG, "up")
        await dot(page, BINH_SON, "never")
        await expect(page.locator(".counter.never .number")).to_have_text("2")
        await expect(page.locator(".live.matrix .silent")).to_contain_text("Chưa từng báo về (2)")


async def test_a_system_down_for_all_colours_its_column_and_no_commune(small: Stack, visit: Open) -> None:
    small.field.fail_everywhere("system:ho-tich")
    page = await visit(small.url + "?lang=en")
    head = page.get_by_role("columnheader", name="Electronic civil status not reached")
    await expect(head.first).to_be_visible()
    await expect(page.locator(".counter.systems .number")).to_have_text("1")
    await expect(page.locator(".dot.up")).to_have_count(6)


# --- not to be believed --------------------------------------------------------------------------
async def test_a_killed_prometheus_is_said_at_once_and_states_go_grey(tmp_path: Path, visit: Open) -> None:
    async with stack(Field(load(SMALL).inventory), tmp_path) as parts, wall_over(parts) as url:
        page = await visit(url)
        await expect(page.locator(".dot.up")).to_have_count(6)
        await parts.kill_prometheus()
        await expect(page.get_by_role("alert")).to_have_text(
            "Không đọc được Prometheus. Trạng thái hiện tại CHƯA RÕ."
        )
        await expect(page.locator(".dot.unknown")).to_have_count(6)
        filtered = await page.locator(".live.map > svg").evaluate("e => getComputedStyle(e).filter")
        assert filtered == "grayscale(1)"


async def test_old_data_is_said_though_prometheus_answers(small: Stack, visit: Open) -> None:
    page = await visit(small.url + "?lang=en")
    await expect(page.locator(".dot.up")).to_have_count(6)
    small.field.frozen_at = time.time() - 60  # samples go on coming, their contents do not
    await expect(page.get_by_role("alert")).to_contain_text("The newest data is from")
    small.field.frozen_at = None
    await expect(page.locator(".dot.up")).to_have_count(6)
    await expect(page.get_by_role("alert")).to_have_count(0)


async def test_a_server_that_is_gone_is_said_by_the_page_itself(small: Stack, visit: Open) -> None:
    async with wall_over(small) as url:
        page = await visit(url, allow=LOST, clock=True)
        await expect(page.locator(".dot.up")).to_have_count(6)
        await expect(page.locator("#gone")).to_be_hidden()
    await page.clock.fast_forward(11_000)
    await expect(page.locator("#gone")).to_be_hidden()
    await page.clock.fast_forward(2_000)
    await expect(page.locator("#gone")).to_be_visible()
    await expect(page.locator("#gone")).to_contain_text("Mất kết nối với máy chủ của trang")
    async with wall_over(small, listen=url.removeprefix("http://").rstrip("/")):
        await expect(page.locator("#gone")).to_be_hidden()


# --- languages, themes, screens ------------------------------------------------------------------
async def test_the_language_is_the_browsers_until_one_is_chosen(small: Stack, visit: Open) -> None:
    page = await visit(small.url, lang="en-GB")
    await expect(page.locator("html")).to_have_attribute("lang", "en")
    await expect(page.get_by_role("heading", name="Open outages")).to_be_visible()
    await page.get_by_role("link", name="Tiếng Việt").click()
    await expect(page.get_by_role("heading", name="Sự cố đang diễn ra")).to_be_visible()
    await page.goto(small.url)
    await expect(page.locator("html")).to_have_attribute("lang", "vi")


async def test_dark_and_light(small: Stack, visit: Open) -> None:
    paper = "getComputedStyle(document.body).backgroundColor"
    dark = await visit(small.url, color_scheme="dark")
    light = await visit(small.url, color_scheme="light")
    black, white = await dark.evaluate(paper), await light.evaluate(paper)
    assert black != white
    await dark.get_by_role("link", name="Nền sáng").click()
    await expect(dark.locator("html")).to_have_attribute("data-theme", "light")
    assert await dark.evaluate(paper) == white
    await dark.goto(small.url)
    assert await dark.evaluate(paper) == white


@pytest.mark.parametrize("scheme", ["light", "dark"])
async def test_text_stands_out_from_its_ground(whole: Stack, visit: Open, scheme: str) -> None:
    page = await visit(whole.url, color_scheme=scheme)
    await expect(page.locator(".outages > li")).to_have_count(4)
    text = ".label, .outages p, .age, .note, h1, h2, h3, thead th, tbody a, .data, nav a, .legend li"
    ratios = await page.evaluate(CONTRAST, text)  # WCAG 2.2, 1.4.3: 4.5 for text, 3 for large figures
    assert len(ratios) > 50
    assert min(ratios) >= 4.5
    assert min(await page.evaluate(CONTRAST, ".counter:not(.zero) .number")) >= 3.0


async def test_a_phone_never_scrolls_sideways(whole: Stack, visit: Open) -> None:
    page = await visit(whole.url, size=PHONE, allow=LOST)
    for path in ("", f"commune/{whole.field.codes[0]}", "commune/99999"):
        await page.goto(whole.url + path)
        for width in (360, 320):
            await page.set_viewport_size(ViewportSize(width=width, height=PHONE["height"]))
            assert await page.evaluate(NO_SCROLL), (path, width)


async def test_a_television_shows_key_figures_large_and_all_at_once(whole: Stack, visit: Open) -> None:
    page = await visit(whole.url, size=TELEVISION)
    await expect(page.locator(".outages > li")).to_have_count(4)
    for selector, least in {
        ".counter .number": 48,
        "#clock": 40,
        ".outages h3": 26,
        ".counter .label": 20,
    }.items():
        sizes = await page.locator(selector).evaluate_all(
            "all => all.map(e => parseFloat(getComputedStyle(e).fontSize))"
        )
        assert min(sizes) >= least, selector
    fits = "document.documentElement.scrollHeight <= innerHeight && " + NO_SCROLL
    assert await page.evaluate(fits)
    columns = page.locator(".live.matrix thead th")
    assert await columns.count() == 24
    right = await columns.last.evaluate("e => e.getBoundingClientRect().right")
    assert right <= TELEVISION["width"]


async def test_on_a_television_nothing_is_cut_in_the_middle(whole: Stack, visit: Open) -> None:
    free = [code for code in whole.field.codes if code not in whole.field.silent]
    for code in free[40:52]:
        await whole.alert(f"power|lan|line|agent:{code}", communes=code, evidence="silent")
        whole.field.fail(code, "system:ho-tich")
    page = await visit(whole.url, size=TELEVISION)
    for name, selector, least, total in (
        ("outages", ".outages > li", 4, 16),
        ("matrix", "tbody > tr", 5, None),
    ):
        more = page.locator(f"#live-{name} > .more")
        await expect(more).to_be_visible()
        items = page.locator(f"#live-{name} {selector}")
        await expect(items).to_have_count(total or await items.count())
        shown = page.locator(f"#live-{name} {selector}:visible")
        assert await shown.count() >= least, name
        assert str(await items.count() - await shown.count()) in str(await more.text_content())
        box = await page.locator(f"#live-{name}").bounding_box()
        last = await more.bounding_box()
        assert box is not None
        assert last is not None
        assert last["y"] + last["height"] <= box["y"] + box["height"] + 1
    assert await page.locator(".phone:visible").count() >= 4
    await page.set_viewport_size(DESK)
    await expect(page.locator(".more")).to_have_count(0)
    await expect(page.locator(".outages > li:visible")).to_have_count(16)


async def test_ninety_six_communes_put_problems_first(whole: Stack, visit: Open) -> None:
    page = await visit(whole.url)
    await expect(page.locator(".dot")).to_have_count(96)
    await expect(page.locator(".live.matrix tbody tr")).to_have_count(3)
    await expect(page.locator(".counter.never .number")).to_have_text("3")
    folded = page.locator("#rest-rows")
    await folded.locator("summary").click()
    rows = await folded.locator("tbody tr").count()
    assert rows > 60
    whole.field.fail(whole.field.codes[1], "hub:main")
    await expect(page.locator(".live.matrix tbody tr")).to_have_count(4)
    await expect(folded.locator("tbody tr")).to_have_count(rows - 1)
    await expect(folded).to_have_attribute("open", "")
    head = page.locator(".live.matrix thead th").nth(3)
    await page.locator(".live.rest .scroll").evaluate("e => e.scrollTop = 400")
    assert await head.evaluate("e => getComputedStyle(e).position") == "sticky"


# --- one commune ---------------------------------------------------------------------------------
async def test_a_communes_last_day_is_drawn_from_what_was_measured(whole: Stack, visit: Open) -> None:
    code = whole.field.codes[0]
    page = await visit(f"{whole.url}commune/{code}?lang=en")
    state, rtt, loss = (page.locator(".chart svg").nth(index) for index in range(3))
    await expect(state.locator("rect.down").first).to_be_attached()
    label = str(await state.get_attribute("aria-label"))
    # of the line that was written: the other is as old as the tests
    outside = label.rpartition("From the hub")[2]
    assert re.match(r"( · main)?: up ", outside)
    assert "cut off 4" in outside  # 48 minutes, give or take a step
    assert (await rtt.locator("path.curve").first.get_attribute("d") or "").count("L") > 500
    assert "highest" in str(await loss.get_attribute("aria-label"))
    await expect(page.locator(".target-list li").nth(25)).to_be_attached()


async def test_a_commune_page_lives_too(small: Stack, visit: Open) -> None:
    page = await visit(f"{small.url}commune/{BINH_SON}")
    await expect(page.locator(".big.up")).to_be_visible()
    small.field.cut(BINH_SON)
    await small.alert("power|line:21040", communes=BINH_SON)
    await expect(page.locator(".big.down")).to_be_visible()
    await expect(page.locator(".status .outages")).to_contain_text("nguồn điện hoặc đường truyền")
    await expect(page.locator(".calls")).to_contain_text("Trực VNPT")


# --- without a mouse, without sight, without scripts ---------------------------------------------
async def test_the_keyboard_reaches_what_matters_and_everything_has_a_name(small: Stack, visit: Open) -> None:
    small.field.cut(BINH_SON)
    page = await visit(small.url)
    await dot(page, BINH_SON, "down")
    await page.keyboard.press("Tab")
    assert await page.evaluate("document.activeElement.className") == "skip"
    seen = []
    for _ in range(12):
        await page.keyboard.press("Tab")
        seen.append(await page.evaluate("document.activeElement.getAttribute('href')"))
    assert f"/commune/{BINH_SON}" in seen
    unnamed = await page.evaluate(
        "[...document.querySelectorAll('a, button, input, summary, [role=img], [role=group], [role=region]')]"
        ".filter(e => !(e.getAttribute('aria-label') || e.textContent.trim() || e.labels?.length)).length"
    )
    assert unnamed == 0
    named = page.get_by_role("link", name="Xã Bình Sơn: Mất kết nối. Máy đo im lặng")
    await expect(named).to_be_visible()
    await named.focus()
    small.field.fail(BA_DINH, "system:dvc")
    await dot(page, BA_DINH, "degraded")
    assert await page.evaluate("document.activeElement.getAttribute('href')") == f"/commune/{BINH_SON}"


async def test_without_scripts_the_page_is_whole_and_fetches_itself_again(small: Stack, visit: Open) -> None:
    small.field.cut(BINH_SON)
    await asyncio.wait_for(_shown(small, visit), 60)


async def _shown(small: Stack, visit: Open) -> None:
    page = await visit(small.url, java_script_enabled=False)
    await expect(page.locator(".dot")).to_have_count(6)
    refresh = page.locator('noscript meta[http-equiv="refresh"]')
    assert await refresh.get_attribute("content") == "15"


# --- login ---------------------------------------------------------------------------------------
async def test_a_login_in_the_browser(small: Stack, visit: Open) -> None:
    users = parse_users(make_line("truc", "correct horse battery"), "users")
    gate = LoginGate(Sessions(b"k" * 32, users), Attempts(time.monotonic()))
    async with wall_over(small, gate=gate) as url:
        page = await visit(f"{url}commune/{BINH_SON}", size=DESK, allow=LOST)
        await page.get_by_label("Tên người dùng").fill("truc")
        await page.get_by_label("Mật khẩu").fill("wrong")
        await page.get_by_role("button", name="Đăng nhập").click()
        await expect(page.get_by_role("alert")).to_have_text("Sai tên hoặc mật khẩu")
        await page.get_by_label("Tên người dùng").fill("truc")
        await page.get_by_label("Mật khẩu").fill("correct horse battery")
        await page.get_by_role("button", name="Đăng nhập").click()
        await expect(page).to_have_url(f"{url}commune/{BINH_SON}")
        await expect(page.locator(".big.up")).to_be_visible()
        await page.get_by_role("button", name="Đăng xuất").click()
        await expect(page.get_by_label("Mật khẩu")).to_be_visible()
