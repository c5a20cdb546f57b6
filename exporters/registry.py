"""Every kind of probe there is: the modules of ``exporters/probes``, found at run time.

A new kind is a new file there and nothing else. A module that breaks the contract of
:mod:`exporters.base` is a bug of ours and stops the program at once (:class:`BrokenKind`); options
that a person wrote wrongly are an :class:`OptionsError` that names the key.
"""

import importlib
import inspect
import pkgutil
import re
from collections.abc import Iterator, Mapping
from functools import cache
from types import MappingProxyType, ModuleType
from typing import Any, Final

import msgspec

from common.i18n import t
from exporters import probes
from exporters.base import Kind, ProbeConfig
from inventory.names import Metric

_KEY: Final = re.compile(r" - at `\$\.?(?P<path>[^`]*)`$")
_UNKNOWN: Final = re.compile(r"^Object contains unknown field `(?P<key>.*)`")
_OWN: Final = re.compile(r"^(?P<key>[a-z_]+): (?P<problem>.*)$", re.DOTALL)
"""The form of a ``ValueError`` from a ``Config``'s own ``__post_init__``: ``key: problem``."""


class BrokenKind(Exception):  # noqa: N818 - reads as what it says
    """A module of ``exporters/probes`` that does not keep the contract."""


class OptionsError(Exception):
    """Options of a probe that cannot be used. ``key`` is the option, empty when it is none alone.

    ``str()`` is one sentence in the user's language; ``problem`` the part without kind and key.
    """

    def __init__(self, kind: str, key: str, problem: str) -> None:
        self.kind, self.key, self.problem = kind, key, problem
        name = f"{kind}.{key}" if key else kind
        super().__init__(t("probes.option", option=name, problem=problem))


@cache
def kinds() -> Mapping[str, Kind]:
    """Return every kind by its name. Raises BrokenKind."""
    found: dict[str, Kind] = {}
    for module in _modules():
        kind = check_module(module)
        if kind.kind in found:
            raise BrokenKind(f"{module.__name__}: kind {kind.kind!r} is defined twice")
        found[kind.kind] = kind
    return MappingProxyType(found)


def _modules() -> Iterator[ModuleType]:
    for entry in sorted(pkgutil.iter_modules(probes.__path__), key=lambda entry: entry.name):
        if not entry.ispkg and not entry.name.startswith("_"):
            yield importlib.import_module(f"{probes.__name__}.{entry.name}")


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
    return Kind(kind=kind, config=config, metrics=metrics, probe=probe, check_address=check_address)


def convert_options(kind: str, options: Mapping[str, Any]) -> ProbeConfig:
    """Return the ``Config`` of ``kind`` made from ``options``. Raises OptionsError."""
    known = _known(kind)
    try:
        return msgspec.convert(dict(options), type=known.config)
    except msgspec.ValidationError as error:
        raise _options_error(known, str(error)) from None


def check_address(kind: str, address: str) -> None:
    """Raise OptionsError, for the key ``address``, when ``kind`` cannot use ``address``."""
    try:
        _known(kind).check_address(address)
    except ValueError as error:
        raise OptionsError(kind, "address", t("probes.expected", expected=error)) from None


def _known(kind: str) -> Kind:
    known = kinds().get(kind)
    if known is None:
        raise OptionsError(kind, "", t("probes.unknown_kind", known=", ".join(sorted(kinds()))))
    return known


def _options_error(kind: Kind, message: str) -> OptionsError:
    """Turn msgspec's message into ours: the key first, then what was expected."""
    at = _KEY.search(message)
    path, text = (at["path"], message[: at.start()]) if at else ("", message)
    if unknown := _UNKNOWN.match(text):
        names = ", ".join(field.name for field in msgspec.structs.fields(kind.config))
        return OptionsError(kind.kind, unknown["key"], t("probes.unknown_key", known=names))
    if not path and (own := _OWN.match(text)):
        return OptionsError(kind.kind, own["key"], own["problem"])
    expected = text.removeprefix("Expected ").replace(", got ", t("probes.but_got"))
    return OptionsError(kind.kind, path, t("probes.expected", expected=expected))
