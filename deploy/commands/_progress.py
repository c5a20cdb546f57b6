"""Progress of long queries, on a terminal only."""

import sys
from collections.abc import Callable

from common.i18n import t


def on_terminal(key: str) -> Callable[[int, int], None]:
    """Return what shows ``key`` of the catalogues with its percentage, in place; nothing when stderr is not
    a terminal. The last step clears the line."""
    live = sys.stderr.isatty()

    def show(done: int, total: int) -> None:
        if live:
            text = t(key, percent=100 * done // max(1, total)) if done < total else ""
            sys.stderr.write("\r\033[K" + text)
            sys.stderr.flush()

    return show
