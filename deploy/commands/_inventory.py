"""Read an inventory for a command, and say everything that is wrong with it."""

import sys
from pathlib import Path

from common.yaml.problems import Refused
from inventory.model import Inventory


def read(path: Path) -> Inventory | None:
    """Return the inventory, or None after writing each problem to stderr, one a line."""
    from deploy import validate

    try:
        return validate.read(path).inventory
    except Refused as error:
        sys.stderr.write(f"{error}\n")
        return None
