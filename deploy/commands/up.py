"""``thongsuot up F``: the whole hub as children of one process."""

import argparse
import asyncio
import sys
from pathlib import Path

from common.i18n import t

NAME = "up"
AREA = "up"


def add(parser: argparse.ArgumentParser) -> None:
    """Add the options."""
    parser.add_argument("inventory", type=Path, metavar="FILE", help=t("up.argument_inventory"))
    parser.add_argument("--state", type=Path, metavar="DIR", help=t("up.option_state"))
    parser.add_argument("--prometheus-listen", metavar="HOST:PORT", help=t("up.option_prometheus_listen"))
    gateway = parser.add_mutually_exclusive_group()
    gateway.add_argument("--ingest-listen", metavar="HOST:PORT", help=t("up.option_ingest_listen"))
    gateway.add_argument(
        "--no-ingest", action="store_const", const="", dest="ingest_listen", help=t("up.option_no_ingest")
    )
    parser.add_argument("--wall-listen", metavar="HOST:PORT", help=t("up.option_wall_listen"))
    parser.add_argument("--users-file", type=Path, metavar="FILE", help=t("wall.option_users_file"))
    parser.add_argument("--trusted-proxy-header", metavar="NAME", help=t("wall.option_proxy_header"))
    parser.add_argument(
        "--trusted-proxy", action="append", default=[], metavar="IP", help=t("wall.option_proxy")
    )
    parser.add_argument("--port-base", type=int, default=9490, metavar="PORT", help=t("up.option_port_base"))


def run(arguments: argparse.Namespace) -> int:
    """Run until SIGTERM or Ctrl-C. Exit status: 0 ended as asked, 1 could not start, 2 wrong input."""
    from common import statedir
    from common.web import ListenError
    from dashboards.wall import admission
    from deploy import debian, up
    from deploy.commands._inventory import read
    from deploy.endpoints import endpoints
    from deploy.stack import StackError
    from deploy.stack_specs import Paths, WallAccess

    users = arguments.users_file.absolute() if arguments.users_file else None
    access = WallAccess(users, arguments.trusted_proxy_header, tuple(arguments.trusted_proxy))
    try:
        at = endpoints(
            arguments.port_base, arguments.prometheus_listen, arguments.wall_listen, arguments.ingest_listen
        )
        admission.check(at.wall, access.users_file, access.proxy_header, access.proxies)
    except (ListenError, admission.AdmissionError) as error:
        sys.stderr.write(f"{error}\n")
        return 2
    except ValueError:
        sys.stderr.write(t("up.wrong_port_base", port=arguments.port_base) + "\n")
        return 2
    inventory = read(arguments.inventory)
    if inventory is None:
        return 2
    state = (arguments.state or statedir.default()).absolute()
    paths = Paths(inventory=arguments.inventory.absolute(), state=state)
    try:
        with statedir.Lock(paths.hub):
            asyncio.run(up.run(inventory, paths, at, access))
    except statedir.Busy as busy:
        sys.stderr.write(t("up.busy", path=busy) + "\n")
    except (StackError, ListenError, debian.ToolMissing) as error:
        sys.stderr.write(f"{error}\n")
    except OSError as error:
        sys.stderr.write(t("up.cannot_write", path=error.filename or state, problem=error.strerror) + "\n")
    else:
        return 0
    return 1
