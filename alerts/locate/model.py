"""What goes into the locator and what comes out of it."""

import msgspec

Leg = tuple[str, ...]


class Component(msgspec.Struct, frozen=True):
    """Whatever fails alone. ``kind`` is one of ``ComponentKind``; others take the default prior."""

    id: str
    kind: str


class Route(msgspec.Struct, frozen=True):
    """What one series of results speaks about.

    ``path`` holds component ids, in any order. Where either of two lines may carry the packets, ``path``
    and ``alternate`` are the two legs, and what both run through stands in both. ``commune`` and ``system``
    say whom a failure hits; empty where it hits none.
    """

    path: Leg
    alternate: Leg | None = None
    commune: str = ""
    system: str = ""


class Observation(msgspec.Struct, frozen=True):
    """What was counted on one path: its index, results in the window, failures among them."""

    path: int
    sent: int
    failed: int


class Cause(msgspec.Struct, frozen=True, kw_only=True):
    """One component that explains failures.

    ``members``: all components that this snapshot cannot tell apart from ``component``, itself first: those
    on the same measured paths, then those that make what was counted as likely in its place (within half a
    nat, priors aside). ``loss``: share of packets lost, 0.99 for a hard fault. ``confidence``: nats by which
    the best explanation with this class beats the best one without it. ``runner_up``: the first component
    that the other explanation blames instead; None where it blames noise alone. ``affected``: indexes of the
    paths that it makes fail, measured lately or not. ``evidence``: the most failing of them; ``sent`` and
    ``failed`` count over all of them. ``communes`` have an affected path; ``systems`` have no other.
    """

    component: str
    kind: str
    members: tuple[str, ...]
    loss: float
    confidence: float
    runner_up: str | None
    affected: tuple[int, ...]
    communes: tuple[str, ...]
    systems: tuple[str, ...]
    evidence: tuple[Observation, ...]
    sent: int
    failed: int


class Answer(msgspec.Struct, frozen=True):
    """The causes, the surest first, and the share of false failures that was assumed besides them."""

    causes: tuple[Cause, ...]
    noise: float
