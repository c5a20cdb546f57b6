"""What the wall takes from the locator's page, and what it does not take."""

import contextlib
import json
from typing import Any

import msgspec
import pytest
from aiohttp import web
from hypothesis import given
from hypothesis import strategies as st

from alerts.httpapi import BadAnswerError
from alerts.locate.model import Cause, Observation
from alerts.locatorapi import MOST_CHARS, MOST_NAMES, MOST_OUTAGES, LocatorApi, parse_outages
from alerts.pinpoint.holding import Open
from common.web import serve


def told(name: str = "pop:ba-to", **more: Any) -> Open:
    """An outage as the locator keeps it."""
    cause: dict[str, Any] = {
        "component": name, "kind": "pop", "members": (name, "ring:bac"), "loss": 0.3, "confidence": 12.5,
        "runner_up": "isp:vnpt", "affected": (1, 2), "communes": ("21484",), "systems": ("dvc",),
        "evidence": (Observation(1, 10, 3),), "sent": 20, "failed": 6,
    }  # fmt: skip
    return Open(identity=name, kind="pop", cause=Cause(**(cause | more)), since=100.0, known_at=105.0)


def test_what_the_locator_writes_is_what_is_read() -> None:
    (found,), dropped = parse_outages(msgspec.json.encode((told(),)))
    assert dropped == 0
    assert (found.component, found.kind, found.members) == ("pop:ba-to", "pop", ("pop:ba-to", "ring:bac"))
    assert (found.loss, found.confidence, found.runner_up) == (0.3, 12.5, "isp:vnpt")
    assert (found.sent, found.failed, found.since) == (20, 6, 100.0)
    assert (found.communes, found.systems, found.paged) == (("21484",), ("dvc",), True)
    ((ticket,), _) = parse_outages(msgspec.json.encode((msgspec.structs.replace(told(), grade="ticket"),)))
    assert not ticket.paged


@pytest.mark.parametrize(
    "spoil",
    [
        {"identity": ""}, {"identity": "x" * (MOST_CHARS + 1)}, {"since": -1}, {"since": "now"},
        {"cause": {}}, {"cause": None},
    ],
)  # fmt: skip
def test_one_wrong_entry_costs_that_entry_alone(spoil: dict[str, Any]) -> None:
    good, bad = (json.loads(msgspec.json.encode(told(name))) for name in ("pop:a", "pop:b"))
    found, dropped = parse_outages(json.dumps([good, bad | spoil, 7]).encode())
    assert [one.component for one in found] == ["pop:a"]
    assert dropped == 2


@pytest.mark.parametrize(
    "spoil",
    [
        {"loss": -0.1},
        {"failed": 21},
        {"runner_up": "y" * 999},
        {"members": ("z" * 999,)},
    ],
)
def test_a_cause_beyond_sense_is_left_out(spoil: dict[str, Any]) -> None:
    assert parse_outages(msgspec.json.encode((told(**spoil),))) == ((), 1)


def test_a_flood_is_cut_off() -> None:
    many = [told(f"pop:p{number}") for number in range(MOST_OUTAGES + 9)]
    found, dropped = parse_outages(msgspec.json.encode(many))
    assert (len(found), dropped) == (MOST_OUTAGES, 9)
    (wide,), _ = parse_outages(msgspec.json.encode((told(communes=("1",) * (MOST_NAMES + 5)),)))
    assert len(wide.communes) == MOST_NAMES


@given(st.binary(max_size=200) | st.recursive(
    st.none() | st.floats() | st.text(max_size=9),
    lambda inner: st.lists(inner, max_size=3)
    | st.dictionaries(st.sampled_from(("identity", "cause")), inner),
).map(lambda value: json.dumps(value).encode()))  # fmt: skip
def test_nonsense_is_a_bad_answer_or_nothing(body: bytes) -> None:
    with contextlib.suppress(BadAnswerError):
        assert parse_outages(body)[0] == ()


@pytest.mark.parametrize("ready", [200, 503])
async def test_it_says_whether_the_locator_is_at_work(ready: int) -> None:
    async def outages(_: web.Request) -> web.Response:
        return web.Response(body=msgspec.json.encode((told(),)), content_type="application/json")

    async def is_ready(_: web.Request) -> web.Response:
        return web.Response(status=ready)

    app = web.Application()
    app.add_routes([web.get("/api/outages", outages), web.get("/-/ready", is_ready)])
    async with serve(app, "127.0.0.1:0") as (host, port), LocatorApi(f"http://{host}:{port}") as api:
        found = await api.blamed()
    assert [one.component for one in found.outages] == ["pop:ba-to"]
    assert found.fresh is (ready == 200)


async def test_a_huge_answer_and_an_error_are_bad_answers() -> None:
    async def huge(_: web.Request) -> web.Response:
        return web.Response(body=b" " * 5000)

    app = web.Application()
    app.add_routes([web.get("/api/outages", huge)])
    async with serve(app, "127.0.0.1:0") as (host, port):
        async with LocatorApi(f"http://{host}:{port}", max_answer_bytes=1000) as api:
            with pytest.raises(BadAnswerError, match="over 1000 bytes"):
                await api.blamed()
        async with LocatorApi(f"http://{host}:{port}/nowhere") as api:
            with pytest.raises(BadAnswerError, match="404"):
                await api.blamed()
