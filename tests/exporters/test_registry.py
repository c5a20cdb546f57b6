"""Finding kinds of probes, and refusing modules that break the contract."""

from types import ModuleType

import pytest

from common import i18n
from exporters.base import ProbeConfig
from exporters.probes import tcp
from exporters.registry import BrokenKind, OptionsError, check_address, check_module, convert_options, kinds


class Loose:
    """A ``Config`` that does not derive from ProbeConfig."""


def module(**changes: object) -> ModuleType:
    """Return the tcp module's twin with ``changes``; None takes a name away."""
    twin = ModuleType("exporters.probes.twin")
    names = {name: getattr(tcp, name) for name in ("KIND", "Config", "METRICS", "probe", "check_address")}
    for name, value in (names | changes).items():
        if value is not None:
            setattr(twin, name, value)
    return twin


def test_the_kinds_there_are() -> None:
    assert sorted(kinds()) == ["http", "icmp", "tcp"]
    assert all(kind.kind == name and issubclass(kind.config, ProbeConfig) for name, kind in kinds().items())


def test_a_whole_module_is_a_kind() -> None:
    assert check_module(module()).kind == "tcp"


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"KIND": None}, "KIND"),
        ({"KIND": "Not A Name"}, "KIND"),
        ({"KIND": 5}, "KIND"),
        ({"Config": None}, "Config"),
        ({"Config": Loose}, "Config"),
        ({"METRICS": ["probe_success"]}, "METRICS"),
        ({"METRICS": ("probe_success",)}, "METRICS"),
        ({"probe": None}, "probe must be"),
        ({"probe": print}, "probe must be"),
        ({"check_address": None}, "check_address"),
    ],
)
def test_a_broken_module_is_told_what_is_missing(changes: dict[str, object], words: str) -> None:
    with pytest.raises(BrokenKind, match=f"exporters.probes.twin: .*{words}"):
        check_module(module(**changes))


@pytest.mark.parametrize(
    ("language", "kind", "options", "message"),
    [
        ("en", "icmp", {"size": 1}, "icmp.size: unknown option; known are payload_bytes, ip_version"),
        ("en", "icmp", {"payload_bytes": 7}, "icmp.payload_bytes: expected `int` >= 8"),
        ("en", "icmp", {"payload_bytes": "x"}, "icmp.payload_bytes: expected `int`, but got `str`"),
        ("en", "gopher", {}, "gopher: no such kind of probe; known are http, icmp, tcp"),
        (
            "vi",
            "icmp",
            {"payload_bytes": "x"},
            "icmp.payload_bytes: giá trị cần có: `int`, nhưng nhận được `str`",
        ),
    ],
)
def test_messages(
    monkeypatch: pytest.MonkeyPatch, language: str, kind: str, options: dict[str, object], message: str
) -> None:
    monkeypatch.setattr(i18n, "_chosen", language)
    with pytest.raises(OptionsError) as refused:
        convert_options(kind, options)
    assert str(refused.value) == message


def test_addresses_are_checked_by_kind() -> None:
    check_address("tcp", "hub.example:443")
    check_address("http", "https://hub.example/")
    check_address("icmp", "2001:db8::1")
    with pytest.raises(OptionsError, match="host:port") as refused:
        check_address("tcp", "hub.example")
    assert refused.value.key == "address"
