"""The credentials between the lab's agents and the gateway of its hub."""

import time
from typing import Final

import msgspec

from agent.config import AgentConfig
from deploy.ingest.tokens import Store
from deploy.lab.order import Places
from inventory.model import Hub, Inventory

_FILE_NAME: Final = "token"


def placed(hub: Hub, places: Places) -> Hub:
    """Return the hub with absolute paths of the gateway's certificate and the agents' authority."""
    if hub.ingest is None:
        return hub
    keys = ("certificate_file", "certificate_key_file")
    own = {key: str(places.certificates / name) for key in keys if (name := getattr(hub.ingest, key))}
    authority = str(places.certificates / hub.agent_ca_file) if hub.agent_ca_file else None
    ingest = msgspec.structs.replace(hub.ingest, **own)
    return msgspec.structs.replace(hub, ingest=ingest, agent_ca_file=authority)


def enrol(inventory: Inventory, places: Places) -> None:
    """Give every agent a token, as ``thongsuot enroll`` does; those of a run before stay. Raises OSError."""
    store = Store(places.hub / "hub" / "ingest")
    for commune in inventory.communes:
        path = places.agent(commune.code) / _FILE_NAME
        if path.exists():
            continue
        path.parent.mkdir(parents=True, exist_ok=True)
        store.revoke(commune.code)
        secret, _ = store.add(commune.code, time.time())
        path.touch(mode=0o600)
        path.write_text(secret + "\n", encoding="ascii")


def with_token(config: AgentConfig, places: Places) -> AgentConfig:
    """Return the configuration with the agent's own token: in the lab all agents share one file system."""
    token = str(places.agent(config.site) / _FILE_NAME)
    sections = {name: getattr(config, name) for name in ("push", "fetch")}
    own = {
        name: msgspec.structs.replace(section, bearer_token_file=token)
        for name, section in sections.items()
        if section is not None
    }
    return msgspec.structs.replace(config, **own)
