"""The contract of a probe, on one screen.

A kind of measurement is one module in ``exporters/probes``: ``KIND``, a frozen ``Config`` with units
in its names, ``METRICS``, ``check_address(address)``, pure parsing functions, and
``async def probe(target, config) -> Outcome``. Two constants are optional: ``JUDGES = False`` for what
says nothing about up or down (no confirmed state, no faster probes in doubt), ``EXCLUSIVE = True`` for
what an agent must never run twice at once; a third, ``PROMPT``, names counters that are pushed as soon as
the results, since the locator counts them. A module in ``exporters/collectors`` keeps the same contract
and never judges: it reads what a machine tells (power, host, interface counters).
The harness (``agent``) owns schedule, deadline, labels and the common metrics; a probe only measures.
A failed measurement is a value with a closed reason; an exception is our own bug and is counted apart.

Deadlines: a probe keeps ``target.timeout_seconds`` itself, because only it knows whether the time ran
out before a connection (``timeout``) or after it (``stalled``). The harness cancels a probe that has
not returned some grace later (:data:`GRACE_SECONDS`); that is a bug of the probe.
"""

from collections.abc import Awaitable, Callable
from typing import Any, Final

import msgspec

from inventory.names import Metric, Reason

GRACE_SECONDS: Final = 0.5
"""How long after ``timeout_seconds`` the harness waits before it cancels a probe."""


class Target(msgspec.Struct, frozen=True, kw_only=True, weakref=True):
    """What one probe measures. ``address`` is a URL, ``host:port`` or host, as the kind wants it;
    ``source`` an own address or interface to leave by; ``timeout_seconds`` covers the whole probe."""

    name: str
    address: str
    timeout_seconds: float
    source: str | None = None


class Sample(msgspec.Struct, frozen=True, gc=False):
    """One value besides the common ones; ``labels`` only those that the metric adds to a target's.

    Of a gauge it is the value; of a counter the increment since the last outcome, 0 included, so that
    the series exists from the start; of a histogram one observation, and there may be several.
    """

    metric: Metric
    value: float
    labels: tuple[tuple[str, str], ...] = ()


class PeerClock(msgspec.Struct, frozen=True, gc=False):
    """Between what the peer's clock, in Unix seconds, is ahead of this machine's CLOCK_MONOTONIC."""

    low_seconds: float
    high_seconds: float


class Outcome(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """The result of one probe. ``evidence`` is one line for people, in English, without secrets;
    ``urgent`` has the target's series pushed at once; ``partial``: some of what was sent was lost, though
    the result may be ``ok``; ``peer_clock`` is what was learnt of a peer that vouches for its clock."""

    reason: Reason
    duration_seconds: float
    samples: tuple[Sample, ...] = ()
    evidence: str = ""
    urgent: bool = False
    partial: bool = False
    peer_clock: PeerClock | None = None

    @property
    def ok(self) -> bool:
        """Whether the measurement succeeded."""
        return self.reason is Reason.OK


class ProbeConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Base of every kind's ``Config``: an unknown key is refused."""


Probe = Callable[[Target, Any], Awaitable[Outcome]]
AddressCheck = Callable[[str], None]
"""Raises ValueError, saying in the user's language what was expected, for an address that the kind cannot
use."""


class Kind(msgspec.Struct, frozen=True, kw_only=True):
    """A discovered kind of probe."""

    kind: str
    config: type[ProbeConfig]
    metrics: tuple[Metric, ...]
    probe: Probe
    check_address: AddressCheck
    judges: bool = True
    exclusive: bool = False
    prompt: tuple[Metric, ...] = ()
