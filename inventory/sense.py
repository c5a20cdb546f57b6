"""Values that are well formed and still make no sense: addresses, times, combinations.

Like :mod:`inventory.references` it works on plain data with refused values missing.
"""

from collections.abc import Callable, Iterable, Iterator
from datetime import datetime
from typing import Any, Final, NamedTuple
from zoneinfo import ZoneInfo, available_timezones

from common.yaml.plain import Data, records, unique
from common.yaml.problems import Expected, Location
from common.yaml.report import Reporter
from inventory.addresses import is_email, is_host, is_host_port, is_http_url, is_phone, is_source
from inventory.model import Upkeep
from inventory.plain import lines
from inventory.telling import judge_telling

_Address = tuple[Location, Any]


class _Form(NamedTuple):
    """What a text must look like, and the sentence that says so."""

    expected: Expected
    fits: Callable[[str], bool]


_HOST: Final = _Form(("inventory.expected_host", ()), is_host)
_HOST_PORT: Final = _Form(("inventory.expected_host_port", ()), is_host_port)
_WRITE_PATH: Final = "/api/v1/write"
_URL: Final = _Form(("inventory.expected_url", ()), is_http_url)
_SOURCE: Final = _Form(("inventory.expected_source", ()), is_source)
_PHONE: Final = _Form(("inventory.expected_phone", ()), is_phone)
_EMAIL: Final = _Form(("inventory.expected_email", ()), is_email)


def judge_values(data: Data, report: Reporter) -> None:
    """Report values that make no sense by themselves or beside each other."""
    for check in (
        _timezone, _addresses, _same_addresses, _people, _transport, _power, _two_lines, _coordinates,
        _calendars, _times, _nights, _storage, _upkeep, _ingest, judge_telling,
    ):  # fmt: skip
        check(data, report)


def _timezone(data: Data, report: Reporter) -> None:
    name = (data.get("province") or {}).get("timezone")
    if not isinstance(name, str):
        return
    try:
        ZoneInfo(name)
    except (OSError, ValueError, LookupError):  # a missing key, a directory, a path out of the database
        nearest = report.nearest(name, available_timezones())
        report.add(("province", "timezone"), "inventory.timezone", nearest=nearest, found=name)


# --- addresses -----------------------------------------------------------------------------------
def _addresses(data: Data, report: Reporter) -> None:
    hub = data.get("hub") or {}
    _form(report, ("hub", "address"), hub.get("address"), _HOST)
    _form(report, ("hub", "remote_write_url"), hub.get("remote_write_url"), _URL)
    _form(report, ("runbook_base_url",), data.get("runbook_base_url"), _URL)
    for at, value in _checkpoints(data):
        _form(report, at, value, _HOST)
    for at, commune in records(data, "communes"):
        _form(report, (*at, "gateway"), commune.get("gateway"), _HOST)
        _form(report, (*at, "scrape_address"), commune.get("scrape_address"), _HOST_PORT)
    for at, _, line in lines(data):
        _form(report, (*at, "router"), line.get("router"), _HOST)
        _form(report, (*at, "source"), line.get("source"), _SOURCE)
        snmp = (line.get("traffic") or {}).get("snmp") or {}
        _form(report, (*at, "traffic", "snmp", "address"), snmp.get("address"), _HOST)


def _ingest(data: Data, report: Reporter) -> None:
    """The gateway: TLS or expressly none, and an address for agents that ends where it takes pushes."""
    hub = data.get("hub") or {}
    ingest, url = hub.get("ingest"), hub.get("remote_write_url")
    if not isinstance(ingest, dict):
        return
    at = ("hub", "ingest")
    secured = (*at, "certificate_file") in report.lines
    if secured == bool(ingest.get("plain_http")):
        report.add(at, "inventory.ingest_certificate")
    for key in ("certificate_key_file", "client_ca_file", "client_crl_file"):
        needed = "client_ca_file" if key == "client_crl_file" else "certificate_file"
        if key in ingest and (*at, needed) not in report.lines:
            report.add((*at, key), "inventory.ingest_needs", needed=needed)
    if isinstance(url, str):
        if not url.endswith(_WRITE_PATH):
            report.add(("hub", "remote_write_url"), "inventory.ingest_path", path=_WRITE_PATH)
        elif secured and not url.startswith("https://"):
            report.add(("hub", "remote_write_url"), "inventory.ingest_https")


def _form(report: Reporter, at: Location, value: Any, form: _Form) -> None:
    if isinstance(value, str) and not form.fits(value):
        report.add(at, "yaml.value", form.expected, found=value)


def _checkpoints(data: Data) -> Iterator[_Address]:
    for section in ("carriers", "segments"):
        for at, record in records(data, section):
            yield (*at, "checkpoint"), record.get("checkpoint")


def _same_addresses(data: Data, report: Reporter) -> None:
    """One address, one thing: two routers or checkpoints with one address would vouch for each other."""
    hub = [(("hub", "address"), (data.get("hub") or {}).get("address"))]
    routers = [((*at, "router"), line.get("router")) for at, _, line in lines(data)]
    unique(report, _lowered([*hub, *_checkpoints(data), *routers]), "inventory.duplicate_address")
    scraped = [
        ((*at, "scrape_address"), commune.get("scrape_address")) for at, commune in records(data, "communes")
    ]
    unique(report, _lowered(scraped), "inventory.duplicate_address")
    for place, commune in records(data, "communes"):
        own = [((*at, "source"), line.get("source")) for at, line in records(commune, "lines", place)]
        unique(report, own, "inventory.duplicate_address")


