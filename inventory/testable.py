"""Which lines throughput tests can judge, given what the hub lets a test take of its own line. Pure."""

from typing import Final

from inventory.model import Inventory

PACED_RATIO: Final = 0.95
"""Of the hub's limit on a test: one that reaches so much may have been held back by the hub."""


def most_mbps(inventory: Inventory) -> float | None:
    """Return the contracted rate above which a test says nothing about the contract; None: there is none."""
    reflector = inventory.hub.reflector
    if reflector is None or reflector.throughput_mbps_max is None:
        return None
    return reflector.throughput_mbps_max * PACED_RATIO / inventory.quality.contracted_ratio_min


def is_testable(inventory: Inventory, mbps: float) -> bool:
    """Whether a test can tell that a line with this contracted rate does not reach it."""
    most = most_mbps(inventory)
    return most is None or mbps <= most
