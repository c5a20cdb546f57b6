"""Judging an inventory whole: its own rules, and what only the kinds of probe and channel understand.

The inventory keeps addresses and options of checks and channels verbatim, since what they mean is known
only where the kinds are.
"""

import re
from collections.abc import Collection
from pathlib import Path
from typing import Any, Final

import msgspec

from alerts.channels import registry as channels
from exporters import registry as probes
from inventory.load import Loaded, Problem, load
from inventory.plain import Data, records
from inventory.problems import Location
from inventory.report import Reporter

_PATH: Final = re.compile(r" - at `\$\.?(?P<path>[^`]*)`\Z")


def read(path: Path | str) -> Loaded:
    """Read a file and judge it whole. Raises InventoryError with every error."""
    return load(path, also=judge_options)


def validate(loaded: Loaded) -> tuple[Problem, ...]:
    """Return what is wrong with the checks of systems and the channels of a loaded inventory, by line."""
    report = Reporter(loaded.file, dict(loaded.locations))
    judge_options(msgspec.to_builtins(loaded.inventory), report)
    return report.problems()


def judge_options(data: Data, report: Reporter) -> None:
    """Report what the kinds refuse in plain data (:mod:`inventory.plain`)."""
    for at, system in records(data, "systems"):
        check = system.get("check", {})
        if _known(report, (*at, "check"), check.get("kind"), probes.kinds()):
            _check(report, (*at, "check"), check)
    for at, channel in records(data, "channels"):
        if _known(report, at, channel.get("kind"), channels.kinds()):
            _channel(report, at, channel)


def _known(report: Reporter, at: Location, kind: Any, known: Collection[str]) -> bool:
    if isinstance(kind, str) and kind not in known:
        names = (("names", ", ".join(sorted(known))),)
        nearest = report.nearest(kind, known)
        report.add((*at, "kind"), "value", ("one_of", names), nearest, found=kind)
    return kind in known


def _check(report: Reporter, at: Location, check: Data) -> None:
    kind = check["kind"]
    try:
        if "address" in check:
            probes.check_address(kind, check["address"])
    except probes.OptionsError as error:
        report.add((*at, "address"), "option", problem=error.problem)
    try:
        probes.convert_options(kind, check.get("options", {}))
    except probes.OptionsError as error:
        report.add((*at, "options", *_parts(error.key)), "option", problem=error.problem)


def _channel(report: Reporter, at: Location, channel: Data) -> None:
    try:
        channels.convert_options(channel["kind"], channel.get("options", {}))
    except channels.OptionsError as error:
        said = str(error)
        path = _PATH.search(said)
        key = path["path"] if path else ""
        report.add((*at, "options", *_parts(key)), "option", problem=_PATH.sub("", said))


def _parts(key: str) -> Location:
    """Split a path of msgspec's, such as ``headers[0].name``."""
    parts = re.findall(r"[^.\[\]]+", key)
    return tuple(int(part) if part.isdigit() else part for part in parts)
