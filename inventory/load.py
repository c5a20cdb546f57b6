"""``province.yml`` to :class:`Inventory`, or every error in it at once.

Loaded(inventory, locations)    what a good file says, and the line of each of its values
InventoryError(errors)          a bad file: each Problem with file, line, key and what was expected
"""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import msgspec
import yaml

from inventory.decode import decode, plain_scalar
from inventory.model import Inventory
from inventory.plain import Data
from inventory.problems import InventoryError, Location, Problem
from inventory.references import judge
from inventory.report import Reporter
from inventory.tree import MAX_BYTES, Scalar, parse

__all__ = ["InventoryError", "Loaded", "Location", "Problem", "dump", "load", "loads"]


Judge = Callable[[Data, Reporter], None]


class Loaded(msgspec.Struct, frozen=True):
    """A file that was accepted. ``locations`` gives the line of every value by its place, such as
    ``("systems", 2, "check", "options", "status")``; ``file`` the name under which errors go."""

    inventory: Inventory
    locations: Mapping[Location, int]
    file: str = ""


def load(path: Path | str, also: Judge | None = None) -> Loaded:
    """Read and judge a file. Raises InventoryError, also when the file cannot be read.

    ``also`` judges what this package cannot know, in one go with the rest: see ``deploy/validate.py``.
    """
    file = str(path)
    try:
        with open(path, "rb") as source:
            data = source.read(MAX_BYTES + 1)
    except OSError as error:
        problem = Problem(file, 0, "", "unreadable", (("problem", error.strerror or str(error)),))
        raise InventoryError((problem,)) from None
    return loads(data, file, also)


def loads(data: bytes | str, file: str = "province.yml", also: Judge | None = None) -> Loaded:
    """Judge the content of a file. Raises InventoryError."""
    node = parse(data.encode("utf-8", "surrogatepass") if isinstance(data, str) else data, file)
    report = Reporter(file)
    plain = decode(node, Inventory, report)
    if isinstance(plain, dict):
        judge(plain, report)
        if also:
            also(plain, report)
    problems = report.problems()
    if problems:
        raise InventoryError(problems)
    return Loaded(msgspec.convert(plain, Inventory), report.lines, file)


class _Dumper(yaml.CSafeDumper):
    """Quotes every text that :func:`loads` would read as something else where nothing says text."""


def _represent_text(dumper: _Dumper, text: str) -> yaml.ScalarNode:
    ambiguous = plain_scalar(Scalar(0, text, quoted=False)) != text
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style='"' if ambiguous else None)


_Dumper.add_representer(str, _represent_text)


def dump(inventory: Inventory) -> str:
    """Return the inventory as YAML that :func:`loads` reads back as the same inventory."""
    data = _shortened(msgspec.to_builtins(inventory))
    return str(
        yaml.dump(
            data, Dumper=_Dumper, allow_unicode=True, sort_keys=False, default_flow_style=None, width=110
        )
    )


def _shortened(value: Any) -> Any:
    """Write a name that is the same in both languages once."""
    if isinstance(value, dict):
        if set(value) == {"vi", "en"} and value["vi"] == value["en"]:
            return value["vi"]
        return {key: _shortened(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_shortened(item) for item in value]
    return value
