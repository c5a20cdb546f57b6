"""Which processes make up the hub, and how each is started. Pure, but for finding the programs."""

import importlib.util
import os
import sys
from pathlib import Path
from typing import Final

import msgspec

from deploy import debian, unpacked
from deploy.child import Spec
from deploy.endpoints import Endpoints, url
from deploy.render_agents import WRITE_PATH
from deploy.render_hub import retention
from exporters.httpio.url import parse_url
from inventory.model import Inventory, Reflector

RESEND_SECONDS: Final = 20
"""How often Prometheus tells Alertmanager again of what fires. Alertmanager forgets an alert after four
times this: long enough for a restart of Prometheus, short enough after one of Alertmanager."""


class Paths(msgspec.Struct, frozen=True):
    """Where the hub keeps things."""

    inventory: Path
    state: Path

    @property
    def hub(self) -> Path:
        """All of the hub's state."""
        return self.state / "hub"

    @property
    def rendered(self) -> Path:
        """What was rendered from the inventory."""
        return self.hub / "rendered"

    @property
    def agent(self) -> Path:
        """State of the hub's own agent."""
        return self.hub / "agent"

    def log(self, name: str) -> Path:
        """Log file of one process."""
        return self.hub / "log" / f"{name}.log"


class WallAccess(msgspec.Struct, frozen=True):
    """Who may look at the wall page; nothing of it: anybody, on this machine only."""

    users_file: Path | None = None
    proxy_header: str | None = None
    proxies: tuple[str, ...] = ()

    def options(self) -> tuple[str, ...]:
        """Return the options for ``thongsuot wall``."""
        users = ("--users-file", str(self.users_file)) if self.users_file else ()
        header = (f"--trusted-proxy-header={self.proxy_header}",) if self.proxy_header else ()
        return (*users, *header, *(f"--trusted-proxy={proxy}" for proxy in self.proxies))


ANYBODY: Final = WallAccess()


def specs(
    paths: Paths, at: Endpoints, inventory: Inventory, access: WallAccess = ANYBODY
) -> tuple[Spec, ...]:
    """Return the processes in the order of starting. Raises debian.ToolMissing."""
    own = dict(os.environ, THONGSUOT_STATE_DIR=str(paths.state), PYTHONUNBUFFERED="1")
    found = [
        _ours(_Ours("receiver", "receive", at.receiver, ("--answer-listen", at.answers)), paths, at, own),
        _alertmanager(paths, at),
        _prometheus(paths, at, inventory),
        _ours(_Ours("locator", "locate", at.locator), paths, at, own),
        _ingest(paths, at, inventory, own),
        _agent(paths, at, own),
        _reflector(at, inventory, own),
        _ours(_Ours("wall", "wall", at.wall, _wall(at, access), hangs_up=True), paths, at, own),
    ]
    return tuple(spec for spec in found if spec is not None)


def _wall(at: Endpoints, access: WallAccess) -> tuple[str, ...]:
    return ("--locator", url(at.locator), *access.options())


def _prometheus(paths: Paths, at: Endpoints, inventory: Inventory) -> Spec:
    return Spec(
        name="prometheus",
        argv=unpacked.argv(
            debian.find("prometheus"),
            f"--config.file={paths.rendered / 'prometheus.yml'}",
            f"--storage.tsdb.path={paths.hub / 'prometheus'}",
            f"--storage.tsdb.retention.time={retention(inventory)}",
            f"--web.listen-address={at.prometheus}",
            "--web.enable-remote-write-receiver",
            "--web.enable-lifecycle",
            f"--rules.alert.resend-delay={RESEND_SECONDS}s",
        ),
        ready_url=url(at.prometheus, "/-/ready"),
        reload_url=url(at.prometheus, "/-/reload"),
        environment=debian.environment(),
        ready_seconds=300,  # it replays its log first
    )


