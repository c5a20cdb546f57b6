"""What ``demo`` and ``lab`` do before the sandbox: lock, tools, ports, an empty directory."""

import importlib.util
import subprocess
import sys
from pathlib import Path
from typing import Final

import msgspec

from common import i18n, statedir
from common.i18n import t
from deploy import debian
from deploy.lab import sandbox
from deploy.lab.order import SIX, Mode, Order, Places

__all__ = ["PORTS", "Mode", "Wish", "execute", "launch"]

PORTS: Final = (9490, 9493, 9495)
"""Prometheus, Alertmanager and wall page, on the loopback of this machine."""


class Wish(msgspec.Struct, frozen=True, kw_only=True):
    """What the command line asked for."""

    mode: Mode
    province: str = SIX
    bare: bool = False
    state: Path | None = None
    keep: bool = False
    ports: tuple[int, ...] = ()
    scenario: str = ""
    once: bool = False
    json: bool = False
    command: tuple[str, ...] = ()


def launch(wish: Wish) -> int:
    """Run a lab until it ends; returns the exit status. Errors go to stderr."""
    places = _places(wish.state)
    try:
        if importlib.util.find_spec("pyroute2") is None:
            raise sandbox.Refused(t("lab.no_extra"))
        with statedir.Lock(places.run.parent), sandbox.listening(wish.ports) as listeners:
            sandbox.check()
            debian.fetch(debian.LAB, _say)
            sandbox.prepare(places.run, wish.keep)
            return sandbox.start(_order(wish, places), listeners)
    except statedir.Busy as busy:
        _say(t("lab.busy", path=busy))
    except (sandbox.Refused, debian.FetchFailed) as error:
        _say(str(error))
    except OSError as error:
        _say(t("lab.cannot_write", path=error.filename or places.run, problem=error.strerror))
    return 1


def execute(state: Path | None, command: tuple[str, ...], province: str = SIX) -> int:
    """Run a command in a node: of the lab that runs, else of one made for it (wires and systems)."""
    if len(command) < 2:
        _say(t("lab.exec_needs"))
        return 2
    places = _places(state)
    try:
        with statedir.Lock(places.run.parent):
            pass
    except statedir.Busy:
        return _enter(places, command)
    except OSError as error:
        _say(t("lab.cannot_write", path=error.filename or places.run, problem=error.strerror))
        return 1
    return launch(Wish(mode="exec", province=province, state=state, once=True, command=command))


def _enter(places: Places, command: tuple[str, ...]) -> int:
    try:
        words = sandbox.enter_command(places, command[0], command[1:])
    except sandbox.Refused as error:
        _say(str(error))
        return 1
    return subprocess.run(words, check=False).returncode


def _places(state: Path | None) -> Places:
    return Places((state or statedir.default()).absolute() / "lab" / "run")


def _order(wish: Wish, places: Places) -> Order:
    return Order(
        mode=wish.mode, run=str(places.run), language=i18n.current(), leash=-1, province=wish.province,
        bare=wish.bare, scenario=wish.scenario, once=wish.once, json=wish.json, command=wish.command,
    )  # fmt: skip


def _say(text: str) -> None:
    sys.stderr.write(text + "\n")
    sys.stderr.flush()
