"""``python -m tests.bench [--json FILE] [NAME ...]``: run the measurements of this directory.

A measurement is a module with ``run() -> dict``: ``rows`` (a list of flat dicts, printed as a table),
``claims`` (claim to whether it held), and whatever else belongs into the JSON.
"""

import argparse
import importlib
import json
import os
import pkgutil
import platform
import sys
import time
import traceback
from pathlib import Path
from types import ModuleType
from typing import Any

from tests import bench


def modules(names: list[str]) -> dict[str, ModuleType]:
    """Return the measurements by name, all or those named. Raises SystemExit for an unknown name."""
    found = {}
    for entry in sorted(pkgutil.iter_modules(bench.__path__), key=lambda entry: entry.name):
        if not entry.name.startswith("_"):
            module = importlib.import_module(f"{bench.__name__}.{entry.name}")
            if hasattr(module, "run"):
                found[entry.name] = module
    unknown = [name for name in names if name not in found]
    if unknown:
        raise SystemExit(f"unknown: {', '.join(unknown)}; known: {', '.join(found)}")
    return {name: module for name, module in found.items() if not names or name in names}


def table(rows: list[dict[str, Any]]) -> str:
    """Return rows as aligned text; columns are the keys of the first row."""
    if not rows:
        return ""
    lines = [list(rows[0])] + [[_cell(row.get(key, "")) for key in rows[0]] for row in rows]
    widths = [max(len(line[column]) for line in lines) for column in range(len(lines[0]))]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip()
        for line in lines
    )


def _cell(value: object) -> str:
    return f"{value:.3g}" if isinstance(value, float) else str(value)


def show(name: str, result: dict[str, Any]) -> None:
    """Print one result."""
    print(f"\n== {name}")
    print(table(result.get("rows", [])))
    for claim, held in result.get("claims", {}).items():
        print(f"{'ok    ' if held else 'FAILED'}  {claim}")


def measure(module: ModuleType) -> dict[str, Any]:
    """Return what a measurement found; one that broke is a claim that did not hold, and no reason to leave
    out those after it."""
    started = time.monotonic()
    try:
        result: dict[str, Any] = module.run()
    except Exception:  # noqa: BLE001 - whatever it was: it is told, and the others are measured
        traceback.print_exc()
        result = {"claims": {"it runs to its end": False}}
    return {**result, "seconds": round(time.monotonic() - started, 1)}


def main(arguments: list[str] | None = None) -> int:
    """Run, print, write; return 1 when a claim did not hold."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME")
    parser.add_argument("--json", type=Path, metavar="FILE")
    chosen = parser.parse_args(arguments)
    results = {}
    for name, module in modules(chosen.names).items():
        sys.stderr.write(f"-- {name}\n")
        results[name] = measure(module)
        show(name, results[name])
    if chosen.json:
        machine = {"python": sys.version.split()[0], "kernel": platform.release(), "cpus": os.cpu_count()}
        report = {"time": time.time(), "machine": machine, "results": results}
        chosen.json.write_text(json.dumps(report, ensure_ascii=False, indent=2) + "\n", encoding="utf-8")
    return 0 if all(all(result.get("claims", {}).values()) for result in results.values()) else 1


if __name__ == "__main__":
    raise SystemExit(main())
