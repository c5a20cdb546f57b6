"""/metrics: the exact text, from the same series as the push."""

from collections import Counter
from pathlib import Path

from agent.clock import HubClock
from agent.config import AgentTarget
from agent.expose import Group, Site, Tier
from agent.exposition import Renderer
from agent.itself import Itself
from agent.measured import Measured
from agent.spool.held import Held
from agent.state import Seconds
from exporters.base import Outcome, Sample
from inventory.names import PROBE_ICMP_DURATION, PROBE_ICMP_HOP_LIMIT, Reason, State, all_metrics
from tests.agent import virtual

GOLDEN = Path(__file__).parents[1] / "golden" / "agent-metrics.txt"


class Spooled:
    """A spool with something in it."""

    stats = Held(bytes=65_536, waiting=12, acked=3, samples=52_800, oldest_ms=1_794_999_400_000)
    resent, in_memory, limit_bytes = 4400, False, 256_000_000

    @property
    def errors(self) -> Counter[str]:
        return Counter({"full": 2})


def exposition() -> tuple[str, dict[str, Group]]:
    clock = HubClock(lambda: 100.0, lambda: 1_795_000_100.0)
    clock.observe(100.0, 100.0, 1_795_000_100.0)
    site = Site("21040", "21040")
    itself = Itself(site, clock, "0.1.0")
    itself.pushing, itself.targets, itself.config_hash = True, 2, "abc"
    itself.pushes["ok"] = 3
    itself.exceptions["http"] = 1
    itself.dropped["full"] = 7
    itself.delivered_seconds = 99.0
    itself.spool = Spooled()
    itself.delays.observe(0.003)
    itself.delays.observe(9.0)
    up = Measured(site, target("lan", "lan:21040", ""), lambda _: Seconds(90.5, 1.5, 8.0), clock.unix)
    hop = Sample(PROBE_ICMP_HOP_LIMIT, 64.0)
    rtt = Sample(PROBE_ICMP_DURATION, 0.00125, (("phase", "rtt"),))
    up.take(Outcome(reason=Reason.OK, duration_seconds=0.0015, samples=(hop, rtt)))
    up.confirm(State.UP, 40.0)
    unknown = Measured(site, target("hub/main", "hub:main", "main"), lambda _: None, clock.unix)
    unknown.take(Outcome(reason=Reason.TIMEOUT, duration_seconds=2.0))
    groups: dict[str, Group] = {"agent": itself, up.key: up, unknown.key: unknown}
    parts, _ = virtual.run(lambda: Renderer(groups).render(""))
    return b"".join(parts).decode(), groups


def target(name: str, component: str, line: str) -> AgentTarget:
    return AgentTarget(
        name=name, target=component, line=line, commune="21040", probe="icmp", address="127.0.0.1"
    )


def test_exposition_is_the_golden_one() -> None:
    assert exposition()[0] == GOLDEN.read_text(encoding="utf-8")


def test_pushed_names_are_those_that_are_scraped_and_known() -> None:
    text, groups = exposition()
    scraped = {line.split("{")[0] for line in text.splitlines() if not line.startswith("#")}
    pushed = {series.name for group in groups.values() for tier in Tier for series, _ in group.points(tier)}
    assert pushed == scraped
    known = {metric.name for metric in all_metrics()}
    suffixes = ("_bucket", "_sum", "_count")
    bases = {name.removesuffix(next((s for s in suffixes if name.endswith(s)), "")) for name in pushed}
    assert bases <= known
    assert not any(name.endswith("_created") for name in pushed)


def test_unknown_state_and_unsaved_seconds_are_absent() -> None:
    lines = [line for line in exposition()[0].splitlines() if 'target="hub:main"' in line]
    assert not [line for line in lines if "target_up" in line or "state_seconds" in line]
    assert any("probe_success" in line for line in lines)


def test_hub_speaks_about_communes_and_about_none() -> None:
    clock = HubClock(lambda: 1.0, lambda: 1_795_000_001.0)
    site = Site("hub", "")
    system = Measured(
        site, AgentTarget(name="s", target="system:x", probe="tcp", address="h:1"), lambda _: None, clock.unix
    )
    labels = next(iter(system.points(Tier.STATE)))[0].labels
    assert labels == {"site": "hub", "target": "system:x", "probe": "tcp", "result": "ok"}
    router = Measured(
        site,
        AgentTarget(
            name="r", target="line:21040/main", commune="21040", line="main", probe="icmp", address="h"
        ),
        lambda _: None,
        clock.unix,
    )
    assert next(iter(router.points(Tier.STATE)))[0].labels["commune"] == "21040"
