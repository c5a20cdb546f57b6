"""The battery of the agent's own machine, as the kernel tells it in /sys/class/power_supply."""

import psutil

from exporters.net.failure import Failure
from exporters.siteio.upsc import Supply
from inventory.names import Reason


def read() -> Supply:
    """Return how this machine is supplied. Blocks. Raises Failure(local) where there is no battery."""
    found = psutil.sensors_battery()
    if found is None:
        raise Failure(Reason.LOCAL, "this machine has no battery that the kernel knows of")
    if found.power_plugged is None:
        raise Failure(Reason.LOCAL, "the kernel does not tell whether this machine is on mains")
    left = float(found.secsleft)
    return Supply(
        on_mains=found.power_plugged,
        charge_ratio=min(1.0, max(0.0, found.percent / 100)),
        runtime_seconds=left if left >= 0 else None,  # psutil: below 0 unlimited or unknown
    )
