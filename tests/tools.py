"""Debian's programs for tests."""

import shutil
from pathlib import Path


def find(program: str) -> Path:
    """Return where ``program`` is. Raises FileNotFoundError."""
    found = shutil.which(program)
    if found is None:
        raise FileNotFoundError(program)
    return Path(found)
