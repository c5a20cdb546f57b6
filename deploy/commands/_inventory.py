"""Read an inventory for a command, and say everything that is wrong with it."""

import sys
from pathlib import Path

from inventory.model import Inventory
from inventory.problems import InventoryError


def read(path: Path) -> Inventory | None:
    """Return the inventory, or None after writing each problem to stderr, one a line."""
    from deploy import validate

    try:
        return validate.read(path).inventory
    except InventoryError as error:
        sys.stderr.write(f"{error}\n")
        return None
