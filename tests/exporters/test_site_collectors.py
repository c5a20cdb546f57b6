"""Power, host and cellular as collectors: samples, urgency, and what a site without them says."""

import os
from pathlib import Path

import psutil
import pytest

from exporters.base import Outcome, Target
from exporters.collectors import cellular, host, power
from exporters.siteio import machine
from exporters.siteio.machine import Machine
from inventory.names import Reason
from tests.exporters.test_site_parsing import RECORDINGS


def at(address: str, name: str = "x") -> Target:
    return Target(name=name, address=address, timeout_seconds=5)


def values(outcome: Outcome) -> dict[str, float]:
    return {sample.metric.name.removeprefix("thongsuot_"): sample.value for sample in outcome.samples}


def program(folder: Path, name: str, script: str) -> Path:
    """Put a program of that name into ``folder``."""
    path = folder / name
    path.write_text(f"#!/bin/sh\n{script}\n", encoding="utf-8")
    path.chmod(0o755)
    return path


# --- power -------------------------------------------------------------------------------------------
def supply(folder: Path, **files: str) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in files.items():
        (folder / name).write_text(text + "\n", encoding="utf-8")


@pytest.fixture
def supplies(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder that stands for /sys/class/power_supply."""
    monkeypatch.setattr(psutil._pslinux, "POWER_SUPPLY_PATH", str(tmp_path))
    return tmp_path


async def test_the_machines_own_battery(supplies: Path) -> None:
    supply(
        supplies / "BAT0", energy_now="25000", energy_full="50000", power_now="10000", status="Discharging"
    )
    supply(supplies / "AC0", online="0")
    outcome = await power.probe(at("localhost"), power.Config())
    assert values(outcome) == {
        "power_on_mains": 0,
        "power_charge_ratio": 0.5,
        "power_runtime_seconds": 9000,
    }
    assert outcome.evidence == "on battery"


async def test_on_mains_there_is_no_time_left_to_tell(supplies: Path) -> None:
    supply(supplies / "BAT0", energy_now="50000", energy_full="50000", power_now="0", status="Full")
    supply(supplies / "AC0", online="1")
    assert values(await power.probe(at("localhost"), power.Config())) == {
        "power_on_mains": 1,
        "power_charge_ratio": 1,
    }


async def test_a_machine_without_a_battery_says_so(supplies: Path) -> None:
    assert os.listdir(supplies) == []
    outcome = await power.probe(at("localhost"), power.Config())
    assert (outcome.reason, outcome.samples) == (Reason.LOCAL, ())
    assert "no battery" in outcome.evidence


async def test_only_a_change_of_supply_is_urgent(supplies: Path) -> None:
    supply(
        supplies / "BAT0", energy_now="25000", energy_full="50000", power_now="10000", status="Discharging"
    )
    target, urgent = at("localhost"), []
    for online in ("1", "1", "0", "0", "1"):
        supply(supplies / "AC0", online=online)
        urgent.append((await power.probe(target, power.Config())).urgent)
    assert urgent == [False, False, True, False, True]


@pytest.mark.parametrize("address", ["-l", "ups@localhost -u", "a\nb"])
def test_an_address_that_is_an_option_is_refused(address: str) -> None:
    with pytest.raises(ValueError, match="UPS"):
        power.check_address(address)


# --- host --------------------------------------------------------------------------------------------
async def test_the_machine_that_this_runs_on() -> None:
    target = at("localhost")
    first = values(await host.probe(target, host.Config()))
    assert "host_cpu_ratio" not in first
    assert 0 < first["host_memory_available_bytes"] <= first["host_memory_total_bytes"]
    assert 0 <= first["host_disk_free_bytes"] <= first["host_disk_total_bytes"]
    assert first["host_uptime_seconds"] > 0
    boot = (await host.probe(target, host.Config())).samples[-1]
    assert dict(boot.labels)["boot_id"] == machine.BOOT_ID.read_text(encoding="ascii").strip()


def reading(busy: float, total: float) -> Machine:
    return Machine(busy, total, 1, 1, 1, 1, None, 1.0, None)


def test_the_share_of_busy_time() -> None:
    assert machine.busy_ratio(None, reading(5, 10)) is None
    assert machine.busy_ratio(reading(5, 10), reading(8, 20)) == pytest.approx(0.3)
    assert machine.busy_ratio(reading(5, 10), reading(5, 10)) is None
    assert machine.busy_ratio(reading(5, 10), reading(4.9, 20)) == 0  # counters of idle CPUs may step back


async def test_a_disk_that_is_not_there() -> None:
    outcome = await host.probe(at("localhost"), host.Config(disk="/no/such/folder"))
    assert outcome.reason is Reason.LOCAL
    assert "/no/such/folder" in outcome.evidence


@pytest.mark.parametrize("text", [b"", b"x" * 5000, b"\xff\xfe", b"6f2ab2a9"])
def test_a_boot_id_that_is_none(text: bytes, tmp_path: Path) -> None:
    (tmp_path / "boot_id").write_bytes(text)
    assert machine.boot_id(tmp_path / "boot_id") is None


# --- cellular ----------------------------------------------------------------------------------------
def replaying(folder: Path, modem: str, signal: str) -> Path:
    """Put a mmcli into ``folder`` that says what was recorded, and a diary of what it was asked."""
    cases = f"*--signal-setup*) ;; *--signal-get*) cat {signal} ;; *) cat {modem} ;;"
    program(folder, "mmcli", f'echo "$*" >> {folder}/asked\ncase "$*" in {cases} esac')
    return folder / "asked"


async def test_a_recorded_modem_end_to_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    recorded = RECORDINGS / "cellular"
    asked = replaying(
        tmp_path, f"{recorded}/telit-le910c4-lte.json", f"{recorded}/telit-le910c4-lte-signal.json"
    )
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    outcome = await cellular.probe(at("any"), cellular.Config())
    assert values(outcome) == {
        "cellular_registered": 1,
        "cellular_info": 1,
        "cellular_rsrp_dbm": -104,
        "cellular_sinr_db": 2,
    }
    assert asked.read_text(encoding="utf-8").splitlines() == [
        "--modem any --output-json",
        "--modem any --signal-get --output-json",
    ]


async def test_a_modem_that_was_not_told_to_measure_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    recorded = RECORDINGS / "cellular"
    asked = replaying(
        tmp_path, f"{recorded}/umts-registered.json", f"{recorded}/huawei-e3131-unpolled-signal.json"
    )
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    outcome = await cellular.probe(at("0"), cellular.Config(refresh_seconds=15))
    assert values(outcome) == {"cellular_registered": 1, "cellular_info": 1}
    assert asked.read_text(encoding="utf-8").splitlines()[-1] == ("--modem 0 --signal-setup=15 --output-json")


async def test_no_modem_manager_names_the_package(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr("exporters.siteio.command._SYSTEM", str(tmp_path))
    outcome = await cellular.probe(at("any"), cellular.Config())
    assert (outcome.reason, outcome.samples) == (Reason.LOCAL, ())
    assert "modemmanager" in outcome.evidence


@pytest.mark.parametrize("address", ["-L", "wwan0", "/org/freedesktop/ModemManager1/Modem/0;x", ""])
def test_what_names_no_modem(address: str) -> None:
    with pytest.raises(ValueError, match="any"):
        cellular.check_address(address)
