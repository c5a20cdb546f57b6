"""What commands share that ask the hub's Prometheus about an inventory."""

import argparse
from collections.abc import Coroutine
from pathlib import Path
from typing import Final, TypeVar

from common.i18n import t
from deploy.commands._refuse import refuse

AREA = "asking"
DEFAULT_PROMETHEUS: Final = "http://127.0.0.1:9490"
T = TypeVar("T")


def add(parser: argparse.ArgumentParser) -> None:
    """Add ``FILE`` and ``--prometheus``."""
    parser.add_argument("file", type=Path, metavar="FILE", help=t("asking.option_file"))
    add_prometheus(parser)


def add_prometheus(parser: argparse.ArgumentParser) -> None:
    """Add ``--prometheus``."""
    parser.add_argument(
        "--prometheus", default=DEFAULT_PROMETHEUS, metavar="URL", help=t("asking.option_prometheus")
    )


def asked(question: Coroutine[object, object, T], url: str) -> T | None:
    """Return what ``question`` finds in the Prometheus at ``url``, or None after saying why it
    cannot be read."""
    import asyncio

    from alerts.promapi import ApiError

    try:
        return asyncio.run(question)
    except ApiError as problem:
        refuse(t("asking.error_prometheus", url=url, problem=problem), 1)
        return None
