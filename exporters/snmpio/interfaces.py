"""Interfaces of a router: found by name, read by index (RFC 2863, IF-MIB; RFC 3418 for sysUpTime)."""

import time
from collections.abc import AsyncIterator
from typing import Final

import msgspec

from exporters.net.failure import Failure
from exporters.nicio.counters import Reading, Tally
from exporters.snmpio.message import Oid, Question, Syntax, Value
from exporters.snmpio.session import Session
from inventory.names import Reason

_IF: Final = (1, 3, 6, 1, 2, 1, 2, 2, 1)
_IFX: Final = (1, 3, 6, 1, 2, 1, 31, 1, 1, 1)
_UPTIME: Final = (1, 3, 6, 1, 2, 1, 1, 3, 0)
NAME_COLUMNS: Final[dict[str, Oid]] = {"ifName": (*_IFX, 1), "ifDescr": (*_IF, 2), "ifAlias": (*_IFX, 18)}
"""Where an interface's name is looked for, in this order."""
_STATUS: Final = (*_IF, 8)  # ifOperStatus
_RUNNING: Final = frozenset({1, 4})  # up, unknown: some tunnels never say
_SPEED: Final = (*_IFX, 15)  # ifHighSpeed, Mbit/s
_DISCONTINUITY: Final = (*_IFX, 19)
_WIDE: Final = {  # received, sent: octets; unicast, multicast, broadcast packets
    "received": ((*_IFX, 6), (*_IFX, 7), (*_IFX, 8), (*_IFX, 9)),
    "sent": ((*_IFX, 10), (*_IFX, 11), (*_IFX, 12), (*_IFX, 13)),
}
_NARROW: Final = {  # octets; unicast and other packets
    "received": ((*_IF, 10), (*_IF, 11), (*_IF, 12)),
    "sent": ((*_IF, 16), (*_IF, 17), (*_IF, 18)),
}
_TROUBLE: Final = {"received": ((*_IF, 14), (*_IF, 13)), "sent": ((*_IF, 20), (*_IF, 19))}  # errors, drops
ROWS_A_QUESTION: Final = 10
MAX_INTERFACES: Final = 2000
_MBIT: Final = 125_000.0
_COUNTERS: Final = frozenset({Syntax.COUNTER32, Syntax.COUNTER64})


class Look(msgspec.Struct, frozen=True):
    """A reading, and whether the interface runs: one that was made again leaves its old self behind, with
    the same name and counters that stand still, for minutes."""

    reading: Reading
    running: bool


class Place(msgspec.Struct, frozen=True, kw_only=True):
    """Where an interface was found: ``column`` and ``index`` hold its name; ``wide``: 64-bit counters."""

    column: Oid
    index: int
    wide: bool


async def find(session: Session, name: str) -> Place:
    """Look ``name`` up among ifName, ifDescr and ifAlias. Raises Failure: body when it is not there once."""
    seen: list[str] = []
    for title, column in NAME_COLUMNS.items():
        rows = [(index, text) async for index, text in _rows(session, column)]
        found = [index for index, text in rows if text == name]
        if len(found) > 1:
            found = await _running(session, title, name, found[-ROWS_A_QUESTION:])
        if found:
            return Place(column=column, index=found[0], wide=await _is_wide(session, found[0]))
        seen += [text for _, text in rows if text and text not in seen]
    raise Failure(Reason.BODY, f"the router has no interface {name!r}; it has {' '.join(seen)[:200]!r}")


