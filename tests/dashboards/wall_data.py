"""The small province and answers about it, for the wall's tests."""

from collections.abc import Iterable
from functools import cache
from pathlib import Path

from alerts.amapi import Alert
from dashboards.wall.answers import Answers, Key
from dashboards.wall.directory import Directory, build
from dashboards.wall.wording import Words
from inventory.graph import plans
from inventory.load import load
from inventory.model import Inventory
from inventory.names import HUB_SITE

NOW = 1_795_305_600.0  # 2026-11-22 07:00 in Quảng Ngãi
SMALL = Path(__file__).parents[1] / "inventory" / "small.yml"
VI = Words("vi", "Asia/Ho_Chi_Minh")
EN = Words("en", "Asia/Ho_Chi_Minh")


@cache
def small() -> Inventory:
    return load(SMALL).inventory


@cache
def _directory() -> Directory:
    return build(small())


def directory(inventory: Inventory | None = None) -> Directory:
    return build(inventory) if inventory else _directory()


def healthy(inventory: Inventory | None = None, now: float = NOW) -> Answers:
    """Return answers of a province in which everything works."""
    found = inventory or small()
    sites = [HUB_SITE, *(commune.code for commune in found.communes)]
    up = {
        Key(site, plan.commune, plan.line, plan.target): True for site in sites for plan in plans(found, site)
    }
    return Answers(at=now, heartbeats=dict.fromkeys(sites, now - 1), up=up)


def down(answers: Answers, *wanted: tuple[str, str], since: float = NOW - 60) -> Answers:
    """Return answers in which (site, target) pairs are down."""
    up = {key: value and (key.site, key.target) not in wanted for key, value in answers.up.items()}
    changed = {key: since for key, value in up.items() if not value}
    return Answers(at=answers.at, heartbeats=answers.heartbeats, up=up, changed=changed)


def silent(answers: Answers, *sites: str, ago: float = 60) -> Answers:
    """Return answers in which agents have been silent for ``ago`` seconds; their series linger."""
    heartbeats = {
        site: answers.at - ago if site in sites else time for site, time in answers.heartbeats.items()
    }
    return Answers(at=answers.at, heartbeats=heartbeats, up=answers.up, changed=answers.changed)


def alert(component: str, severity: str = "page", muted: Iterable[str] = (), **annotations: str) -> Alert:
    return Alert(
        labels={"alertname": "Test", "component": component, "severity": severity},
        annotations=annotations,
        starts=NOW - 300,
        fingerprint=component,
        inhibited_by=tuple(muted),
    )
