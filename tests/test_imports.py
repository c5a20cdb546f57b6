"""Who may import whom (docs/architecture.md), and what the agent must never carry."""

import ast
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest
from setuptools import find_packages  # type: ignore[import-untyped]  # ships no types

ROOT = Path(__file__).resolve().parents[1]
PACKAGES = ("agent", "alerts", "common", "dashboards", "deploy", "exporters", "inventory")

ALLOWED = {
    "common": ("common",),
    "inventory": ("inventory", "common"),
    "exporters": ("exporters", "common", "inventory.model", "inventory.names"),
    "agent": ("agent", "common", "exporters", "inventory.model", "inventory.names"),
    "alerts": ("alerts", "common", "inventory"),
    "dashboards": (
        "dashboards",
        "common",
        "inventory",
        "alerts.gaps",
        "alerts.slo",
        "alerts.promapi",
        "alerts.amapi",
        "alerts.locatorapi",
        "alerts.oncall",
        "alerts.rotation",
        "alerts.ledger",
        "alerts.ledgerapi",
        "alerts.revision",
    ),
    "deploy": PACKAGES,
}
"""Package -> prefixes of what its modules may import from the project."""

HUB_ONLY = frozenset(
    [
        "apprise",
        "grafana_client",
        "grafana_foundation_sdk",
        "holidays",
        "matplotlib",
        "numpy",
        "playwright",
        "pyroute2",
        "pysnmp",
        "requests",
        "typst",
        "urllib3",
        "xlsxwriter",
        "alerts",
        "dashboards",
        "deploy",
        "tests",
    ]
)
"""Top-level modules that must not be loaded in an agent."""


def modules() -> Iterator[Path]:
    for package in PACKAGES:
        yield from sorted((ROOT / package).rglob("*.py"))


def imported(path: Path, source: str) -> Iterator[tuple[int, str]]:
    """Yield (line, absolute dotted name) of each import; ``from a import b`` counts as ``a.b``."""
    package = list(path.relative_to(ROOT).with_suffix("").parts[:-1])
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield node.lineno, alias.name
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else []
            stem = ".".join([*base, *([node.module] if node.module else [])])
            for alias in node.names:
                yield node.lineno, f"{stem}.{alias.name}"


def permitted(owner: str, name: str) -> bool:
    """Whether a module of package ``owner`` may import ``name``."""
    if name.partition(".")[0] not in (*PACKAGES, "tests"):
        return True
    return any(f"{name}.".startswith(f"{prefix}.") for prefix in ALLOWED[owner])


def violations(path: Path, source: str) -> list[str]:
    owner = path.relative_to(ROOT).parts[0]
    return [
        f"{path.relative_to(ROOT)}:{line}: {owner} must not import {name}"
        for line, name in imported(path, source)
        if not permitted(owner, name)
    ]


def test_every_import_keeps_the_directions() -> None:
    found = [text for path in modules() for text in violations(path, path.read_text(encoding="utf-8"))]
    assert found == []


@pytest.mark.parametrize(
    ("path", "source"),
    [
        ("common/x.py", "import inventory.names"),
        ("inventory/x.py", "from exporters import base"),
        ("exporters/probes/x.py", "from inventory import graph"),
        ("exporters/probes/x.py", "import inventory"),
        ("agent/x.py", "def f():\n    from inventory.graph import plans"),
        ("agent/x.py", "from alerts import slo"),
        ("alerts/channels/x.py", "from agent.config import Push"),
        ("alerts/x.py", "from dashboards import wall"),
        ("dashboards/wall/x.py", "from alerts.rules import render"),
        ("dashboards/wall/x.py", "from alerts import receiver"),
        ("dashboards/wall/x.py", "from exporters import base"),
        ("alerts/x.py", "from deploy import render"),
        ("deploy/x.py", "from tests import bench"),
        ("agent/x.py", "from ..deploy import cli"),
    ],
)
def test_a_wrong_import_is_seen(path: str, source: str) -> None:
    assert len(violations(ROOT / path, source)) == 1


@pytest.mark.parametrize(
    ("path", "source"),
    [
        ("exporters/probes/x.py", "from inventory import names"),
        ("exporters/probes/x.py", "from inventory.names import Reason"),
        ("dashboards/wall/x.py", "from alerts import promapi"),
        ("dashboards/wall/x.py", "from alerts.amapi import AmApi"),
        ("dashboards/wall/x.py", "from . import model"),
        ("deploy/commands/x.py", "from agent.__main__ import main"),
        ("common/x.py", "import aiohttp"),
    ],
)
def test_a_right_import_passes(path: str, source: str) -> None:
    assert violations(ROOT / path, source) == []


def loaded_by(statement: str) -> set[str]:
    """Return the top-level modules in memory of a fresh interpreter after ``statement``."""
    code = f"{statement}\nimport sys\nprint(*sorted({{name.partition('.')[0] for name in sys.modules}}))"
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=60, check=True
    )
    return set(done.stdout.split())


def test_the_agent_loads_no_hub_dependency() -> None:
    every_probe = (
        "import importlib, pkgutil, agent, exporters.probes, exporters.collectors\n"
        "for package in (agent, exporters.probes, exporters.collectors):\n"
        "    for module in pkgutil.iter_modules(package.__path__, package.__name__ + '.'):\n"
        "        importlib.import_module(module.name)\n"
    )
    loaded = loaded_by(f"import agent.__main__\n{every_probe}")
    assert "aiohttp" in loaded
    assert loaded & HUB_ONLY == set()


def test_starting_the_hub_command_loads_nothing_heavy() -> None:
    loaded = loaded_by("import deploy.cli\ndeploy.cli.parser()")
    heavy = {
        "numpy",
        "matplotlib",
        "grafana_foundation_sdk",
        "grafana_client",
        "holidays",
        "pyroute2",
        "playwright",
    }
    assert loaded & heavy == set()


def test_the_tests_are_not_packaged() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    include = project["tool"]["setuptools"]["packages"]["find"]["include"]
    found = {name.partition(".")[0] for name in find_packages(str(ROOT), include=include)}
    assert found == set(PACKAGES)


def test_base_dependencies_are_what_an_agent_imports() -> None:
    """Every base dependency is a megabyte at 3,321 communes: none stands there for the hub's sake."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    names = {entry.partition(">")[0].partition("=")[0] for entry in project["project"]["dependencies"]}
    module_of = {
        "prometheus-client": "prometheus_client",
        "PyYAML": "yaml",
        "jsonpath-rfc9535": "jsonpath_rfc9535",
    }
    used = {
        name.partition(".")[0]
        for package in ("agent", "exporters", "common", "inventory")
        for path in (ROOT / package).rglob("*.py")
        for _, name in imported(path, path.read_text(encoding="utf-8"))
    }
    assert {module_of.get(name, name) for name in names} <= used
