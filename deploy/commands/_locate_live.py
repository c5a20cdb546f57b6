"""``thongsuot locate F``: the locator as a service, until SIGTERM or Ctrl-C."""

import argparse
import asyncio
import signal
from pathlib import Path
from typing import TYPE_CHECKING

from common.i18n import t
from deploy.commands._inventory import read
from deploy.commands._refuse import refuse

if TYPE_CHECKING:
    from alerts.pinpoint.service import Service
    from inventory.model import Inventory

DEFAULT_LISTEN = "127.0.0.1:9491"
DEFAULT_PROMETHEUS = "http://127.0.0.1:9490"
DEFAULT_ALERTMANAGER = "http://127.0.0.1:9493"


def add(parser: argparse.ArgumentParser) -> None:
    """Add the options of the service."""
    parser.add_argument("--listen", default=DEFAULT_LISTEN, metavar="HOST:PORT", help=t("pinpoint.listen"))
    parser.add_argument("--state", type=Path, metavar="DIR", help=t("pinpoint.state"))
    parser.add_argument(
        "--prometheus", default=DEFAULT_PROMETHEUS, metavar="URL", help=t("pinpoint.prometheus")
    )
    parser.add_argument(
        "--alertmanager", default=DEFAULT_ALERTMANAGER, metavar="URL", help=t("pinpoint.alertmanager")
    )


def run(arguments: argparse.Namespace) -> int:
    """Serve. Exit status: 0 stopped, 1 cannot serve, 2 wrong input."""
    from alerts.ledger import LedgerError
    from alerts.pinpoint.service import Service, Settings
    from common import statedir
    from common.web import ListenError, is_loopback, parse_listen

    directory = (arguments.state or statedir.default()) / "hub"
    try:
        host, _ = parse_listen(arguments.listen)
    except ListenError as error:
        return refuse(error, 2)
    if not is_loopback(host):
        return refuse(t("receiver.error_loopback", listen=arguments.listen), 2)
    inventory = read(arguments.file)
    if inventory is None:
        return 2
    settings = Settings(
        listen=arguments.listen,
        ledger_path=directory / "ledger.sqlite",
        prometheus_url=arguments.prometheus,
        alertmanager_url=arguments.alertmanager,
    )
    try:
        with statedir.Lock(directory, "locator.lock"):
            asyncio.run(_serve(Service(settings, inventory, lambda: _load(arguments.file))))
    except statedir.Busy as error:
        return refuse(t("pinpoint.error_busy", path=error), 1)
    except (ListenError, LedgerError, OSError) as error:
        return refuse(error, 1)
    return 0


def _load(path: Path) -> "Inventory":
    """Read the inventory again. Raises Refused, a ValueError."""
    from deploy import validate

    return validate.read(path).inventory


async def _serve(service: "Service") -> None:
    stop = asyncio.Event()
    reloads: set[asyncio.Task[str | None]] = set()
    loop = asyncio.get_running_loop()

    def reload() -> None:
        task = loop.create_task(service.reload())
        reloads.add(task)
        task.add_done_callback(reloads.discard)

    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    loop.add_signal_handler(signal.SIGHUP, reload)
    await service.run(stop)
