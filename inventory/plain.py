"""Walking the plain data of :mod:`inventory.decode`, in which refused values are missing. Pure."""

from collections.abc import Iterable, Iterator
from typing import Any

from inventory.problems import Location
from inventory.report import Reporter

Data = dict[str, Any]
Record = tuple[Location, Data]


def records(data: Data, section: str, at: Location = ()) -> Iterator[Record]:
    """Yield the records of a list with their locations, leaving out what was refused."""
    for position, item in enumerate(data.get(section, ())):
        if isinstance(item, dict):
            yield (*at, section, position), item


def lines(data: Data) -> Iterator[tuple[Location, Data, Data]]:
    """Yield (location, commune, line) of every line."""
    for place, commune in records(data, "communes"):
        for at, line in records(commune, "lines", place):
            yield at, commune, line


def unique(report: Reporter, values: Iterable[tuple[Location, Any]], code: str = "duplicate_id") -> None:
    """Report each value that stood before, with the line where."""
    seen: dict[str, Location] = {}
    for at, value in values:
        if not isinstance(value, str):
            continue
        if value in seen:
            report.add(at, code, found=value, first=str(report.line_of(seen[value])))
        else:
            seen[value] = at
