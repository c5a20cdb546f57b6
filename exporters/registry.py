"""Every kind there is: the modules of ``exporters/probes`` and ``exporters/collectors``, found at run time.

A new kind is a new file there, of the same name, and nothing else; it is imported when somebody asks for
it: what a site does not measure costs it no memory. A module that breaks the contract of
:mod:`exporters.base` is a bug of ours and stops the program at once (:class:`BrokenKind`); options
that a person wrote wrongly are :class:`common.yaml.problems.Refused`, or reported with the rest of a file.
"""

import importlib
import inspect
import pkgutil
import re
from collections.abc import Iterator, Mapping
from functools import cache
from types import ModuleType
from typing import Any

from common.yaml import options as yaml_options
from common.yaml.plain import Data
from common.yaml.problems import Location
from common.yaml.report import Reporter
from exporters import collectors, probes
from exporters.base import Kind, ProbeConfig
from inventory.names import Metric


class BrokenKind(Exception):  # noqa: N818 - reads as what it says
    """A module of ``exporters/probes`` or ``exporters/collectors`` that does not keep the contract."""


class _Kinds(Mapping[str, Kind]):
    """Kinds by name; ``modules`` are imported one by one."""

    def __init__(self, modules: Mapping[str, str]) -> None:
        self._modules = modules
        self._known: dict[str, Kind] = {}

    def __getitem__(self, name: str) -> Kind:
        known = self._known.get(name)
        if known is None:
            module = importlib.import_module(self._modules[name])
            known = check_module(module)
            if known.kind != name:
                raise BrokenKind(f"{module.__name__}: KIND must be {name!r}, as the file is called")
            self._known[name] = known
        return known

    def __contains__(self, name: object) -> bool:
        return name in self._modules

    def __iter__(self) -> Iterator[str]:
        return iter(self._modules)

    def __len__(self) -> int:
        return len(self._modules)


@cache
def kinds() -> Mapping[str, Kind]:
    """Return every kind by its name. Raises BrokenKind, and so does looking one up."""
    found: dict[str, str] = {}
    for package in (probes, collectors):
        for entry in sorted(pkgutil.iter_modules(package.__path__), key=lambda entry: entry.name):
            if entry.ispkg or entry.name.startswith("_"):
                continue
            path = f"{package.__name__}.{entry.name}"
            if found.setdefault(entry.name, path) != path:
                raise BrokenKind(f"{path}: kind {entry.name!r} is defined twice")
    return _Kinds(found)


def check_module(module: ModuleType) -> Kind:
    """Return the kind that ``module`` defines. Raises BrokenKind with what is missing."""
    kind, config = getattr(module, "KIND", None), getattr(module, "Config", None)
    metrics, probe = getattr(module, "METRICS", None), getattr(module, "probe", None)
    if not isinstance(kind, str) or not re.fullmatch(r"[a-z][a-z0-9-]{0,39}", kind):
        raise BrokenKind(f"{module.__name__}: KIND must be a lower-case name")
    if not (isinstance(config, type) and issubclass(config, ProbeConfig)):
        raise BrokenKind(f"{module.__name__}: Config must derive from exporters.base.ProbeConfig")
    if not (isinstance(metrics, tuple) and all(isinstance(metric, Metric) for metric in metrics)):
        raise BrokenKind(f"{module.__name__}: METRICS must be a tuple of inventory.names.Metric")
    if probe is None or not inspect.iscoroutinefunction(probe):
        raise BrokenKind(f"{module.__name__}: probe must be `async def probe(target, config)`")
    check_address = getattr(module, "check_address", None)
    if not callable(check_address):
        raise BrokenKind(f"{module.__name__}: check_address(address) is missing")
    judges, exclusive = getattr(module, "JUDGES", True), getattr(module, "EXCLUSIVE", False)
    if not (isinstance(judges, bool) and isinstance(exclusive, bool)):
        raise BrokenKind(f"{module.__name__}: JUDGES and EXCLUSIVE must be True or False")
    prompt = getattr(module, "PROMPT", ())
    if not all(metric in metrics and metric.type == "counter" for metric in prompt):
        raise BrokenKind(f"{module.__name__}: PROMPT must be counters of METRICS")
    if judges and module.__name__.startswith(f"{collectors.__name__}."):
        raise BrokenKind(f"{module.__name__}: a collector says nothing about up or down: JUDGES = False")
    return Kind(
        kind=kind,
        config=config,
        metrics=metrics,
        probe=probe,
        check_address=check_address,
        judges=judges,
        exclusive=exclusive,
        prompt=tuple(prompt),
    )


def convert_options(kind: str, options: Mapping[str, Any]) -> ProbeConfig:
    """Return the ``Config`` of ``kind`` made from ``options``. Raises Refused."""
    return yaml_options.convert_options(kind, kinds(), options)


def judge(check: Data, key: str, report: Reporter, at: Location, *, judging: bool = False) -> None:
    """Report what no probe can use of the kind (under ``key``), ``address`` and ``options`` of ``check``.

    ``judging``: only kinds that say whether something is up will do.
    """
    fitting = kinds()
    if judging:
        fitting = {name: kind for name, kind in fitting.items() if kind.judges}
    if not yaml_options.judge(check, key, fitting, report, at) or "address" not in check:
        return
    judge_address(check[key], check["address"], report, (*at, "address"))


def judge_address(kind: str, address: object, report: Reporter, at: Location) -> None:
    """Report an address that ``kind`` cannot use; one that is not there, or no text, is none."""
    if not isinstance(address, str) or kind not in kinds():
        return
    try:
        kinds()[kind].check_address(address)
    except ValueError as error:
        expected = ("yaml.expected_said", (("what", str(error)),))
        report.add(at, "yaml.value", expected, found=address)
