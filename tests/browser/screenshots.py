"""The pictures of ``docs/screenshots``: ``pytest tests/browser/screenshots.py`` writes them anew.

No test by its name, so that a run of all tests leaves the pictures alone.
"""

import time
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from playwright.async_api import expect

from common.i18n import LANGUAGES, t
from inventory.names import DeadZone

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


async def doubts(parts: Stack) -> None:
    """A ring that loses a third of its packets, probably; and chronic dead zones."""
    field = parts.field
    rings = [s for s in field.inventory.segments if s.kind == "ring"]
    behind = {
        ring.id: [c.code for c in field.inventory.communes if any(ring.id in li.segments for li in c.lines)]
        for ring in rings
    }
    ring = next(r for r in rings if len(behind[r.id]) == min(map(len, behind.values())))
    sent = 10 * len(behind[ring.id])
    await parts.locate(
        f"ring:{ring.id}", *behind[ring.id], since=time.time() - 95, loss=0.31, confidence=2.2,
        runner_up=f"isp:{ring.carrier}", sent=sent, failed=int(sent * 0.31),
    )  # fmt: skip
    places = [field.codes[number] for number in (3, 17, 29, 44, 66, 90)]
    field.dead_zones = {code: str(DeadZone.AVAILABILITY) for code in places}
    field.dead_zones[places[4]] = DeadZone.WEAK_SIGNAL


@pytest.mark.parametrize(
    ("name", "path", "size", "more"),
    [
        ("wall", "", DESK, {"full_page": True}),
        ("wall-zones", "?zones=on&lang=en", DESK, {"full_page": True, "doubts": True}),
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
    if more.get("doubts"):
        await doubts(whole)
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
        make_small(PICTURES / f"{name}.png")


def make_small(picture: Path) -> None:
    """Keep the 256 commonest colours: a third of the bytes, and no two grounds become one."""
    with Image.open(picture) as opened:
        whole = opened.convert("RGB")
    found: Any = whole.getcolors(1 << 24)  # (count, (red, green, blue))
    commonest = sorted(found, key=lambda entry: entry[0], reverse=True)[:256]
    palette = Image.new("P", (1, 1))
    palette.putpalette([part for _, colour in commonest for part in colour])
    few = whole.quantize(palette=palette, dither=Image.Dither.NONE)
    few.save(picture, optimize=True)
