"""``thongsuot reflect``: the far end of measurements, at the hub or wherever a line ends."""

import argparse
from pathlib import Path

from common.i18n import t
from deploy.commands._refuse import refuse

NAME = "reflect"
AREA = "reflect"
DEFAULT_LISTEN = "127.0.0.1:9498"
DEFAULT_STAMP_PORT = 9462
DEFAULT_TESTS = 4


def add(parser: argparse.ArgumentParser) -> None:
    """Add the options."""
    option = parser.add_argument
    option(
        "--listen", default=DEFAULT_LISTEN, metavar="HOST:PORT",
        help=t("reflect.option_listen", default=DEFAULT_LISTEN),
    )  # fmt: skip
    option(
        "--stamp-listen", action="append", default=[], metavar="ADDRESS:PORT",
        help=t("reflect.option_stamp", default=DEFAULT_STAMP_PORT),
    )  # fmt: skip
    option("--key-file", type=Path, metavar="FILE", help=t("reflect.option_key_file"))
    option("--allow", action="append", default=[], metavar="NETWORK", help=t("reflect.option_allow"))
    option("--symmetric", action="store_true", help=t("reflect.option_symmetric"))
    _add_throughput(parser)


def _add_throughput(parser: argparse.ArgumentParser) -> None:
    option = parser.add_argument
    option("--throughput-listen", metavar="HOST:PORT", help=t("reflect.option_throughput"))
    option("--token-file", type=Path, metavar="FILE", help=t("reflect.option_token_file"))
    option("--certificate", type=Path, metavar="FILE", help=t("reflect.option_certificate"))
    option("--certificate-key", type=Path, metavar="FILE", help=t("reflect.option_certificate_key"))
    option("--plain-http", action="store_true", help=t("reflect.option_plain_http"))
    option(
        "--max-tests", type=int, default=DEFAULT_TESTS, metavar="N",
        help=t("reflect.option_max_tests", default=DEFAULT_TESTS),
    )  # fmt: skip
    option("--max-mbps", type=float, metavar="N", help=t("reflect.option_max_mbps"))


def run(arguments: argparse.Namespace) -> int:
    """Serve until SIGTERM or Ctrl-C. Exit status: 0 stopped, 1 cannot serve, 2 wrong use."""
    import asyncio

    from common.web import ListenError
    from deploy import reflect, reflect_throughput
    from exporters.stampio.places import Unusable

    try:
        options = reflect.options(arguments)
    except (Unusable, reflect_throughput.Refused) as error:
        return refuse(error, 2)
    try:
        asyncio.run(reflect.run(options))
    except (Unusable, ListenError, OSError) as error:
        return refuse(error, 1)
    return 0
