"""The locator on a synthetic province: precision, recall, exact sets, against rules and SCORE; its time.

A short run: ``LOCATING_CHUNKS`` chunks of 50 snapshots for each cell of the protocol at 100 communes, and a
fifth as many at 3,321. The whole protocol, both seeds and the soak: :mod:`tests.bench._locating_long`.
"""

import os
from typing import Any

from tests.bench._locating_cells import PROTOCOL, Cell, Setting, chunk, summary
from tests.bench._rows import progress

DEFAULT_CHUNKS = 5
SEED = 2026
TARGETS = {
    Cell(1, 0): (0.99, 0.99),
    Cell(2, 0): (0.98, 0.99),
    Cell(3, 0): (0.97, 0.99),
    Cell(5, 0): (0.90, 0.99),
    Cell(0, 1): (0.95, 0.97),
    Cell(0, 2): (0.90, 0.97),
}
"""Exact sets and precision to reach, at the protocol's own noise."""
LIMIT_P95_MS = {100: 100.0, 3321: 300.0}


def run(chunks: int | None = None) -> dict[str, Any]:
    """Return the table and whether the targets were reached."""
    wanted = chunks or int(os.environ.get("LOCATING_CHUNKS", DEFAULT_CHUNKS))
    rows = []
    for communes, count in ((100, wanted), (3321, max(1, wanted // 5))):
        setting = Setting(communes)
        for cell in PROTOCOL:
            progress(f"{communes} communes, {cell.name}")
            rows.append(summary([chunk(setting, SEED, cell, number) for number in range(count)]))
    return {"rows": shown(rows), "claims": claims(rows), "figures": rows}


def claims(rows: list[dict[str, Any]]) -> dict[str, bool]:
    """Return what was to be reached, by rows at the protocol's own noise."""
    names = {cell.name: target for cell, target in TARGETS.items()}
    found = {}
    for row in rows:
        where = f"{row['communes']} communes, seed {row['seed']}, {row['cell']}"
        if row["cell"] in names:
            exact, precision = names[row["cell"]]
            found[f"{where}: exact {exact}"] = row["ours_exact"] >= exact
            found[f"{where}: precision {precision}"] = row["ours_precision"] >= precision
            limit = LIMIT_P95_MS[row["communes"]]
            found[f"{where}: p95 {limit:g} ms"] = row["cpu_ms_p95"] <= limit
        if row["cell"] == Cell(0, 0).name:
            found[f"{where}: no false cause"] = row["ours_false"] == 0
    return found


def shown(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return rows for the table."""
    return [
        {
            "communes": row["communes"],
            "seed": row["seed"],
            "faults": row["cell"],
            "snapshots": row["snapshots"],
            "rules": _three(row, "hierarchy"),
            "SCORE": _three(row, "score"),
            "ours": _three(row, "ours"),
            "class, mean/largest": f"{row['class_size']:.2f}/{row['class_largest']}",
            "CPU ms, median/p95": f"{row['cpu_ms_median']:.1f}/{row['cpu_ms_p95']:.0f}",
            "wall ms, median/p95": f"{row['wall_ms_median']:.1f}/{row['wall_ms_p95']:.0f}",
        }
        for row in rows
    ]


def _three(row: dict[str, Any], method: str) -> str:
    if row["cell"].startswith("none"):
        return f"{row[f'{method}_false'] / row['snapshots']:.4f} false"
    return "/".join(f"{row[f'{method}_{figure}']:.3f}" for figure in ("precision", "recall", "exact"))
