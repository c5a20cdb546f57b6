"""``thongsuot receive F``: takes Alertmanager's notifications and tells people."""

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from common.i18n import t
from deploy.commands._refuse import refuse

if TYPE_CHECKING:
    from alerts.receiver import Receiver, Settings
    from inventory.model import Inventory

NAME = "receive"
AREA = "receiver"
DEFAULT_LISTEN = "127.0.0.1:9494"
DEFAULT_ANSWER = "127.0.0.1:9500"
DEFAULT_ALERTMANAGER = "http://127.0.0.1:9493"


def add(parser: argparse.ArgumentParser) -> None:
    """Add the options."""
    parser.add_argument("file", type=Path, metavar="F", help=t("receiver.file"))
    parser.add_argument("--listen", default=DEFAULT_LISTEN, metavar="HOST:PORT", help=t("receiver.listen"))
    parser.add_argument("--state", type=Path, metavar="DIR", help=t("receiver.state"))
    parser.add_argument(
        "--alertmanager", default=DEFAULT_ALERTMANAGER, metavar="URL", help=t("receiver.alertmanager")
    )
    parser.add_argument("--prometheus", metavar="URL", help=t("receiver.prometheus"))
    parser.add_argument(
        "--answer-listen", default=DEFAULT_ANSWER, metavar="HOST:PORT", help=t("receiver.answer")
    )


def run(arguments: argparse.Namespace) -> int:
    """Serve until SIGTERM or Ctrl-C. Exit status: 0 stopped, 1 cannot serve, 2 wrong input."""
    import asyncio

    from alerts.receiver import Receiver, Settings
    from common import statedir
    from common.web import ListenError, is_loopback, parse_listen
    from deploy import holiday
    from deploy.commands._inventory import read

    directory = (arguments.state or statedir.default()) / "hub"
    try:
        host, _ = parse_listen(arguments.listen)
        if not is_loopback(host):
            raise ListenError(t("receiver.error_loopback", listen=arguments.listen))
        parse_listen(arguments.answer_listen)
    except ListenError as error:
        return refuse(error, 2)
    inventory = read(arguments.file)
    if inventory is None:
        return 2
    settings = Settings(
        listen=arguments.listen,
        store_path=directory / "receiver.sqlite",
        alertmanager_url=arguments.alertmanager,
        prometheus_url=arguments.prometheus,
        answer_listen=arguments.answer_listen,
    )
    receiver = Receiver(settings, inventory, lambda: _load(arguments.file), holiday.of_year)
    try:
        with statedir.Lock(directory, "receiver.lock"):
            asyncio.run(_serve(receiver, settings))
    except statedir.Busy as error:
        return refuse(t("receiver.error_busy", path=error), 1)
    except (ListenError, OSError) as error:
        return refuse(error, 1)
    return 0


def _load(path: Path) -> "Inventory":
    """Read the inventory again. Raises Refused, a ValueError."""
    from deploy import validate

    return validate.read(path).inventory


async def _serve(receiver: "Receiver", settings: "Settings") -> None:
    import asyncio
    import signal

    stop = asyncio.Event()
    reloads: set[asyncio.Task[str | None]] = set()
    loop = asyncio.get_running_loop()

    def reload() -> None:
        task = loop.create_task(receiver.reload())
        reloads.add(task)
        task.add_done_callback(reloads.discard)

    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    loop.add_signal_handler(signal.SIGHUP, reload)
    await receiver.run(stop)
