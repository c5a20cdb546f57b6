"""The gateway over HTTP: who is let in, what is stored, and what is answered when."""

import asyncio
import email.utils
import time
from pathlib import Path

import msgspec
import pytest
from msgspec.structs import replace

from agent.config import AgentConfig, version_of
from agent.load import loads_config
from agent.remote_write import HEADERS
from agent.transport import Result, meaning
from common.delivery import BACKLOG_HEADER, HUB_START_HEADER, LEFT_OUT_HEADER
from deploy.ingest.limits import AgentLimits, Limits, Patience, ServerLimits
from inventory.load import dump
from tests.deploy.ingest.bodies import OTHER, OWN, heartbeat, labels, packed, province, raw, up
from tests.deploy.ingest.running import START, gateway

WRITE, CONFIG = "/api/v1/write", "/api/v1/config"
QUICK = Limits(
    patience=Patience(handshake_seconds=0.3, silent_seconds=0.3, body_seconds=0.3, forward_seconds=0.3)
)


# --- pushing -----------------------------------------------------------------------------------------
async def test_an_agents_push_is_stored_and_answered_with_the_hubs_times(tmp_path: Path) -> None:
    async with gateway(tmp_path) as site:
        before = time.time()
        reply = await site.push(packed([heartbeat(), up()], before))
        assert reply.status == 204
        assert reply.headers[HUB_START_HEADER] == f"{START:.3f}"
        assert LEFT_OUT_HEADER not in reply.headers
        said = email.utils.parsedate_to_datetime(reply.headers["Date"]).timestamp()
        assert before - 1 <= said <= time.time()
        assert [dict(pairs) for pairs, _ in site.engine.series] == [
            dict(sorted(heartbeat().items())), dict(sorted(up().items())),
        ]  # fmt: skip
        assert site.counted("thongsuot_ingest_stored_samples_total") == 2


async def test_an_empty_push_asks_for_the_time_and_goes_no_further(tmp_path: Path) -> None:
    async with gateway(tmp_path) as site:
        reply = await site.push(packed([]))
        assert (reply.status, site.engine.bodies) == (204, [])
        assert "Date" in reply.headers


async def test_what_is_left_out_is_said_and_the_rest_is_stored(tmp_path: Path) -> None:
    async with gateway(tmp_path) as site:
        now = time.time()
        body = packed([heartbeat(), {**up(), "target": "system:x"}], now)
        reply = await site.push(body)
        assert (reply.status, reply.headers[LEFT_OUT_HEADER]) == (204, "1")
        assert len(site.engine.series) == 1
        counted = site.counted("thongsuot_ingest_left_out_samples_total", commune=OWN, reason="target")
        assert counted == 1
        only = await site.push(packed([heartbeat()], now + 3600))
        assert (only.status, only.headers[LEFT_OUT_HEADER]) == (204, "1")


async def test_a_body_sent_twice_is_handed_over_twice_and_answered_alike(tmp_path: Path) -> None:
    """That it does no harm is the engine's: the same sample twice is one (see test_real)."""
    async with gateway(tmp_path) as site:
        body = packed([heartbeat()], time.time())
        assert [(await site.push(body)).status for _ in range(3)] == [204] * 3
        assert site.engine.bodies == [body] * 3


async def test_the_engine_is_told_tenant_and_credentials(tmp_path: Path) -> None:
    async with gateway(tmp_path, headers={"X-Scope-OrgID": "tinh-51", "Authorization": "Basic x"}) as site:
        await site.push(packed([heartbeat()], time.time()))
        assert site.engine.headers[0]["X-Scope-OrgID"] == "tinh-51"
        assert site.engine.headers[0]["Authorization"] == "Basic x"


# --- who ---------------------------------------------------------------------------------------------
async def test_one_agents_token_writes_nothing_of_another(tmp_path: Path) -> None:
    async with gateway(tmp_path) as site:
        now = time.time()
        for body in (packed([heartbeat(OTHER)], now), packed([heartbeat(OWN), heartbeat(OTHER)], now)):
            reply = await site.push(body, OWN)
            assert reply.status == 403
            assert site.engine.bodies == []
        assert (await site.push(packed([heartbeat(OTHER)], now), OTHER)).status == 204
        assert site.engine.sites == {OTHER}


