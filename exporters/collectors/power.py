"""``power``: whether a site is on mains, how full its battery is, and for how long that will last.

``source: battery`` reads the machine's own battery, ``source: nut`` asks ``upsc`` for the UPS that is the
address (``ups@localhost``). When mains fail, and when they come back, everything is pushed at once: the
last words of a site that is about to go dark decide later between "no power" and "no line". Sample
exposition::

    thongsuot_power_on_mains 0
    thongsuot_power_charge_ratio 0.95
    thongsuot_power_runtime_seconds 1620
"""

from time import perf_counter
from typing import Final, Literal

from common.i18n import t
from exporters.base import Outcome, ProbeConfig, Sample, Target
from exporters.kept import Kept
from exporters.net.failure import Failure
from exporters.net.phases import one_line
from exporters.siteio import battery, upsc
from exporters.siteio.blocking import Aside
from exporters.siteio.command import ask
from exporters.siteio.upsc import Supply
from inventory.names import POWER_CHARGE, POWER_ON_MAINS, POWER_RUNTIME, Reason

KIND: Final = "power"
METRICS: Final = (POWER_ON_MAINS, POWER_CHARGE, POWER_RUNTIME)
JUDGES: Final = False


class Config(ProbeConfig, frozen=True, kw_only=True):
    """``source``: the machine's own battery, or a UPS behind Network UPS Tools."""

    source: Literal["battery", "nut"] = "battery"


class _Known:
    """What was known last: on mains or not."""

    def __init__(self) -> None:
        self.on_mains: bool | None = None
        self.aside = Aside()


_kept = Kept(_Known)


def check_address(address: str) -> None:
    """Raise ValueError for what cannot be the name of a UPS: it must not look like an option."""
    if not address or address.startswith("-") or not address.isprintable() or " " in address:
        raise ValueError(t("probes.expected_ups"))


async def probe(target: Target, config: Config) -> Outcome:
    """Ask once. Never raises for what a battery or a UPS does."""
    started, known = perf_counter(), _kept.of(target)
    try:
        supply = await _supply(target, config, known)
    except Failure as failure:
        seconds = perf_counter() - started
        evidence = one_line(failure.evidence)
        return Outcome(reason=failure.reason, duration_seconds=seconds, evidence=evidence)
    turned = known.on_mains is not None and known.on_mains is not supply.on_mains
    known.on_mains = supply.on_mains
    return Outcome(
        reason=Reason.OK,
        duration_seconds=perf_counter() - started,
        samples=_samples(supply),
        evidence="on mains" if supply.on_mains else "on battery",
        urgent=turned,
    )


async def _supply(target: Target, config: Config, known: _Known) -> Supply:
    if config.source == "battery":
        return await known.aside.read(battery.read, target.timeout_seconds, "battery")
    answer = await ask(("upsc", target.address), target.timeout_seconds, "nut-client")
    if answer.status != 0:
        raise upsc.refused(answer)
    return upsc.parse(answer.out)


def _samples(supply: Supply) -> tuple[Sample, ...]:
    values = (
        (POWER_ON_MAINS, float(supply.on_mains)),
        (POWER_CHARGE, supply.charge_ratio),
        (POWER_RUNTIME, supply.runtime_seconds),
    )
    return tuple(Sample(metric, value) for metric, value in values if value is not None)
