"""Rows of the tables of truth: what was imposed, what we report, what others report on the same path."""

import sys
from typing import Any

OTHERS = ("ping", "fping", "iperf3", "blackbox_exporter")


def row(
    what: str,
    unit: str,
    truth: float | None,
    ours: float | None,
    *,
    by: str,
    limit: float | None = None,
    relative: float | None = None,
    **others: float | None,
) -> dict[str, Any]:
    """Return a row. ``by``: ``probe`` for the probe function, ``agent`` for a running agent. ``limit`` in
    ``unit`` and ``relative`` as a share of the truth say how far ours may be off; the larger holds."""
    allowed = None
    if truth is not None and (limit is not None or relative is not None):
        allowed = max(limit or 0.0, (relative or 0.0) * abs(truth))
    held = None
    if allowed is not None:
        held = ours is not None and truth is not None and abs(ours - truth) <= allowed + 1e-12
    return {
        "what": what, "unit": unit, "truth": truth, "ours": ours, "by": by,
        "off": None if ours is None or truth is None else ours - truth, "allowed": allowed,
        **{name: others.get(name) for name in OTHERS}, "held": held,
    }  # fmt: skip


def claims(rows: list[dict[str, Any]]) -> dict[str, bool]:
    """Return each row that has a limit as a claim."""
    return {
        f"{r['what']}: within {r['allowed']:.3g} {r['unit']} of the truth": bool(r["held"])
        for r in rows
        if r["held"] is not None
    }


def shown(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return rows for the table: blanks for what nobody measured."""
    return [{key: "" if value is None else _short(value) for key, value in r.items()} for r in rows]


def _short(value: object) -> object:
    return f"{value:.4g}" if isinstance(value, float) else value


def progress(text: str) -> None:
    """Say on stderr what is going on."""
    sys.stderr.write(f"  {text}\n")
    sys.stderr.flush()
