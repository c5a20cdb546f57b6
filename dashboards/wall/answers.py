"""The few cheap queries behind the wall, and their results as plain lookups. Pure.

Every two seconds for all viewers together: four instant queries, the list of open alerts and what the
locator says of its outages; how well lines carry is asked more seldom (``measured.py``).
"""

from collections.abc import Iterable, Mapping
from typing import Final, NamedTuple

import msgspec

from alerts.amapi import Alert
from alerts.locatorapi import Outage
from alerts.promapi import Sample
from alerts.revision import Shown
from inventory.names import HEARTBEAT, JOB_AGENT, TARGET_STATE_CHANGED, TARGET_UP, Label, Recorded

from .measured import Measured

_AGENTS: Final = f'{Label.JOB}="{JOB_AGENT}"'
_IDENTITY: Final = f"{Label.SITE}, {Label.COMMUNE}, {Label.LINE}, {Label.TARGET}"

HEARTBEATS: Final = f"max by ({Label.SITE}) ({HEARTBEAT.name}{{{_AGENTS}}})"
LAST_HEARD: Final = f"max by ({Label.COMMUNE}) ({Recorded.LAST_HEARD_KEPT})"
"""Recorded, so that a commune silent for longer than Prometheus looks back is not taken for new."""
UP: Final = f"min by ({_IDENTITY}) ({TARGET_UP.name}{{{_AGENTS}}})"
CHANGED: Final = (
    f"max by ({_IDENTITY}) ({TARGET_STATE_CHANGED.name}{{{_AGENTS}}} and {TARGET_UP.name}{{{_AGENTS}}} == 0)"
)


class Key(NamedTuple):
    """One measurement: who measured, whom it is about, over which line, what. Absent parts are ""."""

    site: str
    commune: str
    line: str
    target: str


class Answers(msgspec.Struct, frozen=True, kw_only=True):
    """Results of one poll at ``at`` (Unix seconds). An error keeps the previous results beside it.

    ``past`` is what the ledger had at ``past_at``, and may be some seconds old. ``locator_at`` is when the
    locator last said that it is at work; 0 never, None where none is asked.
    """

    at: float
    heartbeats: Mapping[str, float] = {}
    last_heard: Mapping[str, float] = {}
    up: Mapping[Key, bool] = {}
    changed: Mapping[Key, float] = {}
    alerts: tuple[Alert, ...] = ()
    blamed: tuple[Outage, ...] = ()
    locator_at: float | None = None
    past: tuple[Shown, ...] = ()
    past_at: float = 0.0
    measured: Measured = Measured()
    prometheus_error: str | None = None
    alertmanager_error: str | None = None
    locator_error: str | None = None


def by_label(samples: Iterable[Sample], label: str) -> dict[str, float]:
    """Return values by one label; samples without it, or without a finite value, are left out."""
    return {
        sample.label(label): sample.value
        for sample in samples
        if sample.label(label) and abs(sample.value) < float("inf")
    }


def key_of(sample: Sample) -> Key:
    """Return which measurement a sample belongs to."""
    return Key(*(sample.label(label) for label in (Label.SITE, Label.COMMUNE, Label.LINE, Label.TARGET)))


def by_key(samples: Iterable[Sample]) -> dict[Key, float]:
    """Return values by measurement; values that are not finite are left out."""
    return {key_of(sample): sample.value for sample in samples if abs(sample.value) < float("inf")}
