"""The pictures of ``docs/screenshots``: ``pytest tests/browser/screenshots.py`` writes them anew.

No test by its name, so that a run of all tests leaves the pictures alone.
"""

import time
from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import expect

from common.i18n import LANGUAGES, t

from .conftest import DESK, PHONE, TELEVISION, Open
from .stack import Stack, wall_over

pytestmark = [pytest.mark.browser, pytest.mark.timeout(180), pytest.mark.asyncio(loop_scope="session")]
PICTURES = Path(__file__).resolve().parents[2] / "docs" / "screenshots"


async def bad_lines(parts: Stack) -> str:
    """Let some lines carry badly, one of them with a ticket; return the commune of that one."""
    field = parts.field
    calm, lossy, chronic, dark = (field.codes[number] for number in (0, 41, 71, 80))
    field.verdicts = {
        (calm, "main"): {"congested"},
        (lossy, "main"): {"slow", "lossy"},
        (chronic, "main"): {"chronic", "under_contract"},
    }
    field.on_battery = {dark}
    said: dict[str, Any] = {
        f"evidence_{language}": t("evidence.line_congested", language, down="97", up="32", most="90")
        for language in LANGUAGES
    }
    await parts.alert(
        f"line:{calm}/main", alertname="LineCongested", since=time.time() - 1260, communes=calm,
        severity="ticket", **said,
    )  # fmt: skip
    return calm


@pytest.mark.parametrize(
    ("name", "path", "size", "more"),
    [
        ("wall", "", DESK, {"full_page": True}),
        ("wall-tv", "", TELEVISION, {"dark": True}),
        ("wall-phone", "", PHONE, {"scale": 2}),
        ("wall-commune", "commune/{code}", DESK, {"full_page": True}),
        ("wall-commune-phone", "commune/{code}", PHONE, {"scale": 2, "dark": True, "at": ".line-list"}),
    ],
)
async def test_picture(
    whole: Stack, visit: Open, name: str, path: str, size: Any, more: dict[str, Any]
) -> None:
    code = await bad_lines(whole)
    await whole.settled()
    async with wall_over(whole) as url:
        page = await visit(
            url + path.format(code=code), size=size, device_scale_factor=more.get("scale", 1),
            color_scheme="dark" if more.get("dark") else "light",
        )  # fmt: skip
        await expect(page.locator(".badge:visible, .cause").first).to_be_visible()
        await page.evaluate("at => document.querySelector(at)?.scrollIntoView()", more.get("at", "header"))
        await page.wait_for_timeout(1500)
        await page.screenshot(path=PICTURES / f"{name}.png", full_page=more.get("full_page", False))
