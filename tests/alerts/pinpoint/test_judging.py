"""The loss that is told of is the one that was counted, since it began."""

import pytest

from alerts.locate.locator import Locator
from alerts.pinpoint.events import Event
from alerts.pinpoint.judging import PUSHED_SECONDS, causes
from alerts.pinpoint.sight import Heard, sight
from alerts.pinpoint.watching import Probe, watching
from inventory.names import HUB_SITE, Reason
from tests.dashboards import province

NOW = 1_800_000_000.0
SEEN = watching(province.small())
LOCATOR = Locator(SEEN.components, SEEN.routes)
POP = "pop:ba-to"
SITES = (HUB_SITE, *SEEN.beats)
OVER = [
    watched.probe
    for watched in SEEN.probes.values()
    if watched.probe.kind == "icmp" and POP in SEEN.routes[min(watched.paths.values())].path
]


def loss(events: dict[Probe, list[Event]]) -> float:
    beats = dict.fromkeys(SITES, NOW - 1)
    heard = Heard(NOW, events, beats, frozenset(SITES), NOW - 100)
    (found,) = causes(LOCATOR, SEEN, sight(SEEN, heard))
    assert found.component == POP
    return found.loss


def burst(ago: float, lost: float) -> Event:
    return Event(NOW - ago, Reason.OK, 1, lost)


def test_what_was_before_the_loss_does_not_lessen_it() -> None:
    lossy = [burst(4, 0.4), burst(3, 0.2), burst(2, 0.4), burst(1, 0.2)]
    assert loss(dict.fromkeys(OVER, lossy)) == pytest.approx(0.3)
    before = [burst(9.5, 0.0), burst(8, 0.0)]
    assert loss(dict.fromkeys(OVER, before + lossy)) == pytest.approx(0.3)


def test_what_lost_none_counts_once_it_is_sure_to_be_later() -> None:
    lossy = [burst(8, 0.4), burst(6, 0.4), burst(4, 0.4), burst(1, 0.4)]
    first, *others = OVER
    pushed_late = dict.fromkeys(others, lossy) | {first: [burst(8 - PUSHED_SECONDS + 0.1, 0.0)]}
    assert loss(pushed_late) == pytest.approx(0.4)
    surely = dict.fromkeys(others, lossy) | {first: [burst(8 - PUSHED_SECONDS - 0.1, 0.0)]}
    assert loss(surely) == pytest.approx(0.4 * 4 * len(others) / (4 * len(others) + 1), abs=0.001)
