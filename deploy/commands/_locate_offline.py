"""``thongsuot locate --offline FILE``: causes of snapshots that stand in a file."""

import argparse
import gc
import sys
import time
from pathlib import Path

from common.i18n import t

STDIN = "-"


def run(arguments: argparse.Namespace) -> int:
    """Print a line for each snapshot. Exit status: 0 printed, 2 the file cannot be used."""
    from alerts.locate import Locator
    from alerts.locate.offline import MalformedError, line, parse

    name = str(arguments.file)
    try:
        file = parse(_bytes(arguments.file))
    except OSError as error:
        print(t("locate.unreadable", file=name, problem=error.strerror or error), file=sys.stderr)
        return 2
    except MalformedError as error:
        print(f"{name}: {error}", file=sys.stderr)
        return 2
    locator = Locator(file.components, file.routes)
    gc.collect()
    gc.freeze()  # a collection in the midst of an inference would go through a million names
    try:
        for snapshot in file.snapshots:
            started = time.perf_counter()
            answer = locator.locate(snapshot.sent, snapshot.failed, snapshot.known_down)
            seconds = time.perf_counter() - started
            print(line(answer, seconds).decode(), flush=True)
    finally:
        gc.unfreeze()
    return 0


def _bytes(path: Path) -> bytes:
    """Read no more than may be: a byte over the limit tells that it is too much."""
    from alerts.locate.offline import MAX_BYTES

    if str(path) == STDIN:
        return sys.stdin.buffer.read(MAX_BYTES + 1)
    with path.open("rb") as file:
        return file.read(MAX_BYTES + 1)
