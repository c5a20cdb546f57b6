"""A YAML file to a struct of msgspec's, or every error in it at once.

Document(value, locations, file)    what a good file says, and the line of each of its values
Refused(problems)                   a bad file: each with file, line, key and what was expected

From bytes to a struct: :mod:`tree` (events to nodes with lines, bounded), :mod:`decode` (nodes to plain
data, directed by the model's types), judges (what types cannot say), ``msgspec.convert``.
"""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Generic, TypeVar

import msgspec

from common.yaml.convert import convert
from common.yaml.decode import NONE_SHORT, Decoder, Short
from common.yaml.plain import Data
from common.yaml.problems import Location, Problem, Refused
from common.yaml.report import Reporter
from common.yaml.tree import MAX_BYTES, parse

T = TypeVar("T")
Judge = Callable[[Data, Reporter], None]


class Document(msgspec.Struct, Generic[T], frozen=True):
    """A file that was accepted. ``locations`` gives the line of every value by its place, such as
    ``("systems", 2, "check", "options", "status")``; ``file`` the name under which errors go."""

    value: T
    locations: Mapping[Location, int]
    file: str


def load(path: Path | str, model: type[T], *judges: Judge, short: Short = NONE_SHORT) -> Document[T]:
    """Read and judge a file. Raises Refused, also when the file cannot be read."""
    file = str(path)
    try:
        with open(path, "rb") as source:
            data = source.read(MAX_BYTES + 1)
    except OSError as error:
        problem = Problem(file, 0, "", "yaml.unreadable", (("problem", error.strerror or str(error)),))
        raise Refused((problem,)) from None
    return loads(data, file, model, *judges, short=short)


def loads(data: bytes, file: str, model: type[T], *judges: Judge, short: Short = NONE_SHORT) -> Document[T]:
    """Judge the content of a file. Raises Refused.

    ``judges`` say, of the plain data, what the types of ``model`` cannot; ``short`` is the Decoder's.
    """
    node = parse(data, file)
    report = Reporter(file)
    plain = Decoder(report, short).read(node, model)
    if isinstance(plain, dict):
        for judge in judges:
            judge(plain, report)
    report.refuse()
    value = convert(plain, model, report)
    if value is None:
        raise Refused(report.problems())
    return Document(value, report.lines, file)
