"""Finds the channels: one module, one kind."""

import importlib
import pkgutil
from collections.abc import Callable, Mapping
from functools import cache
from typing import Any

import msgspec
import requests

import alerts.channels
from alerts.channels.base import ChannelConfig, Message
from common.yaml import options as yaml_options
from common.yaml.plain import Data
from common.yaml.problems import Location
from common.yaml.report import Reporter

Send = Callable[[Message, Any, requests.Session], None]
_NOT_KINDS = frozenset({"base", "http", "registry"})


class Kind(msgspec.Struct, frozen=True, kw_only=True):
    """A discovered kind of channel."""

    kind: str
    config: type[ChannelConfig]
    limit_chars: int
    send: Send
    to_person: Callable[[str], dict[str, Any]] | None = None
    """What of the options changes when it writes to one person's address; None where it knows no persons."""


@cache
def kinds() -> dict[str, Kind]:
    """Return every kind of channel by name."""
    found: dict[str, Kind] = {}
    for info in pkgutil.iter_modules(alerts.channels.__path__):
        if info.name in _NOT_KINDS:
            continue
        module = importlib.import_module(f"alerts.channels.{info.name}")
        found[module.KIND] = Kind(
            kind=module.KIND, config=module.Config, limit_chars=module.LIMIT_CHARS, send=module.send,
            to_person=getattr(module, "to_person", None),
        )  # fmt: skip
    return found


def convert_options(kind: str, options: Mapping[str, Any]) -> ChannelConfig:
    """Return the checked configuration of a channel. Raises :class:`common.yaml.problems.Refused`."""
    return yaml_options.convert_options(kind, kinds(), options)


def judge(channel: Data, report: Reporter, at: Location) -> None:
    """Report what no channel can use of the kind and the options of ``channel``."""
    yaml_options.judge(channel, "kind", kinds(), report, at)
