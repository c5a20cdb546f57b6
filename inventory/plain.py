"""Walking the plain data of an inventory, in which refused values are missing. Pure."""

from collections.abc import Iterator

from common.yaml.plain import Data, records
from common.yaml.problems import Location


def lines(data: Data) -> Iterator[tuple[Location, Data, Data]]:
    """Yield (location, commune, line) of every line."""
    for place, commune in records(data, "communes"):
        for at, line in records(commune, "lines", place):
            yield at, commune, line
