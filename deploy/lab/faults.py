"""What can go wrong in the lab, on purpose. Cuts are silent: packets vanish, nobody answers."""

import asyncio
import contextlib
import signal
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable

from deploy.lab.impair import Impairment
from deploy.lab.impaired import impair
from deploy.lab.nodes import Nodes, signal_matching
from deploy.lab.systems import flag
from deploy.lab.topology import HUB, UPLINK

_TABLE = "lab_fault"
_LOCATOR = "\0locate\0"
_REPLACED_SECONDS = 60.0
HUB_STACK = "hub-stack"
"""Name of the program that runs the hub."""
StartAgent = Callable[[str], Awaitable[None]]
StartHub = Callable[[], Awaitable[None]]


def _drop(match_in: str, match_out: str) -> str:
    """Ruleset that drops what comes in and what goes out, before and after everything else."""
    return f"""table inet {_TABLE} {{
  chain in {{ type filter hook prerouting priority -400; policy accept; {match_in} drop; }}
  chain out {{ type filter hook postrouting priority 400; policy accept; {match_out} drop; }}
}}
"""


_UPLINK = _drop(f'iifname "{UPLINK}"', f'oifname "{UPLINK}"')
_LOSSY = f"""table inet {_TABLE} {{{{
  chain out {{{{ type filter hook postrouting priority 400; policy accept;
    oifname "{UPLINK}" numgen random mod 1000 < {{promille}} counter drop; }}}}
}}}}
"""
_ALL = _drop('iifname != "lo"', 'oifname != "lo"')


class Faults:
    """Each fault is healed by :meth:`heal`, which heals all of them. Raises CommandFailed."""

    def __init__(self, nodes: Nodes, nft: str, start_agent: StartAgent, start_hub: StartHub) -> None:
        self._nodes = nodes
        self._nft = nft
        self._start_agent = start_agent
        self._start_hub = start_hub
        self._heal: list[Callable[[], Awaitable[object]]] = []

    async def cut_line(self, commune: str) -> None:
        """The line carries nothing in either direction; LAN, power and agent go on."""
        await self._cut(f"gw-{commune}", _UPLINK)

    async def cut_power(self, commune: str) -> None:
        """Router and agent are dead at once; what comes back is a new boot of the machine."""
        agent = f"agent-{commune}"
        await asyncio.gather(self._cut(f"gw-{commune}", _ALL), self._nodes.kill(agent))
        self._nodes.places.boot_id(commune).write_text(f"{uuid.uuid4()}\n", encoding="ascii")
        self._heal.append(lambda: self._start_agent(commune))

    async def cut_lan(self, commune: str) -> None:
        """The agent reaches nothing, not even its gateway; router and line go on."""
        await self._cut_above(f"agent-{commune}")

    async def kill_agent(self, commune: str) -> None:
        """Only the agent dies; its router still answers the hub."""
        await self._nodes.kill(f"agent-{commune}")
        self._heal.append(lambda: self._start_agent(commune))

    async def stop_agent(self, commune: str) -> None:
        """Somebody stops the agent on purpose."""
        await self._nodes.end(f"agent-{commune}")
        self._heal.append(lambda: self._start_agent(commune))

    async def stop_hub(self) -> None:
        """Everything at the hub ends; its network goes on."""
        await self._nodes.end(HUB_STACK)
        self._heal.append(self._start_hub)

    async def kill_locator(self) -> None:
        """The locator is killed, and what the supervisor starts in its place is stopped before it speaks.
        Raises TimeoutError."""
        killed = signal_matching(signal.SIGKILL, _LOCATOR)
        self._heal.append(self.start_locator)
        async with asyncio.timeout(_REPLACED_SECONDS):
            while not set(signal_matching(signal.SIGSTOP, _LOCATOR)) - set(killed):  # noqa: ASYNC110 - a process
                await asyncio.sleep(0.02)

    async def start_locator(self) -> None:
        """The locator that was stopped goes on, with the memory of the one that was killed."""
        signal_matching(signal.SIGCONT, _LOCATOR)

    async def pop_down(self, pop: str) -> None:
        """The POP forwards nothing and answers nothing."""
        await self._cut(f"pop-{pop}", _ALL)

    async def down(self, component: str) -> None:
        """A router, resolver or system forwards nothing and answers nothing. Raises KeyError."""
        await self._cut(self._node(component), _ALL)

    async def service_dead(self, component: str) -> None:
        """The program of a resolver or system is dead; its machine refuses at once. Raises KeyError."""
        name = self._node(component)
        await self._nodes.kill(name)
        self._heal.append(lambda: self._nodes.again(name))

    async def lossy(self, component: str, ratio: float) -> None:
        """A router loses a share of what it sends towards the hub; its counter tells how many packets."""
        ruleset = _LOSSY.format(promille=round(1000 * ratio))
        await self._cut(self._node(component), ruleset)

    async def hub_uplink(self) -> None:
        """What the hub sends vanishes on its way out, and so does what is sent to it; it is not told."""
        await self._cut_above(HUB)

    async def hub_unreachable(self) -> None:
        """Nothing reaches the hub from outside and nothing leaves it."""
        await self._cut(HUB, _UPLINK)

    async def impair_line(self, commune: str, up: Impairment, down: Impairment) -> None:
        """The line delays, loses, repeats and reorders, each direction as told; the relay logs it all."""
        name = await impair(self._nodes, commune, up, down)
        self._heal.append(lambda: self._nodes.kill(name))

    async def maintenance_page(self, system: str) -> None:
        """The system answers 200, with a page that says that it is under maintenance."""
        path = flag(self._nodes.places, system)
        path.touch()
        self._heal.append(lambda: asyncio.to_thread(path.unlink, missing_ok=True))

    @contextlib.asynccontextmanager
    async def blip(self, commune: str, seconds: float = 2.0) -> AsyncIterator[None]:
        """The line is cut for ``seconds``; the context is open as long."""
        await self.cut_line(commune)
        try:
            yield
            await asyncio.sleep(seconds)
        finally:
            await self.heal()

    async def heal(self) -> None:
        """Undo every fault, the last first."""
        while self._heal:
            await self._heal.pop()()

    async def _cut_above(self, node: str) -> None:
        """Cut a node's uplink at its other end, so that the node's own sends do not fail at once."""
        link = self._nodes.topology.link_above(node)
        if link is None:
            raise KeyError(node)
        name = link.parent_interface
        await self._cut(link.parent, _drop(f'iifname "{name}"', f'oifname "{name}"'))

    def _node(self, component: str) -> str:
        nodes = self._nodes.topology.nodes.values()
        for node in nodes:
            if node.component == component:
                return node.name
        raise KeyError(component)

    async def _cut(self, node: str, ruleset: str) -> None:
        await self._nodes.must(node, [self._nft, "-f", "-"], ruleset)
        self._heal.append(lambda: self._nodes.must(node, [self._nft, "delete", "table", "inet", _TABLE]))
