"""Six hours without a line, at a commune's own pace, by an injected clock; the agent and its disk are real.

The hub stores as Prometheus does and loses what it took in its last 30 s when it loses power. The agent is
killed, its disk full for half an hour, its machine restarted (another boot id, the clock begins anew), the
hub restarted; while the backlog is sent, the hub loses power and the agent is killed again. Once over the
line that most communes have and once, for a sixth of the time, over a slow one. ``DELIVERY_HOURS`` sets how
long the cut is.
"""

import asyncio
import os
import tempfile
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, Final

from deploy.render_agents import BYTES_PER_MBIT
from exporters.base import Outcome
from tests.agent import virtual
from tests.agent.push_bench import EPOCH
from tests.bench import _simulated
from tests.bench._delivered import Risks, judge, truth_of
from tests.bench._province import LINE_MBPS
from tests.bench._rows import progress
from tests.bench._virtual_site import Hub, Site
from tests.bench._watched import watching

HOURS: Final = 6.0
SLOW_MBPS: Final = 4.0
RISK_SECONDS: Final = 60.0
POWER_LOSS_SECONDS: Final = 30.0
LIVE_SECONDS: Final = 10.0
DRAIN_SECONDS: Final = 6 * 3600.0


async def _story(site: Site, cut: float) -> None:
    """Let everything happen until the line is back."""
    hub = site.hub
    await asyncio.sleep(120.0)
    hub.up = False
    await asyncio.sleep(cut / 6)
    await site.kill()
    await asyncio.sleep(cut / 6)
    site.squeeze(True)
    await asyncio.sleep(cut / 12)
    site.squeeze(False)
    await asyncio.sleep(cut / 6)
    await site.reboot()
    await asyncio.sleep(cut / 6)
    hub.restart()
    await asyncio.sleep(cut / 4)
    hub.up = True


async def _until(condition: Callable[[], bool], seconds: float) -> float | None:
    """Return after how many seconds something holds, None when it does not in time."""
    began = virtual.now()
    while not condition():
        if virtual.now() - began > seconds:
            return None
        await asyncio.sleep(0.1)
    return virtual.now() - began


async def _play(directory: Path, outcome: Outcome, line_mbps: float, hours: float) -> dict[str, Any]:
    hub = Hub(line_mbps * BYTES_PER_MBIT, EPOCH)
    site = Site(directory, hub, line_mbps, outcome)
    with watching(site.note):
        return await _measured(site, hub, line_mbps, hours)


async def _measured(site: Site, hub: Hub, line_mbps: float, hours: float) -> dict[str, Any]:
    await site.start()
    await _story(site, hours * 3600.0)
    healed = virtual.now()
    live = await _until(lambda: virtual.now() - hub.newest < LIVE_SECONDS / 2, 120.0)
    await asyncio.sleep(20.0)
    hub.restart(POWER_LOSS_SECONDS)
    await asyncio.sleep(10.0)
    await site.kill()
    await asyncio.sleep(10.0)
    drained = await _until(lambda: site.waiting <= 1, DRAIN_SECONDS)
    ended = virtual.now()
    await asyncio.sleep(RISK_SECONDS)
    await site.end()
    truth = truth_of(made for made in site.made if made.unix <= EPOCH + ended)
    score = judge(truth, hub.stored(), Risks(site.kills, RISK_SECONDS))
    return {
        "line Mbit/s": line_mbps, "hours": hours, "expected": score.expected, "received": score.received,
        "lost": score.lost, "unexcused": score.unexcused, "changes": score.changes,
        "changes lost": score.changes_lost, "twice": score.twice, "wrong": score.wrong,
        "live after s": live, "drained after s": None if drained is None else ended - healed,
        "peak Mbit/s": hub.peak_bytes_per_second(healed) * 8 / 1e6,
    }  # fmt: skip


def run(hours: float | None = None) -> dict[str, Any]:
    """Return a row per line."""
    chosen = hours or float(os.environ.get("DELIVERY_HOURS", HOURS))
    outcome, rows = _simulated.measured_once(), []
    for mbps, cut in ((LINE_MBPS, chosen), (SLOW_MBPS, chosen / 6)):
        progress(f"{cut:g} h without a line of {mbps:g} Mbit/s")
        with tempfile.TemporaryDirectory(prefix="bench-") as name:
            rows.append(virtual.run(partial(_play, Path(name), outcome, mbps, cut)))
    return {"rows": rows, "claims": {claim: held for row in rows for claim, held in _claims(row)}}


def _claims(row: dict[str, Any]) -> list[tuple[str, bool]]:
    line = f"{row['hours']:g} h, {row['line Mbit/s']:g} Mbit/s"
    share = row["line Mbit/s"] / 10
    return [
        (f"{line}: nothing lost but at most {RISK_SECONDS:g} s before each kill", row["unexcused"] == 0),
        (f"{line}: states changed, and every change arrived", row["changes"] > 0 == row["changes lost"]),
        (f"{line}: nothing wrong, nothing twice", row["wrong"] == row["twice"] == 0),
        (f"{line}: live data current within {LIVE_SECONDS:g} s", (row["live after s"] or 99) <= LIVE_SECONDS),
        (f"{line}: at most a fifth of the line in any second", row["peak Mbit/s"] <= 2 * share),
        (f"{line}: everything sent", row["drained after s"] is not None),
    ]
