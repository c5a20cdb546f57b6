"""Whether a person asked for this measurement now: kinds that wait for their hour then do not wait."""

from contextvars import ContextVar
from typing import Final

FORCED: Final[ContextVar[bool]] = ContextVar("forced", default=False)
"""Set around a probe on demand (``/probe?target=...&force=1``). Budgets and leases hold all the same."""
