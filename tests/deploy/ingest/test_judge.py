"""What of a push is the agent's own to send."""

import re
from pathlib import Path

import cramjam
import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from agent.remote_write import Encoder, encode_labels, encode_series
from deploy.ingest import decode
from deploy.ingest.decode import Refused
from deploy.ingest.judge import ALLOWED, GENERATION_SECONDS, Foreign, Judge, Reason, Verdict
from deploy.ingest.limits import AgentLimits, Limits
from tests.agent import oracle
from tests.deploy.ingest.bodies import (
    LIMITS,
    OTHER,
    OWN,
    UNIX,
    heartbeat,
    labels,
    mutated,
    permit,
    raw,
    up,
)

GOLDEN = Path(__file__).parents[2] / "golden/agent-metrics.txt"
IDENTITY = {"job": "thongsuot-agent", "instance": OWN, "site": OWN, "commune": OWN}


def judged(content: bytes, limits: Limits = LIMITS, unix: float = UNIX) -> Verdict:
    return Judge(permit(), limits).judge(content, unix)


def stored(verdict: Verdict) -> list[dict[str, str]]:
    body = bytes(cramjam.snappy.compress_raw(b"".join(verdict.series)))
    return [dict(pairs) for pairs, _ in oracle.decode(body)]


def left_out(series: dict[str, str]) -> dict[str, int]:
    verdict = judged(raw([series]))
    assert verdict.samples == (0 if verdict.left_out else 1)
    return dict(verdict.left_out)


# --- whose -------------------------------------------------------------------------------------------
def test_what_an_agent_sends_is_stored_as_it_came() -> None:
    content = raw([heartbeat(), up()])
    verdict = judged(content)
    assert b"".join(verdict.series) == content
    assert (verdict.samples, dict(verdict.left_out)) == (2, {})


def test_what_is_missing_of_the_identity_is_filled_in() -> None:
    bare = {"__name__": heartbeat()["__name__"]}
    assert stored(judged(raw([bare]))) == [{**bare, **IDENTITY}]


@pytest.mark.parametrize("label", ["site", "commune", "instance", "job"])
@pytest.mark.parametrize("value", [OTHER, "hub", "thongsuot-hub", OWN + " ", "٢١٠٤٠"])
def test_a_push_that_speaks_for_another_is_refused_whole(label: str, value: str) -> None:
    with pytest.raises(Foreign, match=label):
        judged(raw([heartbeat(), {**heartbeat(), label: value}]))


def test_two_values_of_one_label_are_not_a_way_around() -> None:
    both = encode_labels(heartbeat()) + encode_labels({"site": OTHER})
    chunk = encode_series(both, Encoder(round(UNIX * 1000)).sample(1))
    assert dict(judged(chunk).left_out) == {Reason.LABELS: 1}


# --- about what --------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    "name",
    ["up", "ALERTS", "thongsuot_commune_info", "commune:thongsuot_silent:bool", "x", "thongsuot_target_up{}",
     "thongsuot_hub_process_up", "scrape_samples_scraped"],
)  # fmt: skip
def test_only_metrics_of_agents_are_taken(name: str) -> None:
    assert left_out({**up(), "__name__": name}) == {Reason.METRIC: 1}


@pytest.mark.parametrize("label", ["name", "area", "le", "reason", "__tenant_id__", "prometheus", "state"])
def test_only_the_labels_of_that_metric_are_taken(label: str) -> None:
    assert left_out({**up(), label: "x"}) == {Reason.LABELS: 1}


@pytest.mark.parametrize(
    "change",
    [{"target": "system:nobody"}, {"target": ""}, {"line": "other"}, {"probe": "ntp"}, {"probe": ""}],
)
def test_only_targets_that_the_inventory_gives_the_agent_are_taken(change: dict[str, str]) -> None:
    assert left_out({**up(), **change}) == {Reason.TARGET: 1}


@pytest.mark.parametrize(
    ("name", "value"),
    [("result", "a\nb"), ("result", "\x00"), ("result", "x" * 1025), ("re-sult", "x"), ("x" * 200, "x"),
     ("", "x"), ("1a", "x")],
)  # fmt: skip
def test_labels_that_are_malformed_or_large_are_left_out(name: str, value: str) -> None:
    assert left_out(labels("thongsuot_agent_pushes_total", **{name: value})) == {Reason.LABELS: 1}


def test_bytes_that_are_no_text_are_left_out() -> None:
    chunk = raw([labels("thongsuot_agent_pushes_total", result="xyz")]).replace(b"xyz", b"\xff\xfe\x80")
    assert dict(judged(chunk).left_out) == {Reason.LABELS: 1}


