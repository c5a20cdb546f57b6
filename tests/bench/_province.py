"""Provinces for measurements: as many communes and systems as wanted, with a gateway before Prometheus."""

from typing import Final

from inventory.model import (
    Carrier,
    Check,
    Commune,
    Hub,
    Ingest,
    Inventory,
    Line,
    Province,
    System,
    Text,
)
from inventory.national import of_province

LINE_MBPS: Final = 200.0
"""What most communes have (contracted, both ways)."""
GATEWAY_PORT: Final = 9499
_PROVINCE: Final = Province(code="52", name="Gia Lai")


def codes() -> list[str]:
    """Return the codes of the communes that there are: 135."""
    return sorted(of_province(_PROVINCE.code))


def province(hub: str, communes: int, systems: int, certificate: str) -> Inventory:
    """Return a province whose hub is at the address ``hub``; ``certificate`` is a file with key and chain.

    Every system is an address of the loopback network, so that it answers pings from wherever it is asked.
    """
    return Inventory(
        version=1,
        province=_PROVINCE,
        hub=Hub(
            name=_text("Hub"),
            address=hub,
            remote_write_url=f"https://{hub}:{GATEWAY_PORT}/api/v1/write",
            ingest=Ingest(certificate_file=certificate),
        ),
        carriers=(Carrier(id="vnpt", name=_text("VNPT")),),
        communes=tuple(
            Commune(
                code=code,
                name=of_province(_PROVINCE.code)[code].name,
                lines=(Line(carrier="vnpt", down_mbps=LINE_MBPS, up_mbps=LINE_MBPS),),
            )
            for code in codes()[:communes]
        ),
        systems=tuple(
            System(
                id=f"s{number}", name=_text(f"System {number}"), owner=_text("Owner"),
                check=Check(kind="icmp", address=system_address(number)),
            )
            for number in range(systems)
        ),
    )  # fmt: skip


def _text(name: str) -> Text:
    return Text(vi=name, en=name)


def system_address(number: int) -> str:
    """Return where a system answers."""
    return f"127.1.{number // 250}.{number % 250 + 1}"
