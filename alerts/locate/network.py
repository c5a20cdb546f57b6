"""Paths and components as arrays: made once for an inventory, used for every snapshot.

**Observations** are the paths, those that run through the same components taken together. **Suspects** are
the components, those that stand on the same observations in the same role taken together. Both are sorted
by name, so that neither the order of the paths nor that of the components changes any answer.

The **role** of a suspect on an observation is ``solo`` where its fault makes the observation fail, and
``near`` or ``far`` where it lies on one of two legs and the other may carry the packets.
"""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

import msgspec
import numpy as np

from alerts.locate import incidence
from alerts.locate.incidence import Incidence, Ints, Mask
from alerts.locate.model import Component, Route

Key = tuple[tuple[int, ...], tuple[int, ...], tuple[int, ...]]


class Roles(NamedTuple):
    """The same relation for each role."""

    solo: Incidence
    near: Incidence
    far: Incidence


class Labels(NamedTuple):
    """A name for each path: ``names`` sorted, ``of`` by path, ``paths`` that have each name."""

    names: tuple[str, ...]
    of: Ints
    paths: Ints


class Network(msgspec.Struct, frozen=True):
    """See the module. ``components`` counts those on a path at all; the others are left out everywhere.
    ``double``: observations with two legs."""

    components: int
    members: tuple[tuple[Component, ...], ...]
    suspect_of: dict[str, int]
    observation_of: Ints
    by_suspect: Roles
    by_observation: Roles
    double: Mask
    communes: Labels
    systems: Labels

    @property
    def observations(self) -> int:
        """Number of different paths."""
        return len(self.double)


def network(components: Iterable[Component], routes: Sequence[Route]) -> Network:
    """Prepare a network. Raises KeyError for a path through a component that is not given."""
    known = {component.id: component for component in components}
    used = sorted(
        {known[i].id for route in routes for leg in (route.path, route.alternate or ()) for i in leg}
    )
    number = {name: index for index, name in enumerate(used)}
    keys = [_key(route, number) for route in routes]
    distinct = sorted(set(keys))
    place = {key: index for index, key in enumerate(distinct)}
    by_component = [
        incidence.build([key[role] for key in distinct]).transposed(len(used)) for role in range(3)
    ]
    groups = _groups(by_component, len(used))
    suspect = {component: index for index, group in enumerate(groups) for component in group}
    by_suspect = Roles(*(_first_of(groups, relation) for relation in by_component))
    by_observation = Roles(*(relation.transposed(len(distinct)) for relation in by_suspect))
    return Network(
        components=len(used),
        members=tuple(tuple(known[used[i]] for i in group) for group in groups),
        suspect_of={used[component]: index for component, index in suspect.items()},
        observation_of=incidence.build([[place[key] for key in keys]]).item,
        by_suspect=by_suspect,
        by_observation=by_observation,
        double=np.array([bool(key[1]) for key in distinct], np.bool_),
        communes=_labels(route.commune for route in routes),
        systems=_labels(route.system for route in routes),
    )


def _key(route: Route, number: dict[str, int]) -> Key:
    """Return what is on both legs, and what is on one; a leg of its own is the smaller one first."""
    path = {number[name] for name in route.path}
    if route.alternate is None:
        return tuple(sorted(path)), (), ()
    other = {number[name] for name in route.alternate}
    legs = tuple(sorted(path - other)), tuple(sorted(other - path))
    if not all(legs):  # one leg has nothing of its own that could fail, so the other decides nothing
        return tuple(sorted(path & other)), (), ()
    return tuple(sorted(path & other)), min(legs), max(legs)


def _groups(relations: Sequence[Incidence], count: int) -> list[list[int]]:
    """Return components that stand on the same observations in the same roles, each group sorted."""
    found: dict[tuple[bytes, ...], list[int]] = {}
    for component in range(count):
        signature = tuple(relation.of(component).tobytes() for relation in relations)
        found.setdefault(signature, []).append(component)
    silent = found.pop((b"", b"", b""), [])  # on a leg that decides nothing
    return [*found.values(), *([index] for index in silent)]


def _first_of(groups: list[list[int]], relation: Incidence) -> Incidence:
    return incidence.build([relation.of(group[0]).tolist() for group in groups])


def _labels(given: Iterable[str]) -> Labels:
    by_path = list(given)
    names = sorted(set(by_path))
    number = {name: index for index, name in enumerate(names)}
    of = np.array([number[name] for name in by_path], np.intp)
    return Labels(tuple(names), of, np.bincount(of, minlength=len(names)))