def _alertmanager(paths: Paths, at: Endpoints) -> Spec:
    return Spec(
        name="alertmanager",
        argv=unpacked.argv(
            debian.find("alertmanager"),
            f"--config.file={paths.rendered / 'alertmanager.yml'}",
            f"--storage.path={paths.hub / 'alertmanager'}",
            f"--web.listen-address={at.alertmanager}",
            "--cluster.listen-address=",
        ),
        ready_url=url(at.alertmanager, "/-/ready"),
        reload_url=url(at.alertmanager, "/-/reload"),
        environment=debian.environment(),
    )


def _agent(paths: Paths, at: Endpoints, environment: dict[str, str]) -> Spec | None:
    if importlib.util.find_spec("agent.__main__") is None:
        return None
    return Spec(
        name="agent",
        argv=(sys.executable, "-m", "agent", "--config", str(paths.rendered / "agents/hub.yml")),
        ready_url=url(at.agent, "/-/healthy"),
        reload_url=url(at.agent, "/-/reload"),
        environment=environment,
    )


def _ingest(paths: Paths, at: Endpoints, inventory: Inventory, environment: dict[str, str]) -> Spec | None:
    """The gateway before Prometheus, where the province has one and it is not run by itself."""
    if inventory.hub.ingest is None or not at.ingest:
        return None
    return Spec(
        name="ingest",
        argv=(
            sys.executable, "-m", "deploy.cli", "ingest", str(paths.inventory), "--state", str(paths.state),
            "--listen", at.ingest, "--page-listen", at.ingest_page,
            "--forward", url(at.prometheus, WRITE_PATH),
        ),
        ready_url=url(at.ingest_page, "/-/ready"),
        reload_url=url(at.ingest_page, "/-/reload"),
        environment=environment,
    )  # fmt: skip


def _reflector(at: Endpoints, inventory: Inventory, environment: dict[str, str]) -> Spec | None:
    """The far end of measurements, where the province has one. The key is at the hub where agents have
    it; a changed one is read on SIGHUP, so that sessions go on through a reload."""
    wanted = inventory.hub.reflector
    if wanted is None:
        return None
    key = ("--key-file", wanted.stamp_key_file) if wanted.stamp_key_file else ()
    return Spec(
        name="reflector",
        argv=(
            sys.executable, "-m", "deploy.cli", "reflect", "--listen", at.reflector,
            "--stamp-listen", f":{wanted.stamp_port}", *key, *_throughput(wanted),
        ),
        ready_url=url(at.reflector, "/-/ready"),
        reload_by_signal=True,
        environment=environment,
    )  # fmt: skip


def _throughput(wanted: Reflector) -> tuple[str, ...]:
    """Options for the throughput tests that this stack serves: none where something else ends their TLS."""
    if wanted.throughput_url is None or wanted.throughput_token_file is None:
        return ()
    where, certificate = parse_url(wanted.throughput_url), wanted.throughput_certificate_file
    if where.scheme == "https" and certificate is None:
        return ()
    every = "[::]" if ":" in where.host else "0.0.0.0"  # noqa: S104 - agents come from everywhere
    secured = ("--certificate", certificate) if certificate else ("--plain-http",)
    limit = (f"--max-mbps={wanted.throughput_mbps_max:g}",) if wanted.throughput_mbps_max else ()
    listen = f"{every}:{where.port}"
    return ("--throughput-listen", listen, "--token-file", wanted.throughput_token_file, *secured, *limit)


class _Ours(msgspec.Struct, frozen=True):
    name: str
    command: str
    listen: str
    options: tuple[str, ...] = ()
    hangs_up: bool = False  # it may ask for a login, so SIGHUP reloads it


def _ours(service: _Ours, paths: Paths, at: Endpoints, environment: dict[str, str]) -> Spec | None:
    if importlib.util.find_spec(f"deploy.commands.{service.command}") is None:
        return None
    return Spec(
        name=service.name,
        argv=(
            sys.executable, "-m", "deploy.cli", service.command, str(paths.inventory),
            "--listen", service.listen,
            "--prometheus", url(at.prometheus),
            "--alertmanager", url(at.alertmanager),
            *service.options,
        ),
        ready_url=url(service.listen, "/-/healthy"),
        reload_url=None if service.hangs_up else url(service.listen, "/-/reload"),
        reload_by_signal=service.hangs_up,
        environment=environment,
    )  # fmt: skip
