"""The national list of communes, ``data/communes.csv`` (its source: ``data/README.md``)."""

import csv
from collections.abc import Mapping
from functools import cache
from importlib.resources import files

import msgspec

from common.nearest import nearest
from inventory.naming import bare, fold


class NationalCommune(msgspec.Struct, frozen=True):
    """A row of the list; ``name`` with its type (``Xã Bình Sơn``), the centroid in degrees. The list lacks
    the area of two."""

    code: str
    name: str
    type: str
    province_code: str
    province: str
    latitude: float
    longitude: float
    area_km2: float | None


class UnknownProvince(LookupError):  # noqa: N818 - reads as what it says
    """No province answers to this; ``nearest`` are those that almost do."""

    def __init__(self, wanted: str, nearest: tuple[str, ...]) -> None:
        super().__init__(wanted)
        self.nearest = nearest


@cache
def communes() -> tuple[NationalCommune, ...]:
    """Return all communes, in the order of the list. Reads the file once."""
    text = files("inventory").joinpath("data", "communes.csv").read_text(encoding="utf-8")
    rows = [{key: value or None for key, value in row.items()} for row in csv.DictReader(text.splitlines())]
    return tuple(msgspec.convert(rows, list[NationalCommune], strict=False))


@cache
def of_province(code: str) -> Mapping[str, NationalCommune]:
    """Return the communes of a province by code; empty for a code that is no province's."""
    return {commune.code: commune for commune in communes() if commune.province_code == code}


def code_of(name: str, province: str) -> str | None:
    """Return the code of the commune of a province with this name, compared as :func:`bare` does."""
    return _codes_by_name(province).get(bare(name))


@cache
def _codes_by_name(province: str) -> Mapping[str, str]:
    return {bare(commune.name): code for code, commune in of_province(province).items()}


@cache
def provinces() -> Mapping[str, str]:
    """Return the names of the provinces by code."""
    return {commune.province_code: commune.province for commune in communes()}


def without_type(name: str) -> str:
    """Return a province's name as people say it.

    >>> without_type("Tỉnh Quảng Ngãi"), without_type("Thành phố Huế")
    ('Quảng Ngãi', 'Huế')
    """
    return name.removeprefix("Tỉnh ").removeprefix("Thành phố ")


def find_province(wanted: str) -> str:
    """Return the code of the province named ``wanted``: a code, or a name with or without type,
    accents or capitals. Raises UnknownProvince.

    >>> find_province("quang ngai"), find_province("Thành phố Huế"), find_province("51")
    ('51', '46', '51')
    """
    if wanted.strip() in provinces():
        return wanted.strip()
    by_name = {bare(name): code for code, name in provinces().items()}
    # "Hồ Chí Minh" and "hochiminh" are the same name to whoever types in a hurry.
    squeezed = {name.replace(" ", ""): code for name, code in by_name.items()}
    found = by_name.get(bare(wanted)) or squeezed.get(fold(wanted).replace(" ", ""))
    if found:
        return found
    close = nearest(bare(wanted), by_name, count=3, likeness=0.5)
    raise UnknownProvince(wanted, tuple(provinces()[by_name[name]] for name in close))