async def test_one_agents_token_reads_its_own_configuration_and_no_other(tmp_path: Path) -> None:
    async with gateway(tmp_path) as site:
        for code in (OWN, OTHER):
            reply = await site.ask("GET", CONFIG, token=site.tokens[code])
            assert loads_config(reply.body, "sent").site == code
        for path in (f"{CONFIG}?site={OTHER}", f"{CONFIG}?commune={OTHER}"):
            reply = await site.ask("GET", path, token=site.tokens[OWN], headers={"X-Site": OTHER})
            assert loads_config(reply.body, "sent").site == OWN
        for path in (f"{CONFIG}/{OTHER}", f"/agents/{OTHER}.yml", "/api/v1/query?query=up", "/metrics", "/"):
            assert (await site.ask("GET", path, token=site.tokens[OWN])).status == 404


@pytest.mark.parametrize("path", [WRITE, CONFIG, "/metrics", "/", "/-/reload", "/-/healthy/x", "//-/healthy"])
async def test_without_valid_credentials_nothing_is_told(path: str, tmp_path: Path) -> None:
    async with gateway(tmp_path) as site:
        good = site.tokens[OWN]
        gone, kept = site.store.add(OWN, time.time())
        expired, _ = site.store.add("21085", time.time() - 100, time.time() - 1)
        site.store.revoke(OWN, kept.id)
        await site.service._take_tokens()
        wrong = ["", "x", good[:-1], good + "x", good.replace(OWN, OTHER), gone, expired, "ts_99999_x",
                 f"ts_{OWN}_", "Ω" * 40, "a" * 5000]  # fmt: skip
        headers = [{}, *({"Authorization": f"Bearer {token}".encode().decode("latin-1")} for token in wrong)]
        headers += [{"Authorization": f"Basic {good}"}, {"Authorization": good}, {"X-Token": good}]
        method = "POST" if path == WRITE else "GET"
        said = set()
        for one in headers:
            reply = await site.ask(method, path, headers=one, body=b"x" if method == "POST" else None)
            names = {name.lower() for name in reply.headers} - {"date", "content-length"}
            said.add((reply.status, reply.body, frozenset(names)))
        assert {status for status, _, _ in said} <= {401, 400}  # 400: the header alone is over its limit
        assert len([one for one in said if one[0] == 401]) == 1, "every refusal looks the same"
        assert all(HUB_START_HEADER.lower() not in names for _, _, names in said)
        assert site.engine.bodies == []


async def test_a_revoked_token_is_out_within_moments_and_the_second_goes_on(tmp_path: Path) -> None:
    async with gateway(tmp_path) as site:
        second, _ = site.store.add(OWN, time.time())
        await site.service._take_tokens()
        first = site.tokens[OWN]
        body = packed([heartbeat()], time.time())
        for token in (first, second):
            assert (await site.ask("POST", WRITE, token=token, body=body, headers=HEADERS)).status == 204
        site.store.revoke(OWN, next(t.id for t in site.store.read() if t.commune == OWN))
        book = site.service.gateway.book  # no order is given: the gateway sees that the file has changed
        await site.until(lambda: site.service.gateway.book is not book)
        assert (await site.push(body)).status == 401
        assert (await site.ask("POST", WRITE, token=second, body=body, headers=HEADERS)).status == 204


async def test_a_commune_that_left_the_inventory_is_nobody(tmp_path: Path) -> None:
    async with gateway(tmp_path) as site:
        left = province()
        left = replace(left, communes=tuple(c for c in left.communes if c.code != OWN))
        site.options.inventory.write_text(dump(left), encoding="utf-8")
        assert await site.service.reload() is None
        assert (await site.push(packed([heartbeat()], time.time()))).status == 401
        assert (await site.push(packed([heartbeat(OTHER)], time.time()), OTHER)).status == 204


# --- configurations ----------------------------------------------------------------------------------
async def test_a_configuration_is_sent_once_and_again_when_it_changes(tmp_path: Path) -> None:
    async with gateway(tmp_path) as site:
        token = site.tokens[OWN]
        first = await site.ask("GET", CONFIG, token=token)
        config: AgentConfig = loads_config(first.body, "sent")
        assert first.headers["ETag"] == f'"{version_of(config)}"'
        assert config.fetch is not None
        assert config.fetch.url == "https://10.51.0.1:9499/api/v1/config"
        tag = {"If-None-Match": first.headers["ETag"]}
        again = await site.ask("GET", CONFIG, token=token, headers=tag)
        assert (again.status, again.body, again.headers["ETag"]) == (304, b"", first.headers["ETag"])
        changed = province()
        changed = replace(changed, probing=replace(changed.probing, interval_seconds=7))
        site.options.inventory.write_text(dump(changed), encoding="utf-8")
        assert await site.service.reload() is None
        third = await site.ask("GET", CONFIG, token=token, headers=tag)
        assert third.status == 200
        assert loads_config(third.body, "sent").targets[0].interval_seconds == 7
        version = version_of(loads_config(third.body, "sent"))
        assert site.counted("thongsuot_ingest_config_info", commune=OWN, config=version) == 1


