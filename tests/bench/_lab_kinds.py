"""What is broken in the lab of twelve communes, kind by kind, and who is to blame for it. Pure."""

from typing import Final, Literal, NamedTuple

import msgspec

COMMUNES: Final = (
    "21040", "21484", "21061", "21439", "21025", "21496",
    "21211", "21499", "21034", "21457", "21085", "21472",
)  # fmt: skip
POPS: Final = ("pop:binh-son", "pop:ba-to", "pop:quang-ngai", "pop:duc-pho")
CARRIERS: Final = ("isp:vnpt", "isp:viettel")
RINGS: Final = ("ring:bac", "ring:nam")
SYSTEMS: Final = ("system:ho-tich", "system:mot-cua", "system:dich-vu-cong", "system:lgsp")
DNS: Final = ("dns:phan-giai",)
HUB: Final = ("hub:main",)
LOSS_RATIO: Final = 0.3
Breadth = Literal["commune", "wide"]


class Kind(NamedTuple):
    """One row of the table. ``faults`` take turns, as do ``targets``; ``truth`` is formatted with the target
    and names the component that is really at fault."""

    name: str
    breadth: Breadth
    faults: tuple[str, ...]
    targets: tuple[str, ...]
    truth: str = "{}"


KINDS: Final = (
    Kind("power", "commune", ("cut_power",), COMMUNES, "power:{}"),
    Kind("lan", "commune", ("cut_lan",), COMMUNES, "lan:{}"),
    Kind("agent", "commune", ("kill_agent",), COMMUNES, "agent:{}"),
    Kind("line", "commune", ("cut_line",), COMMUNES, "line:{}/main"),
    Kind("POP", "wide", ("down",), POPS),
    Kind("carrier", "wide", ("down",), CARRIERS),
    Kind("ring", "wide", ("down",), RINGS),
    Kind("hub uplink", "wide", ("hub_uplink",), HUB),
    Kind("system", "wide", ("down", "service_dead"), SYSTEMS),
    Kind("system in maintenance", "wide", ("maintenance_page",), SYSTEMS),
    Kind("DNS", "wide", ("down", "service_dead"), DNS),
    Kind("30 % loss on a POP", "wide", ("lossy",), POPS),
)
BY_NAME: Final = {kind.name: kind for kind in KINDS}
LAST: Final = frozenset({"DNS", "30 % loss on a POP"})
"""Kinds that are played when all others are done."""


class Injection(msgspec.Struct, frozen=True):
    """One fault: ``number`` counts from 0 within its kind."""

    kind: str
    number: int

    @property
    def name(self) -> str:
        """By which the file of results knows it."""
        return f"{self.kind} {self.number}"

    @property
    def fault(self) -> str:
        """What the lab is asked for; it changes once all targets had the one before."""
        kind = BY_NAME[self.kind]
        turn = sum(divmod(self.number, len(kind.targets)))
        return kind.faults[turn % len(kind.faults)]

    @property
    def target(self) -> str:
        """Commune or component that it hits."""
        kind = BY_NAME[self.kind]
        return kind.targets[self.number % len(kind.targets)]

    @property
    def truth(self) -> str:
        """The component that is at fault."""
        return BY_NAME[self.kind].truth.format(self.target)

    def request(self) -> dict[str, object]:
        """Return what the lab is asked, without ``do``."""
        what = self.target.partition(":")[2] if self.fault == "maintenance_page" else self.target
        return {"fault": self.fault, "what": what, "ratio": LOSS_RATIO}


def injections(count: int) -> list[Injection]:
    """Return ``count`` of each kind: the first two of all, then the rest in turn, some kinds at the end."""
    return sorted(
        (Injection(kind.name, number) for kind in KINDS for number in range(count)),
        key=lambda one: (one.kind in LAST and one.number >= 2, one.number),
    )
