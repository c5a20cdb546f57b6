"""The map's layer of dead zones: the rules' verdict, a ring each, a legend, a switch."""

from msgspec.structs import replace

from alerts.promapi import Sample
from common.i18n import t
from dashboards.wall import geo
from dashboards.wall.answers import Answers
from dashboards.wall.map import describe, province_map
from dashboards.wall.measured import DEAD_ZONES, QUERIES, Measured, measured
from dashboards.wall.page import Frame, layers
from dashboards.wall.shapes import zone
from dashboards.wall.snapshot import Snapshot
from dashboards.wall.view import snapshot
from inventory.names import DeadZone, Recorded

from .wall_data import EN, NOW, VI, directory, healthy, silent

BOTH, WEAK = "21040", "21061"


def found(code: str, why: str) -> Sample:
    return Sample({"__name__": Recorded.DEAD_ZONE, "commune": code, "reason": why}, 1, NOW)


def answered(at: float = NOW) -> Measured:
    zones = (found(BOTH, "weak_signal"), found(BOTH, "availability"), found(WEAK, "weak_signal"))
    return measured(at, ((), (), (), (), (), (*zones, found("99999", "x"))))


def shown(answers: Answers, at: float = NOW) -> Snapshot:
    return snapshot(directory(), replace(answers, measured=answered(at)))


def test_the_wall_asks_for_what_the_rules_recorded() -> None:
    assert DEAD_ZONES in QUERIES
    assert f"{Recorded.DEAD_ZONE} == 1" == DEAD_ZONES


def test_the_gravest_reason_comes_first_whether_it_speaks_or_not() -> None:
    for answers in (healthy(), silent(healthy(), BOTH, WEAK)):
        by_code = {commune.code: commune.dead_zone for commune in shown(answers).communes}
        assert by_code[BOTH] == (DeadZone.AVAILABILITY, DeadZone.WEAK_SIGNAL)
        assert by_code[WEAK] == (DeadZone.WEAK_SIGNAL,)
        assert set(by_code.values()) - {by_code[BOTH], by_code[WEAK]} == {()}


def test_what_was_read_long_ago_is_not_shown() -> None:
    assert all(not commune.dead_zone for commune in shown(healthy(), NOW - 600).communes)


def test_the_map_draws_a_ring_and_says_why_in_both_languages() -> None:
    found_ = shown(healthy())
    layout = geo.layout({c.code: (c.latitude, c.longitude) for c in found_.communes})
    for words in (VI, EN):
        drawn = province_map(found_.communes, layout, words)
        inside = drawn.partition("</svg>")[0]
        assert inside.count('class="zone"') == 2
        for why in DeadZone:
            assert t(f"wall.zone_{why}", words.language) in drawn
        (told,) = (describe(c, words) for c in found_.communes if c.code == BOTH)
        assert t("wall.zone_availability", words.language) in told
        assert t("wall.zone_weak_signal", words.language) in told


def test_reasons_are_told_apart_by_shape() -> None:
    assert len({zone(why) for why in DeadZone}) == len(DeadZone)


def test_the_switch_is_off_unless_chosen() -> None:
    frame = Frame(words=EN, province="x", at=NOW, build="b")
    assert " checked" not in layers(frame)
    assert " checked" in layers(replace(frame, zones=True))
