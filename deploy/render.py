"""Everything that follows from the inventory, as files: pure content first, then one careful write.

Layout below the output directory: agents/<site>.yml, prometheus.yml, rules/*.yml, rules/tests/*.yml,
file_sd/scraped.json, alertmanager.yml, boards/*.json. What is unchanged is left untouched, so that a
watcher of times sees only what changed; what was rendered before and no longer belongs there is removed.
"""

import importlib
import importlib.util
from collections.abc import Mapping
from pathlib import Path
from typing import Final

import msgspec

from alerts import rules
from common.files import write_atomically
from deploy import render_agents, render_hub, render_rule_tests
from deploy.endpoints import Endpoints
from inventory.model import Inventory

OWNED: Final = ("agents/*.yml", "rules/*.yml", "rules/tests/*.yml", "file_sd/*.json", "boards/*.json")
"""What rendering may remove, if it wrote it: rules and boards of somebody else may lie beside ours."""
MANIFEST: Final = ".rendered"
"""Names what was written, a path a line."""

_BOARDS: Final = "dashboards.grafana"
MAX_FILE_BYTES: Final = 1 << 26


class Changes(msgspec.Struct, frozen=True):
    """Paths relative to the output directory, sorted."""

    created: tuple[str, ...] = ()
    updated: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.created or self.updated or self.removed)


def render(
    inventory: Inventory, endpoints: Endpoints | None = None, hub_state: Path | None = None
) -> dict[str, bytes]:
    """Return the content of every file by its relative path.

    ``hub_state`` is the directory in which the hub's own agent keeps its state.
    """
    at = endpoints or Endpoints()
    files = {
        **render_agents.files(inventory, at, hub_state),
        **render_hub.files(inventory, at),
        **{f"rules/{name}": content for name, content in rules.files(inventory).items()},
        **{f"rules/tests/{name}": content for name, content in render_rule_tests.files(inventory).items()},
        **{f"boards/{name}": content for name, content in _boards().items()},
    }
    return dict(sorted(files.items()))


def _boards() -> Mapping[str, bytes]:
    """The boards need the hub's extra; an installation without it renders everything else."""
    if importlib.util.find_spec("grafana_foundation_sdk") is None:
        return {}
    exported: Mapping[str, bytes] = importlib.import_module(_BOARDS).export()
    return exported


def changes(files: Mapping[str, bytes], directory: Path) -> Changes:
    """Say what writing ``files`` would do. Raises OSError."""
    before = {path: _read(directory / path) for path in files}
    return Changes(
        created=tuple(sorted(path for path, old in before.items() if old is None)),
        updated=tuple(sorted(p for p, old in before.items() if old is not None and old != files[p])),
        removed=tuple(sorted(_stale(files, directory))),
    )


def write(files: Mapping[str, bytes], directory: Path) -> Changes:
    """Write what changed, each file at once or not at all, and remove what is stale. Raises OSError."""
    found = changes(files, directory)
    _list(directory, {*files, *found.removed})  # first: what a crash leaves half done is known next time
    for path in (*found.created, *found.updated):
        write_atomically(directory / path, files[path])
    for path in found.removed:
        (directory / path).unlink(missing_ok=True)
    _list(directory, set(files))
    return found


def _list(directory: Path, paths: set[str]) -> None:
    content = "".join(f"{path}\n" for path in sorted(paths)).encode()
    if _read(directory / MANIFEST) != content:
        write_atomically(directory / MANIFEST, content)


def _read(path: Path) -> bytes | None:
    try:
        with path.open("rb") as source:
            return source.read(MAX_FILE_BYTES)
    except FileNotFoundError:
        return None


def _stale(files: Mapping[str, bytes], directory: Path) -> set[str]:
    present = {str(path.relative_to(directory)) for pattern in OWNED for path in directory.glob(pattern)}
    written = (_read(directory / MANIFEST) or b"").decode("utf-8", "replace").splitlines()
    return present.intersection(written) - set(files)
