"""The demo: scenarios in an order that makes a story, told as they happen."""

import asyncio
import sys
from typing import Final

import msgspec

from deploy.lab.green import Watch
from deploy.lab.lab import Lab
from deploy.lab.order import Order
from deploy.lab.play import Player
from deploy.lab.scenario import SCENARIOS, Limits, Result, Scenario
from deploy.lab.terminal import Terminal

GREEN_SECONDS: Final = 150.0
BREATH_SECONDS: Final = 3.0


def chosen(name: str) -> tuple[Scenario, ...]:
    """Return the scenario called ``name``, or all. Raises KeyError."""
    if not name:
        return tuple(SCENARIOS.values())
    return tuple(scenario for scenario in SCENARIOS.values() if scenario.name == name)


async def tell(lab: Lab, order: Order, terminal: Terminal) -> bool:
    """Play what is ordered on a running lab; returns whether all went as it had to.

    Raises green.NotGreen. With ``order.json``, writes one JSON object per scenario to stdout.
    """
    player = Player(lab, Limits())
    went_well = True
    async with Watch(lab) as watch:
        for number, scenario in enumerate(chosen(order.scenario), start=1):
            await watch.wait(GREEN_SECONDS, terminal.health)
            strays = player.strays()
            terminal.title(number, scenario)
            await asyncio.sleep(BREATH_SECONDS)
            result = await player.play(scenario, terminal, strays)
            terminal.result(result)
            went_well = went_well and result.ok
            if order.json:
                write_json(result)
    return went_well


def write_json(result: Result) -> None:
    """Write a result as one line of JSON to stdout."""
    sys.stdout.write(msgspec.json.encode(result).decode() + "\n")
    sys.stdout.flush()
