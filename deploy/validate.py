"""Judging an inventory whole: its own rules, and what only the kinds of probe and channel understand.

The inventory keeps addresses and options of checks and channels verbatim, since what they mean is known
only where the kinds are.
"""

from pathlib import Path

from alerts.channels import registry as channels
from common.yaml.plain import Data, records
from common.yaml.report import Reporter
from exporters import registry as probes
from inventory.load import Loaded, load


def read(path: Path | str) -> Loaded:
    """Read a file and judge it whole. Raises Refused with every error."""
    return load(path, judge_options)


def judge_options(data: Data, report: Reporter) -> None:
    """Report what the kinds refuse in the plain data of an inventory."""
    for at, system in records(data, "systems"):
        check = system.get("check", {})
        probes.judge(check, "kind", report, (*at, "check"), judging=True)
    for at, channel in records(data, "channels"):
        channels.judge(channel, report, at)
