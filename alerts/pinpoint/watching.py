"""What the locator listens to, and which path each thing speaks about. Pure.

A series of results may speak about several paths, since **the reason is evidence**: a refused connection
proves that packets passed, so the path up to the machine is well, and the machine or its system is not; an
answer of the wrong kind proves that the machine works too, as a program on it spoke for the system; a name
that does not resolve speaks about name resolution alone.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from enum import IntEnum
from typing import Final

import msgspec

from alerts.locate.model import Component, Route
from inventory import graph
from inventory.model import Commune, Inventory
from inventory.names import HUB_SITE, ComponentKind, Reason
from inventory.plan import Path, Plan

_QUESTIONS: Final = "dns"
_HOSTS: Final = frozenset({ComponentKind.HOST})
_SYSTEMS: Final = frozenset({ComponentKind.SYSTEM})
_FAR_KINDS: Final = _HOSTS | _SYSTEMS
"""What packets reached that were not answered by a program."""


class Aspect(IntEnum):
    """Which part of its path a result speaks about."""

    WHOLE = 0
    NETWORK = 1
    FAR_END = 2
    """The machine and its system."""
    NAMES = 3
    """Of a name that resolved: the resolvers, unless they are asked themselves."""
    NAMED = 4
    """Of a name that did not resolve: the resolvers; where they are asked themselves, the system too."""
    ANSWER = 5
    """Of a resolver that knows no such name: it answered."""
    HOST = 6
    """The machine alone: a program on it answered."""
    SPOKE = 7
    """Whom a program on the machine spoke for: the system alone."""


class Verdict(msgspec.Struct, frozen=True):
    """What one result says: of these aspects that they work, of that one that it does not."""

    works: tuple[Aspect, ...] = ()
    fails: Aspect | None = None


_REACHED: Final = Verdict((Aspect.NETWORK, Aspect.NAMES), Aspect.FAR_END)
_SPOKE: Final = Verdict((Aspect.NETWORK, Aspect.NAMES, Aspect.HOST), Aspect.SPOKE)
VERDICTS: Final[Mapping[Reason, Verdict]] = {
    Reason.OK: Verdict((Aspect.WHOLE, Aspect.NAMES)),
    Reason.TIMEOUT: Verdict((Aspect.NAMES,), Aspect.WHOLE),
    Reason.UNREACHABLE: Verdict((Aspect.NAMES,), Aspect.WHOLE),
    Reason.DNS: Verdict((Aspect.ANSWER,), Aspect.NAMED),
    **dict.fromkeys((Reason.REFUSED, Reason.RESET, Reason.STALLED), _REACHED),
    **dict.fromkeys(
        (
            Reason.TLS, Reason.STATUS, Reason.BODY, Reason.MAINTENANCE, Reason.REDIRECT, Reason.PROTOCOL,
            Reason.TOO_LARGE, Reason.AUTH,
        ),
        _SPOKE,
    ),
    Reason.LOCAL: Verdict(),
    Reason.DEFERRED: Verdict(),
}  # fmt: skip
"""By reason; ``local`` and ``deferred`` say nothing about anybody else."""


class Probe(msgspec.Struct, frozen=True, order=True, gc=False, cache_hash=True):
    """Labels by which the results of one probe are known: who measured what, over which line."""

    site: str
    commune: str
    line: str
    target: str
    kind: str


class Watched(msgspec.Struct, frozen=True):
    """A probe and the index of the route of each :class:`Aspect` that its results can speak about."""

    probe: Probe
    paths: dict[Aspect, int]


class Beat(msgspec.Struct, frozen=True):
    """The heartbeat of one commune's agent: ``path`` is the index of its route."""

    commune: str
    path: int
    every_seconds: float


class Watching(msgspec.Struct, frozen=True):
    """All of it. ``routes`` are what the locator knows as paths, in this order.

    ``witnesses``: by route, whose word it is: the commune that it is about, else the hub.
    ``pings``: by commune, the probes whose packets tell how much its lines lose, from either end.
    ``lines``: by commune, the components that are its lines. ``through``: by component, the routes on which
    nothing passes while it is down.
    """

    components: tuple[Component, ...]
    routes: tuple[Route, ...]
    probes: dict[Probe, Watched]
    beats: dict[str, Beat]
    pings: dict[str, tuple[Probe, ...]]
    witnesses: tuple[str, ...]
    lines: dict[str, tuple[str, ...]]
    through: dict[str, tuple[int, ...]]


def watching(inventory: Inventory, *, scrape_seconds: float = 5.0) -> Watching:
    """Derive what is to be listened to from an inventory."""
    kinds = {found.id: str(found.kind) for found in graph.components(inventory).values()}
    book = _Book()
    plans = list(_plans(inventory))
    asked = frozenset(plan.target for plan in plans if plan.target.startswith(f"{ComponentKind.DNS}:"))
    asked &= frozenset(plan.target for plan in plans if plan.kind == _QUESTIONS)
    probes = [book.watch(plan, asked) for plan in plans]
    beats = [_beat(book, inventory, commune, scrape_seconds) for commune in inventory.communes]
    return Watching(
        components=tuple(Component(name, kind) for name, kind in sorted(kinds.items())),
        routes=tuple(book.routes),
        witnesses=tuple(book.witnesses),
        probes={watched.probe: watched for watched in probes},
        beats={beat.commune: beat for beat in beats},
        pings=_pings(plans),
        lines={
            commune.code: tuple(graph.line_id(commune, line) for line in commune.lines)
            for commune in inventory.communes
        },
        through=_through(book.routes),
    )


