"""From an explanation in numbers to causes with names: classes, who is hit, evidence."""

from collections.abc import Iterable
from typing import Final

import msgspec
import numpy as np

from alerts.locate.classes import alike
from alerts.locate.field import Counts
from alerts.locate.incidence import Ints, Mask
from alerts.locate.model import Answer, Cause, Component, Observation
from alerts.locate.network import Labels, Network
from alerts.locate.priors import penalty

EVIDENCE_MOST: Final = 20


class Doubt(msgspec.Struct, frozen=True):
    """The best explanation without a suspect and its ``peers``: how much worse, and whom it blames first."""

    margin: float
    instead: int | None
    peers: tuple[int, ...] = ()


class Verdict(msgspec.Struct, frozen=True):
    """What the search found under an assumed noise, by numbers of the network: the loss of everybody who is
    blamed, planned work included, and the doubt about everybody else."""

    noise: float
    losses: dict[int, float] = {}
    doubts: dict[int, Doubt] = {}


class Snapshot(msgspec.Struct, frozen=True):
    """Results by path as they came, and by observation."""

    sent: Ints
    failed: Ints
    counts: Counts


def unexplained(network: Network, counts: Counts, verdict: Verdict) -> tuple[float, float]:
    """Return results and failures of the observations that nobody who is blamed touches."""
    rest = np.ones(network.observations, np.bool_)
    for suspect in verdict.losses:
        rest &= ~_hit(network, suspect, verdict.losses)
    return float(counts.sent[rest].sum()), float(counts.failed[rest].sum())


def read(network: Network, snapshot: Snapshot, verdict: Verdict) -> Answer:
    """Name the causes, the surest first."""
    causes: list[Cause] = []
    named: set[str] = set()
    for suspect in sorted(verdict.doubts, key=lambda one: (-verdict.doubts[one].margin, one)):
        members = [
            member
            for member in _class(network, snapshot.counts, verdict, suspect)
            if member.id not in named or network.suspect_of[member.id] == suspect
        ]
        named.update(member.id for member in members)
        causes.append(_cause(network, snapshot, verdict, suspect, members))
    return Answer(tuple(causes), verdict.noise)


def _class(network: Network, counts: Counts, verdict: Verdict, suspect: int) -> list[Component]:
    """Return who cannot be told apart from a suspect: first those on the same paths, then its peers."""
    loss, doubt = verdict.losses[suspect], verdict.doubts[suspect]
    same = alike(network, counts, suspect)
    others = [other for peer in doubt.peers for other in alike(network, counts, peer).tolist()]
    return _members(network, same, loss) + _members(network, np.setdiff1d(others, same), loss)


def _hit(network: Network, suspect: int, blamed: Iterable[int]) -> Mask:
    """Return the observations that a suspect makes fail: on a leg, where the other leg fails as well."""
    solo, near, far = network.by_suspect
    hit = np.zeros(network.observations, np.bool_)
    hit[solo.of(suspect)] = True
    for own, other in ((near, far), (far, near)):
        mine = own.of(suspect)
        if len(mine):
            elsewhere = np.zeros(network.observations, np.bool_)
            for someone in blamed:
                elsewhere[other.of(someone)] = True
            hit[mine.compress(elsewhere.take(mine))] = True
    return hit


def _cause(
    network: Network, snapshot: Snapshot, verdict: Verdict, suspect: int, members: list[Component]
) -> Cause:
    loss, doubt = verdict.losses[suspect], verdict.doubts[suspect]
    # the numbers of paths speak of the one that is named: those of its class may stand on others, unmeasured
    named = network.suspect_of[members[0].id]
    affected = np.flatnonzero(_hit(network, named, verdict.losses).take(network.observation_of))
    communes, systems = _who(network, affected)
    sent, failed = snapshot.sent.take(affected), snapshot.failed.take(affected)
    return Cause(
        component=members[0].id,
        kind=members[0].kind,
        members=tuple(member.id for member in members),
        loss=round(loss, 3),
        confidence=round(doubt.margin, 3),
        runner_up=_name(network, doubt.instead, loss),
        affected=tuple(affected.tolist()),
        communes=communes,
        systems=systems,
        evidence=_evidence(affected, sent, failed),
        sent=int(sent.sum()),
        failed=int(failed.sum()),
    )


def _members(network: Network, suspects: Ints, loss: float) -> list[Component]:
    """Return the components of suspects, the likeliest by prior first."""
    found = [member for suspect in suspects.tolist() for member in network.members[suspect]]
    return sorted(found, key=lambda member: (penalty(member.kind, loss, network.components), member.id))


def _name(network: Network, suspect: int | None, loss: float) -> str | None:
    return None if suspect is None else _members(network, np.array([suspect]), loss)[0].id


def _who(network: Network, affected: Ints) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return the communes that have an affected path, and the systems that have no other."""
    communes, systems = (_among(labels, affected) for labels in (network.communes, network.systems))
    return (
        _named(network.communes, communes > 0),
        _named(network.systems, (systems > 0) & (systems == network.systems.paths)),
    )


def _among(labels: Labels, paths: Ints) -> Ints:
    """Return how many of the paths have each name."""
    return np.bincount(labels.of.take(paths), minlength=len(labels.names))


def _named(labels: Labels, chosen: Mask) -> tuple[str, ...]:
    return tuple(name for index in np.flatnonzero(chosen).tolist() if (name := labels.names[index]))


def _evidence(affected: Ints, sent: Ints, failed: Ints) -> tuple[Observation, ...]:
    order = np.argsort(-failed, kind="stable")[:EVIDENCE_MOST]
    return tuple(
        Observation(*numbers)
        for numbers in zip(
            affected[order].tolist(), sent[order].tolist(), failed[order].tolist(), strict=True
        )
        if numbers[2]
    )
