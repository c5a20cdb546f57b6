"""Somewhere to measure."""

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from typing import Any

import msgspec

from inventory.names import Reason


class Address(msgspec.Struct, frozen=True):
    """Where to measure, with which options; ``reason`` is what comes of it."""

    address: str
    reason: Reason
    source: str | None = None
    options: dict[str, Any] = {}


Place = Callable[[], AbstractAsyncContextManager[Address]]
