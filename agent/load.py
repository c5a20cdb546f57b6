"""Read ``agent.yml``, or report every error at once: file, line, key, what was expected."""

from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from agent.config import AgentConfig, AgentTarget
from common import yamlcheck
from common.i18n import t
from common.web import ListenError, parse_listen
from common.yamlcheck import KeyPath, Refused
from exporters import registry

MAX_BYTES: Final = 8 << 20
MAX_TARGETS: Final = 5000
GATE_TIMEOUT_SECONDS: Final = 2.0
"""A gate must have spoken before what depends on it is judged (see ``confirm.SPAN_SECONDS``)."""
_Found = Iterator[tuple[KeyPath, str]]


def load_config(path: Path) -> AgentConfig:
    """Return the configuration of ``path``. Raises :class:`common.yamlcheck.Refused`."""
    document = yamlcheck.read(path, MAX_BYTES)
    problems = yamlcheck.check(document, AgentConfig)
    if problems:
        raise Refused(problems)
    config = yamlcheck.convert(document, AgentConfig)
    problems = [document.problem(at, message) for at, message in _sense(config)]
    if problems:
        raise Refused(problems)
    return config


def _sense(config: AgentConfig) -> _Found:
    """Yield what is wrong beyond types."""
    try:
        parse_listen(config.listen)
    except ListenError:
        yield ("listen",), t("agent.bad_listen", listen=config.listen)
    if config.push is not None and not _usable_url(config.push.url):
        yield ("push", "url"), t("agent.bad_url")
    if len(config.targets) > MAX_TARGETS:
        yield ("targets",), t("agent.too_many_targets", limit=MAX_TARGETS)
        return
    yield from _unique(config.targets)
    by_name = {target.name: target for target in config.targets}
    for place, target in enumerate(config.targets):
        yield from _gate(target, by_name, ("targets", place))
        yield from _probe(target, ("targets", place))


def _usable_url(url: str) -> bool:
    try:
        parts = urlsplit(url)
        return bool(parts.hostname) and parts.port != 0 and parts.username is None
    except ValueError:
        return False


def _unique(targets: tuple[AgentTarget, ...]) -> _Found:
    names = Counter(target.name for target in targets)
    series = Counter(target.identity for target in targets)
    for place, target in enumerate(targets):
        if names[target.name] > 1:
            yield ("targets", place, "name"), t("agent.same_name", name=target.name)
        elif series[target.identity] > 1:
            yield ("targets", place), t("agent.same_series")


def _gate(target: AgentTarget, by_name: dict[str, AgentTarget], at: KeyPath) -> _Found:
    if target.gate is None:
        return
    gate = by_name.get(target.gate)
    if gate is None:
        yield (*at, "gate"), t("agent.no_such_gate", gate=target.gate)
    elif gate.gate is not None or gate is target:
        yield (*at, "gate"), t("agent.gate_with_gate", gate=target.gate)
    elif gate.timeout_seconds > GATE_TIMEOUT_SECONDS:
        yield (*at, "gate"), t("agent.slow_gate", gate=target.gate, limit=f"{GATE_TIMEOUT_SECONDS:g}")


def _probe(target: AgentTarget, at: KeyPath) -> _Found:
    known = registry.kinds()
    if target.probe not in known:
        yield (*at, "probe"), t("agent.no_such_probe", probe=target.probe, known=", ".join(sorted(known)))
        return
    try:
        registry.check_address(target.probe, target.address)
    except registry.OptionsError as error:
        yield (*at, "address"), error.problem
    try:
        registry.convert_options(target.probe, target.options)
    except registry.OptionsError as error:
        yield (*at, "options", *((error.key,) if error.key else ())), error.problem
