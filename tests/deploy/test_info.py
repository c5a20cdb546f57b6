"""The inventory as series."""

import subprocess
from datetime import UTC, datetime
from pathlib import Path

import pytest
from msgspec.structs import replace
from prometheus_client import CollectorRegistry, generate_latest

from deploy import debian, holiday
from deploy.info import InventoryCollector, Row, rows, timed_rows
from inventory import names
from inventory.load import load
from inventory.model import Inventory, Maintenance, Text

ROOT = Path(__file__).parents[2]
MONDAY_MORNING = datetime(2026, 11, 23, 1, 0, tzinfo=UTC)  # 08:00 in Vietnam
NEW_HOLIDAY = datetime(2026, 11, 24, 1, 0, tzinfo=UTC)


@pytest.fixture(scope="module")
def small() -> Inventory:
    return load(ROOT / "tests/inventory/small.yml").inventory


def labelled(found: Row) -> dict[str, str]:
    return dict(zip(found.metric.labels, found.values, strict=True))


def of(metric: names.Metric, inventory: Inventory) -> list[dict[str, str]]:
    return [labelled(row) for row in rows(inventory) if row.metric is metric]


def test_every_commune_and_line_and_system_is_there(small: Inventory) -> None:
    assert [row["commune"] for row in of(names.COMMUNE_INFO, small)] == [c.code for c in small.communes]
    assert len(of(names.LINE_INFO, small)) == sum(len(c.lines) for c in small.communes)
    assert [row["target"] for row in of(names.SYSTEM_INFO, small)] == [
        f"system:{s.id}" for s in small.systems
    ]


def test_a_commune_says_what_maps_and_tables_need(small: Inventory) -> None:
    assert of(names.COMMUNE_INFO, small)[0] == {
        "commune": "21040", "name": "Xã Bình Sơn", "name_en": "Bình Sơn commune", "type": "xa",
        "area": "area:bac", "latitude": "15.3313", "longitude": "108.746", "transport": "push",
    }  # fmt: skip


def test_a_line_names_its_segments_by_component(small: Inventory) -> None:
    assert of(names.LINE_INFO, small)[0] == {
        "commune": "21040", "line": "main", "carrier": "vnpt", "technology": "tslcd", "shared": "yes",
        "pop": "pop:binh-son", "ring": "ring:east", "isp": "isp:vnpt", "router": "10.51.40.2",
    }  # fmt: skip


def test_rates_are_bytes(small: Inventory) -> None:
    rate = next(row for row in rows(small) if row.metric is names.LINE_CONTRACTED)
    assert rate.value == 200e6 / 8


def test_rules_can_join_on_what_they_join_on(small: Inventory) -> None:
    """One row for one key, or Prometheus refuses the join and with it the rule."""
    for metric, keys in (
        (names.COMMUNE_INFO, ("commune",)),
        (names.LINE_INFO, ("commune", "line")),
        (names.COMPONENT_UPSTREAM, ("component",)),
        (names.COMPONENT_MEMBER, ("component", "member")),
        (names.COMPONENT_WITHIN, ("component", "larger")),
    ):
        for inventory in (small, load(ROOT / "examples/quang-ngai.yml").inventory):
            found = [tuple(row[key] for key in keys) for row in of(metric, inventory)]
            assert found
            assert len(found) == len(set(found))


def test_maintenance_is_one_within_the_window_and_zero_around(small: Inventory) -> None:
    window = Maintenance(
        id="w", components=("system:lgsp",), reason=Text(vi="Nâng cấp", en="Upgrade"),
        starts=datetime(2026, 11, 23, 1, 0, tzinfo=UTC), ends=datetime(2026, 11, 23, 2, 0, tzinfo=UTC),
    )  # fmt: skip
    planned = replace(small, maintenance=(window,))

    def active(moment: datetime) -> list[float]:
        found = timed_rows(planned, moment, lambda _: ())
        return [row.value for row in found if row.metric is names.MAINTENANCE]

    assert active(datetime(2026, 11, 23, 0, 59, 59, tzinfo=UTC)) == [0]
    assert active(datetime(2026, 11, 23, 1, 0, tzinfo=UTC)) == [1]
    assert active(datetime(2026, 11, 23, 2, 0, tzinfo=UTC)) == [0]


def test_windows_that_overlap_count_as_one(small: Inventory) -> None:
    def window(name: str, start: int, end: int) -> Maintenance:
        return Maintenance(
            id=name, components=("system:lgsp",), reason=Text(vi="x", en="x"),
            starts=datetime(2026, 11, 23, start, tzinfo=UTC), ends=datetime(2026, 11, 23, end, tzinfo=UTC),
        )  # fmt: skip

    planned = replace(small, maintenance=(window("a", 1, 3), window("b", 5, 6)))
    found = list(timed_rows(planned, MONDAY_MORNING.replace(hour=2), lambda _: ()))
    assert [row.value for row in found if row.metric is names.MAINTENANCE] == [1]


def test_offices_are_open_by_local_time_and_closed_on_holidays(small: Inventory) -> None:
    def offices(moment: datetime) -> set[float]:
        return {row.value for row in timed_rows(small, moment) if row.metric is names.IN_SERVICE_HOURS}

    assert offices(MONDAY_MORNING) == {1}
    assert offices(MONDAY_MORNING.replace(hour=12)) == {0}
    assert offices(NEW_HOLIDAY) == {0}


def test_the_holidays_of_the_package_have_the_new_one() -> None:
    assert NEW_HOLIDAY.date() in holiday.of_year(2026)


def test_a_reload_replaces_all_series(small: Inventory) -> None:
    registry = CollectorRegistry()
    collector = InventoryCollector(small, lambda: MONDAY_MORNING)
    registry.register(collector)
    assert b'commune="21040"' in generate_latest(registry)
    collector.take(replace(small, communes=small.communes[1:]))
    assert b'commune="21040"' not in generate_latest(registry)


@pytest.mark.promtool
def test_promtool_finds_nothing_wrong(small: Inventory) -> None:
    registry = CollectorRegistry()
    registry.register(InventoryCollector(small, lambda: MONDAY_MORNING))
    done = subprocess.run(
        [str(debian.find("promtool")), "check", "metrics"], input=generate_latest(registry),
        capture_output=True, timeout=60, check=False, env=debian.environment(),
    )  # fmt: skip
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")


def test_a_contract_of_its_own_goes_before_the_provinces_limits() -> None:
    small = load(ROOT / "tests/inventory/small.yml").inventory
    first, *others = small.communes
    line = replace(first.lines[0], rtt_ms_max=20, loss_ratio_max=0.002)
    own = replace(first, lines=(line,))
    system = replace(small.systems[0], slow_seconds=0.4)
    changed = replace(small, communes=(own, *others), systems=(system, *small.systems[1:]))
    found = {(row.metric, *row.values): row.value for row in rows(changed)}
    for metric, values, value in (
        (names.LINE_RTT_LIMIT, (first.code, "main"), 0.02),
        (names.LINE_RTT_LIMIT, (others[0].code, "main"), 0.05),
        (names.LINE_LOSS_LIMIT, (first.code, "main"), 0.002),
        (names.LINE_LOSS_LIMIT, (others[0].code, "main"), 0.01),
        (names.SYSTEM_SLOW_LIMIT, (f"system:{system.id}",), 0.4),
        (names.SYSTEM_SLOW_LIMIT, (f"system:{small.systems[1].id}",), 1.0),
    ):
        assert found[(metric, *values)] == value
