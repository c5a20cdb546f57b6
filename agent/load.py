"""Read ``agent.yml``, or report every error at once: file, line, key, what was expected."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

from agent.config import AgentConfig, identity
from common.web import ListenError, parse_listen
from common.yaml.load import load, loads
from common.yaml.plain import Data, Record, records, unique
from common.yaml.problems import Expected, Location, few
from common.yaml.report import Reporter
from exporters import registry
from exporters.stampio.places import Unusable, parse_places

MAX_TARGETS: Final = 5000
GATE_TIMEOUT_SECONDS: Final = 2.0
"""A gate must have spoken before what depends on it is judged (see ``confirm.SPAN_SECONDS``)."""
_LISTEN: Final[Expected] = ("agent.expected_listen", ())
_REFLECT: Final[Expected] = ("agent.expected_reflect", ())
_URL: Final[Expected] = ("agent.expected_url", ())


def load_config(path: Path) -> AgentConfig:
    """Return the configuration of ``path``. Raises :class:`common.yaml.problems.Refused`."""
    return load(path, AgentConfig, judge).value


def loads_config(content: bytes, file: str) -> AgentConfig:
    """Return the configuration that ``content`` is. Raises :class:`common.yaml.problems.Refused`."""
    return loads(content, file, AgentConfig, judge).value


def judge(data: Data, report: Reporter) -> None:
    """Report what is wrong beyond types in plain data, from which refused values are missing."""
    _listen(data.get("listen"), report)
    _reflect(data.get("reflect"), report)
    for section in ("push", "fetch"):
        _url(section, (data.get(section) or {}).get("url"), report)
    targets = list(records(data, "targets"))
    if len(targets) > MAX_TARGETS:
        report.add(("targets",), "agent.too_many_targets", limit=str(MAX_TARGETS))
        return
    unique(report, (((*at, "name"), target.get("name")) for at, target in targets))
    unique(report, _identities(targets, report), "agent.same_series")
    _gates(targets, report)
    for at, target in targets:
        registry.judge(target, "probe", report, at)


def _listen(value: Any, report: Reporter) -> None:
    try:
        if isinstance(value, str):
            parse_listen(value)
    except ListenError:
        report.add(("listen",), "yaml.value", _LISTEN, found=value)


def _reflect(value: Any, report: Reporter) -> None:
    try:
        if isinstance(value, str):
            parse_places(value)
    except Unusable:
        report.add(("reflect",), "yaml.value", _REFLECT, found=value)


def _url(section: str, value: Any, report: Reporter) -> None:
    if isinstance(value, str) and not _usable_url(value):
        report.add((section, "url"), "yaml.value", _URL, found=value)


def _usable_url(url: str) -> bool:
    try:
        parts = urlsplit(url)
        return bool(parts.hostname) and parts.port != 0 and parts.username is None
    except ValueError:
        return False


def _identities(targets: list[Record], report: Reporter) -> Iterator[tuple[Location, str]]:
    """Yield what tells each target's series from all others, unless a part of it was refused."""
    for at, target in targets:
        parts = {key: target.get(key) for key in ("target", "probe", "commune", "line")}
        given = {key: value for key, value in parts.items() if isinstance(value, str)}
        refused = any((*at, key) in report.lines for key in parts.keys() - given.keys())
        if not refused and {"target", "probe"} <= given.keys():
            yield at, identity(**given)


def _gates(targets: list[Record], report: Reporter) -> None:
    by_name = {target["name"]: target for _, target in targets if "name" in target}
    for at, target in targets:
        _judging(target.get("on_failure_of"), by_name, (*at, "on_failure_of"), report)
        name = target.get("gate")
        gate = _judging(name, by_name, (*at, "gate"), report)
        if gate is None:
            continue
        if gate.get("gate") is not None:
            report.add((*at, "gate"), "agent.gate_with_gate", found=str(name))
        elif gate.get("timeout_seconds", 0) > GATE_TIMEOUT_SECONDS:
            report.add((*at, "gate"), "agent.slow_gate", found=str(name), limit=f"{GATE_TIMEOUT_SECONDS:g}")


def _judging(name: str | None, by_name: Mapping[str, Data], at: Location, report: Reporter) -> Data | None:
    """Return the target called ``name``, which must be one that says up or down; None when there is none."""
    if name is None:
        return None
    found = by_name.get(name)
    if found is None:
        nearest = report.nearest(name, by_name)
        report.add(at, "yaml.unknown_id", few(by_name), nearest, found=name, section="targets")
        return None
    kind = registry.kinds().get(found.get("probe", ""))
    if kind is not None and not kind.judges:
        report.add(at, "agent.never_judges", found=name, kind=kind.kind)
        return None
    return found
