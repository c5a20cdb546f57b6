"""SNMP on the gateways of the lab's communes: Debian's snmpd, as the inventory says that it is asked."""

import asyncio
import secrets
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import msgspec

from deploy import debian
from deploy.lab.nodes import Nodes
from deploy.lab.order import Places
from inventory.model import Commune, Inventory, Line, Snmp

_MODULES: Final = (
    "ifTable,ifXTable,system_mib,vacm_conf,vacm_context,vacm_vars,usmConf,usmUser,usmStats,snmpEngine"
)
"""What of snmpd is started: interfaces, and who may ask for them."""
_AUTH: Final = {"md5": "MD5", "sha": "SHA"} | {f"sha{n}": f"SHA-{n}" for n in (224, 256, 384, 512)}
_PRIVACY: Final = {"des": "DES", "aes": "AES", "aes192": "AES-192", "aes256": "AES-256"}
_FILES: Final = ("community_file", "auth_key_file", "privacy_key_file")


def placed(commune: Commune, places: Places) -> Commune:
    """Return the commune with absolute paths of its routers' secrets."""
    lines = tuple(_placed_line(line, places) for line in commune.lines)
    return msgspec.structs.replace(commune, lines=lines)


def _placed_line(line: Line, places: Places) -> Line:
    if line.traffic is None or line.traffic.snmp is None:
        return line
    snmp = line.traffic.snmp
    paths = {key: str(places.secrets / name) for key, name in _named(snmp)}
    traffic = msgspec.structs.replace(line.traffic, snmp=msgspec.structs.replace(snmp, **paths))
    return msgspec.structs.replace(line, traffic=traffic)


def _named(snmp: Snmp) -> Iterator[tuple[str, str]]:
    for key in _FILES:
        name = getattr(snmp, key)
        if name:
            yield key, name


def _routers(inventory: Inventory) -> Iterator[tuple[str, Snmp]]:
    for commune in inventory.communes:
        for line in commune.lines:
            if line.traffic is not None and line.traffic.snmp is not None:
                yield commune.code, line.traffic.snmp


def write_secrets(inventory: Inventory, places: Places) -> None:
    """Make up the secrets that the placed inventory names, one each; those of a run before stay."""
    places.secrets.mkdir(parents=True, exist_ok=True, mode=0o700)
    for _, snmp in _routers(inventory):
        for _, name in _named(snmp):
            path = Path(name)
            if not path.exists():
                path.touch(mode=0o600)
                path.write_text(secrets.token_hex(12) + "\n", encoding="ascii")


async def start_routers(nodes: Nodes, inventory: Inventory) -> None:
    """Start one snmpd per gateway that the inventory asks."""
    await asyncio.gather(*(_start_router(nodes, code, snmp) for code, snmp in _routers(inventory)))


async def _start_router(nodes: Nodes, code: str, snmp: Snmp) -> None:
    directory = nodes.places.run / "snmpd" / code
    directory.mkdir(parents=True, exist_ok=True)
    path = directory / "snmpd.conf"
    path.write_text(configuration(snmp), encoding="ascii")
    path.chmod(0o600)
    await nodes.start(f"snmpd-{code}", f"gw-{code}", command(path), environment(directory))


def command(configuration_file: Path) -> list[str]:
    """Return the words that run snmpd in the foreground. Raises debian.ToolMissing."""
    words = [str(debian.find("snmpd")), "-f", "-Le", "-C", "-c", str(configuration_file)]
    return [*words, "-I", _MODULES]


def environment(directory: Path) -> dict[str, str]:
    """Return snmpd's environment: what it keeps goes to ``directory``, and it reads no MIB files."""
    return debian.environment() | {"SNMP_PERSISTENT_DIR": str(directory / "kept"), "MIBS": ""}


def configuration(snmp: Snmp) -> str:
    """Return the snmpd.conf that answers to ``snmp``, whose files it reads. Raises OSError."""
    host = f"[{snmp.address}]" if ":" in snmp.address else snmp.address
    transport = "udp6" if ":" in snmp.address else "udp"
    rows = [f"agentaddress {transport}:{host}:{snmp.port}", "dontLogTCPWrappersConnects yes"]
    if snmp.version == "2c":
        kind = "rocommunity6" if ":" in snmp.address else "rocommunity"
        return "\n".join([*rows, f"{kind} {_secret(snmp.community_file)}", ""])
    user, level = f"createUser {snmp.user}", "noauth"
    if snmp.auth_key_file:
        user += f" {_AUTH[snmp.auth_protocol or 'sha']} {_secret(snmp.auth_key_file)}"
        level = "auth"
    if snmp.privacy_key_file:
        user += f" {_PRIVACY[snmp.privacy_protocol or 'aes']} {_secret(snmp.privacy_key_file)}"
        level = "priv"
    return "\n".join([*rows, user, f"rouser {snmp.user} {level}", ""])


def _secret(name: str | None) -> str:
    return Path(name or "").read_text(encoding="ascii").strip()
