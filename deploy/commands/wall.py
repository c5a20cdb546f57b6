"""``thongsuot wall F``: the page for wall screens, desks and phones."""

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from common.i18n import t
from deploy.commands._refuse import refuse

if TYPE_CHECKING:
    from dashboards.wall.gate import Gate
    from inventory.model import Inventory

NAME = "wall"
AREA = "wall"
_RANGES = {"max_viewers": (1, 200), "stale_seconds": (5, 600)}
"""Each viewer keeps a connection, of which there are 256; polls are 2 s apart and may take 5 s."""


def add(parser: argparse.ArgumentParser) -> None:
    """Add the options."""
    option = parser.add_argument
    option("file", nargs="?", type=Path, metavar="F", help=t("wall.option_inventory"))
    option("--listen", default="127.0.0.1:9495", metavar="HOST:PORT", help=t("wall.option_listen"))
    option("--prometheus", default="http://127.0.0.1:9490", metavar="URL", help=t("wall.option_prometheus"))
    option(
        "--alertmanager", default="http://127.0.0.1:9493", metavar="URL", help=t("wall.option_alertmanager")
    )
    option("--locator", default="http://127.0.0.1:9491", metavar="URL", help=t("wall.option_locator"))
    option("--users-file", type=Path, metavar="FILE", help=t("wall.option_users_file"))
    option("--trusted-proxy-header", metavar="NAME", help=t("wall.option_proxy_header"))
    option("--trusted-proxy", action="append", default=[], metavar="IP", help=t("wall.option_proxy"))
    option("--max-viewers", type=int, default=100, metavar="N", help=t("wall.option_max_viewers"))
    option("--stale-seconds", type=float, default=20.0, metavar="S", help=t("wall.option_stale"))
    option("--make-password", metavar="NAME", help=t("wall.option_make_password"))


def run(arguments: argparse.Namespace) -> int:
    """Serve until SIGTERM or Ctrl-C. Exit status: 0 stopped, 1 cannot serve, 2 wrong use or input."""
    if arguments.make_password is not None:
        return _make_password(arguments.make_password)
    if arguments.file is None:
        return refuse(t("wall.need_inventory"), 2)
    for name, (least, most) in _RANGES.items():
        given = getattr(arguments, name)
        if not least <= given <= most:  # nan is in no range
            option = f"--{name.replace('_', '-')}"
            return refuse(t("wall.wrong_range", option=option, value=given, least=least, most=most), 2)
    return _serve(arguments)


def _serve(arguments: argparse.Namespace) -> int:
    import asyncio
    from datetime import UTC, datetime

    from common.web import ListenError
    from dashboards.wall.admission import AdmissionError, gate_for
    from dashboards.wall.serve import Options, run
    from deploy import holiday
    from deploy.commands._inventory import read

    inventory = read(arguments.file)
    if inventory is None:
        return 2
    try:
        gate = gate_for(
            arguments.listen, arguments.users_file, arguments.trusted_proxy_header, arguments.trusted_proxy
        )
    except (AdmissionError, ListenError) as error:
        return refuse(error, 2)
    options = Options(
        listen=arguments.listen,
        prometheus=arguments.prometheus,
        alertmanager=arguments.alertmanager,
        locator=arguments.locator,
        max_viewers=arguments.max_viewers,
        stale_seconds=arguments.stale_seconds,
    )
    reload = _Reload(arguments.file, arguments.users_file, gate)
    try:
        holiday.of_year(datetime.now(UTC).year)  # its library takes long to load: not on the loop
        asyncio.run(
            run(options, inventory, gate, reload=reload, announce=_announce, holidays=holiday.of_year)
        )
    except (ListenError, OSError) as error:
        return refuse(error, 1)
    return 0


def _announce(url: str) -> None:
    print(t("wall.listening", url=url), flush=True)


class _Reload:
    """Reads inventory and users again; what is wrong is logged and the old ones stay."""

    def __init__(self, path: Path, users_file: Path | None, gate: "Gate") -> None:
        self._path = path
        self._users_file = users_file
        self._gate = gate

    def __call__(self) -> "Inventory | None":
        import logging

        from common.yaml.problems import Refused
        from dashboards.wall.admission import AdmissionError, reload_users
        from deploy import validate

        try:
            inventory = validate.read(self._path).inventory
            if self._users_file is not None:
                reload_users(self._gate, self._users_file)
        except (Refused, AdmissionError) as error:
            logging.getLogger(__name__).error("not read again: %s", error)
            return None
        return inventory


def _make_password(name: str) -> int:
    """Ask twice on a terminal; else take the first line of standard input."""
    import getpass

    from dashboards.wall.passwords import UsersError, make_line

    if sys.stdin.isatty():
        password = getpass.getpass(t("wall.password_ask", name=name))
        if password != getpass.getpass(t("wall.password_again")):
            return refuse(t("wall.password_differs"), 2)
    else:
        password = sys.stdin.readline().rstrip("\r\n")
    try:
        print(make_line(name, password))
    except UsersError as error:
        return refuse(error, 2)
    return 0
