"""Plain data that the types accepted, to a struct: its own ``__post_init__`` may still refuse. Pure."""

import re
from typing import Any, Final, TypeVar

import msgspec

from common.yaml.problems import Location
from common.yaml.report import Reporter

T = TypeVar("T")
_AT: Final = re.compile(r" - at `\$(?P<path>[^`]*)`\Z")
_PART: Final = re.compile(r"\.([^.\[\]]+)|\[(\d+)\]")
_OWN: Final = re.compile(r"(?P<key>[a-z_]+): (?P<problem>.*)\Z", re.DOTALL)


def convert(plain: Any, model: type[T], report: Reporter, at: Location = ()) -> T | None:
    """Return ``plain`` as ``model``; None after reporting why not.

    A ``ValueError`` of a struct's own reads ``key: problem``, in the user's language.
    """
    try:
        return msgspec.convert(plain, model)
    except msgspec.ValidationError as error:
        place, problem = _place(str(error))
        report.add((*at, *place), "yaml.said", problem=problem)
        return None


def _place(message: str) -> tuple[Location, str]:
    """Take a message of msgspec's apart: where, and what.

    >>> _place("size: too small - at `$.parts[2]`")
    (('parts', 2, 'size'), 'too small')
    """
    found = _AT.search(message)
    parts = _PART.findall(found["path"]) if found else []
    place = tuple(name or int(number) for name, number in parts)
    text = message[: found.start()] if found else message
    own = _OWN.match(text)
    return ((*place, own["key"]), own["problem"]) if own else (place, text)
