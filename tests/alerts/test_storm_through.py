"""A hundred communes lost at once, through the whole receiver: one page with the list, on every channel."""

from pathlib import Path
from typing import Any

import msgspec
import pytest

from alerts.book import Book
from alerts.channels.registry import kinds
from alerts.outage import Outage
from alerts.sender import compose
from alerts.store import Delivery
from alerts.storm import gather
from inventory.model import Channel, Commune, Inventory, Notify
from tests.alerts.fakes import until
from tests.alerts.outages import T0, alert, body, province, sink, told, with_channels
from tests.alerts.test_receiver import Running, receiver

CODES = tuple(str(30000 + n) for n in range(100))


def large(path: Path, **storm: Any) -> Inventory:
    """A province of a hundred communes more, that waits for storms as it is shipped."""
    first = province().communes[0]
    more = tuple(
        msgspec.structs.replace(
            first, code=code, name=f"Xã Số {code[-2:]}", dossiers_per_day=float(code) % 100
        )
        for code in CODES
    )
    communes: tuple[Commune, ...] = (*province().communes, *more)
    notify = msgspec.convert({"storm": storm} if storm else {}, Notify)
    return with_channels(sink(path), communes=communes, notify=notify)


def lost(code: str, status: str = "firing", **changes: Any) -> dict[str, Any]:
    """What the rules say of one commune."""
    return alert(
        status, fingerprint=f"f{code}", commune=code, component=f"power|line:{code}",
        annotations={"communes": code}, **changes,
    )  # fmt: skip


async def taken(running: Running, content: bytes) -> None:
    """Post until it is taken: a busy store says "later", and Alertmanager comes again."""

    async def once() -> bool:
        return (await running.post(content))[0] == 200

    await until(once, 60)


async def test_a_hundred_alerts_of_the_rules_are_one_page_and_one_end(tmp_path: Path) -> None:
    path = tmp_path / "sink.jsonl"
    storm = large(path, wait_seconds=0.3)
    async with receiver(tmp_path, inventory=storm, poll_seconds=3600.0) as running:
        assert (await running.post(body(*map(lost, CODES))))[0] == 200
        await until(lambda: len(told(path)) == 1, 60)
        page = told(path)[0]
        assert (page["alertname"], len(page["communes"])) == ("Storm", 100)
        assert "100 xã, phường gặp sự cố cùng lúc" in page["text_vi"]
        assert "Xã Số 99" in page["text_vi"], "those with most dossiers are named"
        for code in CODES:  # each is a notification of its own, as Alertmanager is configured
            await taken(running, body(lost(code, "resolved", ends=T0 + 600)))
        # Those that come last on a slow machine are told by themselves once the others have ended it.
        await until(lambda: len(told(path)) >= 2, 60)
        end = told(path)[1]
        assert (end["alertname"], end["status"]) == ("Storm", "resolved")
        assert "10 phút" in end["text_vi"]


async def test_the_locators_one_alert_of_a_hundred_waits_for_nobody(tmp_path: Path) -> None:
    path = tmp_path / "sink.jsonl"
    wide = alert(
        alertname="RingDown", component="ring:east", kind="ring", source="locator", commune="",
        annotations={"communes": " ".join(CODES), "evidence_vi": "mất 100 %", "evidence_en": "all lost"},
    )  # fmt: skip
    async with receiver(tmp_path, inventory=large(path, wait_seconds=30), poll_seconds=3600.0) as running:
        await running.post(body(lost(CODES[0])))  # waits for others
        await running.post(body(wide))
        await until(lambda: bool(told(path)))
        assert [line["component"] for line in told(path)] == ["ring:east"]
        assert "100" in told(path)[0]["text_vi"]
        await until(lambda: running.counted("thongsuot_time_to_page_seconds_count"))


@pytest.mark.parametrize("kind", ["zalo", "email", "webhook", "apprise", "sink"])
@pytest.mark.parametrize("languages", [("vi",), ("vi", "en")])
def test_the_list_fits_every_channel_and_says_what_it_leaves_out(
    tmp_path: Path, kind: str, languages: tuple[Any, ...]
) -> None:
    book = Book.of(large(tmp_path / "x"))
    outages = [
        Outage(
            id=code, alertname="CommuneCutOff", component=f"power|line:{code}", communes=(code,), starts_at=T0
        )
        for code in CODES
    ]
    wide = Outage(
        id="w", alertname="RingDown", component="ring:east", kind="ring", communes=CODES, starts_at=T0
    )
    limit = kinds()[kind].limit_chars
    channel = Channel(id="c", kind=kind, languages=languages)
    for one, named in ((gather("storm@1", outages, book), "Số 99"), (wide, "Số 00")):
        delivery = Delivery(
            seq=1, outage=one, status="firing", step=0, channel="c", attempts=0, created_at=T0,
            firing_state=None,
        )  # fmt: skip
        message = compose(delivery, channel, limit, book, T0 + 5, late=False)
        said = message.text(limit)
        assert len(said) <= limit
        assert not said.endswith("…"), "shortened by what matters least, not cut off"
        assert named in said
        assert "100" in said
        listed = said.partition("(100): ")[2].partition("\n")[0]
        left = 100 - listed.count(",") - 1
        assert listed.endswith(f"và {left} nơi khác") if left else listed.endswith(("00", "99"))
