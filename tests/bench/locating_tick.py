"""What a tick of the live locator costs: reading what Prometheus answers, counting, finding the cause.

Answers are made as Prometheus gives them (raw samples of 18 s, results pushed every 5 s), for a province and
for the nation of 3,321 communes, without a fault and with a POP down. One core; the machine that Prometheus
runs on, and the network, are not in it. ``full`` is a tick that reads all anew.
"""

import json
import time
from collections.abc import Callable, Iterator
from typing import Any, Final, TypeVar

from alerts.locate.locator import Locator
from alerts.pinpoint.events import events, latest_beats
from alerts.pinpoint.judging import causes
from alerts.pinpoint.sight import WINDOW_SECONDS, Heard, Sight, sight
from alerts.pinpoint.watching import Watching, watching
from alerts.promapi import Series, parse_matrix
from inventory import names
from inventory.model import Carrier, Check, Commune, Hub, Inventory, Line, Province, Segment, System, Text
from inventory.names import HUB_SITE, JOB_AGENT, Reason

T = TypeVar("T")
AT: Final = 1_800_000_000.0
SIZES: Final = (20, 135, 500, 3321)
SYSTEMS: Final = 24
PUSH_SECONDS, BEAT_SECONDS, READ_SECONDS = 5, 2, 18
ROUNDS: Final = 3
BUDGET_SECONDS: Final = 1.0
COMFORTABLE: Final = 135


def run() -> dict[str, Any]:
    """Measure all sizes."""
    rows = [row for communes in SIZES for row in _rows(communes)]
    worst = {row["communes"]: row["full ms"] for row in rows}  # the later row, with a fault
    claim = f"a tick of a province of {COMFORTABLE} communes takes under {BUDGET_SECONDS:g} s of one core"
    return {"rows": rows, "claims": {claim: worst[COMFORTABLE] < BUDGET_SECONDS * 1000}}


def _rows(communes: int) -> Iterator[dict[str, Any]]:
    seen = watching(province(communes))
    locator = Locator(seen.components, seen.routes)
    pop = next(component.id for component in seen.components if component.kind == "pop")
    for fault in ("", pop):
        yield _row(communes, seen, locator, fault)


def _row(communes: int, seen: Watching, locator: Locator, fault: str) -> dict[str, Any]:
    results, beats = _answer(_results(seen, fault)), _answer(_beats(seen, fault))
    parsing, series = _timed(lambda: (parse_matrix(results), parse_matrix(beats)))
    counting, looked = _timed(lambda: _look(seen, *series))
    inferring, found = _timed(lambda: causes(locator, seen, looked))
    right = [cause.component for cause in found] == ([fault] if fault else [])
    return {
        "communes": communes, "fault": "pop" if fault else "none", "series": len(series[0]) + len(series[1]),
        "read MB": (len(results) + len(beats)) / 1e6, "parse ms": parsing * 1e3, "count ms": counting * 1e3,
        "infer ms": inferring * 1e3, "full ms": (parsing + counting + inferring) * 1e3, "right": right,
    }  # fmt: skip


def _timed(work: Callable[[], T]) -> tuple[float, T]:
    """Return the least time of some rounds, in seconds of this process, and the result."""
    best = float("inf")
    for _ in range(ROUNDS):
        began = time.process_time()
        found = work()
        best = min(best, time.process_time() - began)
    return best, found


def _look(seen: Watching, results: tuple[Series, ...], beats: tuple[Series, ...]) -> Sight:
    heard = latest_beats(beats)
    known = frozenset((HUB_SITE, *seen.beats))
    last = dict.fromkeys(known, AT - READ_SECONDS) | heard
    return sight(seen, Heard(AT, events(results, AT - WINDOW_SECONDS), last, known, AT - 1000))


# --- what Prometheus answers -----------------------------------------------------------------------
def _answer(series: Iterator[tuple[dict[str, str], list[tuple[float, float]]]]) -> bytes:
    found = [
        {"metric": labels, "values": [[at, f"{value:g}"] for at, value in points]}
        for labels, points in series
        if points
    ]
    return json.dumps(
        {"status": "success", "data": {"resultType": "matrix", "result": found}}, separators=(",", ":")
    ).encode()


