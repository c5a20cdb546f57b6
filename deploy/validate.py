"""Judging an inventory whole: its own rules, and what only the kinds of probe and channel understand.

The inventory keeps addresses and options of checks and channels verbatim, since what they mean is known
only where the kinds are.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from alerts.channels import registry as channels
from common.yaml.convert import convert
from common.yaml.plain import Data, records
from common.yaml.problems import Location
from common.yaml.report import Reporter
from exporters import registry as probes
from exporters.collectors import traffic
from exporters.snmpio.options import Snmp
from inventory.load import Loaded, load
from inventory.plain import lines


def read(path: Path | str) -> Loaded:
    """Read a file and judge it whole. Raises Refused with every error."""
    return load(path, judge_options)


def judge_options(data: Data, report: Reporter) -> None:
    """Report what the kinds refuse in the plain data of an inventory."""
    for at, system in records(data, "systems"):
        check = system.get("check", {})
        probes.judge(check, "kind", report, (*at, "check"), judging=True)
    for at, channel in records(data, "channels"):
        channels.judge(channel, report, at)
        _judge_persons(data, channel, report, at)
    for at, kind, address in _addresses(data):
        probes.judge_address(kind, address, report, at)
    for at, _, line in lines(data):
        _judge_traffic(line.get("traffic") or {}, report, (*at, "traffic"))


def _judge_persons(data: Data, channel: Data, report: Reporter, at: Location) -> None:
    """Report a channel that knows no persons, and what is nobody's address on one that does."""
    kind, asked = channels.kinds().get(str(channel.get("kind"))), channel.get("to_persons") is True
    if kind is None or not asked:
        return
    if kind.to_person is None:
        report.add((*at, "to_persons"), "yaml.value", ("channels.expected_no_persons", ()), found="true")
        return
    known = channel.get("options") or {}
    for place, contact in records(data, "contacts"):
        given = (contact.get("addresses") or {}).get(channel.get("id"))
        where = (*place, "addresses", str(channel.get("id"))) if given else (*place, kind.kind)
        value = given or contact.get(kind.kind)
        # Options that are wrong in themselves are reported as such, once.
        good = not isinstance(value, str) or _converts(kind.kind, {**known, **kind.to_person(value)})
        if not good and _converts(kind.kind, known):
            report.add(where, "yaml.value", ("channels.expected_own_address", ()), found=str(value))


def _converts(kind: str, options: Data) -> bool:
    try:
        channels.convert_options(kind, options)
    except ValueError:
        return False
    return True


def _addresses(data: Data) -> Iterator[tuple[Location, str, Any]]:
    """Yield the addresses of what sites measure besides systems: where, by which kind, and the value."""
    reflector = (data.get("hub") or {}).get("reflector") or {}
    yield ("hub", "reflector", "throughput_url"), "throughput", reflector.get("throughput_url")
    for at, commune in records(data, "communes"):
        yield (*at, "power", "ups"), "power", (commune.get("power") or {}).get("ups")
        for place, line in records(commune, "lines", at):
            modem = (line.get("cellular") or {}).get("modem")
            yield (*place, "cellular", "modem"), "cellular", modem


def _judge_traffic(record: Data, report: Reporter, at: Location) -> None:
    """Report what cannot be read: an interface that no machine has, keys that do not go together."""
    snmp, interface = record.get("snmp"), record.get("interface")
    if isinstance(snmp, dict):
        _judge_snmp(snmp, report, (*at, "snmp"))
    elif isinstance(interface, str) and (*at, "snmp") not in report.lines:
        try:
            traffic.check_interface(interface)
        except ValueError as error:
            expected = ("yaml.expected_said", (("what", str(error)),))
            report.add((*at, "interface"), "yaml.value", expected, found=interface)


def _judge_snmp(record: Data, report: Reporter, at: Location) -> None:
    asked = {key: value for key, value in record.items() if key not in ("address", "port")}
    refused = [key for key in Snmp.__struct_fields__ if (*at, key) in report.lines and key not in record]
    if not refused:  # else what is left would be called incomplete on top
        convert(asked, Snmp, report, at)
