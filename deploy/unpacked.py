"""Run Debian's programs from where they were unpacked, although they look for files below /usr/share.

Debian's Alertmanager opens its default template by absolute path, and Prometheus its pages. Where the
package is not installed, the program gets a mount namespace of its own (mount_namespaces(7)) in which the
unpacked files lie over /usr/share; nobody else sees that, and it is gone with the process. Without root a
user namespace gives the right to mount.
"""

import os
from pathlib import Path
from typing import Final

SHARE: Final = Path("/usr/share")
NEEDED: Final = "prometheus"
"""Directory below ``share`` that the programs look for."""

_SCRIPT: Final = (
    'mount -t overlay overlay -o "lowerdir=$1:/usr/share" /usr/share 2>/dev/null'
    ' || { mount -t tmpfs tmpfs /usr/share && mkdir "/usr/share/$2"'
    ' && mount --bind "$1/$2" "/usr/share/$2"; }'
    ' || { echo "cannot mount $1 over /usr/share" >&2; exit 1; }; '
    'shift 2; exec setpriv --pdeathsig TERM -- "$@"'
)


def argv(program: Path, *options: str, installed: Path = SHARE) -> tuple[str, ...]:
    """Return how to start ``program``: as it is where its files are installed, else with them mounted.

    A change of credentials clears the wish to be told of the parent's death (prctl(2)), so it is made
    again behind the namespace.
    """
    plain = (str(program), *options)
    own = program.resolve().parents[1] / "share"
    if own == installed or not (own / NEEDED).is_dir() or _complete(own, installed):
        return plain
    namespaces = ("--mount",) if os.geteuid() == 0 else ("--user", "--map-root-user", "--mount")
    return ("unshare", *namespaces, "--", "sh", "-c", _SCRIPT, "sh", str(own), NEEDED, *plain)


def _complete(own: Path, installed: Path) -> bool:
    """Whether all that was unpacked for the programs is installed too."""
    return all((installed / NEEDED / entry.name).exists() for entry in (own / NEEDED).iterdir())