def _through(routes: Sequence[Route]) -> dict[str, tuple[int, ...]]:
    found: dict[str, list[int]] = {}
    for number, route in enumerate(routes):
        both = (
            route.path if route.alternate is None else [one for one in route.path if one in route.alternate]
        )
        for component in dict.fromkeys(both):
            found.setdefault(component, []).append(number)
    return {component: tuple(numbers) for component, numbers in found.items()}


def _pings(plans: Iterable[Plan]) -> dict[str, tuple[Probe, ...]]:
    found: dict[str, list[Probe]] = {}
    for plan in plans:
        if plan.role in ("hub", "outside-in") and plan.kind == "icmp":
            found.setdefault(plan.commune, []).append(_probe(plan))
    return {commune: tuple(probes) for commune, probes in found.items()}


def _probe(plan: Plan) -> Probe:
    return Probe(plan.site, plan.commune, plan.line, plan.target, plan.kind)


def _plans(inventory: Inventory) -> Iterator[Plan]:
    for site in (HUB_SITE, *(commune.code for commune in inventory.communes)):
        for plan in graph.plans(inventory, site):
            if plan.role != "measure":
                yield plan


def _beat(book: "_Book", inventory: Inventory, commune: Commune, scrape_seconds: float) -> Beat:
    every = scrape_seconds if commune.transport == "scrape" else inventory.probing.heartbeat_seconds
    path = book.add(graph.heartbeat_path(inventory, commune.code), commune.code, "", commune.code)
    return Beat(commune.code, path, every)


class _Book:
    """Collects routes; equal ones are kept apart, since each has counts of its own."""

    def __init__(self) -> None:
        self.routes: list[Route] = []
        self.witnesses: list[str] = []

    def add(self, path: Path, commune: str, system: str, witness: str) -> int:
        """Add a route and return its index."""
        first, *others = path.legs
        self.witnesses.append(witness)
        self.routes.append(Route(first, others[0] if others else None, commune, system))
        return len(self.routes) - 1

    def watch(self, plan: Plan, asked: frozenset[str]) -> Watched:
        """Add the routes of a probe. ``asked``: resolvers that are asked themselves."""
        system = plan.target.removeprefix("system:") if plan.role == "system" else ""
        parts: Iterable[tuple[Aspect, Path]] = ((Aspect.WHOLE, plan.path),)
        if system:
            parts = _aspects(plan.path, asked)
        elif plan.target in asked:
            parts = _of_resolver(plan)
        witness = plan.commune or plan.site
        paths = {aspect: self.add(path, plan.commune, system, witness) for aspect, path in parts}
        if Aspect.FAR_END in paths:
            paths.setdefault(Aspect.SPOKE, paths[Aspect.FAR_END])  # no machine of its own
        return Watched(_probe(plan), paths)


def _of_resolver(plan: Plan) -> Iterator[tuple[Aspect, Path]]:
    """Yield the parts of a resolver's path."""
    yield Aspect.WHOLE, plan.path
    yield Aspect.ANSWER, plan.path
    yield Aspect.NETWORK, _without(plan.path, lambda name: name == plan.target)
    yield Aspect.FAR_END, Path(((plan.target,),))


def _aspects(path: Path, asked: frozenset[str]) -> Iterator[tuple[Aspect, Path]]:
    """Yield the parts of a system's path, where they exist.

    Agents remember answers (RFC 8767), so a check that succeeds tells little of resolvers; of one that is
    asked itself it tells nothing here.
    """
    kinds = {name: name.partition(":")[0] for leg in path.legs for name in leg}
    yield Aspect.WHOLE, _without(path, asked.__contains__)
    network = _without(path, lambda name: kinds[name] in _FAR_KINDS or name in asked)
    if any(network.legs):
        yield Aspect.NETWORK, network
    yield Aspect.FAR_END, Path((_chosen(path, kinds, _FAR_KINDS),))
    hosts = _chosen(path, kinds, _HOSTS)
    if hosts:
        yield Aspect.HOST, Path((hosts,))
        yield Aspect.SPOKE, Path((_chosen(path, kinds, _SYSTEMS),))
    names = _chosen(path, kinds, {ComponentKind.DNS})
    if names and asked.isdisjoint(names):
        yield Aspect.NAMES, Path((names,))
        yield Aspect.NAMED, Path((names,))
    elif names:
        yield Aspect.NAMED, Path(((*names, *_chosen(path, kinds, _FAR_KINDS)),))


def _without(path: Path, left_out: Callable[[str], bool]) -> Path:
    return Path(tuple(tuple(name for name in leg if not left_out(name)) for leg in path.legs))


def _chosen(
    path: Path, kinds: Mapping[str, str], wanted: frozenset[ComponentKind] | set[ComponentKind]
) -> tuple[str, ...]:
    return tuple(dict.fromkeys(name for leg in path.legs for name in leg if kinds[name] in wanted))