async def test_a_wrong_inventory_changes_nothing(tmp_path: Path) -> None:
    async with gateway(tmp_path) as site:
        site.options.inventory.write_text("version: 2\n")
        assert "province.yml" in (await site.service.reload() or "")
        assert (await site.push(packed([heartbeat()], time.time()))).status == 204


async def test_what_was_measured_before_a_change_may_arrive_after_it(tmp_path: Path) -> None:
    async with gateway(tmp_path) as site:
        changed = province()
        line = up()["target"]
        system = next(s for s in changed.systems)
        series = {**up(), "target": f"system:{system.id}", "probe": system.check.kind}
        series.pop("line", None)
        assert line
        fewer = replace(changed, systems=changed.systems[1:])
        site.options.inventory.write_text(dump(fewer), encoding="utf-8")
        assert await site.service.reload() is None
        reply = await site.push(packed([series], time.time() - 3600))
        assert (reply.status, LEFT_OUT_HEADER in reply.headers) == (204, False)
        assert len(site.engine.series) == 1


# --- an engine in trouble ----------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("status", "said", "answer", "retry"),
    [(400, "out of order", 400, False), (422, "no", 400, False), (401, "who", 503, True),
     (404, "", 503, True), (302, "", 503, True), (429, "", 429, True),
     (500, "too old sample", 500, False), (503, "", 503, True)],
)  # fmt: skip
async def test_what_the_engine_says_is_passed_on_as_it_concerns_the_agent(
    status: int, said: str, answer: int, retry: bool, tmp_path: Path
) -> None:
    async with gateway(tmp_path) as site:
        site.engine.status, site.engine.said = status, said
        reply = await site.push(packed([heartbeat()], time.time()))
        assert (reply.status, "Retry-After" in reply.headers) == (answer, retry)
        if answer in {400, 500}:
            assert said.encode() in reply.body


async def test_a_slow_engine_does_not_keep_an_agent_waiting(tmp_path: Path) -> None:
    async with gateway(tmp_path, QUICK) as site:
        site.engine.free.clear()
        reply = await site.push(packed([heartbeat()], time.time()))
        assert (reply.status, 2 <= int(reply.headers["Retry-After"]) <= 4) == (503, True)
        site.engine.free.set()
        assert (await site.push(packed([heartbeat()], time.time()))).status == 204


async def test_no_engine_at_all_is_said_and_mended(tmp_path: Path) -> None:
    async with gateway(tmp_path) as site:
        client = site.service._client
        engine, client._engine = client._engine, replace(client._engine, url="http://127.0.0.1:9/")
        assert (await site.push(packed([heartbeat()], time.time()))).status == 503
        client._engine = engine
        assert (await site.push(packed([heartbeat()], time.time()))).status == 204


async def test_a_full_queue_puts_off_backlog_first_and_live_data_passes(tmp_path: Path) -> None:
    server = ServerLimits(forwards=2, backlog_forwards=1, waiting_backlog_bytes=1)
    async with gateway(tmp_path, Limits(server=server)) as site:
        now = time.time()
        site.engine.free.clear()
        backlog = {BACKLOG_HEADER: "1"}
        held = asyncio.create_task(site.push(packed([heartbeat()], now - 3600), **backlog))
        await site.until(lambda: site.engine.under_way == 1)
        refused = await site.push(packed([heartbeat()], now - 7200), **backlog)
        assert (refused.status, "Retry-After" in refused.headers) == (429, True)
        live = asyncio.create_task(site.push(packed([heartbeat()], now)))
        await site.until(lambda: site.engine.under_way == 2)
        site.engine.free.set()
        assert [(await task).status for task in (held, live)] == [204, 204]


async def test_one_agent_that_is_too_fast_is_put_off_and_others_are_not(tmp_path: Path) -> None:
    limits = Limits(agent=AgentLimits(requests_per_second=0.001, burst_seconds=3000))
    async with gateway(tmp_path, limits) as site:
        body, other = packed([heartbeat()], time.time()), packed([heartbeat(OTHER)], time.time())
        found = [(await site.push(body)).status for _ in range(5)]
        assert found == [204, 204, 204, 429, 429]
        assert (await site.push(other, OTHER)).status == 204


