"""Who sends samples over a line that is cut: our agent, Prometheus in agent mode, vmagent.

Each runs in the near end of a line of its own, with what it keeps on a small disk of its own, and is
started again a second after it died, as systemd does.
"""

import signal
import subprocess
import sys
import time
from abc import ABC, abstractmethod
from pathlib import Path
from typing import Final

import msgspec

from agent.clock import boottime
from agent.config import AgentConfig
from deploy import unpacked
from deploy.debian import find
from deploy.render_agents import commune_config, to_yaml
from inventory.model import Inventory
from inventory.names import AGENT_SPOOL_OLDEST
from tests.bench import _netns
from tests.bench._hub import PROMETHEUS_PORT, Hub, Node
from tests.bench._path import FAR, Lane
from tests.bench._province import codes
from tests.bench._text import total

EXPORTER_PORT: Final = 9464
DISK_MB: Final = 512
RESTART_SECONDS: Final = 1.0
BEHIND_SECONDS: Final = 30.0
"""A live request that failed, on a machine with much to do, makes a row that is sent soon: no backlog."""
_SCRAPE: Final = """\
global: {{scrape_interval: 1s, scrape_timeout: 900ms}}
scrape_configs:
  - {{job_name: bench, static_configs: [{{targets: ["127.0.0.1:{port}"]}}]}}
"""
_WRITE: Final = 'remote_write: [{{url: "http://{hub}:{port}/api/v1/write"}}]\n'


class Sender(ABC):
    """One of them, its line and its hub. ``kills``: Unix times at which it was killed."""

    name = ""
    port = 0

    def __init__(self, lane: Lane, directory: Path) -> None:
        self.lane = lane
        self.near = Node(lane.namespace("near"), directory / "near")
        self.hub = Hub(lane.namespace("far"), directory / "hub")
        self.disk = directory / "disk"
        self.disk.mkdir(parents=True)
        options = f"size={DISK_MB}m"
        subprocess.run(["mount", "-t", "tmpfs", "-o", options, "bench", str(self.disk)], check=True)
        self.kills: list[float] = []
        self.crashes = 0
        self._due = 0.0

    @abstractmethod
    def waits(self, page: bytes) -> bool:
        """Whether its page of metrics says that something waits to be sent."""

    @abstractmethod
    def words(self) -> tuple[str, ...]:
        """Return the command."""

    def start_hub(self) -> None:
        """Start what it sends to; does not wait."""
        self.hub.start_prometheus()

    def begin(self) -> None:
        """Start sending."""
        self.near.start("sender", self.words())

    def tend(self) -> None:
        """Start it again a moment after it died."""
        if self.near.runs("sender"):
            return
        now = time.monotonic()
        if not self._due:
            self.crashes += 1
            self._due = now + RESTART_SECONDS
        elif now >= self._due:
            self._due = 0.0
            self.begin()

    def kill(self) -> None:
        """``kill -9``."""
        self.kills.append(time.time())
        self.near.end("sender", signal.SIGKILL)
        self._due = time.monotonic() + RESTART_SECONDS

    def reboot(self) -> None:
        """``kill -9``, and whatever else tells a boot from another."""
        self.kill()

    def fill(self) -> None:
        """Let nothing more fit on its disk."""
        with (self.disk / "full").open("wb", buffering=0) as file:
            try:
                while True:
                    file.write(bytes(1 << 16))
            except OSError:
                pass

    def free(self) -> None:
        """Let there be room again."""
        (self.disk / "full").unlink()

    def page(self) -> bytes:
        """Return its metrics. Raises OSError."""
        return _netns.fetch(self.lane.namespace("near"), self.port, "/metrics")

    def behind(self) -> bool:
        """Whether something waits to be sent, or it does not even run."""
        try:
            return self.waits(self.page())
        except OSError:
            return True

    def stop(self) -> None:
        """End it as a service is ended."""
        self.near.end("sender", signal.SIGTERM)

    def sent_bytes(self) -> int:
        """Return how many bytes have left for the line."""
        return _netns.sent_bytes(self.lane.namespace("near"), "wan")

    def end(self) -> None:
        """Stop everything."""
        self.near.end_all()
        self.hub.end_all()
        subprocess.run(["umount", "--lazy", str(self.disk)], check=False)


