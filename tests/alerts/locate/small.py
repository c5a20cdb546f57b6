"""A province small enough to reason about: communes over POPs, carriers and a hub, systems behind it."""

from alerts.locate import Component, Route

SYSTEMS = ("system:a", "system:b", "system:c")
POPS = {"pop:0": "isp:0", "pop:1": "isp:0", "pop:2": "isp:1"}


def province(communes: int = 6, double: tuple[int, ...] = ()) -> tuple[list[Component], list[Route]]:
    """Return components and paths; the communes in ``double`` have a second line over another carrier."""
    routes: list[Route] = []
    pops = list(POPS)
    for index in range(communes):
        pop = pops[index % 3]
        legs: list[tuple[str, ...]] = [(f"line:{index}/main", pop, POPS[pop])]
        if index in double:
            other = pops[2] if POPS[pop] == "isp:0" else pops[0]
            legs.append((f"line:{index}/second", other, POPS[other]))
        routes += _commune(index, legs)
    routes += [Route(("hub:h", system), system=system) for system in SYSTEMS]
    names = sorted({name for route in routes for leg in (route.path, route.alternate or ()) for name in leg})
    return [Component(name, name.partition(":")[0]) for name in names], routes


def _commune(index: int, legs: list[tuple[str, ...]]) -> list[Route]:
    site, code = (f"power:{index}", f"lan:{index}"), str(index)
    found = [Route(site, commune=code)]
    for leg in legs:
        found.append(Route((*site, *leg, "hub:h"), commune=code))
        found.append(Route((site[0], *leg), commune=code))

    def home(*rest: str, system: str = "") -> Route:
        ways = [(*site, *leg, "hub:h", *rest) for leg in legs]
        return Route(ways[0], ways[1] if len(ways) > 1 else None, code, system)

    return [*found, home(f"agent:{index}"), *(home(system, system=system) for system in SYSTEMS)]


def counts(routes: list[Route], down: dict[str, float], each: int = 6) -> tuple[list[int], list[int]]:
    """Return what is counted without any noise: each path loses exactly its share."""
    sent, failed = [], []
    for route in routes:
        chance = 1.0
        path, other = set(route.path), set(route.alternate or route.path)
        for name in path & other:
            chance *= 1 - down.get(name, 0.0)
        legs = [1.0, 1.0]
        for number, leg in enumerate((path - other, other - path)):
            for name in leg:
                legs[number] *= 1 - down.get(name, 0.0)
        if route.alternate is not None:
            chance *= 1 - (1 - legs[0]) * (1 - legs[1])
        sent.append(each)
        failed.append(each - round(each * chance))
    return sent, failed
