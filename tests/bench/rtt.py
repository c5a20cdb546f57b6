"""Round-trip time of our ``icmp`` probe against iputils ``ping``, over the same path, in turn.

Loopback always; further addresses (a path of the lab, say) by $THONGSUOT_BENCH_PING, space separated,
measured from this process's own network namespace.
"""

import asyncio
import os
import re
import statistics
import subprocess
from typing import Any

from deploy.debian import find
from exporters.base import Target
from exporters.probes import icmp

ROUNDS = 10
PINGS = 40
INTERVAL_SECONDS = 0.01
LIMIT_US = 50.0


def theirs(address: str) -> list[float]:
    """Return round-trip times in microseconds as ping prints them."""
    command = [str(find("ping")), "-n", "-c", str(PINGS), "-i", str(INTERVAL_SECONDS), address]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True)
    return [float(value) * 1000 for value in re.findall(r"time=([\d.]+) ms", done.stdout)]


async def ours(address: str) -> list[float]:
    """Return round-trip times in microseconds as our probe reports them."""
    target, config = Target(name="bench", address=address, timeout_seconds=2), icmp.Config(packets=1)
    times = []
    for _ in range(PINGS):
        outcome = await icmp.probe(target, config)
        times += [s.value * 1e6 for s in outcome.samples if s.labels == (("phase", "rtt"),)]
        await asyncio.sleep(INTERVAL_SECONDS)
    return times


def run() -> dict[str, Any]:
    """Compare medians over all rounds, in microseconds."""
    rows, claims = [], {}
    for address in ["127.0.0.1", "::1", *os.environ.get("THONGSUOT_BENCH_PING", "").split()]:
        mine: list[float] = []
        other: list[float] = []
        for _ in range(ROUNDS):
            mine += asyncio.run(ours(address))
            other += theirs(address)
        our, their = statistics.median(mine), statistics.median(other)
        rows.append(
            {
                "address": address,
                "pings": len(mine),
                "ours_us": round(our, 1),
                "iputils_us": round(their, 1),
                "difference_us": round(our - their, 1),
                "ours_p95_us": round(statistics.quantiles(mine, n=20)[-1], 1),
                "iputils_p95_us": round(statistics.quantiles(other, n=20)[-1], 1),
            }
        )
        within = len(mine) == len(other) == ROUNDS * PINGS and abs(our - their) <= LIMIT_US
        claims[f"median RTT to {address} within {LIMIT_US:g} us of iputils ping's"] = within
    return {"rows": rows, "claims": claims}


def main() -> None:
    """Print what :func:`run` finds."""
    print(run())


if __name__ == "__main__":
    main()
