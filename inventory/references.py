"""Whether the parts of an inventory fit together: ids, references, the national list, paths.

Works on the plain data of :mod:`common.yaml.decode`, where refused values are missing, so that one wrong
value never hides another error and never causes a second.
"""

from collections.abc import Callable, Collection, Iterable, Iterator
from graphlib import CycleError, TopologicalSorter
from itertools import pairwise
from typing import Any, Final

from common.yaml.plain import Data, records, unique
from common.yaml.problems import Location, few
from common.yaml.report import Reporter
from inventory import national
from inventory.naming import bare
from inventory.plain import lines
from inventory.sense import judge_values

_MOST_LOOPS: Final = 20
_LINE_KINDS: Final = ("pop", "ring", "wan")
_SYSTEM_KINDS: Final = ("wan", "dns", "datacentre", "host")
_SECTIONS: Final = ("contacts", "carriers", "segments", "systems", "calendars", "maintenance", "channels")


def judge(data: Data, report: Reporter) -> None:
    """Report everything wrong between the records of ``data``, and values that make no sense."""
    for check in (
        _ids, _contacts, _channels, _carriers, _calendars, _communes, _segments, _paths, _order, _maintenance,
    ):  # fmt: skip
        check(data, report)
    judge_values(data, report)


# --- ids -----------------------------------------------------------------------------------------
def _ids(data: Data, report: Reporter) -> None:
    for section in _SECTIONS:
        unique(report, (((*at, "id"), record.get("id")) for at, record in records(data, section)))
    unique(report, (((*at, "code"), record.get("code")) for at, record in records(data, "communes")))
    for place, commune in records(data, "communes"):
        own = records(commune, "lines", place)
        unique(report, (((*at, "id"), line.get("id", "main")) for at, line in own))


def _known(data: Data, section: str, report: Reporter) -> set[str] | None:
    """Return the ids of a section; None for one that was refused or forgotten as a whole."""
    if section not in data and (section == "carriers" or (section,) in report.lines):
        return None
    found = (record.get("id") for _, record in records(data, section))
    return {value for value in found if isinstance(value, str)}


def _refer(report: Reporter, at: Location, value: Any, section: str, known: Collection[str] | None) -> bool:
    """Report a reference to nothing; whether it is a reference to something.

    Into a section that was refused as a whole nothing can be referred, which is no second error.
    """
    if not isinstance(value, str) or known is None or value in known:
        return isinstance(value, str)
    nearest = report.nearest(value, known)
    report.add(at, "yaml.unknown_id", few(known), nearest, found=value, section=section)
    return False


# --- references to people, carriers, calendars ---------------------------------------------------
def _contacts(data: Data, report: Reporter) -> None:
    known = _known(data, "contacts", report)
    for section in ("carriers", "segments", "communes", "systems"):
        for at, record in records(data, section):
            _refer(report, (*at, "contact"), record.get("contact"), "contacts", known)
    hub, oncall = data.get("hub") or {}, data.get("oncall") or {}
    _refer(report, ("hub", "contact"), hub.get("contact"), "contacts", known)
    _refer(report, ("oncall", "escalate_to"), oncall.get("escalate_to"), "contacts", known)
    for key in ("rotation", "days_off"):
        for position, person in enumerate(oncall.get(key, ())):
            _refer(report, ("oncall", key, position), person, "contacts", known)
    for key in ("cover", "escalation"):
        for at, record in records(oncall, key, ("oncall",)):
            _refer(report, (*at, "contact"), record.get("contact"), "contacts", known)


def _channels(data: Data, report: Reporter) -> None:
    known = _known(data, "channels", report)
    for at, contact in records(data, "contacts"):
        for channel in contact.get("addresses") or {}:
            _refer(report, (*at, "addresses", channel), channel, "channels", known)
    for at, step in records(data.get("oncall") or {}, "escalation", ("oncall",)):
        for position, channel in enumerate(step.get("channels", ())):
            _refer(report, (*at, "channels", position), channel, "channels", known)


def _carriers(data: Data, report: Reporter) -> None:
    known = _known(data, "carriers", report)
    for at, segment in records(data, "segments"):
        _refer(report, (*at, "carrier"), segment.get("carrier"), "carriers", known)
    for at, _, line in lines(data):
        _refer(report, (*at, "carrier"), line.get("carrier"), "carriers", known)


def _calendars(data: Data, report: Reporter) -> None:
    known = _known(data, "calendars", report)
    for at, commune in records(data, "communes"):
        _refer(report, (*at, "calendar"), commune.get("calendar"), "calendars", known)
    digest = (data.get("notify") or {}).get("digest") or {}
    _refer(report, ("oncall", "calendar"), (data.get("oncall") or {}).get("calendar"), "calendars", known)
    _refer(report, ("notify", "digest", "calendar"), digest.get("calendar"), "calendars", known)


# --- the national list ---------------------------------------------------------------------------
def _communes(data: Data, report: Reporter) -> None:
    province = data.get("province") or {}
    code = province.get("code")
    if not isinstance(code, str):
        return
    official = national.provinces().get(code)
    if official is None:
        named = _province_named(province.get("name"))
        report.add(("province", "code"), "inventory.unknown_province", nearest=named, found=code)
        return
    if "name" in province and bare(province["name"]) != bare(official):
        report.add(("province", "name"), "inventory.province_name", code=code, official=official)
    for at, commune in records(data, "communes"):
        _commune(report, at, commune, code)


def _province_named(name: Any) -> str:
    try:
        return national.find_province(name) if isinstance(name, str) else ""
    except national.UnknownProvince:
        return ""