def _beats(seen: Watching, fault: str) -> Iterator[tuple[dict[str, str], list[tuple[float, float]]]]:
    for site in (HUB_SITE, *seen.beats):
        labels = {"__name__": names.HEARTBEAT.name, "job": JOB_AGENT, "instance": site, "site": site}
        cut = site != HUB_SITE and fault in seen.routes[seen.beats[site].path].path
        until = AT - (9 if cut else 0)
        yield labels, [(at, at) for at in _moments(site, BEAT_SECONDS) if at <= until]


def _results(seen: Watching, fault: str) -> Iterator[tuple[dict[str, str], list[tuple[float, float]]]]:
    for probe, watched in seen.probes.items():
        down = bool(fault) and fault in seen.routes[min(watched.paths.values())].path
        heard = probe.site == HUB_SITE or fault not in seen.routes[seen.beats[probe.site].path].path
        labels = {
            "__name__": names.PROBE_RESULTS.name, "job": JOB_AGENT, "instance": probe.site,
            "site": probe.site, "commune": probe.commune, "line": probe.line, "target": probe.target,
            "probe": probe.kind,
        }  # fmt: skip
        labels = {name: value for name, value in labels.items() if value}
        moments = [at for at in _moments(probe.site, PUSH_SECONDS) if heard or at < AT - 9]
        well = [at for at in moments if not down or at < AT - 9]
        yield {**labels, "result": str(Reason.OK)}, [(at, 900.0 + at // PUSH_SECONDS % 100) for at in well]
        if down:
            yield (
                {**labels, "result": str(Reason.TIMEOUT)},
                [(at, at - AT + 20) for at in _moments(probe.site, 1) if at >= AT - 8],
            )


def _moments(site: str, every: int) -> list[float]:
    phase = sum(site.encode()) % every
    return [AT - READ_SECONDS + second for second in range(1, READ_SECONDS) if second % every == phase]


# --- the province -----------------------------------------------------------------------------------
def province(communes: int) -> Inventory:
    """Return a province with a POP for six communes, a ring for four POPs, three carriers."""
    carriers = tuple(
        Carrier(id=f"c{n}", name=_text(f"Carrier {n}"), checkpoint=f"10.0.0.{n + 1}") for n in range(3)
    )
    pops = max(3, communes // 6)
    segments = [
        Segment(
            id=f"p{n}", kind="pop", name=_text(f"POP {n}"), carrier=f"c{n % 3}", checkpoint=_address(1, n)
        )
        for n in range(pops)
    ]
    segments += [
        Segment(id=f"r{n}", kind="ring", name=_text(f"Ring {n}"), carrier=f"c{n % 3}")
        for n in range(max(3, pops // 4))
    ]
    segments += [
        Segment(id="main", kind="wan", name=_text("WAN")), Segment(id="dns", kind="dns", name=_text("DNS"))
    ]  # fmt: skip
    rings = max(3, pops // 4) // 3 * 3
    return Inventory(
        version=1,
        province=Province(code="52", name="Gia Lai"),
        hub=Hub(name=_text("Hub"), address="10.0.1.1", remote_write_url="http://10.0.1.1/api/v1/write"),
        carriers=carriers,
        segments=tuple(segments),
        communes=tuple(_commune(n, n % pops, n % pops % rings) for n in range(communes)),
        systems=tuple(_system(n) for n in range(SYSTEMS)),
    )


def _commune(number: int, pop: int, ring: int) -> Commune:
    line = Line(
        carrier=f"c{pop % 3}", down_mbps=200.0, up_mbps=200.0, segments=(f"p{pop}", f"r{ring}"),
        router=_address(2, number),
    )  # fmt: skip
    return Commune(code=f"{10_000 + number}", name=f"Xã {number}", gateway=_address(3, number), lines=(line,))


def _system(number: int) -> System:
    check = Check(kind="http", address=f"https://s{number}.example/health")
    return System(
        id=f"s{number}",
        name=_text(f"System {number}"),
        owner=_text("Owner"),
        check=check,
        path=("dns", "main"),
    )


def _address(net: int, number: int) -> str:
    return f"10.{net}.{number // 250}.{number % 250 + 1}"


def _text(name: str) -> Text:
    return Text(vi=name, en=name)
