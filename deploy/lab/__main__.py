"""First process of the sandbox: builds the lab and does what was ordered. Started by ``sandbox.py``."""

import asyncio
import signal
import subprocess
import sys
from pathlib import Path
from typing import Final

import msgspec

from common import i18n, log
from deploy import debian
from deploy.lab.forward import forwarding
from deploy.lab.green import NotGreen, Watch
from deploy.lab.lab import Lab, prepare, province
from deploy.lab.nodes import CommandFailed
from deploy.lab.order import Order, Places
from deploy.lab.serve import serve
from deploy.lab.story import GREEN_SECONDS, tell
from deploy.lab.terminal import Terminal, names
from deploy.lab.topology import Unbuildable

INTERRUPTED: Final = 130
_LEASH_BYTES: Final = 16


async def _demo(lab: Lab, order: Order, terminal: Terminal) -> int:
    """Play; without ``--once`` go on until told to stop."""
    async with lab.running(), forwarding(order.listeners):
        terminal.say("demo.starting", communes=len(lab.communes), systems=len(lab.inventory.systems))
        if order.listeners:
            _say_where(lab, terminal)
        went_well = await tell(lab, order, terminal)
        if not order.once:
            terminal.say("demo.goes_on")
            await asyncio.Event().wait()
    return 0 if went_well else 1


async def _lab(lab: Lab, order: Order, terminal: Terminal) -> int:
    """Run until told to stop."""
    async with lab.running(), forwarding(order.listeners):
        _say_where(lab, terminal)
        async with Watch(lab) as watch:
            await watch.wait(GREEN_SECONDS, terminal.health)
        for node in lab.nodes.topology.nodes.values():
            terminal.line(f"  {node.name:24} {node.address:16} {node.component}")
        terminal.say("lab.enter", state=lab.places.run.parent.parent)
        await asyncio.Event().wait()
    return 0


async def _exec(lab: Lab, order: Order, _terminal: Terminal) -> int:
    """Run one command in a node of a lab of wires and systems, and end with its status."""
    node, *words = order.command
    async with lab.running(bare=True):
        process = await asyncio.create_subprocess_exec(*lab.nodes.command(node, words))
        return await process.wait()


async def _serve(lab: Lab, order: Order, terminal: Terminal) -> int:
    async with lab.running(bare=order.bare):
        await serve(lab, terminal, bare=order.bare)
    return 0


def _say_where(lab: Lab, terminal: Terminal) -> None:
    terminal.say(
        "lab.where", wall="http://127.0.0.1:9495/", prometheus="http://127.0.0.1:9490/",
        alertmanager="http://127.0.0.1:9493/", logs=lab.places.logs, sink=lab.places.sink,
    )  # fmt: skip


async def _until_stopped(lab: Lab, order: Order, terminal: Terminal) -> int:
    """Do what is ordered until it is done or the leash is pulled."""
    loop = asyncio.get_running_loop()
    stop = asyncio.Event()
    loop.add_reader(order.leash, stop.set)
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    modes = {"demo": _demo, "lab": _lab, "exec": _exec, "serve": _serve}
    doing = asyncio.create_task(modes[order.mode](lab, order, terminal))
    stopping = asyncio.create_task(stop.wait())
    await asyncio.wait((doing, stopping), return_when=asyncio.FIRST_COMPLETED)
    loop.remove_reader(order.leash)
    if doing.done():
        stopping.cancel()
        return doing.result()
    terminal.say("lab.stopping")
    doing.cancel()
    await asyncio.gather(doing, return_exceptions=True)
    return INTERRUPTED if order.once else 0


def main(argument: str) -> int:
    """Run the order; returns the exit status."""
    order = msgspec.json.decode(argument, type=Order)
    i18n.choose(order.language)
    log.set_up(level="warning")
    stream = sys.stderr if order.json or order.mode in {"serve", "exec"} else sys.stdout
    terminal = Terminal(stream, names(province(order.province), order.language))
    places = Places(Path(order.run))
    try:
        lab = Lab(*prepare(places, order.province), places)
        if order.mode == "exec" and order.command[0] not in lab.nodes.topology.nodes:
            terminal.say("lab.no_node", node=order.command[0], nodes=" ".join(lab.nodes.topology.nodes))
            return 2
        return asyncio.run(_until_stopped(lab, order, terminal))
    except NotGreen as error:
        terminal.say("lab.not_green", problem=error, logs=places.logs, hub=places.hub)
    except (debian.ToolMissing, CommandFailed, Unbuildable, OSError) as error:
        terminal.say("lab.cannot_build", problem=error)
    except subprocess.CalledProcessError as error:
        terminal.say("lab.cannot_build", problem=f"{' '.join(error.cmd)}: {error.stderr}")
    return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
