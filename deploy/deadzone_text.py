"""Dead zones as people and programs read them: text, CSV, JSON. Pure."""

import csv
import io
from collections.abc import Iterator, Mapping
from typing import Any, Final

import msgspec

from alerts import deadzone
from alerts.clusters import Cluster
from alerts.deadzone_list import Listing, Zone
from common.i18n import t
from dashboards.reports.month import local
from dashboards.reports.words import align, number, percent
from inventory.graph import Component, components
from inventory.model import Inventory
from inventory.names import DeadZone
from inventory.naming import english

CSV_COLUMNS: Final = (
    "rank", "commune", "commune_name", "reasons", "judged", "availability", "upper", "days",
    "dossiers_per_day", "dossiers_lost_per_day", "cluster", "line", "technology", "line_availability",
    "line_upper", "line_days", "line_dead", "signal_dbm", "signal_days", "weak",
)  # fmt: skip
"""One row a line; what is about the commune stands in each of its rows. ``rank`` is empty for the living."""


def text(found: Listing, inventory: Inventory, language: str) -> str:
    """Return the listing for a terminal."""
    until = local(found.until, inventory.province.timezone)
    parts = [
        t("deadzones.title", language, province=inventory.province.name, until=until),
        t("deadzones.counts", language, **_counts(found)),
    ]
    known = components(inventory)
    if found.dead:
        parts += ["", align([_head(language), *_rows(found, language)])]
    if found.clusters:
        names = {commune.code: _called(commune.name, language) for commune in inventory.communes}
        parts += ["", t("deadzones.clusters", language)]
        parts += (f"  {line}" for line in _clusters(found, known, names, language))
    places = list(_dead_places(found, language))
    if places:
        parts += ["", t("deadzones.places", language), *(f"  {line}" for line in places)]
    note = t(
        "deadzones.explained", language, days=deadzone.DAYS, least_days=deadzone.MIN_DAYS,
        below=f"{deadzone.BELOW * 100:g}", weak=f"{found.weak_rsrp_dbm:g}",
    )  # fmt: skip
    return "\n".join([*parts, "", note]) + "\n"


def _counts(found: Listing) -> dict[str, int]:
    never = sum(DeadZone.NEVER_REPORTED in zone.reasons for zone in found.zones)
    unjudged = sum(not zone.judged and not zone.reasons for zone in found.zones)
    return {
        "communes": len(found.zones),
        "dead": len(found.dead) - never,
        "never": never,
        "unjudged": unjudged,
    }


def _head(language: str) -> list[str]:
    keys = (
        "rank",
        "commune",
        "code",
        "availability",
        "upper",
        "days",
        "dossiers",
        "lost",
        "cluster",
        "reason",
    )
    return [t(f"deadzones.column_{key}", language) for key in keys]


def _rows(found: Listing, language: str) -> Iterator[list[str]]:
    for rank, zone in enumerate(found.dead, 1):
        yield [
            str(rank),
            _called(zone.name, language),
            zone.commune,
            _percent(zone.availability, language),
            _percent(zone.upper, language),
            str(zone.days),
            number(zone.dossiers_per_day, language),
            "–" if zone.dossiers_lost_per_day is None else number(zone.dossiers_lost_per_day, language, 1),
            "" if zone.cluster is None else str(zone.cluster + 1),
            ", ".join(t(f"deadzones.reason_{why}", language) for why in zone.reasons),
        ]


def _called(name: str, language: str) -> str:
    return name if language == "vi" else english(name)


def _percent(ratio: float | None, language: str) -> str:
    """Both are told in the place's favour: rounded up."""
    return "–" if ratio is None else percent(ratio, language, up=True, decimals=1)


def _clusters(
    found: Listing, known: Mapping[str, Component], names: Mapping[str, str], language: str
) -> Iterator[str]:
    for rank, cluster in enumerate(found.clusters, 1):
        listed = ", ".join(names[code] for code in cluster.communes)
        if cluster.component:
            yield t(
                "deadzones.cluster_shared", language, rank=rank, count=len(cluster.communes),
                behind=cluster.behind, name=_named(known, cluster.component, language), names=listed,
            )  # fmt: skip
        else:
            yield t("deadzones.cluster_near", language, rank=rank, count=len(cluster.communes), names=listed)


def _named(known: Mapping[str, Component], component: str, language: str) -> str:
    name = known[component].name
    return name.vi if language == "vi" else name.en


def _dead_places(found: Listing, language: str) -> Iterator[str]:
    """Lines that are dead at communes that live by another one, or of which another cannot be judged."""
    for zone in found.zones:
        if zone.reasons:
            continue
        for place in zone.places:
            if place.dead:
                yield t(
                    "deadzones.place", language, commune=_called(zone.name, language), line=place.line,
                    technology=place.technology, availability=_percent(place.availability, language),
                    upper=_percent(place.upper, language), days=place.days,
                )  # fmt: skip


# --- for programs -----------------------------------------------------------------------------------
def as_csv(found: Listing) -> str:
    """Return one row a line with plain numbers (RFC 4180)."""
    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerow(CSV_COLUMNS)
    for rank, zone in enumerate(found.zones, 1):
        for place in zone.places:
            record = {
                **_record(zone, found.clusters), "rank": rank if zone.reasons else "", "line": place.line,
                "technology": place.technology, "line_availability": _plain(place.availability),
                "line_upper": _plain(place.upper), "line_days": place.days, "line_dead": _plain(place.dead),
                "signal_dbm": _plain(place.signal_dbm), "signal_days": place.signal_days,
                "weak": _plain(place.weak),
            }  # fmt: skip
            writer.writerow([record[column] for column in CSV_COLUMNS])
    return out.getvalue()


def _record(zone: Zone, clusters: tuple[Cluster, ...]) -> dict[str, Any]:
    cluster = None if zone.cluster is None else clusters[zone.cluster]
    return {
        "commune": zone.commune,
        "commune_name": zone.name,
        "reasons": " ".join(zone.reasons),
        "judged": _plain(zone.judged),
        "availability": _plain(zone.availability),
        "upper": _plain(zone.upper),
        "days": zone.days,
        "dossiers_per_day": _plain(zone.dossiers_per_day),
        "dossiers_lost_per_day": _plain(zone.dossiers_lost_per_day),
        "cluster": "" if cluster is None else cluster.component or "neighbours",
    }


def _plain(value: float | bool | None) -> str:
    if value is None:
        return ""
    return str(int(value)) if isinstance(value, bool) else f"{value:.6g}"


def as_json(found: Listing) -> str:
    """Return everything, with the definition that it was judged by; times in Unix seconds."""
    body = {
        "until": found.until,
        "definition": {
            "days": deadzone.DAYS, "min_days": deadzone.MIN_DAYS, "below": deadzone.BELOW,
            "block_days": deadzone.BLOCK_DAYS, "weak_rsrp_dbm": found.weak_rsrp_dbm,
        },
        "zones": msgspec.to_builtins(found.zones),
        "clusters": msgspec.to_builtins(found.clusters),
    }  # fmt: skip
    return msgspec.json.format(msgspec.json.encode(body), indent=2).decode() + "\n"
