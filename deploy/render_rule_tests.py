"""Unit tests of the rules in promtool's format, made for the inventory at hand. Pure.

Format: https://prometheus.io/docs/prometheus/2.42/configuration/unit_testing_rules/. Rendered beside the
rules, so that an operator can prove with ``promtool test rules`` what this province's rules do.
"""

from typing import Any, Final

import msgspec

from alerts.rules import FAST_FILE, RENDERED, groups
from common.yaml.write import dump
from deploy.rule_scenes import scenes, thinned
from deploy.scene import Expected, Scene, Series, input_series
from inventory.model import Inventory
from inventory.naming import slug

FIRING: Final = 'max by (alertname, component, severity) (ALERTS{alertstate="firing", alertname!="Watchdog"})'


def files(inventory: Inventory) -> dict[str, bytes]:
    """Return the test files by name: one a scene, so that a failure names its scene."""
    few = thinned(inventory)
    return {
        f"{number:02d}-{slug(scene.name)[:60].rstrip('-')}.yml": _file(few, scene)
        for number, scene in enumerate(scenes(few), 1)
    }


def _file(inventory: Inventory, scene: Scene) -> bytes:
    return dump(
        {
            "rule_files": [f"../{FAST_FILE}"],
            "evaluation_interval": f"{scene.evaluation_seconds or scene.step_seconds}s",
            # promtool takes groups in any order otherwise, and what one reads another has recorded
            "group_eval_order": [group.name for group in groups(inventory)],
            "tests": [_test(scene, input_series(inventory, scene))],
        },
        RENDERED,
    )


def _test(scene: Scene, series: list[Series]) -> dict[str, Any]:
    return {
        "name": scene.name,
        "interval": f"{scene.step_seconds}s",
        "input_series": msgspec.to_builtins(series),
        "promql_expr_test": [_moment(second, alerts) for second, alerts in scene.expected],
    }


def _moment(second: int, alerts: tuple[Expected, ...]) -> dict[str, Any]:
    samples = [{"labels": _labels(alert), "value": 1} for alert in sorted(alerts)]
    return {"expr": FIRING, "eval_time": f"{second}s", "exp_samples": samples}


def _labels(alert: Expected) -> str:
    return "{" + ", ".join(f'{k}="{v}"' for k, v in msgspec.structs.asdict(alert).items()) + "}"
