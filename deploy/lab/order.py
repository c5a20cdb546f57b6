"""What the command outside asks of the process inside the sandbox, and where both keep their files."""

from pathlib import Path
from typing import Final, Literal

import msgspec

Mode = Literal["demo", "lab", "serve", "exec"]
SIX: Final = "six"
"""The province that is run where none is named."""


class Order(msgspec.Struct, frozen=True, kw_only=True):
    """``listeners``: inherited listening socket by the port that it stands for.

    ``leash``: read end of a pipe whose other end the outer process holds; its end of file says stop.
    ``command``: node and words, for ``exec``. ``province``: a name of ``lab.PROVINCES``. ``bare``: without
    hub stack and agents, for ``serve``.
    """

    mode: Mode
    run: str
    language: str
    leash: int
    province: str = SIX
    bare: bool = False
    scenario: str = ""
    once: bool = False
    json: bool = False
    listeners: dict[int, int] = {}
    command: tuple[str, ...] = ()


class Places(msgspec.Struct, frozen=True):
    """The files of one run, all below ``run`` = ``<state>/lab/run``."""

    run: Path

    @property
    def namespaces(self) -> Path:
        """A file system of the sandbox's own: seen from outside it is empty."""
        return self.run / "net"

    @property
    def province(self) -> Path:
        """The inventory of this run, with absolute paths."""
        return self.run / "province.yml"

    @property
    def certificates(self) -> Path:
        return self.run / "tls"

    @property
    def secrets(self) -> Path:
        """Communities and keys of the routers, one a file."""
        return self.run / "secrets"

    @property
    def logs(self) -> Path:
        return self.run / "logs"

    @property
    def sink(self) -> Path:
        """One JSON line per notification."""
        return self.run / "notifications.jsonl"

    @property
    def hub(self) -> Path:
        """State directory of ``thongsuot up``."""
        return self.run / "state"

    @property
    def pid(self) -> Path:
        """The sandbox's first process, as numbered outside."""
        return self.run / "sandbox.pid"

    def agent(self, site: str) -> Path:
        """State directory of one agent."""
        return self.run / "agents" / site

    def boot_id(self, site: str) -> Path:
        """What the machine of one agent says for its boot id, once its power was cut."""
        return self.agent(site) / "boot-id"
