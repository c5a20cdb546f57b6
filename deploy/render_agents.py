"""agent.yml per commune and for the hub's own agent. Pure."""

from pathlib import Path
from typing import Final

import msgspec

from agent.config import AgentConfig, AgentTarget, Push
from agent.runner import MAX_IN_FLIGHT
from alerts.rules import RENDERED
from common.yaml.write import dump
from deploy.endpoints import Endpoints, url
from inventory import graph
from inventory.model import Commune, Inventory
from inventory.names import HUB_SITE

WRITE_PATH: Final = "/api/v1/write"
LEAST_PROBES_AT_ONCE: Final = 256


def files(inventory: Inventory, endpoints: Endpoints, hub_state: Path | None = None) -> dict[str, bytes]:
    """Return ``agents/<site>.yml`` for every site."""
    configs = [commune_config(inventory, commune) for commune in inventory.communes]
    configs.append(hub_config(inventory, endpoints, hub_state))
    return {f"agents/{config.site}.yml": to_yaml(config) for config in configs}


def commune_config(inventory: Inventory, commune: Commune) -> AgentConfig:
    """Return what the agent of ``commune`` measures; one that is scraped listens and pushes nothing."""
    config = AgentConfig(
        version=1,
        site=commune.code,
        commune=commune.code,
        targets=_targets(inventory, commune.code),
    )
    if commune.transport == "scrape":
        return msgspec.structs.replace(config, listen=_scrape_listen(commune))
    hub = inventory.hub
    push = _push(inventory, hub.remote_write_url)
    secured = msgspec.structs.replace(push, bearer_token_file=hub.agent_token_file, ca_file=hub.agent_ca_file)
    return msgspec.structs.replace(config, push=secured)


def hub_config(inventory: Inventory, endpoints: Endpoints, state: Path | None = None) -> AgentConfig:
    """Return what the hub's own agent measures from outside; it pushes over loopback."""
    targets = _targets(inventory, HUB_SITE)
    return AgentConfig(
        version=1,
        site=HUB_SITE,
        listen=endpoints.agent,
        state_directory=str(state) if state else None,
        max_concurrent_probes=max(LEAST_PROBES_AT_ONCE, MAX_IN_FLIGHT * len(targets)),
        push=_push(inventory, url(endpoints.prometheus, WRITE_PATH)),
        targets=targets,
    )


def to_yaml(config: AgentConfig) -> bytes:
    """Return the file; what stands at its default is left out."""
    plain = {"version": 1, **msgspec.to_builtins(config)}
    return dump(plain, RENDERED)


def _push(inventory: Inventory, where: str) -> Push:
    probing = inventory.probing
    return Push(
        url=where,
        heartbeat_seconds=probing.heartbeat_seconds,
        state_seconds=probing.state_push_seconds,
        detail_seconds=probing.detail_push_seconds,
    )


def _scrape_listen(commune: Commune) -> str:
    """All addresses of the commune's box, at the port by which the hub scrapes it."""
    host, _, port = (commune.scrape_address or "").rpartition(":")
    return f"[::]:{port}" if host.startswith("[") else f"0.0.0.0:{port}"


def _targets(inventory: Inventory, site: str) -> tuple[AgentTarget, ...]:
    return tuple(
        AgentTarget(
            name=plan.name,
            target=plan.target,
            probe=plan.kind,
            address=plan.address,
            commune=plan.commune,
            line=plan.line,
            source=plan.source,
            interval_seconds=plan.interval_seconds,
            timeout_seconds=plan.timeout_seconds,
            gate=plan.gate,
            on_failure_of=plan.on_failure_of,
            sla=plan.sla,
            options=plan.options,
        )
        for plan in graph.plans(inventory, site)
    )
