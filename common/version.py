"""Which version of this program is installed."""

import sys
from functools import cache
from pathlib import Path
from typing import Final

_NAME: Final = "thongsuot"


@cache
def version() -> str:
    """Return the version, such as ``1.4.0``. Raises importlib.metadata.PackageNotFoundError.

    The name of the directory with the package's metadata has it; reading that with
    :mod:`importlib.metadata` costs 1.4 MB of memory, for what it imports.
    """
    for place in sys.path:
        for found in Path(place or ".").glob(f"{_NAME}-*.dist-info"):
            return found.name.removeprefix(f"{_NAME}-").removesuffix(".dist-info")
    from importlib import metadata  # noqa: PLC0415 - see above

    return metadata.version(_NAME)
