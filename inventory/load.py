"""``province.yml`` to :class:`Inventory`, or every error in it at once.

Loaded(inventory, locations)    what a good file says, and the line of each of its values
Refused(problems)               a bad file: each Problem with file, line, key and what was expected
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import msgspec

from common.yaml import load as yaml_file
from common.yaml import write
from common.yaml.decode import Short
from common.yaml.load import Document, Judge
from common.yaml.problems import Location
from inventory.model import Inventory, Text
from inventory.references import judge

_SHORT: Final[Short] = {Text: "inventory.expected_bilingual"}


class Loaded(msgspec.Struct, frozen=True):
    """A file that was accepted. ``locations`` gives the line of every value by its place, such as
    ``("systems", 2, "check", "options", "status")``; ``file`` the name under which errors go."""

    inventory: Inventory
    locations: Mapping[Location, int]
    file: str = ""


def load(path: Path | str, *also: Judge) -> Loaded:
    """Read and judge a file. Raises Refused, also when the file cannot be read.

    ``also`` judge what this package cannot know, in one go with the rest: see ``deploy/validate.py``.
    """
    return _loaded(yaml_file.load(path, Inventory, judge, *also, short=_SHORT))


def loads(data: bytes | str, file: str = "province.yml", *also: Judge) -> Loaded:
    """Judge the content of a file. Raises Refused."""
    content = data.encode("utf-8", "surrogatepass") if isinstance(data, str) else data
    return _loaded(yaml_file.loads(content, file, Inventory, judge, *also, short=_SHORT))


def _loaded(document: Document[Inventory]) -> Loaded:
    return Loaded(document.value, document.locations, document.file)


def dump(inventory: Inventory) -> str:
    """Return the inventory as YAML that :func:`loads` reads back as the same inventory."""
    return write.dump(_shortened(msgspec.to_builtins(inventory)), compact=True).decode()


def _shortened(value: Any) -> Any:
    """Write a name that is the same in both languages once."""
    if isinstance(value, dict):
        if set(value) == {"vi", "en"} and value["vi"] == value["en"]:
            return value["vi"]
        return {key: _shortened(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_shortened(item) for item in value]
    return value
