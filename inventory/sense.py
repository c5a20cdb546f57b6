"""Values that are well formed and still make no sense: addresses, times, combinations.

Like :mod:`inventory.references` it works on plain data with refused values missing.
"""

import re
from collections.abc import Callable, Iterable, Iterator
from datetime import datetime
from typing import Any, Final
from zoneinfo import ZoneInfo, available_timezones

from inventory.addresses import is_email, is_host, is_host_port, is_http_url, is_phone, is_source
from inventory.plain import Data, lines, records, unique
from inventory.problems import Location
from inventory.report import Reporter

_PASSWORD: Final = re.compile(r"//[^/@]*@")
_Address = tuple[Location, Any]


def judge_values(data: Data, report: Reporter) -> None:
    """Report values that make no sense by themselves or beside each other."""
    for check in (
        _not_empty, _timezone, _addresses, _same_addresses, _people, _transport, _two_lines, _coordinates,
        _calendars, _times, _storage,
    ):  # fmt: skip
        check(data, report)


def _not_empty(data: Data, report: Reporter) -> None:
    for section in ("carriers", "communes"):
        if data.get(section) == []:
            report.add((section,), "empty_list")
    for at, commune in records(data, "communes"):
        if commune.get("lines") == []:
            report.add((*at, "lines"), "empty_list")
    for at, record in records(data, "maintenance"):
        if record.get("components") == []:
            report.add((*at, "components"), "empty_list")
    for at, channel in records(data, "channels"):
        if channel.get("languages") == []:
            report.add((*at, "languages"), "empty_list")
    if (data.get("oncall") or {}).get("rotation") == []:
        report.add(("oncall", "rotation"), "empty_list")


def _timezone(data: Data, report: Reporter) -> None:
    name = (data.get("province") or {}).get("timezone")
    if not isinstance(name, str):
        return
    try:
        ZoneInfo(name)
    except (OSError, ValueError, LookupError):  # a missing key, a directory, a path out of the database
        nearest = report.nearest(name, available_timezones())
        report.add(("province", "timezone"), "timezone", nearest=nearest, found=name)


# --- addresses -----------------------------------------------------------------------------------
def _addresses(data: Data, report: Reporter) -> None:
    hub = data.get("hub") or {}
    _form(report, ("hub", "address"), hub.get("address"), "host", is_host)
    _form(report, ("hub", "remote_write_url"), hub.get("remote_write_url"), "url", is_http_url)
    _form(report, ("runbook_base_url",), data.get("runbook_base_url"), "url", is_http_url)
    for at, value in _checkpoints(data):
        _form(report, at, value, "host", is_host)
    for at, commune in records(data, "communes"):
        _form(report, (*at, "gateway"), commune.get("gateway"), "host", is_host)
        _form(report, (*at, "scrape_address"), commune.get("scrape_address"), "host_port", is_host_port)
    for at, _, line in lines(data):
        _form(report, (*at, "router"), line.get("router"), "host", is_host)
        _form(report, (*at, "source"), line.get("source"), "source", is_source)


def _form(report: Reporter, at: Location, value: Any, expected: str, fits: Callable[[str], bool]) -> None:
    if isinstance(value, str) and not fits(value):
        report.add(at, "value", (expected, ()), found=_PASSWORD.sub("//***@", value))


def _checkpoints(data: Data) -> Iterator[_Address]:
    for section in ("carriers", "segments"):
        for at, record in records(data, section):
            yield (*at, "checkpoint"), record.get("checkpoint")


def _same_addresses(data: Data, report: Reporter) -> None:
    """One address, one thing: two routers or checkpoints with one address would vouch for each other."""
    hub = [(("hub", "address"), (data.get("hub") or {}).get("address"))]
    routers = [((*at, "router"), line.get("router")) for at, _, line in lines(data)]
    unique(report, _lowered([*hub, *_checkpoints(data), *routers]), "duplicate_address")
    scraped = [
        ((*at, "scrape_address"), commune.get("scrape_address")) for at, commune in records(data, "communes")
    ]
    unique(report, _lowered(scraped), "duplicate_address")
    for place, commune in records(data, "communes"):
        own = [((*at, "source"), line.get("source")) for at, line in records(commune, "lines", place)]
        unique(report, own, "duplicate_address")


def _lowered(addresses: Iterable[_Address]) -> Iterator[_Address]:
    for at, value in addresses:
        yield at, value.lower() if isinstance(value, str) else value


def _people(data: Data, report: Reporter) -> None:
    for at, contact in records(data, "contacts"):
        _form(report, (*at, "phone"), contact.get("phone"), "phone", is_phone)
        _form(report, (*at, "email"), contact.get("email"), "email", is_email)


# --- communes ------------------------------------------------------------------------------------
def _transport(data: Data, report: Reporter) -> None:
    for at, commune in records(data, "communes"):
        scraped, address = commune.get("transport") == "scrape", commune.get("scrape_address")
        if scraped and "scrape_address" not in commune:
            report.add((*at, "scrape_address"), "scrape_address_missing", ("host_port", ()))
        elif address and not scraped:
            report.add((*at, "scrape_address"), "scrape_address_unused")


def _two_lines(data: Data, report: Reporter) -> None:
    """Without a source per line both probes would leave by the same line and say nothing of the other."""
    for place, commune in records(data, "communes"):
        own = list(records(commune, "lines", place))
        for at, line in own if len(own) > 1 else ():
            if "source" not in line:
                report.add((*at, "source"), "source_missing", ("source", ()))


def _coordinates(data: Data, report: Reporter) -> None:
    pair = ("latitude", "longitude")
    for at, commune in records(data, "communes"):
        given = [key for key in pair if commune.get(key) is not None]
        if len(given) == 1:
            other = pair[1 - pair.index(given[0])]
            if (*at, other) not in report.lines:  # given and refused is another error
                report.add((*at, given[0]), "half_coordinates", other=other)


# --- times ---------------------------------------------------------------------------------------
def _calendars(data: Data, report: Reporter) -> None:
    for at, calendar in records(data, "calendars"):
        for day, ranges in calendar.get("hours", {}).items():
            _day(report, (*at, "hours", day), ranges)
        opened = set(calendar.get("open", ()))
        for position, day in enumerate(calendar.get("closed", ())):
            if day in opened:
                report.add((*at, "closed", position), "closed_and_open", found=str(day))


def _day(report: Reporter, at: Location, ranges: list[Any]) -> None:
    """Service hours of a day run forwards and do not overlap."""
    until = ""
    for position, text in enumerate(ranges):
        if not isinstance(text, str):
            continue
        start, end = text.split("-")
        if start >= end:  # both are HH:MM, so the order of text is the order of time
            report.add((*at, position), "backwards", start=start, end=end)
        elif start < until:
            report.add((*at, position), "overlap", found=text, until=until)
        until = max(until, end)


def _times(data: Data, report: Reporter) -> None:
    for at, record in records(data, "maintenance"):
        starts, ends = record.get("starts"), record.get("ends")
        if isinstance(starts, datetime) and isinstance(ends, datetime) and starts >= ends:
            report.add((*at, "ends"), "backwards", start=starts.isoformat(), end=ends.isoformat())


def _storage(data: Data, report: Reporter) -> None:
    """What a spool may still hold must fit into what the hub keeps."""
    storage = data.get("storage") or {}
    spool, kept = storage.get("spool_days", 14), storage.get("retention_days", 100)
    if spool + 1 > kept:
        key = "retention_days" if "retention_days" in storage else "spool_days"
        report.add(("storage", key), "retention", spool=f"{spool:g}", retention=f"{kept:g}")
