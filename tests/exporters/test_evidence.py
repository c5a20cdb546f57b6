"""What a measurement saw, for whoever asks."""

import asyncio

from exporters import evidence
from exporters.evidence import MAX_LETTERS, MAX_LINES


async def test_only_who_asked_is_told() -> None:
    async def measure() -> bool:
        await asyncio.sleep(0)
        notes = evidence.asked()
        if notes is not None:
            notes.add("seen", "here")
        return notes is not None

    async def asking() -> int:
        with evidence.collecting() as notes:
            assert await measure()
        return len(notes.lines)

    assert not await measure()
    told = await asyncio.gather(asking(), measure(), asking())
    assert tuple(told) == (1, False, 1)
    assert evidence.asked() is None


def test_what_strangers_say_is_bounded_and_one_line() -> None:
    notes = evidence.Notes()
    for _ in range(MAX_LINES + 5):
        notes.add("x", "a\nb\x1b[31m" + "c" * 5000)
    assert len(notes.lines) == MAX_LINES
    assert all(text.isprintable() and len(text) == MAX_LETTERS + 1 for _, text in notes.lines)
