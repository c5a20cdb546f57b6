"""``thongsuot revoke F COMMUNE``: takes tokens of a commune's agent back, at once."""

import argparse
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from common.i18n import t
from deploy.commands._refuse import refuse

if TYPE_CHECKING:
    from deploy.ingest.tokens import Token

NAME = "revoke"
AREA = "revoke"


def add(parser: argparse.ArgumentParser) -> None:
    """Add the options."""
    parser.add_argument("inventory", type=Path, metavar="FILE", help=t("enroll.argument_inventory"))
    parser.add_argument("commune", metavar="COMMUNE", help=t("enroll.argument_commune"))
    parser.add_argument("--state", type=Path, metavar="DIR", help=t("ingest.option_state"))
    which = parser.add_mutually_exclusive_group()
    which.add_argument("--all", action="store_true", help=t("revoke.option_all"))
    which.add_argument("--id", metavar="ID", help=t("revoke.option_id"))


def run(arguments: argparse.Namespace) -> int:
    """Revoke, or without --all and --id only list. A commune that left the inventory can be revoked too.
    Exit status: 0 done, 1 cannot be kept, 2 wrong use or nothing to revoke."""
    from common import statedir
    from deploy.commands._inventory import read
    from deploy.ingest.tokens import BadTokens, Store

    if read(arguments.inventory) is None:
        return 2
    code = arguments.commune
    store = Store((arguments.state or statedir.default()).absolute() / "hub" / "ingest")
    try:
        if not arguments.all and arguments.id is None:
            return _list(code, (token for token in store.read() if token.commune == code))
        gone = store.revoke(code, arguments.id)
    except BadTokens as error:
        return refuse(t("ingest.bad_tokens", path=store.path, problem=error), 1)
    except OSError as error:
        return refuse(t("ingest.cannot_write", path=store.path, problem=error.strerror), 1)
    if not gone:
        return refuse(t("revoke.nothing", code=code), 2)
    for token in gone:
        print(t("revoke.done", id=token.id, code=code))
    return 0


def _list(code: str, tokens: Iterable["Token"]) -> int:
    """Show a commune's tokens, and how one of them is revoked."""
    from datetime import UTC, datetime

    def day(unix: float | None) -> str:
        return f"{datetime.fromtimestamp(unix, UTC):%Y-%m-%d %H:%M} UTC" if unix is not None else "-"

    found = list(tokens)
    if not found:
        return refuse(t("revoke.nothing", code=code), 2)
    for token in found:
        print(t("revoke.listed", id=token.id, created=day(token.created), expires=day(token.expires)))
    return refuse(t("revoke.which"), 2)
