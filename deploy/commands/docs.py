"""``thongsuot docs --metrics``: prints docs/metrics.md, made from inventory/names.py."""

import argparse
import sys

from common.i18n import t
from inventory import names
from inventory.names import TARGET_LABELS, Metric, all_metrics

NAME = "docs"
AREA = "docs"

_HEAD = """# Metrics

Generated from `inventory/names.py` by `thongsuot docs --metrics > docs/metrics.md`; do not edit.

Every series of an agent carries `job`, `instance` and `site` (who measured: a commune's code, or
`hub`) and, where it is about a commune, `commune`. The hub's own series carry `job` and `instance`.
The columns below list the labels beyond those. An empty label is left out.
"""

_GROUPS = (
    ("Every target", "Kept by the harness for every kind of probe. `target` is a component's id."),
    ("Kinds of probe", "Only from the kinds that measure it, under the names that the ecosystem knows."),
    ("The agent about itself", "One set a site."),
    ("The hub", "The inventory as series, and the hub's own processes."),
)


_COMMON = (names.PROBE_SUCCESS, names.PROBE_DURATION)


def add(parser: argparse.ArgumentParser) -> None:
    """Add the options."""
    parser.add_argument("--metrics", action="store_true", required=True, help=t("docs.option_metrics"))


def run(arguments: argparse.Namespace) -> int:
    """Print the page. Exit status 0."""
    sys.stdout.write(metrics_page())
    return 0


def _group(metric: Metric) -> int:
    if metric.source == "hub":
        return 3
    if metric.labels[: len(TARGET_LABELS)] != tuple(map(str, TARGET_LABELS)):
        return 2
    return 1 if metric.name.startswith("probe_") and metric not in _COMMON else 0


def _row(metric: Metric) -> str:
    labels = " ".join(f"`{label}`" for label in metric.labels)
    return f"| `{metric.name}` | {metric.type} | {labels} | {metric.help} |"


def metrics_page() -> str:
    """Return docs/metrics.md: a table a group, rows in the order of names.py."""
    parts = [_HEAD]
    for number, (title, text) in enumerate(_GROUPS):
        rows = [_row(metric) for metric in all_metrics() if _group(metric) == number]
        parts.append(
            "\n".join(
                [f"## {title}", "", text, "", "| Name | Type | Labels | Help |", "|---|---|---|---|", *rows]
            )
            + "\n"
        )
    return "\n".join(parts)
