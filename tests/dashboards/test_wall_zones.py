"""The map's layer of dead zones: the rules' verdict, a ring each, a legend, a switch."""

from msgspec.structs import replace

from alerts import deadzone
from alerts.deadzone_list import Evidence, listing
from alerts.promapi import Sample
from alerts.slo import Gain, Seconds
from common.i18n import t
from dashboards.wall import geo
from dashboards.wall.answers import Answers
from dashboards.wall.map import describe, province_map
from dashboards.wall.measured import DEAD_ZONES, QUERIES, Measured, measured
from dashboards.wall.page import Frame, layers
from dashboards.wall.shapes import zone
from dashboards.wall.snapshot import Snapshot
from dashboards.wall.view import snapshot
from dashboards.wall.zones import MAX_LISTED, ranked, zone_list
from inventory.names import DeadZone, Recorded

from .wall_data import EN, NOW, VI, directory, healthy, silent, small

BOTH, WEAK = "21040", "21061"
LONG = tuple(
    (Sample({"commune": BOTH}, share, NOW), Sample({"commune": WEAK}, 7, NOW)) for share in (0.88, 0.91)
)
"""Availability over 28 days and its bound; 7 is no share."""


def found(code: str, why: str) -> Sample:
    return Sample({"__name__": Recorded.DEAD_ZONE, "commune": code, "reason": why}, 1, NOW)


def answered(at: float = NOW) -> Measured:
    zones = (found(BOTH, "weak_signal"), found(BOTH, "availability"), found(WEAK, "weak_signal"))
    return measured(at, ((), (), (), (), (), (*zones, found("99999", "x")), *LONG))


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


def test_availability_and_its_bound_are_those_that_the_rules_recorded() -> None:
    by_code = {commune.code: commune for commune in shown(healthy()).communes}
    assert (by_code[BOTH].availability, by_code[BOTH].upper) == (0.88, 0.91)
    assert (by_code[WEAK].availability, by_code[WEAK].upper) == (None, None)


DAY = 86400.0


def gains(code: str, up: float) -> dict[tuple[str, str], tuple[Gain, ...]]:
    """28 days of one line: of every day ``up`` is up."""
    whole = Seconds(up=up * DAY, down=(1 - up) * DAY, unknown=0.0)
    days = reversed(range(deadzone.DAYS))
    return {(code, "main"): tuple(Gain(NOW - (n + 1) * DAY, NOW - n * DAY, whole) for n in days)}


def test_the_list_is_ranked_as_the_command_ranks() -> None:
    inventory = small()
    shares = {commune.code: 0.5 + 0.08 * number for number, commune in enumerate(inventory.communes)}
    silent_one = inventory.communes[1].code
    evidence = Evidence(
        until=NOW,
        gains={
            key: value
            for code, up in shares.items()
            if code != silent_one
            for key, value in gains(code, up).items()
        },
        heard=frozenset(shares) - {silent_one},
    )
    wanted = [(zone.commune, zone.reasons) for zone in listing(inventory, evidence).dead]
    assert len(wanted) >= 4
    by_code = {zone.commune: zone for zone in listing(inventory, evidence).zones}
    views = [
        replace(
            view, dead_zone=by_code[view.code].reasons, availability=by_code[view.code].availability,
        )
        for view in shown(healthy()).communes
    ]  # fmt: skip
    assert [(view.code, view.dead_zone) for view in ranked(views)] == wanted


def test_the_list_names_place_reason_and_dossiers() -> None:
    said = zone_list(shown(healthy()).communes, EN)
    assert said.index("Bình Sơn") < said.index("Vạn Tường")
    assert "Down too often, Weak signal, no fixed line · up 88.0 % of the time" in said
    assert "There is no dead zone" in zone_list((), EN)


def test_a_long_list_ends_with_a_number() -> None:
    one = shown(healthy()).communes[0]
    many = [replace(one, code=f"{n:05}", dead_zone=(DeadZone.AVAILABILITY,)) for n in range(MAX_LISTED + 7)]
    said = zone_list(many, EN)
    assert said.count("<li>") == MAX_LISTED
    assert "and 7 more communes" in said


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
