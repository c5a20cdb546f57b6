"""Which page of ``docs/runbooks`` an alert leads to. Pure."""

import re
from typing import Final

PAGES: Final = frozenset(
    {
        "agent-clock-off",
        "agent-clock-untrusted",
        "agent-disk-full",
        "agent-hot",
        "agent-losing-samples",
        "agent-outdated",
        "agent-refused",
        "agent-silent",
        "agent-spool-filling",
        "agent-spool-in-memory",
        "area-down",
        "battery-low",
        "carrier-down",
        "certificate-expires-soon",
        "certificate-expiring",
        "channel-failing",
        "commune-cut-off",
        "dead-zone",
        "deadman-failing",
        "dns-down",
        "dns-failing",
        "hub-agent-silent",
        "hub-blind",
        "hub-clock-wrong",
        "hub-cut-off",
        "hub-process-down",
        "inventory-suspect",
        "line-chronically-congested",
        "line-congested",
        "line-down",
        "line-jittery",
        "line-lossy",
        "line-slow",
        "line-under-contract",
        "line-weak-signal",
        "message-lost",
        "monitoring-down",
        "never-reported",
        "on-battery",
        "pop-down",
        "ring-down",
        "segment-lossy",
        "shared-segment-down",
        "system-down",
        "system-in-maintenance",
        "system-slow",
        "system-unreachable",
        "system-unreachable-from-hub",
    }
)
"""Every page, without ``.md``; a test holds them against the directory."""

INDEX: Final = "README"
_KINDS: Final = {
    "isp": "carrier-down",
    "hub": "hub-cut-off",
    "agent": "agent-silent",
    "power": "commune-cut-off",
    "lan": "agent-silent",
    "wan": "shared-segment-down",
    "dns": "dns-down",
    "host": "shared-segment-down",
    "datacentre": "shared-segment-down",
}


def page(alertname: str, kind: str) -> str:
    """Return the page for an alert, by its name, else by what failed, else the index.

    >>> page("CommuneCutOff", "line"), page("SomethingNew", "pop"), page("", "")
    ('commune-cut-off', 'pop-down', 'README')
    """
    named = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "-", alertname).lower()
    for candidate in (named, _KINDS.get(kind, ""), f"{kind}-down"):
        if candidate in PAGES:
            return candidate
    return INDEX


def link(base: str, alertname: str, kind: str) -> str:
    """Return the address of the page below ``base`` (``runbook_base_url`` of the inventory)."""
    return f"{base.rstrip('/')}/{page(alertname, kind)}.md"
