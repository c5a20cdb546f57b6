"""``thongsuot enroll F COMMUNE``: makes a token for a commune's agent and prints it, this once."""

import argparse
import sys
from pathlib import Path

from common.i18n import t
from deploy.commands._refuse import refuse

NAME = "enroll"
AREA = "enroll"


def add(parser: argparse.ArgumentParser) -> None:
    """Add the options."""
    parser.add_argument("inventory", type=Path, metavar="FILE", help=t("enroll.argument_inventory"))
    parser.add_argument("commune", metavar="COMMUNE", help=t("enroll.argument_commune"))
    parser.add_argument("--state", type=Path, metavar="DIR", help=t("ingest.option_state"))
    parser.add_argument("--days", type=float, metavar="N", help=t("enroll.option_days"))


def run(arguments: argparse.Namespace) -> int:
    """Print the token alone on stdout. Exit status: 0 made, 1 cannot be kept, 2 wrong use or input."""
    import time

    from common import statedir
    from deploy.commands._inventory import read
    from deploy.ingest.tokens import BadTokens, Store, TooMany

    inventory = read(arguments.inventory)
    if inventory is None:
        return 2
    code = arguments.commune
    if code not in {commune.code for commune in inventory.communes}:
        return refuse(t("enroll.unknown_commune", code=code), 2)
    if arguments.days is not None and not 0 < arguments.days <= 36500:
        return refuse(t("enroll.wrong_days"), 2)
    now = time.time()
    expires = None if arguments.days is None else now + arguments.days * 86400
    store = Store((arguments.state or statedir.default()).absolute() / "hub" / "ingest")
    try:
        secret, kept = store.add(code, now, expires)
    except TooMany:
        problem = t("enroll.too_many", code=code, file=arguments.inventory)
    except BadTokens as error:
        problem = t("ingest.bad_tokens", path=store.path, problem=error)
    except OSError as error:
        problem = t("ingest.cannot_write", path=store.path, problem=error.strerror)
    else:
        print(secret)
        where = inventory.hub.agent_token_file or "/etc/thongsuot/token"
        print(t("enroll.made", id=kept.id, code=code, where=where), file=sys.stderr)
        return 0
    return refuse(problem, 1)
