"""agent.yml per commune and for the hub's own agent. Pure."""

from pathlib import Path
from typing import Final

import msgspec

from agent.config import AgentConfig, AgentTarget, Fetch, Push, Spool
from agent.runner import MAX_IN_FLIGHT
from alerts.rules import RENDERED
from common.yaml.write import dump
from deploy.endpoints import Endpoints, url
from inventory import graph
from inventory.model import Commune, Inventory
from inventory.names import HUB_SITE

WRITE_PATH: Final = "/api/v1/write"
CONFIG_PATH: Final = "/api/v1/config"
HUB_BACKLOG_BYTES_PER_SECOND: Final = 10_000_000.0
"""Over loopback no line is spared, only the hub's own work."""
BYTES_PER_MBIT: Final = 125_000
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
        fetch=_fetch(inventory),
        targets=_targets(inventory, commune.code),
    )
    if commune.transport == "scrape":
        return msgspec.structs.replace(config, listen=_scrape_listen(commune))
    push = _push(inventory, inventory.hub.remote_write_url, backlog_rate(inventory, commune))
    secured = msgspec.structs.replace(push, **_credentials(inventory))
    return msgspec.structs.replace(config, push=secured, spool=_spool(inventory))


def _credentials(inventory: Inventory) -> dict[str, str | None]:
    """Where an agent finds what it shows to the hub, and by what it knows the hub."""
    hub = inventory.hub
    return {
        "bearer_token_file": hub.agent_token_file,
        "ca_file": hub.agent_ca_file,
        "certificate_file": hub.agent_certificate_file,
        "certificate_key_file": hub.agent_certificate_key_file,
    }


def backlog_rate(inventory: Inventory, commune: Commune) -> float:
    """Return bytes per second for what waited: a share of the slowest line, which may be the one left."""
    slowest = min(line.up_mbps for line in commune.lines)
    return max(1000.0, inventory.storage.backlog_share * slowest * BYTES_PER_MBIT)


def hub_config(inventory: Inventory, endpoints: Endpoints, state: Path | None = None) -> AgentConfig:
    """Return what the hub's own agent measures from outside; it pushes over loopback."""
    targets = _targets(inventory, HUB_SITE)
    return AgentConfig(
        version=1,
        site=HUB_SITE,
        listen=endpoints.agent,
        state_directory=str(state) if state else None,
        max_concurrent_probes=max(LEAST_PROBES_AT_ONCE, MAX_IN_FLIGHT * len(targets)),
        push=_push(inventory, url(endpoints.prometheus, WRITE_PATH), HUB_BACKLOG_BYTES_PER_SECOND),
        spool=_spool(inventory),
        targets=targets,
    )


def to_yaml(config: AgentConfig) -> bytes:
    """Return the file; what stands at its default is left out."""
    plain = {"version": 1, **msgspec.to_builtins(config)}
    return dump(plain, RENDERED)


def _push(inventory: Inventory, where: str, backlog: float) -> Push:
    probing = inventory.probing
    return Push(
        url=where,
        heartbeat_seconds=probing.heartbeat_seconds,
        state_seconds=probing.state_push_seconds,
        detail_seconds=probing.detail_push_seconds,
        backlog_bytes_per_second=backlog,
    )


def _fetch(inventory: Inventory) -> Fetch | None:
    """Where the gateway is, it also hands out configurations; it must be reached as pushes reach it."""
    hub = inventory.hub
    if hub.ingest is None:
        return None
    base = hub.remote_write_url.removesuffix(WRITE_PATH)
    return msgspec.structs.replace(Fetch(url=base + CONFIG_PATH), **_credentials(inventory))


def _spool(inventory: Inventory) -> Spool:
    storage = inventory.storage
    return Spool(megabytes=storage.spool_megabytes, days=storage.spool_days)


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
