"""``cellular``: what the modem of a mobile line hears, asked from ModemManager (``mmcli``).

The address is the modem: its index, its D-Bus path, or ``any``. Weak-signal places are found by RSRP; no
official threshold exists, so it is configuration at the hub. Sample exposition::

    thongsuot_cellular_registered 1
    thongsuot_cellular_info{operator="vodafone.de",technology="lte"} 1
    thongsuot_cellular_rsrp_dbm -104
    thongsuot_cellular_rsrq_db -14
    thongsuot_cellular_sinr_db 2
"""

import asyncio
import re
from time import perf_counter
from typing import Annotated, Final

from msgspec import Meta

from common.i18n import t
from exporters.base import Outcome, ProbeConfig, Sample, Target
from exporters.net.failure import Failure
from exporters.net.phases import one_line
from exporters.siteio import mmcli
from exporters.siteio.command import Answer, ask
from exporters.siteio.mmcli import Modem, Signal
from inventory.names import (
    CELLULAR_INFO,
    CELLULAR_REGISTERED,
    CELLULAR_RSRP,
    CELLULAR_RSRQ,
    CELLULAR_SINR,
    Reason,
)

KIND: Final = "cellular"
METRICS: Final = (CELLULAR_REGISTERED, CELLULAR_INFO, CELLULAR_RSRP, CELLULAR_RSRQ, CELLULAR_SINR)
JUDGES: Final = False
_MODEM: Final = re.compile(r"(any|[0-9]{1,4}|/org/freedesktop/ModemManager1/Modem/[0-9]{1,4})\Z")


class Config(ProbeConfig, frozen=True, kw_only=True):
    """``refresh_seconds``: how often the modem measures its signal, where it had not been told to."""

    refresh_seconds: Annotated[int, Meta(ge=5, le=3600)] = 30


def check_address(address: str) -> None:
    """Raise ValueError unless ``address`` names a modem as ModemManager does."""
    if not _MODEM.match(address):
        raise ValueError(t("probes.expected_modem"))


async def probe(target: Target, config: Config) -> Outcome:
    """Ask once. Never raises for what a modem does."""
    started = perf_counter()
    samples: tuple[Sample, ...] = ()
    reason, evidence = Reason.OK, ""
    try:
        async with asyncio.timeout(target.timeout_seconds):
            modem = mmcli.parse_modem((await _mmcli(target)).out)
            samples, evidence = _of_modem(modem), f"modem is {modem.state or 'in no known state'}"
            samples += _of_signal(await _signal(target, config))
    except Failure as failure:
        reason, evidence = failure.reason, failure.evidence
    except TimeoutError:
        reason, evidence = Reason.TIMEOUT, f"mmcli: no answer within {target.timeout_seconds:g} s"
    return Outcome(
        reason=reason,
        duration_seconds=perf_counter() - started,
        samples=samples,
        evidence=one_line(evidence),
    )


async def _mmcli(target: Target, *words: str) -> Answer:
    asked = ("mmcli", "--modem", target.address, *words, "--output-json")
    answer = await ask(asked, target.timeout_seconds, "modemmanager")
    if answer.status != 0:
        raise mmcli.refused(answer)
    return answer


async def _signal(target: Target, config: Config) -> Signal:
    """Return the signal; a modem that nobody told to measure it is told so, and has it the next time."""
    signal = mmcli.parse_signal((await _mmcli(target, "--signal-get")).out)
    if not signal.polled:
        await _mmcli(target, f"--signal-setup={config.refresh_seconds}")
    return signal


def _of_modem(modem: Modem) -> tuple[Sample, ...]:
    labels = (("operator", modem.operator), ("technology", modem.technology))
    registered = Sample(CELLULAR_REGISTERED, float(modem.registered))
    return (registered, Sample(CELLULAR_INFO, 1.0, labels)) if modem.registered else (registered,)


def _of_signal(signal: Signal) -> tuple[Sample, ...]:
    values = (
        (CELLULAR_RSRP, signal.rsrp_dbm),
        (CELLULAR_RSRQ, signal.rsrq_db),
        (CELLULAR_SINR, signal.sinr_db),
    )
    return tuple(Sample(metric, value) for metric, value in values if value is not None)