async def _rows(session: Session, column: Oid) -> AsyncIterator[tuple[int, str]]:
    """Yield index and text of each row of a column. Raises Failure(protocol) where it does not end."""
    last = column
    for _ in range(MAX_INTERFACES // ROWS_A_QUESTION):
        answer = await session.get(Question(oids=(last,), repetitions=ROWS_A_QUESTION))
        if not answer.values:
            return
        for value in answer.values:
            if value.syntax is Syntax.ABSENT or value.oid[: len(column)] != column:
                return
            if value.oid <= last or len(value.oid) != len(column) + 1:
                raise Failure(Reason.PROTOCOL, "the router's table of interfaces runs backwards")
            last = value.oid
            yield value.oid[-1], value.octets.decode("utf-8", "replace")
    raise Failure(Reason.TOO_LARGE, f"the router has over {MAX_INTERFACES} interfaces")


async def _running(session: Session, title: str, name: str, indexes: list[int]) -> list[int]:
    """Return which of several of one name runs, the latest if none. Raises Failure(body) if several do."""
    answer = await session.get(Question(oids=tuple((*_STATUS, index) for index in indexes)))
    running = [index for index, value in zip(indexes, answer.values, strict=True) if _runs(value)]
    if len(running) > 1:
        raise Failure(Reason.BODY, f"{title} {name!r} is not one interface but {running}")
    return running or indexes[-1:]


def _runs(status: Value) -> bool:
    return status.syntax is Syntax.ABSENT or status.number in _RUNNING


async def _is_wide(session: Session, index: int) -> bool:
    columns = (_WIDE["received"][0], _WIDE["sent"][0])
    answer = await session.get(Question(oids=tuple((*column, index) for column in columns)))
    return all(value.syntax is Syntax.COUNTER64 for value in answer.values)


async def read(session: Session, place: Place, name: str) -> Look | None:
    """Return the counters now; None when the index is no longer that interface's. Raises Failure."""
    oids = _wanted(place)
    answer = await session.get(Question(oids=oids))
    at_seconds = time.monotonic()
    values = dict(zip(oids, answer.values, strict=True))
    held = values[*place.column, place.index]
    if held.syntax is Syntax.ABSENT or held.octets.decode("utf-8", "replace") != name:
        return None
    octets = values[*_columns(place)["received"][0], place.index]
    if octets.syntax is Syntax.ABSENT:
        return None  # 64-bit counters came or went: look again
    return Look(_reading(place, values, at_seconds), _runs(values[*_STATUS, place.index]))


def _columns(place: Place) -> dict[str, tuple[Oid, ...]]:
    return dict(_WIDE if place.wide else _NARROW)


def _wanted(place: Place) -> tuple[Oid, ...]:
    columns = _columns(place)
    rows = [place.column, _STATUS, _SPEED, _DISCONTINUITY]
    for direction in ("received", "sent"):
        rows += [*columns[direction], *_TROUBLE[direction]]
    return (_UPTIME, *((*row, place.index) for row in rows))


def _reading(place: Place, values: dict[Oid, Value], at_seconds: float) -> Reading:
    uptime = values[_UPTIME]
    changed = values[*_DISCONTINUITY, place.index]
    speed = values[*_SPEED, place.index]
    return Reading(
        at_seconds=at_seconds,
        epoch=(place, changed.number if changed.syntax is Syntax.TICKS else None),
        received=_tally(place, values, "received"),
        sent=_tally(place, values, "sent"),
        uptime_ticks=uptime.number if uptime.syntax is Syntax.TICKS else None,
        speed=speed.number * _MBIT if speed.syntax is Syntax.GAUGE and speed.number else None,
    )


def _tally(place: Place, values: dict[Oid, Value], direction: str) -> Tally:
    octets, *packets = (values[*column, place.index] for column in _columns(place)[direction])
    errors, drops = (values[*column, place.index] for column in _TROUBLE[direction])
    return Tally(
        bytes=_counter(octets),
        packets=sum(_counter(value) for value in packets),
        errors=_counter(errors),
        drops=_counter(drops),
    )


def _counter(value: Value) -> int:
    """Return the number; 0 for a counter that the router does not keep. Raises Failure(protocol)."""
    if value.syntax is Syntax.ABSENT:
        return 0
    if value.syntax not in _COUNTERS:
        oid = ".".join(str(part) for part in value.oid)
        raise Failure(Reason.PROTOCOL, f"{oid} is of type {value.syntax}, not a counter")
    return value.number
