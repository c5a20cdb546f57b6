"""Prometheus and Alertmanager configuration. Pure.

Prometheus: https://prometheus.io/docs/prometheus/2.42/configuration/configuration/
Alertmanager: https://prometheus.io/docs/alerting/0.25/configuration/
"""

import json
import math
from typing import Any, Final

from alerts import rules, rules_quality
from alerts.continuity import LOCATED
from alerts.outage import LOCATOR, LOCATOR_ALIVE, RULES
from alerts.rules_alerts import (
    AGENT_SILENT,
    COMMUNE_CUT_OFF,
    HUB_BLIND,
    HUB_CUT_OFF,
    LINE_DOWN,
    SYSTEM_UNREACHABLE,
    WATCHDOG,
    WIDE,
)
from alerts.rules_site import BATTERY_LOW, ON_BATTERY
from alerts.rules_upkeep import CERTIFICATE_EXPIRES_SOON, CERTIFICATE_EXPIRING
from common.yaml.write import dump
from deploy.endpoints import Endpoints, reachable, url
from inventory.model import Inventory
from inventory.names import JOB_AGENT, JOB_HUB

HUB_SCRAPE_SECONDS: Final = 5
WATCHDOG_SECONDS: Final = 60
RULES_ALONE: Final = f'source="{RULES}"'


def files(inventory: Inventory, endpoints: Endpoints) -> dict[str, bytes]:
    """Return prometheus.yml, alertmanager.yml and the list of scraped communes."""
    return {
        "prometheus.yml": _yaml(prometheus(inventory, endpoints)),
        "alertmanager.yml": _yaml(alertmanager(inventory, endpoints)),
        "file_sd/scraped.json": _json(scraped(inventory)),
    }


def out_of_order_window(inventory: Inventory) -> str:
    """Spool age plus a day: an agent's oldest backlog is still taken."""
    return f"{math.ceil(inventory.storage.spool_days) + 1}d"


def retention(inventory: Inventory) -> str:
    """Value of ``--storage.tsdb.retention.time``, a flag in this version of Prometheus."""
    return f"{math.ceil(inventory.storage.retention_days)}d"


def prometheus(inventory: Inventory, endpoints: Endpoints) -> dict[str, Any]:
    """Return prometheus.yml."""
    every = f"{HUB_SCRAPE_SECONDS}s"
    return {
        "global": {"scrape_interval": every, "scrape_timeout": "4s", "evaluation_interval": every},
        "storage": {"tsdb": {"out_of_order_time_window": out_of_order_window(inventory)}},
        "rule_files": ["rules/*.yml"],
        "alerting": {
            "alertmanagers": [{"static_configs": [{"targets": [reachable(endpoints.alertmanager)]}]}]
        },
        "scrape_configs": [_hub_job(inventory, endpoints), _agent_job(inventory)],
    }


def _hub_job(inventory: Inventory, endpoints: Endpoints) -> dict[str, Any]:
    """The processes of the hub; ``instance`` names the process, which outlives a change of port."""
    processes = {
        "supervisor": endpoints.supervisor,
        "receiver": endpoints.receiver,
        "wall": endpoints.wall,
        "locator": endpoints.locator,
        "prometheus": endpoints.prometheus,
        "alertmanager": endpoints.alertmanager,
    }
    if inventory.hub.reflector is not None:
        processes["reflector"] = endpoints.reflector
    if inventory.hub.ingest is not None:
        processes["ingest"] = endpoints.ingest_page
    return {
        "job_name": JOB_HUB,
        "static_configs": [
            {"targets": [reachable(listen)], "labels": {"instance": name}}
            for name, listen in processes.items()
        ],
    }


def _agent_job(inventory: Inventory) -> dict[str, Any]:
    """Communes that are scraped. Their series carry the same identity as those that are pushed."""
    every = f"{rules.tuning(inventory).scrape_seconds:g}s"
    return {
        "job_name": JOB_AGENT,
        "honor_labels": True,
        "scrape_interval": every,
        "scrape_timeout": "4s",
        "file_sd_configs": [{"files": ["file_sd/*.json"], "refresh_interval": "1m"}],
    }