def test_what_is_left_out_takes_nothing_else_along() -> None:
    verdict = judged(raw([heartbeat(), {**up(), "target": "x"}, up()]))
    assert (verdict.samples, dict(verdict.left_out)) == (2, {Reason.TARGET: 1})


def test_every_series_of_an_agents_page_is_known_here() -> None:
    """What agents expose, they push: a metric that the gateway does not know would be lost."""
    for line in GOLDEN.read_text(encoding="utf-8").splitlines():
        if line and not line.startswith("#"):
            name, rest = re.match(r"([a-z_]+)\{(.*)\}", line).groups()  # type: ignore[union-attr]
            found = set(re.findall(r'([a-z_]+)="', rest)) - IDENTITY.keys()
            assert found <= ALLOWED[name], line


# --- when --------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("ahead_seconds", "result"),
    [(0, {}), (5, {}), (5.001, {Reason.AHEAD: 1}), (30 * 86400, {Reason.AHEAD: 1}), (-15 * 86400, {}),
     (-15 * 86400 - 0.001, {Reason.TOO_OLD: 1})],
)  # fmt: skip
def test_nothing_dated_ahead_or_too_old_is_stored(ahead_seconds: float, result: dict[str, int]) -> None:
    judge = Judge(permit(), LIMITS)
    for _ in range(2):  # the second time by the short way
        verdict = judge.judge(raw([heartbeat()], UNIX + ahead_seconds), UNIX)
        assert dict(verdict.left_out) == result
        assert verdict.samples == (0 if result else 1)


@pytest.mark.parametrize("time_ms", [2**63 - 1, -(2**63), 2**62, -1, 0])
def test_times_that_no_clock_shows_are_left_out(time_ms: int) -> None:
    chunk = encode_series(encode_labels(heartbeat()), Encoder(time_ms).sample(1.0))
    assert judged(chunk).left_out.total() == 1


# --- known again -------------------------------------------------------------------------------------
@given(st.floats(), st.integers(-100_000, 4000), st.integers(0, 3))
def test_the_short_way_and_the_long_one_agree(value: float, ms: int, more: int) -> None:
    encoder = Encoder(round(UNIX * 1000) + ms)
    samples = [encoder.sample(value)] * (more + 1)
    chunk = b"".join(encode_series(encode_labels(one), *samples) for one in (heartbeat(), up()))
    judge = Judge(permit(), LIMITS)
    first, second = judge.judge(chunk, UNIX), judge.judge(chunk, UNIX)
    assert b"".join(first.series) == b"".join(second.series) == chunk
    assert first.samples == second.samples == 2 * (more + 1)


def test_an_agent_has_so_many_series_and_no_more() -> None:
    judge = Judge(permit(), replace(LIMITS, agent=AgentLimits(series=10)))
    many = [labels("thongsuot_agent_pushes_total", result=f"r{n}") for n in range(25)]
    verdict = judge.judge(raw(many), UNIX)
    assert (verdict.samples, dict(verdict.left_out)) == (10, {Reason.SERIES: 15})
    assert judge.judge(raw(many[:10]), UNIX).samples == 10, "those that it has go on"
    judge.judge(raw([]), UNIX + GENERATION_SECONDS)
    assert judge.judge(raw(many[:1]), UNIX + GENERATION_SECONDS).samples == 1
    judge.judge(raw([]), UNIX + 2 * GENERATION_SECONDS)
    assert judge.known == 1, "what is not seen for an hour is forgotten"


def test_whatever_comes_only_own_series_are_stored_and_nothing_grows() -> None:
    judge = Judge(permit(), replace(LIMITS, agent=AgentLimits(series=200)))
    seeds = [raw([heartbeat(), up()]), raw([heartbeat(OTHER)]), raw([up()], UNIX + 9e9)]
    refused = 0
    for body in mutated(seeds, 10_000, seed=8):
        try:
            verdict = judge.judge(_unpacked(body), UNIX)
        except (Refused, Foreign):
            refused += 1
            continue
        for pairs, samples in oracle.decode(bytes(cramjam.snappy.compress_raw(b"".join(verdict.series)))):
            assert dict(pairs).items() >= IDENTITY.items()
            assert pairs == sorted(pairs)
            assert all(at <= (UNIX + 5) * 1000 for _, at in samples)
    assert judge.known <= 200
    assert 1000 < refused < 9500


def _unpacked(body: bytes) -> bytes:
    return decode.unpack(body, LIMITS.body)


def test_limits_are_above_what_an_agent_sends() -> None:
    assert LIMITS.body.series > 5000
    assert msgspec.structs.asdict(LIMITS.agent)["series"] > 5000
