"""Finding kinds of probes, and refusing modules that break the contract."""

import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

from common import i18n
from common.yaml.problems import Refused
from common.yaml.report import Reporter
from exporters import collectors, probes
from exporters.base import ProbeConfig
from exporters.probes import tcp
from exporters.registry import BrokenKind, check_module, convert_options, judge, kinds


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
    """One for each file, under the file's name."""
    files = [
        path.stem for folder in (probes, collectors) for path in Path(folder.__path__[0]).glob("[a-z]*.py")
    ]
    assert sorted(kinds()) == sorted(files)
    assert {"http", "icmp", "tcp"} < set(kinds())
    assert all(kind.kind == name and issubclass(kind.config, ProbeConfig) for name, kind in kinds().items())


def test_what_is_not_asked_for_is_not_imported() -> None:
    script = "import sys; from exporters.registry import convert_options; convert_options('icmp', {})"
    shown = "print(*(name for name in sys.modules if name.startswith('exporters.')))"
    done = subprocess.run(
        [sys.executable, "-c", f"{script}; {shown}"], capture_output=True, text=True, check=True
    )
    loaded = set(done.stdout.split())
    assert "exporters.probes.icmp" in loaded
    assert not loaded & {"exporters.probes.throughput", "exporters.collectors.host", "exporters.snmpio"}


def test_a_kind_is_called_as_its_file(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tcp, "KIND", "udp")
    kinds.cache_clear()
    try:
        with pytest.raises(BrokenKind, match=r"exporters\.probes\.tcp: KIND must be 'tcp'"):
            kinds()["tcp"]
    finally:
        kinds.cache_clear()


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
        ({"PROMPT": ("probe_success",)}, "PROMPT"),
    ],
)
def test_a_broken_module_is_told_what_is_missing(changes: dict[str, object], words: str) -> None:
    with pytest.raises(BrokenKind, match=f"exporters.probes.twin: .*{words}"):
        check_module(module(**changes))


@pytest.mark.parametrize(
    ("language", "kind", "options", "message"),
    [
        (
            "en",
            "ntp",
            {"size": 1},
            "ntp: size: unknown key; expected one of: "
            "max_offset_seconds, max_stratum, max_root_distance_seconds, ip_version",
        ),
        (
            "en",
            "ntp",
            {"max_stratum": 16},
            "ntp: max_stratum: “16” does not fit; expected a whole number from 1 to 15",
        ),
        (
            "en",
            "gopher",
            {},
            f"gopher: kind: “gopher” does not fit; expected one of: {', '.join(sorted(kinds()))}",
        ),
        (
            "vi",
            "ntp",
            {"max_stratum": "x"},
            "ntp: max_stratum: “x” không phù hợp; cần một số nguyên từ 1 đến 15",
        ),
    ],
)
def test_messages(
    monkeypatch: pytest.MonkeyPatch, language: str, kind: str, options: dict[str, object], message: str
) -> None:
    monkeypatch.setattr(i18n, "_chosen", language)
    with pytest.raises(Refused) as refused:
        convert_options(kind, options)
    assert str(refused.value) == message


@pytest.mark.parametrize(
    ("kind", "good", "bad", "expected"),
    [
        ("tcp", "hub.example:443", "hub.example", "máy:cổng"),
        ("http", "https://hub.example/", "hub.example", "URL http:// hoặc https://"),
        ("icmp", "2001:db8::1", "hub.example:443", "địa chỉ IPv4, địa chỉ IPv6 hoặc tên máy"),
    ],
)
def test_addresses_are_checked_by_kind(
    monkeypatch: pytest.MonkeyPatch, kind: str, good: str, bad: str, expected: str
) -> None:
    monkeypatch.setattr(i18n, "_chosen", "vi")
    report = Reporter("f.yml")
    judge({"probe": kind, "address": good}, "probe", report, ("targets", 0))
    assert report.count == 0
    judge({"probe": kind, "address": bad}, "probe", report, ("targets", 1))
    (problem,) = report.problems()
    assert problem.full().startswith(f"f.yml: targets[1].address: “{bad}” không phù hợp; cần {expected}")
