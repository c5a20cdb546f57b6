"""Inventories to test with: the small one, changes to it, and generated ones."""

from pathlib import Path
from typing import Any

import msgspec
from hypothesis import strategies as st

from inventory import model, national
from inventory.load import load

SMALL = Path(__file__).with_name("small.yml")


def small() -> model.Inventory:
    """Return the small province."""
    return load(SMALL).inventory


def dual_homed(inventory: model.Inventory, code: str = "21040") -> model.Inventory:
    """Return the inventory with a second line, by Viettel and POP Ba Tơ, at commune ``code``."""
    communes = tuple(
        msgspec.structs.replace(commune, lines=(_bound(commune.lines[0]), BACKUP))
        if commune.code == code
        else commune
        for commune in inventory.communes
    )
    return msgspec.structs.replace(inventory, communes=communes)


def _bound(line: model.Line) -> model.Line:
    return msgspec.structs.replace(line, source="10.51.40.10")


BACKUP = model.Line(
    id="backup", carrier="viettel", technology="4g", down_mbps=20, up_mbps=10, segments=("ba-to",),
    source="10.51.40.11",
)  # fmt: skip

TEXT = st.text(st.characters(codec="utf-8", exclude_categories=["C", "Z"]), min_size=1, max_size=40)
NUMBERS = st.integers(-(10**12), 10**12) | st.decimals(-99, 99, places=3).map(float)
SCALARS = st.none() | st.booleans() | NUMBERS | TEXT
PLAIN = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=8,
)
IDS = st.from_regex(r"[a-z][a-z0-9-]{0,20}", fullmatch=True)
NAMES = st.builds(model.Text, vi=TEXT, en=TEXT)


@st.composite
def inventories(draw: st.DrawFn) -> model.Inventory:
    """A valid inventory of some communes of a drawn province."""
    code = draw(st.sampled_from(sorted(national.provinces())))
    of_province = st.sampled_from(list(national.of_province(code).values()))
    listed = draw(st.lists(of_province, min_size=1, max_size=5, unique=True))
    pops = draw(st.lists(IDS, max_size=3, unique=True))
    carriers = draw(st.lists(IDS, min_size=1, max_size=2, unique=True))
    return model.Inventory(
        version=1,
        province=model.Province(code=code, name=national.provinces()[code]),
        hub=model.Hub(name=draw(NAMES), address="10.0.0.1", remote_write_url="http://10.0.0.1/w"),
        carriers=tuple(model.Carrier(id=carrier, name=draw(NAMES)) for carrier in carriers),
        segments=tuple(model.Segment(id=pop, kind="pop", name=draw(NAMES)) for pop in pops),
        communes=tuple(_commune(draw, commune, carriers, pops) for commune in listed),
        systems=tuple(_system(draw, system) for system in draw(st.lists(IDS, max_size=3, unique=True))),
    )


def _commune(
    draw: Any, listed: national.NationalCommune, carriers: list[str], pops: list[str]
) -> model.Commune:
    line = model.Line(
        carrier=draw(st.sampled_from(carriers)),
        down_mbps=draw(st.floats(0.001, 1e6).map(lambda rate: round(rate, 3))),
        up_mbps=200,
        shared=draw(st.booleans()),
        segments=tuple(draw(st.lists(st.sampled_from(pops), max_size=1))) if pops else (),
    )
    return model.Commune(
        code=listed.code,
        name=listed.name,
        latitude=listed.latitude,
        longitude=listed.longitude,
        lines=(line,),
    )


def _system(draw: Any, id_: str) -> model.System:
    options = draw(st.dictionaries(TEXT, PLAIN, max_size=4))
    check = model.Check(kind="icmp", address="10.9.9.9", options=options)
    return model.System(id=id_, name=draw(NAMES), owner=draw(NAMES), check=check)
