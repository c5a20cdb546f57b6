"""``thongsuot show FILE``: an inventory as people ask for it: overview, path, component, commune."""

import argparse
import json
import sys
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from common.i18n import current, t
from common.nearest import nearest

NAME = "show"
AREA = "show"

Data = dict[str, Any]


def add(parser: argparse.ArgumentParser) -> None:
    """Add the options."""
    parser.add_argument("file", metavar="FILE", type=Path, help=t("show.file_help"))
    parser.add_argument("--json", action="store_true", help=t("show.json_help"))
    what = parser.add_mutually_exclusive_group()
    what.add_argument("--path", nargs=2, metavar=("SITE", "TARGET"), help=t("show.path_help"))
    what.add_argument("--component", metavar="ID", help=t("show.component_help"))
    what.add_argument("--commune", metavar="CODE", help=t("show.commune_help"))


def run(arguments: argparse.Namespace) -> int:
    """Print what was asked for; status 2 for a wrong file or something that is not in it."""
    from deploy.commands._inventory import read
    from deploy.describe import Unknown

    inventory = read(arguments.file)
    if inventory is None:
        return 2
    try:
        found, text = _ask(arguments, inventory)
    except Unknown as error:
        close = nearest(error.wanted, error.valid, count=3, likeness=0.4) or error.valid[:8]
        said = t(f"show.unknown_{error.kind}", wanted=error.wanted, nearest=", ".join(close))
        print(said, file=sys.stderr)
        return 2
    print(json.dumps(found, ensure_ascii=False) if arguments.json else "\n".join(text(found)))
    return 0


def _ask(arguments: argparse.Namespace, inventory: Any) -> tuple[Data, Callable[[Data], Iterable[str]]]:
    """Return the answer and what makes text of it."""
    from deploy import describe

    if arguments.path:
        return describe.path(inventory, *arguments.path), _path
    if arguments.component:
        return describe.component(inventory, arguments.component), _component
    if arguments.commune:
        return describe.commune(inventory, arguments.commune), _commune
    return describe.overview(inventory), _overview


def _overview(found: Data) -> Iterable[str]:
    yield t("show.province", **found["province"])
    yield t("show.counts", **found["counts"])
    yield ""
    yield t("show.carriers")
    yield from _table(
        (_said(c["name"]), c["component"], t("show.count_lines", count=c["lines"])) for c in found["carriers"]
    )
    yield t("show.segments")
    yield from _table((_said(s["name"]), s["component"], _users(s)) for s in found["segments"])
    yield t("show.systems")
    yield from _table((_said(s["name"]), s["component"], s["probe"], s["address"]) for s in found["systems"])


def _users(segment: Data) -> str:
    """Who runs through a segment: lines, communes (power areas), systems; nothing said of none."""
    kinds = ("lines", "communes", "systems")
    return ", ".join(t(f"show.count_{kind}", count=segment[kind]) for kind in kinds if segment[kind])


def _path(found: Data) -> Iterable[str]:
    yield t("show.path", **{key: found[key] for key in ("site", "target", "probe", "address")})
    yield t("show.rhythm", interval=f"{found['interval_seconds']:g}", timeout=f"{found['timeout_seconds']:g}")
    for number, leg in enumerate(found["legs"], 1):
        if len(found["legs"]) > 1:
            yield t("show.leg", number=number, count=len(found["legs"]))
        yield from _table(
            (f"{step}.", _said(item["name"]), item["component"], _call(item["contact"]))
            for step, item in enumerate(leg, 1)
        )


def _component(found: Data) -> Iterable[str]:
    yield f"{_said(found['name'])}  {found['component']}"
    yield _call(found["contact"])
    yield t("show.through", communes=len(found["communes"]), systems=len(found["systems"]))
    yield from _table((c["code"], c["name"]) for c in found["communes"])
    yield from _table((system,) for system in found["systems"])


def _commune(found: Data) -> Iterable[str]:
    yield f"{found['name']}  {found['code']}"
    yield _call(found["contact"])
    yield t("show.commune_lines")
    yield from _table(
        (
            x["component"],
            x["carrier"],
            x["technology"],
            f"{x['down_mbps']:g}/{x['up_mbps']:g} Mbit/s",
            t("show.shared") if x["shared"] else "",
            " > ".join(x["segments"]),
        )
        for x in found["lines"]
    )
    yield from (_counted(line) for line in found["lines"] if line["counted"])
    yield t("show.probes")
    yield from _table(_probe(p) for p in found["probes"] if p["judges"])
    yield t("show.measurements")
    yield from _table(_probe(p) for p in found["probes"] if not p["judges"])


def _counted(line: Data) -> str:
    counted = line["counted"]
    key = "show.counted_by_router" if counted["snmp"] else "show.counted_here"
    return "  " + t(key, line=line["component"], interface=counted["interface"], router=counted["snmp"])


def _probe(probe: Data) -> tuple[str, ...]:
    often = f"{probe['interval_seconds']:g} s"
    waits = t("show.on_failure", probe=probe["on_failure_of"]) if probe["on_failure_of"] else ""
    return probe["name"], probe["probe"], probe["address"], often, waits


def _said(name: dict[str, str]) -> str:
    return name[current()]


def _call(contact: Data | None) -> str:
    if contact is None:
        return t("show.nobody")
    return t("show.call", name=_said(contact["name"]), phone=contact["phone"] or "")


def _table(rows: Iterable[tuple[str, ...]]) -> Iterable[str]:
    """Lay rows out in columns, two spaces in."""
    kept = list(rows)
    widths = [max(map(len, column)) for column in zip(*kept, strict=True)]
    for row in kept:
        yield ("  " + "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True))).rstrip()
