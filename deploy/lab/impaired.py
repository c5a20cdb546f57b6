"""Puts the relay into a commune's line: between its gateway and the router above."""

import asyncio
import sys
from collections.abc import Iterator
from typing import Final

import msgspec

from deploy.lab.impair import Impairment
from deploy.lab.nodes import CommandFailed, Nodes
from deploy.lab.relay import RelayOrder
from deploy.lab.topology import HUB
from deploy.lab.wires import namespace

_START_SECONDS: Final = 10.0
_LOOK_SECONDS: Final = 0.05


def device(commune: str) -> str:
    """Return the name of the relay, of its devices and of its log ``logs/NAME.bin``."""
    return f"relay-{commune}"


async def impair(nodes: Nodes, commune: str, up: Impairment, down: Impairment, seed: int = 1) -> str:
    """Lead the line through a relay; killing the program whose name is returned undoes it.

    The relay's routes come before those that are there, and go with its devices. Raises CommandFailed,
    KeyError for an unknown commune.
    """
    name, gateway = device(commune), f"gw-{commune}"
    above = nodes.topology.nodes[gateway].parent
    order = RelayOrder(
        near=str(namespace(nodes.places.namespaces, gateway)),
        far=str(namespace(nodes.places.namespaces, above)),
        log=str(nodes.places.logs / f"{name}.bin"), device=name, up=up, down=down, seed=seed,
    )  # fmt: skip
    words = [sys.executable, "-m", "deploy.lab.relay", msgspec.json.encode(order).decode()]
    await nodes.start(name, HUB, words)
    for node in (gateway, above):
        await _bring_up(nodes, node, name)
    for node, route in _routes(nodes, gateway, above):
        address = nodes.topology.nodes[node].address
        await nodes.must(node, ["ip", "route", "prepend", route, "dev", name, "src", address])
    return name


async def _bring_up(nodes: Nodes, node: str, name: str) -> None:
    """Switch on the relay's device as soon as it is there."""
    deadline = asyncio.get_running_loop().time() + _START_SECONDS
    while (ended := await nodes.run(node, ["ip", "link", "set", name, "up"])).status != 0:
        if asyncio.get_running_loop().time() > deadline or not nodes.runs(name):
            raise CommandFailed(f"{name}: {ended.output.strip()}")
        await asyncio.sleep(_LOOK_SECONDS)


def _routes(nodes: Nodes, gateway: str, above: str) -> Iterator[tuple[str, str]]:
    """Return node and destination of what runs over the line."""
    yield gateway, "0.0.0.0/0"
    link = nodes.topology.link_above(gateway)
    for route in nodes.topology.routes(above):
        if link is not None and route.via == link.child_address:
            yield above, route.destination
