"""The configuration that each agent is handed: rendered from the inventory, with an ETag. Pure.

The ETag is the version that the agent then reports in ``thongsuot_agent_build_info{config}``.
"""

import msgspec

from agent.config import version_of
from deploy.render_agents import commune_config, to_yaml
from inventory.model import Inventory


class Config(msgspec.Struct, frozen=True):
    """``version`` names the content of ``body``, an agent.yml."""

    version: str
    body: bytes

    @property
    def etag(self) -> str:
        """Strong entity tag (RFC 9110, 8.8.3)."""
        return f'"{self.version}"'

    def matches(self, if_none_match: str | None) -> bool:
        """Whether who asks has this content already (RFC 9110, 13.1.2)."""
        if if_none_match is None or len(if_none_match) > 1000:
            return False
        tags = {tag.strip().removeprefix("W/") for tag in if_none_match.split(",")}
        return "*" in tags or self.etag in tags


def configs(inventory: Inventory) -> dict[str, Config]:
    """Return every commune's configuration by its code."""
    found = {}
    for commune in inventory.communes:
        config = commune_config(inventory, commune)
        found[commune.code] = Config(version_of(config), to_yaml(config))
    return found
