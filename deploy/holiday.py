"""Vietnam's public holidays, as the ``holidays`` package knows them."""

from datetime import date
from functools import lru_cache


@lru_cache(maxsize=8)
def of_year(year: int) -> frozenset[date]:
    """Return the public holidays of ``year``. Importing the package takes a moment: only where needed."""
    import holidays  # noqa: PLC0415 - a hub dependency that takes long to import

    return frozenset(holidays.country_holidays("VN", years=year))