async def test_while_the_hubs_clock_is_in_doubt_nothing_is_refused_for_its_time(tmp_path: Path) -> None:
    """A hub set back by an hour: what was measured rightly looks dated ahead, and must not be given up."""
    async with gateway(tmp_path) as site:
        site.engine.newest = f"{time.time() + 3600:.3f}"
        await site.service._ask_engine()
        reply = await site.push(packed([heartbeat()], time.time() + 1800))
        assert (reply.status, "Retry-After" in reply.headers) == (503, True)
        assert site.counted("thongsuot_ingest_clock_doubt") == 1
        assert (await site.push(packed([heartbeat()], time.time()))).status == 204


async def test_what_is_fresh_and_too_old_all_the_same_is_kept_by_the_agent_and_counted(
    tmp_path: Path,
) -> None:
    """A hub whose clock went ahead by more than its window: what waited is over, what is fresh is not."""
    async with gateway(tmp_path) as site:
        body = packed([heartbeat()], time.time() - 20 * 86400)
        late = await site.push(body, **{BACKLOG_HEADER: "1"})
        assert (late.status, late.headers[LEFT_OUT_HEADER]) == (204, "1")
        assert site.counted("thongsuot_ingest_requests_total", result="fresh_too_old") == 0
        fresh = await site.push(body)
        assert meaning(fresh.status, fresh.body.decode()) is Result.TOO_OLD, "the agent's alarm"
        assert ("Retry-After" in fresh.headers, LEFT_OUT_HEADER in fresh.headers) == (True, False)
        site.engine.status, site.engine.said = 500, "too old sample"
        assert (await site.push(packed([heartbeat()], time.time()))).status == 500
        await site.push(packed([heartbeat()], time.time() - 60), **{BACKLOG_HEADER: "1"})
        assert site.counted("thongsuot_ingest_requests_total", result="fresh_too_old") == 2


async def test_who_is_refused_is_counted_by_the_commune_that_he_claims(tmp_path: Path) -> None:
    async with gateway(tmp_path) as site:
        for token in (f"ts_{OWN}_wrong", f"ts_{OWN}_x", "ts_99999_x", "ts_a" * 20, f"x_{OTHER}"):
            assert (await site.ask("GET", CONFIG, token=token)).status == 401
        await site.push(packed([heartbeat(OTHER)], time.time()), OWN)
        name = "thongsuot_ingest_unauthorised_total"
        found = [site.counted(name, commune=code, reason="unknown") for code in (OWN, OTHER, "", "99999")]
        assert found == [2, 1, 2, 0]
        assert site.counted("thongsuot_ingest_foreign_total", commune=OWN) == 1


# --- pages -------------------------------------------------------------------------------------------
async def test_health_is_for_everybody_and_readiness_needs_an_engine(tmp_path: Path) -> None:
    async with gateway(tmp_path) as site:
        assert (await site.ask("GET", "/-/healthy")).status == 200
        assert (await site.ask("GET", "/-/ready")).status == 200
        site.service.gateway.about = msgspec.structs.replace(site.service.gateway.about, start=None)
        assert (await site.ask("GET", "/-/ready")).status == 503


@pytest.mark.parametrize(
    "headers",
    [{}, {"Content-Encoding": "gzip"}, {"Content-Encoding": "snappy, gzip"}, {"Content-Encoding": "deflate"},
     {"Content-Type": "application/x-protobuf;proto=io.prometheus.write.v2.Request"},
     {"Content-Type": "text/html"}],
)  # fmt: skip
async def test_other_kinds_of_body_are_refused_unread(headers: dict[str, str], tmp_path: Path) -> None:
    async with gateway(tmp_path) as site:
        sent = {"Content-Type": "application/x-protobuf", "Content-Encoding": "snappy", **headers}
        sent = sent if headers else {}
        body = packed([heartbeat()], time.time())
        reply = await site.ask("POST", WRITE, token=site.tokens[OWN], body=body, headers=sent)
        assert (reply.status, site.engine.bodies) == (415, [])


async def test_every_metric_of_an_agent_arrives(tmp_path: Path) -> None:
    async with gateway(tmp_path) as site:
        names = ("thongsuot_agent_build_info", "thongsuot_agent_pushes_total")
        body = packed([labels(names[0], version="1", config="x"), labels(names[1], result="ok")], time.time())
        assert LEFT_OUT_HEADER not in (await site.push(body)).headers
        assert raw([heartbeat()]) != b""
