"""Judging an inventory whole: its own rules, and the options that probes and channels understand.

The inventory keeps options verbatim, since what they mean is known only where the kinds are.
"""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from alerts.channels import registry as channels
from exporters import registry as probes
from inventory.load import InventoryError, Loaded, Location, Problem, load
from inventory.problems import key_of

_PATH: Final = re.compile(r" - at `\$\.?(?P<path>[^`]*)`\Z")


def read(path: Path | str) -> Loaded:
    """Read, judge and validate a file. Raises InventoryError with every error."""
    loaded = load(path)
    problems = validate(loaded)
    if problems:
        raise InventoryError(problems)
    return loaded


def validate(loaded: Loaded) -> tuple[Problem, ...]:
    """Return what is wrong with the options of systems' checks and of channels, by line."""
    found = [*_checks(loaded), *_channels(loaded)]
    return tuple(sorted(found, key=lambda problem: problem.line))


def _checks(loaded: Loaded) -> Iterator[Problem]:
    for position, system in enumerate(loaded.inventory.systems):
        at: Location = ("systems", position, "check")
        if system.check.kind not in probes.kinds():
            yield _unknown_kind(loaded, (*at, "kind"), system.check.kind, sorted(probes.kinds()))
            continue
        try:
            probes.convert_options(system.check.kind, system.check.options)
        except probes.OptionsError as error:
            yield _option(loaded, (*at, "options"), error.key, error.problem)


def _channels(loaded: Loaded) -> Iterator[Problem]:
    for position, channel in enumerate(loaded.inventory.channels):
        at: Location = ("channels", position)
        if channel.kind not in channels.kinds():
            yield _unknown_kind(loaded, (*at, "kind"), channel.kind, sorted(channels.kinds()))
            continue
        try:
            channels.convert_options(channel.kind, channel.options)
        except channels.OptionsError as error:
            said = str(error)
            path = _PATH.search(said)
            key = path["path"] if path else ""
            yield _option(loaded, (*at, "options"), key, _PATH.sub("", said))


def _unknown_kind(loaded: Loaded, at: Location, found: str, known: list[str]) -> Problem:
    expected = ("one_of", (("names", ", ".join(known)),))
    return Problem(loaded.file, _line(loaded, at), key_of(at), "value", (("found", found),), expected)


def _option(loaded: Loaded, at: Location, key: str, problem: str) -> Problem:
    where = (*at, *_parts(key))
    return Problem(loaded.file, _line(loaded, where), key_of(where), "option", (("problem", problem),))


def _parts(key: str) -> Location:
    """Split a path of msgspec's, such as ``headers[0].name``."""
    parts = re.findall(r"[^.\[\]]+", key)
    return tuple(int(part) if part.isdigit() else part for part in parts)


def _line(loaded: Loaded, at: Location) -> int:
    while at and at not in loaded.locations:
        at = at[:-1]
    return loaded.locations.get(at, 0)