class Ours(Sender):
    """Our agent, through the gateway."""

    name = "thongsuot-agent"
    port = 9465

    def __init__(self, lane: Lane, directory: Path, inventory: Inventory, authority: Path) -> None:
        super().__init__(lane, directory)
        self.truth, self._boot = directory / "truth", tuple[str, ...]()
        self._config = directory / "agent.yml"
        token = directory / "token"
        token.write_text(self.hub.enrol(inventory)[codes()[0]], encoding="ascii")
        self._config.write_bytes(to_yaml(self._configured(inventory, authority, token)))

    def _configured(self, inventory: Inventory, authority: Path, token: Path) -> AgentConfig:
        """Return what is rendered for the commune, but pushed every second."""
        rendered = commune_config(inventory, inventory.communes[0])
        assert rendered.push is not None
        often = {"heartbeat_seconds": 1.0, "state_seconds": 1.0, "detail_seconds": 1.0}
        files = {"bearer_token_file": str(token), "ca_file": str(authority)}
        return msgspec.structs.replace(
            rendered, state_directory=str(self.disk), listen=f"127.0.0.1:{self.port}", fetch=None,
            push=msgspec.structs.replace(rendered.push, **often, **files),
        )  # fmt: skip

    def start_hub(self) -> None:
        """Start Prometheus and the gateway before it."""
        super().start_hub()
        self.hub.start_gateway(FAR)

    def words(self) -> tuple[str, ...]:
        words = (sys.executable, "-m", "tests.bench._watched", str(self._config), str(self.truth))
        return (*words, *self._boot)

    def reboot(self) -> None:
        """The forward clock begins anew, in another boot."""
        began = repr(boottime())
        self._boot = (f"boot of {began}", began)
        self.kill()

    def waits(self, page: bytes) -> bool:
        return total(page, AGENT_SPOOL_OLDEST.name) > BEHIND_SECONDS


class Peer(Sender):
    """Scrapes, every second, an exporter with the series of our agent."""

    def __init__(self, lane: Lane, directory: Path, template: Path) -> None:
        super().__init__(lane, directory)
        self.scrapes = directory / "scrapes"
        self.scrapes.touch()
        self._config = directory / "scrape.yml"
        exporter = (
            sys.executable, "-m", "tests.bench._exporter", str(EXPORTER_PORT), str(template),
            str(self.scrapes),
        )  # fmt: skip
        self.near.start("exporter", exporter)
        self._config.write_text(self.config(), encoding="utf-8")

    def config(self) -> str:
        """Return what is scraped, and where it goes."""
        return _SCRAPE.format(port=EXPORTER_PORT)


class PrometheusAgent(Peer):
    """Debian's Prometheus with ``--enable-feature=agent``: its write-ahead log is its buffer."""

    name = "prometheus agent"
    port = 9091

    def config(self) -> str:
        return super().config() + _WRITE.format(hub=FAR, port=PROMETHEUS_PORT)

    def waits(self, page: bytes) -> bool:
        made = total(page, "prometheus_remote_storage_highest_timestamp_in_seconds")
        sent = total(page, "prometheus_remote_storage_queue_highest_sent_timestamp_seconds")
        return made - sent > 3.0

    def words(self) -> tuple[str, ...]:
        return unpacked.argv(
            find("prometheus"),
            "--enable-feature=agent",
            f"--config.file={self._config}",
            f"--storage.agent.path={self.disk / 'wal'}",
            f"--web.listen-address=127.0.0.1:{self.port}",
        )


class Vmagent(Peer):
    """Debian's vmagent with its queue on disk."""

    name = "vmagent"
    port = 8429

    def waits(self, page: bytes) -> bool:
        return total(page, "vmagent_remotewrite_pending_data_bytes") > 500_000

    def words(self) -> tuple[str, ...]:
        return (
            str(find("vmagent")),
            f"-promscrape.config={self._config}",
            f"-remoteWrite.url=http://{FAR}:{PROMETHEUS_PORT}/api/v1/write",
            f"-remoteWrite.tmpDataPath={self.disk / 'queue'}",
            f"-httpListenAddr=127.0.0.1:{self.port}",
        )
