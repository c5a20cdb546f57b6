"""Finds the channels: one module, one kind."""

import importlib
import pkgutil
from collections.abc import Callable
from functools import cache
from typing import Any

import msgspec
import requests

import alerts.channels
from alerts.channels.base import ChannelConfig, Message

Send = Callable[[Message, Any, requests.Session], None]
_NOT_KINDS = frozenset({"base", "http", "registry"})


class OptionsError(ValueError):
    """Options that a kind refuses; ``str()`` says the key and what was expected."""


class Kind(msgspec.Struct, frozen=True, kw_only=True):
    """A discovered kind of channel."""

    kind: str
    config: type[ChannelConfig]
    limit_chars: int
    send: Send


@cache
def kinds() -> dict[str, Kind]:
    """Return every kind of channel by name."""
    found: dict[str, Kind] = {}
    for info in pkgutil.iter_modules(alerts.channels.__path__):
        if info.name in _NOT_KINDS:
            continue
        module = importlib.import_module(f"alerts.channels.{info.name}")
        found[module.KIND] = Kind(
            kind=module.KIND, config=module.Config, limit_chars=module.LIMIT_CHARS, send=module.send
        )
    return found


def convert_options(kind: str, options: dict[str, Any]) -> ChannelConfig:
    """Return the checked configuration of a channel. Raises :class:`OptionsError`."""
    known = kinds()
    if kind not in known:
        raise OptionsError(f"channel kind {kind!r}: expected one of {', '.join(sorted(known))}")
    try:
        return msgspec.convert(options, known[kind].config)
    except msgspec.ValidationError as error:
        raise OptionsError(str(error)) from None
