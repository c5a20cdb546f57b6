"""What the ecosystem's usual set-up is configured with: written as people write it. Pure.

Prometheus asks a blackbox_exporter at the hub about routers, POPs, rings, carriers, name server and systems,
and one in every commune about its gateway, the hub and the systems. That this one answers is watched too.
"""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final, NamedTuple

from inventory.model import Inventory

PROMETHEUS, ALERTMANAGER, SINK, BLACKBOX = 9590, 9593, 9599, 9115
PORTS: Final = {"alertmanager": ALERTMANAGER, "prometheus": PROMETHEUS}
SITE_HOST: Final = 10
EVERY: Final = "15s"


class Target(NamedTuple):
    """``asks``: where the blackbox_exporter listens; ``component``: whose address it is, as we name things;
    ``site``: the commune that it is about or asks from."""

    asks: str
    module: str
    address: str
    component: str
    site: str = ""


def targets(inventory: Inventory) -> Iterator[Target]:
    """Yield everything that is asked through an exporter."""
    hub = f"127.0.0.1:{BLACKBOX}"
    for carrier in inventory.carriers:
        yield Target(hub, "icmp", carrier.checkpoint or "", f"isp:{carrier.id}")
    for segment in inventory.segments:
        component = f"{segment.kind}:{segment.id}"
        yield Target(hub, "icmp", segment.checkpoint or "", component)
        if segment.kind == "dns":
            yield Target(hub, "dns", segment.checkpoint or "", component)
    for commune in inventory.communes:
        yield Target(hub, "icmp", commune.lines[0].router or "", f"router:{commune.code}", commune.code)
        site = exporter(commune.gateway or "")
        yield Target(site, "icmp", commune.gateway or "", f"lan:{commune.code}", commune.code)
        yield Target(site, "icmp", inventory.hub.address, "hub:main", commune.code)
        for system in inventory.systems:
            yield Target(site, "http_2xx", system.check.address, f"system:{system.id}", commune.code)
    for system in inventory.systems:
        yield Target(hub, "http_2xx", system.check.address, f"system:{system.id}")


def exporter(gateway: str) -> str:
    """Return where the exporter of the commune behind ``gateway`` listens."""
    return f"{gateway.rpartition('.')[0]}.{SITE_HOST}:{BLACKBOX}"


def prometheus(inventory: Inventory, rules: Path) -> str:
    """Return prometheus.yml (JSON is YAML)."""
    jobs: list[dict[str, Any]] = [
        _job(number, target) for number, target in enumerate(targets(inventory))
    ]  # one each, since labels and exporter differ; people write file_sd and relabelling
    jobs.append({"job_name": "sites", "static_configs": [_site(commune.code, commune.gateway or "")
                                                         for commune in inventory.communes]})  # fmt: skip
    return json.dumps({
        "global": {"scrape_interval": EVERY, "evaluation_interval": EVERY},
        "rule_files": [str(rules)],
        "alerting": {"alertmanagers": [{"static_configs": [{"targets": [f"127.0.0.1:{ALERTMANAGER}"]}]}]},
        "scrape_configs": jobs,
    })  # fmt: skip


def _job(number: int, target: Target) -> dict[str, Any]:
    labels = {"instance": target.address, "component": target.component, "site": target.site}
    return {
        "job_name": f"probe-{number}",
        "metrics_path": "/probe",
        "params": {"module": [target.module], "target": [target.address]},
        "static_configs": [{"targets": [target.asks], "labels": labels}],
    }


def _site(code: str, gateway: str) -> dict[str, Any]:
    return {"targets": [exporter(gateway)], "labels": {"component": f"agent:{code}", "site": code}}


RULES: Final = """groups:
- name: usual
  rules:
  - {alert: ProbeFailed, expr: probe_success == 0, for: 1m, labels: {severity: critical}}
  - {alert: TargetDown, expr: 'up{job="sites"} == 0', for: 1m, labels: {severity: critical}}
"""
ALERTMANAGER_YML: Final = f"""route:
  receiver: name
  group_by: [alertname]
  group_wait: 30s
  group_interval: 5m
  repeat_interval: 4h
  routes:
  - {{receiver: name, continue: true}}
  - {{receiver: instance, group_by: [alertname, instance]}}
receivers:
- {{name: name, webhook_configs: [{{url: 'http://127.0.0.1:{SINK}/name', send_resolved: true}}]}}
- {{name: instance, webhook_configs: [{{url: 'http://127.0.0.1:{SINK}/instance', send_resolved: true}}]}}
"""


def blackbox(ca_file: Path, name: str) -> str:
    """Return blackbox.yml; ``name`` is what the name server is asked for."""
    icmp = {"prober": "icmp", "timeout": "5s", "icmp": {"preferred_ip_protocol": "ip4"}}
    tls = {"tls_config": {"ca_file": str(ca_file)}, "preferred_ip_protocol": "ip4"}
    dns = {"query_name": name, "query_type": "A", "preferred_ip_protocol": "ip4"}
    return json.dumps({"modules": {
        "icmp": icmp,
        "http_2xx": {"prober": "http", "timeout": "5s", "http": tls},
        "dns": {"prober": "dns", "timeout": "5s", "dns": dns},
    }})  # fmt: skip