def scraped(inventory: Inventory) -> list[dict[str, Any]]:
    """Return the targets for file_sd, one a commune."""
    return [
        {
            "targets": [commune.scrape_address],
            "labels": {"instance": commune.code, "site": commune.code, "commune": commune.code},
        }
        for commune in inventory.communes
        if commune.transport == "scrape" and commune.scrape_address
    ]


def alertmanager(inventory: Inventory, endpoints: Endpoints) -> dict[str, Any]:
    """Return alertmanager.yml: every alert is a group of its own and leaves at once."""
    hook = {
        "webhook_configs": [
            {
                "url": url(endpoints.receiver, "/webhook"),
                "send_resolved": True,
                "max_alerts": 0,
            }
        ]
    }
    return {
        "route": {
            "receiver": "thongsuot",
            "group_by": ["..."],
            "group_wait": "0s",
            "group_interval": "1s",
            "repeat_interval": "30d",
            "routes": [
                {
                    "matchers": [f'alertname="{WATCHDOG}"'],
                    "receiver": "watchdog",
                    "repeat_interval": f"{WATCHDOG_SECONDS}s",
                },
                {"matchers": ['severity="none"'], "receiver": "nobody"},
            ],
        },
        "inhibit_rules": inhibitions(),
        "receivers": [
            {"name": "thongsuot", **hook},
            {"name": "watchdog", **hook},
            {"name": "nobody"},
        ],
    }


def inhibitions() -> list[dict[str, Any]]:
    """The larger inhibits the smaller: hub, carrier, ring, POP, commune; and what is lost what is bad."""
    badly = list(rules_quality.NAMES.values())
    small = [COMMUNE_CUT_OFF, AGENT_SILENT, LINE_DOWN, *badly]
    wide = [name for kind, name in WIDE.items() if kind != "hub"]
    inside = {
        "isp": [WIDE["ring"], WIDE["pop"], *small],
        "ring": [WIDE["pop"], *small],
        "pop": small,
    }
    everything = [*wide, *small, SYSTEM_UNREACHABLE, HUB_CUT_OFF]
    return [
        _located(),
        _inhibit(HUB_BLIND, everything),
        _inhibit(HUB_CUT_OFF, [name for name in everything if name != HUB_CUT_OFF]),
        *(_inhibit(WIDE[label], names, label) for label, names in inside.items()),
        _inhibit(COMMUNE_CUT_OFF, [AGENT_SILENT, LINE_DOWN, *badly], "commune"),
        _inhibit(LINE_DOWN, badly, "component"),
        _inhibit(BATTERY_LOW, [ON_BATTERY], "commune"),
        _inhibit(CERTIFICATE_EXPIRES_SOON, [CERTIFICATE_EXPIRING], "component"),
    ]


def _located() -> dict[str, Any]:
    """While the locator lives, what it judges is its own, and nothing else: not how well a line carries.

    What it has said before it died keeps nothing quiet: that may be over, and the next fault of the same
    component must page. The receiver sees to it that an outage which both tell of is told once.
    """
    return {
        "source_matchers": [f'alertname="{LOCATOR_ALIVE}"', f'source="{LOCATOR}"'],
        "target_matchers": [f'alertname=~"{"|".join(sorted(LOCATED))}"', RULES_ALONE],
    }


def _inhibit(source: str, targets: list[str], *equal: str) -> dict[str, Any]:
    """Among the rules' own alerts: they know nothing that would make the locator's less true, and one of
    theirs that the locator's life keeps quiet would hide the page."""
    rule: dict[str, Any] = {
        "source_matchers": [f'alertname="{source}"'],
        "target_matchers": [f'alertname=~"{"|".join(targets)}"', RULES_ALONE],
    }
    if equal:
        # Alertmanager takes labels that both lack for equal: the target must have them.
        rule["target_matchers"] += [f'{label}!=""' for label in equal]
        rule["equal"] = list(equal)
    return rule


def _yaml(content: dict[str, Any]) -> bytes:
    return dump(content, rules.RENDERED)


def _json(content: Any) -> bytes:
    return (json.dumps(content, indent=2, ensure_ascii=False) + "\n").encode()
