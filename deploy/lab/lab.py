"""The lab as a whole: province, wires, systems, hub stack and agents. Inside the sandbox only."""

import asyncio
import contextlib
import os
import subprocess
import sys
from collections.abc import AsyncIterator
from datetime import datetime
from importlib.resources import files
from pathlib import Path
from typing import Final
from zoneinfo import ZoneInfo

import msgspec

from common import i18n
from deploy import debian
from deploy.lab import gateway, routers, systems, throughput
from deploy.lab.faults import HUB_STACK, Faults
from deploy.lab.nodes import Nodes
from deploy.lab.order import SIX, Places
from deploy.lab.topology import HUB, Topology, derive
from deploy.lab.wires import build
from deploy.render_agents import commune_config, to_yaml
from deploy.validate import judge_options
from exporters.siteio.machine import BOOT_ID
from inventory.load import dump, loads
from inventory.model import Inventory

PROVINCES: Final = {SIX: "province.yml", "twelve": "twelve.yml"}
"""Inventories that are shipped, by name."""
PROMETHEUS_URL: Final = "http://127.0.0.1:9490"
ALERTMANAGER_URL: Final = "http://127.0.0.1:9493"
_MOUNT_SECONDS: Final = 20


def province(name: str = SIX) -> Inventory:
    """Return a province of the lab as it is shipped. Raises KeyError for one that is not in PROVINCES."""
    content = files("deploy.lab").joinpath(PROVINCES[name]).read_bytes()
    return loads(content, PROVINCES[name], judge_options).inventory


def placed(inventory: Inventory, places: Places) -> Inventory:
    """Return the inventory with absolute paths: the sink's file, the systems' authority, secrets."""
    channels = tuple(
        msgspec.structs.replace(channel, options={**channel.options, "path": str(places.sink)})
        for channel in inventory.channels
    )
    trust = {"ca_file": str(systems.ca_file(places))}
    placed_systems = tuple(
        msgspec.structs.replace(
            system, check=msgspec.structs.replace(system.check, options={**system.check.options, **trust})
        )
        for system in inventory.systems
    )
    communes = tuple(routers.placed(commune, places) for commune in inventory.communes)
    hub = throughput.placed(inventory.hub, places, datetime.now(ZoneInfo(inventory.province.timezone)))
    return msgspec.structs.replace(
        inventory, hub=gateway.placed(hub, places), channels=channels, systems=placed_systems,
        communes=communes,
    )  # fmt: skip


def prepare(places: Places, name: str = SIX) -> tuple[Inventory, Topology]:
    """Mount, wire and write what has to be there before anything runs. Blocking, once, at the start.

    Raises OSError, subprocess.SubprocessError, debian.ToolMissing, topology.Unbuildable.
    """
    inventory = placed(province(name), places)
    topology = derive(inventory)
    places.namespaces.mkdir(parents=True, exist_ok=True)
    _mount("-t", "tmpfs", "-o", "mode=0755", "lab", str(places.namespaces))
    build(topology, places.namespaces)
    systems.make_certificates(topology, places)
    routers.write_secrets(inventory, places)
    gateway.enrol(inventory, places)
    throughput.write_files(places)
    for own, system in systems.write_resolver_files(topology, places).items():
        _mount("--bind", str(own), os.path.realpath(system))
    places.province.write_text(dump(inventory), encoding="utf-8")
    return inventory, topology


def _mount(*words: str) -> None:
    """Mount in the sandbox's own mount namespace."""
    subprocess.run(["mount", *words], check=True, capture_output=True, text=True, timeout=_MOUNT_SECONDS)


class Lab:
    """A running lab. ``nodes`` and ``faults`` are what one plays with."""

    def __init__(self, inventory: Inventory, topology: Topology, places: Places) -> None:
        self.inventory = inventory
        self.places = places
        self.nodes = Nodes(topology, places)
        self._bare = False
        self.faults = Faults(self.nodes, str(debian.find("nft")), self.start_agent, self.start_hub)

    @property
    def communes(self) -> tuple[str, ...]:
        """Codes of all communes."""
        return tuple(commune.code for commune in self.inventory.communes)

    @contextlib.asynccontextmanager
    async def running(self, bare: bool = False) -> AsyncIterator[None]:
        """Run everything while the context is open; ``bare`` leaves out hub stack and agents."""
        self._bare = bare
        try:
            await asyncio.gather(
                systems.start_resolver(self.nodes), systems.start_systems(self.nodes),
                routers.start_routers(self.nodes, self.inventory),
            )  # fmt: skip
            if not bare:
                await self.start_hub()
                await asyncio.gather(*(self.start_agent(code) for code in self.communes))
            yield
        finally:
            await self.nodes.stop()

    async def start_hub(self) -> None:
        """Start ``thongsuot up``; it becomes ready by itself."""
        words = [sys.executable, "-m", "deploy.cli", "up", str(self.places.province)]
        words += ["--state", str(self.places.hub)]
        await self.nodes.start(HUB_STACK, HUB, words, _environment())

    async def start_agent(self, commune: str) -> None:
        """Start the agent of a commune, with the state that it had; does nothing while it runs.

        In a bare lab: whatever was started there by that name.
        """
        if self.nodes.runs(f"agent-{commune}"):
            return
        if self._bare:
            await self.nodes.again(f"agent-{commune}")
            return
        configuration = await asyncio.to_thread(self._write_agent, commune)
        words = [sys.executable, "-m", "agent", "--config", str(configuration)]
        words = _booted(self.places.boot_id(commune), words)
        await self.nodes.start(f"agent-{commune}", f"agent-{commune}", words, _environment())

    def _write_agent(self, code: str) -> Path:
        commune = next(item for item in self.inventory.communes if item.code == code)
        directory = self.places.agent(code)
        directory.mkdir(parents=True, exist_ok=True)
        config = gateway.with_token(commune_config(self.inventory, commune), self.places)
        path = directory / "local.yml"  # agent.yml is what the agent keeps there of what the hub sends
        path.write_bytes(to_yaml(msgspec.structs.replace(config, state_directory=str(directory))))
        return path


def _booted(boot_id: Path, words: list[str]) -> list[str]:
    """Return a command that sees a boot id of its own, where its machine had its power cut: all machines of
    the lab share one kernel, which cannot be started anew."""
    if not boot_id.exists():
        return words
    script = f'mount --bind "$0" {BOOT_ID} && exec "$@"'
    return ["unshare", "--mount", "sh", "-c", script, str(boot_id), *words]


def _environment() -> dict[str, str]:
    """What our own programs inherit: the language of the lab, and output that is not held back."""
    return dict(os.environ, THONGSUOT_LANG=i18n.current(), PYTHONUNBUFFERED="1")
