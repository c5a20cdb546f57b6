"""Plain data: dicts, lists, texts, numbers, booleans and None. Pure.

What :mod:`common.yaml.decode` makes of a file, for judges to walk: what was refused is missing in it.
"""

from collections.abc import Callable, Iterable, Iterator
from typing import Any

from common.yaml.problems import Location
from common.yaml.report import Reporter
from common.yaml.tree import Entry, Mapping, Node, Scalar, Sequence

Data = dict[str, Any]
Record = tuple[Location, Data]


def records(data: Data, section: str, at: Location = ()) -> Iterator[Record]:
    """Yield the records of a list with their locations, leaving out what was refused."""
    for position, item in enumerate(data.get(section, ())):
        if isinstance(item, dict):
            yield (*at, section, position), item


def unique(
    report: Reporter, values: Iterable[tuple[Location, Any]], sentence: str = "yaml.duplicate_id"
) -> None:
    """Report each text that stood before, with the line where."""
    seen: dict[str, Location] = {}
    for at, value in values:
        if not isinstance(value, str):
            continue
        if value in seen:
            report.add(at, sentence, found=value, first=str(report.line_of(seen[value])))
        else:
            seen[value] = at


def node_of(value: Any, line_of: Callable[[Location], int], at: Location = ()) -> Node:
    """Return plain data as a tree again; ``line_of`` knows the lines."""
    line = line_of(at)
    if isinstance(value, dict):
        places = {key: (*at, key) for key in value}
        nodes = ((key, node_of(value[key], line_of, place)) for key, place in places.items())
        return Mapping(line, [Entry(line_of(places[key]), key, node) for key, node in nodes])
    if isinstance(value, list | tuple):
        return Sequence(line, [node_of(item, line_of, (*at, i)) for i, item in enumerate(value)])
    if value is None:
        return Scalar(line, "", quoted=False)
    if isinstance(value, str):
        return Scalar(line, value, quoted=True)
    return Scalar(line, str(value).lower(), quoted=False, rewritten=True)  # True is written true