def _commune(report: Reporter, at: Location, commune: Data, province: str) -> None:
    listed = national.of_province(province)
    code, name = commune.get("code"), commune.get("name")
    if not isinstance(code, str):
        return
    if code not in listed:
        named = national.code_of(name, province) if isinstance(name, str) else None
        nearest = named or report.nearest(code, listed)
        said = f"{nearest} ({listed[nearest].name})" if nearest else ""
        report.add((*at, "code"), "inventory.unknown_commune", nearest=said, found=code, province=province)
    elif isinstance(name, str) and bare(name) != bare(listed[code].name):
        report.add((*at, "name"), "inventory.commune_name", found=name, code=code, official=listed[code].name)


# --- segments and paths --------------------------------------------------------------------------
def _segments(data: Data, report: Reporter) -> None:
    by_id = {segment["id"]: segment for _, segment in records(data, "segments") if "id" in segment}
    if not by_id and ("segments",) in report.lines:
        return  # refused as a whole: no second error for each reference into it
    of_area, of_line, of_system = (
        _Fitting(by_id, kinds, report) for kinds in (("area",), _LINE_KINDS, _SYSTEM_KINDS)
    )
    for at, commune in records(data, "communes"):
        of_area.check((*at, "area"), commune.get("area"))
    for at, _, line in lines(data):
        for position, segment in enumerate(line.get("segments", ())):
            place = (*at, "segments", position)
            if of_line.check(place, segment):
                _same_carrier(report, place, by_id[segment], line)
    for at, system in records(data, "systems"):
        for position, segment in enumerate(system.get("path", ())):
            of_system.check((*at, "path", position), segment)


class _Fitting:
    """The segments that one kind of reference may name."""

    def __init__(self, by_id: dict[str, Data], kinds: tuple[str, ...], report: Reporter) -> None:
        self._by_id, self._kinds, self._report = by_id, kinds, report
        self._ids = {key for key, segment in by_id.items() if segment.get("kind") in kinds}

    def check(self, at: Location, value: Any) -> bool:
        """Report a reference to no segment or to one of another kind; whether it is right."""
        if not isinstance(value, str):
            return False
        if value not in self._by_id:
            return _refer(self._report, at, value, "segments", self._ids)
        kind = self._by_id[value].get("kind")
        if value in self._ids or kind is None:
            return True
        expected = ("inventory.expected_segment_kind", (("kinds", ", ".join(self._kinds)),))
        close = self._report.nearest(value, self._ids)
        self._report.add(at, "inventory.segment_kind", expected, close, found=value, kind=str(kind))
        return False


def _same_carrier(report: Reporter, at: Location, segment: Data, line: Data) -> None:
    owner, carrier = segment.get("carrier"), line.get("carrier")
    if isinstance(owner, str) and isinstance(carrier, str) and owner != carrier:
        report.add(at, "inventory.other_carrier", found=str(segment.get("id")), owner=owner, carrier=carrier)


def _paths(data: Data, report: Reporter) -> None:
    """No path passes the same segment twice."""
    for at, _, line in lines(data):
        _once(report, (*at, "segments"), line.get("segments", ()))
    for at, system in records(data, "systems"):
        _once(report, (*at, "path"), system.get("path", ()))


def _once(report: Reporter, at: Location, path: Iterable[Any]) -> None:
    seen: set[str] = set()
    for position, segment in enumerate(path):
        if isinstance(segment, str):
            if segment in seen:
                report.add((*at, position), "inventory.path_twice", found=segment)
            seen.add(segment)


def _order(data: Data, report: Reporter) -> None:
    """Lines agree on the order of segments: nothing lies both nearer to the hub and farther from it."""
    edges: dict[tuple[str, str], Location] = {}
    for at, _, line in lines(data):
        path = list(dict.fromkeys(item for item in line.get("segments", ()) if isinstance(item, str)))
        for near, far in pairwise(path):
            edges.setdefault((near, far), (*at, "segments", line["segments"].index(far)))
    for _ in range(_MOST_LOOPS):
        closing = _closing_edge(edges)
        if closing is None:
            return
        report.add(edges.pop(closing), "inventory.path_loop", near=closing[0], far=closing[1])


def _closing_edge(edges: dict[tuple[str, str], Location]) -> tuple[str, str] | None:
    """Return the edge of a loop that stands last in the file, or None where there is no loop."""
    sorter: TopologicalSorter[str] = TopologicalSorter()
    for near, far in edges:
        sorter.add(far, near)
    try:
        sorter.prepare()
    except CycleError as error:
        places = {edge: place for place, edge in enumerate(edges)}
        return max(pairwise(error.args[1]), key=places.__getitem__)
    return None


# --- components ----------------------------------------------------------------------------------
def _maintenance(data: Data, report: Reporter) -> None:
    if not data.get("maintenance"):
        return
    known = set(_component_ids(data))
    for at, record in records(data, "maintenance"):
        for position, component in enumerate(record.get("components", ())):
            _refer(report, (*at, "components", position), component, "components", known)


def _component_ids(data: Data) -> Iterator[str]:
    yield f"hub:{(data.get('hub') or {}).get('id', 'main')}"
    sections: tuple[tuple[str, Callable[[Data], str]], ...] = (
        ("carriers", lambda _: "isp"),
        ("segments", lambda record: str(record.get("kind"))),
        ("systems", lambda _: "system"),
    )
    for section, kind in sections:
        for _, record in records(data, section):
            yield f"{kind(record)}:{record.get('id')}"
    for _, commune in records(data, "communes"):
        for kind_of_site in ("power", "lan", "agent"):
            yield f"{kind_of_site}:{commune.get('code')}"
    for _, commune, line in lines(data):
        yield f"line:{commune.get('code')}/{line.get('id', 'main')}"