def _lowered(addresses: Iterable[_Address]) -> Iterator[_Address]:
    for at, value in addresses:
        yield at, value.lower() if isinstance(value, str) else value


def _people(data: Data, report: Reporter) -> None:
    for at, contact in records(data, "contacts"):
        _form(report, (*at, "phone"), contact.get("phone"), _PHONE)
        _form(report, (*at, "email"), contact.get("email"), _EMAIL)


# --- communes ------------------------------------------------------------------------------------
def _transport(data: Data, report: Reporter) -> None:
    for at, commune in records(data, "communes"):
        scraped, address = commune.get("transport") == "scrape", commune.get("scrape_address")
        if scraped and "scrape_address" not in commune:
            report.add((*at, "scrape_address"), "inventory.scrape_address_missing", _HOST_PORT.expected)
        elif address and not scraped:
            report.add((*at, "scrape_address"), "inventory.scrape_address_unused")


def _power(data: Data, report: Reporter) -> None:
    for at, commune in records(data, "communes"):
        power = commune.get("power") or {}
        nut, named = power.get("source") == "nut", power.get("ups") is not None
        if nut and "ups" not in power:
            report.add((*at, "power", "ups"), "inventory.ups_missing")
        refused = "source" not in power and (*at, "power", "source") in report.lines
        if named and not nut and not refused:
            report.add((*at, "power", "ups"), "inventory.ups_unused")


def _two_lines(data: Data, report: Reporter) -> None:
    """Without a source per line both probes would leave by the same line and say nothing of the other."""
    for place, commune in records(data, "communes"):
        own = list(records(commune, "lines", place))
        for at, line in own if len(own) > 1 else ():
            if "source" not in line:
                report.add((*at, "source"), "inventory.source_missing", _SOURCE.expected)


def _coordinates(data: Data, report: Reporter) -> None:
    pair = ("latitude", "longitude")
    for at, commune in records(data, "communes"):
        given = [key for key in pair if commune.get(key) is not None]
        if len(given) == 1:
            other = pair[1 - pair.index(given[0])]
            if (*at, other) not in report.lines:  # given and refused is another error
                report.add((*at, given[0]), "inventory.half_coordinates", other=other)


# --- times ---------------------------------------------------------------------------------------
def _calendars(data: Data, report: Reporter) -> None:
    for at, calendar in records(data, "calendars"):
        for day, ranges in calendar.get("hours", {}).items():
            _day(report, (*at, "hours", day), ranges)
        opened = set(calendar.get("open", ()))
        for position, day in enumerate(calendar.get("closed", ())):
            if day in opened:
                report.add((*at, "closed", position), "inventory.closed_and_open", found=str(day))


def _day(report: Reporter, at: Location, ranges: list[Any]) -> None:
    """Service hours of a day run forwards and do not overlap."""
    until = ""
    for position, text in enumerate(ranges):
        if not isinstance(text, str):
            continue
        start, end = text.split("-")
        if start >= end:  # both are HH:MM, so the order of text is the order of time
            report.add((*at, position), "inventory.backwards", start=start, end=end)
        elif start < until:
            report.add((*at, position), "inventory.overlap", found=text, until=until)
        until = max(until, end)


def _times(data: Data, report: Reporter) -> None:
    for at, record in records(data, "maintenance"):
        starts, ends = record.get("starts"), record.get("ends")
        if isinstance(starts, datetime) and isinstance(ends, datetime) and starts >= ends:
            report.add((*at, "ends"), "inventory.backwards", start=starts.isoformat(), end=ends.isoformat())


def _nights(data: Data, report: Reporter) -> None:
    """Hours over midnight are meant so; that begin and end are the same could mean never or always."""
    hub = data.get("hub") or {}
    start, _, end = str((hub.get("reflector") or {}).get("throughput_hours", "")).partition("-")
    if start and start == end:
        report.add(("hub", "reflector", "throughput_hours"), "inventory.no_or_all_hours", found=start)


def _upkeep(data: Data, report: Reporter) -> None:
    """A page about a certificate comes after the ticket, or nobody ever saw the ticket."""
    upkeep = data.get("upkeep") or {}
    ticket = upkeep.get("certificate_ticket_days", Upkeep().certificate_ticket_days)
    page = upkeep.get("certificate_page_days", Upkeep().certificate_page_days)
    if isinstance(ticket, int | float) and isinstance(page, int | float) and page >= ticket:
        given = next(key for key in ("page", "ticket") if f"certificate_{key}_days" in upkeep)
        at = ("upkeep", f"certificate_{given}_days")
        report.add(at, "inventory.certificate_days", page=f"{page:g}", ticket=f"{ticket:g}")


def _storage(data: Data, report: Reporter) -> None:
    """What a spool may still hold must fit into what the hub keeps."""
    storage = data.get("storage") or {}
    spool, kept = storage.get("spool_days", 14), storage.get("retention_days", 100)
    if spool + 1 > kept:
        key = "retention_days" if "retention_days" in storage else "spool_days"
        report.add(("storage", key), "inventory.retention", spool=f"{spool:g}", retention=f"{kept:g}")
