"""All boards as files, and their queries as a list."""

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

import msgspec
from grafana_foundation_sdk.cog.encoder import JSONEncoder

from common.i18n import LANGUAGES
from dashboards.grafana import lines, outages, overview

_VARIABLE: Final = re.compile(r"\$(?:\{(\w+)[^}]*\}|(\w+))")
_QUERY_RESULT: Final = re.compile(r"query_result\((.*)\)", re.DOTALL)


class Query(msgspec.Struct, frozen=True, kw_only=True):
    """One PromQL expression of a board, where it stands, and whether it is asked over a range."""

    board: str
    panel: str
    ref: str
    expression: str


def export() -> dict[str, bytes]:
    """Return every board: file name -> JSON, stable from run to run."""
    return {
        f"{module.UID}-{language}.json": encode(module.board(language))
        for module in (lines, outages, overview)
        for language in sorted(LANGUAGES)
    }


def encode(board: object) -> bytes:
    """Return a board of the builders as indented JSON with sorted keys."""
    text = json.dumps(board, cls=JSONEncoder, sort_keys=True, indent=2, ensure_ascii=False)
    return text.encode() + b"\n"


def queries(board: Mapping[str, Any]) -> Iterator[Query]:
    """Yield every query of a decoded board: its panels', those in rows, and its variables'."""
    name = str(board["uid"])
    for panel in _panels(board):
        for target in panel.get("targets") or ():
            yield Query(board=name, panel=panel["title"], ref=target["refId"], expression=target["expr"])
    for variable in board.get("templating", {}).get("list", ()):
        if variable["type"] == "query":
            match = _QUERY_RESULT.fullmatch(variable["query"]["query"])
            if match:
                yield Query(board=name, panel=variable["name"], ref="variable", expression=match[1])


def _panels(holder: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    for panel in holder.get("panels") or ():
        yield panel
        yield from _panels(panel)


def fill_in(expression: str, variables: Mapping[str, str]) -> str:
    """Put values in for ``$name`` and ``${name}``. Raises KeyError for a name that is not given.

    >>> fill_in('up{commune=~"$commune"}[$__range]', {"commune": ".*", "__range": "1h"})
    'up{commune=~".*"}[1h]'
    """

    def value(match: re.Match[str]) -> str:
        name = match[1] or match[2]
        return match[0] if name.isdigit() else variables[name]  # $1 belongs to label_replace

    return _VARIABLE.sub(value, expression)
