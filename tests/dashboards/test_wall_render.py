"""Markup that nothing breaks, a map that nothing squashes, charts that show what was measured."""

import itertools
import math
import re
from html.parser import HTMLParser
from typing import Any

import msgspec
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from common.i18n import LANGUAGES
from dashboards.wall import charts, commune_page, geo, history, page
from dashboards.wall.history import STEPS, History, Track
from dashboards.wall.map import province_map
from dashboards.wall.markup import Html, el, text
from dashboards.wall.matrix import matrix, rest, shared_words, system_list
from dashboards.wall.outage_list import Names, outage_list
from dashboards.wall.shapes import shape
from dashboards.wall.snapshot import (
    Behind,
    Call,
    Cell,
    CommuneDetail,
    CommuneView,
    Health,
    LineView,
    OutageView,
    SiteView,
    Snapshot,
    State,
    Sure,
    SystemView,
    TargetView,
    WayView,
)
from dashboards.wall.view import snapshot
from dashboards.wall.wording import Words
from inventory.model import Text
from inventory.names import DeadZone, LineVerdict

from .wall_data import EN, NOW, VI, directory, down, healthy, silent

HOSTILE = st.text(max_size=20) | st.sampled_from(
    ["<script>alert(1)</script>", "\"onload='x'", "</title><b>", "&lt;", "{x}", "\x00\ud800", "javascript:x"]
)
NAME = st.builds(lambda value: Text(vi=value, en=value), HOSTILE)
TIME = st.none() | st.floats(0, 4e9)
SHARE = st.none() | st.floats(0, 1)
CALL = st.builds(
    Call, name=NAME, phone=st.none() | HOSTILE, email=st.none() | HOSTILE, note=st.none() | HOSTILE
)
COMMUNE = st.builds(
    CommuneView, code=HOSTILE, name=NAME, latitude=st.none() | st.floats(-90, 90),
    longitude=st.none() | st.floats(-180, 180), state=st.sampled_from(State), since=TIME,
    cells=st.tuples(st.sampled_from(Cell), st.sampled_from(Cell)), on_battery=st.booleans(),
    verdicts=st.lists(st.sampled_from(LineVerdict), max_size=3, unique=True).map(tuple),
    dead_zone=st.lists(st.sampled_from(DeadZone), max_size=2, unique=True).map(tuple), availability=SHARE,
    behind=st.none() | st.builds(Behind, HOSTILE, NAME), dossiers_per_day=st.floats(0, 1e6),
)  # fmt: skip
MAYBE = st.none() | st.floats(-10, 1e12)
WAY = st.builds(
    WayView, contracted=st.floats(1, 1e9), used=MAYBE, percentile=MAYBE, goodput=MAYBE, loss=MAYBE
)
LINE = st.builds(
    LineView, id=HOSTILE, carrier=NAME, technology=HOSTILE, shared=st.booleans(), down=WAY, up=WAY,
    verdicts=st.lists(st.sampled_from(LineVerdict), max_size=3, unique=True).map(tuple),
    carrying=st.none() | st.booleans(), rtt=MAYBE, loss=MAYBE, jitter=MAYBE, tested_at=TIME,
    grade=st.none() | st.integers(-3, 99), rtt_loaded=MAYBE, hops=st.none() | st.integers(0, 99),
    signal_dbm=MAYBE,
)  # fmt: skip
SITE = st.builds(
    SiteView, on_mains=st.none() | st.booleans(), charge=MAYBE, runtime=MAYBE, cpu=MAYBE, memory_free=MAYBE,
    disk_free=MAYBE, celsius=MAYBE,
)  # fmt: skip
SYSTEM = st.builds(SystemView, id=HOSTILE, name=NAME, state=st.sampled_from(Cell), reached=st.integers(0, 9))
OUTAGE = st.builds(
    OutageView, key=HOSTILE, what=NAME, cause=NAME, since=st.floats(0, 4e9), page=st.booleans(),
    component=HOSTILE | st.sampled_from(("pop:x", "isp:y", "system:z")), silenced=st.booleans(),
    communes=st.tuples(HOSTILE), systems=st.tuples(HOSTILE), acknowledged_by=st.none() | HOSTILE,
    evidence=st.none() | NAME, calls=st.tuples(CALL), sure=st.none() | st.sampled_from(Sure), loss=SHARE,
    others=st.lists(NAME, max_size=2).map(tuple), runner_up=st.none() | NAME,
    counted=st.none() | st.tuples(st.integers(0, 9), st.integers(0, 99)),
)  # fmt: skip
SNAPSHOT = st.builds(
    Snapshot, at=st.just(NOW), province=HOSTILE, health=st.builds(Health, stale=st.booleans(), newest=TIME),
    communes=st.lists(COMMUNE, max_size=3).map(tuple), systems=st.tuples(SYSTEM, SYSTEM),
    outages=st.lists(OUTAGE, max_size=2).map(tuple), hidden=st.integers(0, 3),
)  # fmt: skip
ELEMENTS = (
    "html head meta link title script noscript body header main section nav div span p b h1 h2 h3 ul ol li "
    "dl dt dd a form input label button time table caption thead tbody tr th td details summary figure "
    "figcaption svg g path circle rect line text"
)
ALLOWED = frozenset(ELEMENTS.split())


class Checker(HTMLParser):
    """Fails on an element, attribute or address that we never write; keeps the text."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.text: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        assert tag in ALLOWED, tag
        for name, value in attrs:
            assert not name.startswith("on"), name
            assert name != "style"
            if name == "href":
                assert re.match(r"/|#|tel:[0-9+*#]*$|mailto:", value or ""), value
            if name == "src":
                assert (value or "").startswith("/static/")
        if tag not in ("meta", "link", "input"):
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.open and self.open[-1] == "script":
            raise AssertionError("a script of our own has no text")
        self.text.append(data)


def checked(markup: Html) -> str:
    """Return the text of markup that is sound."""
    checker = Checker()
    checker.feed(markup)
    checker.close()
    assert checker.open == []
    return "".join(checker.text)


def frame(words: Words = VI, **values: Any) -> page.Frame:
    assets = {"wall.js": "/static/wall.js", "wall.css": "/static/wall.css", "icon.svg": "/static/icon.svg"}
    return page.Frame(words=words, province="P", at=NOW, build="b", assets=assets, page="wall", **values)


# --- markup --------------------------------------------------------------------------------------
@given(HOSTILE, HOSTILE)
def test_text_comes_back_as_it_was_and_is_never_markup(content: str, value: str) -> None:
    found = Checker()
    found.feed(el("p", content, title=value))
    found.close()
    assume(not re.search("[\x00-\x08\x0b-\x1f\x7f\ud800-\udfff\ufffe\uffff]", content))
    assert "".join(found.text) == content.replace("\r", "\n") or "\r" in content


def test_children_are_flattened_and_nothing_is_nothing() -> None:
    assert el("ul", (el("li", n) for n in (1, 2)), None, "<") == "<ul><li>1</li><li>2</li>&lt;</ul>"
    assert text(None) == ""


@pytest.mark.parametrize("name", ["a b", "", "1a", "a>", "a\n"])
def test_a_name_that_is_none_is_our_bug(name: str) -> None:
    with pytest.raises(ValueError, match="not a name"):
        el(name)


# --- pages ---------------------------------------------------------------------------------------
@given(SNAPSHOT, st.sampled_from([VI, EN]), HOSTILE)
def test_nothing_in_a_snapshot_becomes_markup(shown: Snapshot, words: Words, user: str) -> None:
    layout = geo.layout({c.code: (c.latitude, c.longitude) for c in shown.communes})
    checked(page.wall(frame(words, user=user), shown, layout, page.names_of(shown)))


@given(COMMUNE, OUTAGE, LINE, SITE, HOSTILE, st.sampled_from([VI, EN]))
def test_nothing_about_a_commune_becomes_markup(
    commune: CommuneView, outage: OutageView, line: LineView, site: SiteView, name: str, words: Words
) -> None:
    target = TargetView(target=name, name=Text(vi=name, en=name), line=name, state=Cell.DOWN, since=NOW)
    shown = CommuneDetail(
        commune=commune, targets=(target,), calls=((name, Call(Text(vi=name, en=name), name)),),
        outages=(outage,), health=Health(newest=NOW), at=NOW, lines=(line, line), site=site,
    )  # fmt: skip
    day = commune_page.last_day(History(end=NOW, inside=(Track(name, (1.0,) * STEPS),)), words)
    checked(commune_page.commune(frame(words), shown, Names({}, {}), day))


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_page_is_whole_without_javascript(language: str) -> None:
    where = directory()
    shown = snapshot(where, silent(healthy(), "21499"))
    layout = geo.layout({c.code: (c.latitude, c.longitude) for c in shown.communes})
    markup = page.wall(frame(Words(language, where.timezone)), shown, layout, page.names_of(shown))
    said = checked(markup)
    assert '<noscript><meta http-equiv="refresh" content="15"></noscript>' in markup
    for commune in shown.communes:
        assert f'href="/commune/{commune.code}"' in markup
        assert Words(language, where.timezone).of(commune.name) in said


def test_rows_are_communes_with_a_trouble_of_their_own() -> None:
    everybody = ("hub", *directory().places)
    answers = down(healthy(), ("21061", "system:dvc"), *((site, "system:lgsp") for site in everybody))
    shown = snapshot(directory(), silent(answers, "21499"))
    rows = checked(matrix(shown.communes, shown.systems, EN))
    assert "Vạn Tường" in rows
    assert "Bình Sơn" not in rows
    assert "Cut off (1)Ba Dinh commune" in rows
    assert checked(rest(shown.communes, shown.systems, EN)).startswith("The other 4 communes")
    assert checked(system_list(shown.systems, EN)).startswith("National Public Service Portal4/5 communes")


def test_calm_is_said_only_when_it_is_known() -> None:
    names = Names({}, {})
    assert "No open outage" in outage_list((), names, EN, at=NOW, health=Health())
    unknown = checked(outage_list((), names, EN, at=NOW, health=Health(alertmanager_ok=False)))
    assert "No open outage" not in unknown
    assert "Alertmanager cannot be read" in unknown


def test_an_outage_says_what_where_how_long_and_whom_to_call() -> None:
    outage = OutageView(
        key="k", component="pop:x", what=Text(vi="POP X", en="POP X"), cause=Text(vi="c", en="POP"),
        since=NOW - 750, page=True, communes=tuple(f"{n:05}" for n in range(8)),
        calls=(Call(Text(vi="n", en="NOC"), "0255 3-822 (1)"),),
    )  # fmt: skip
    names = Names({f"{n:05}": Text(vi=f"c{n}", en=f"c{n}") for n in range(8)}, {})
    markup = outage_list((outage,), names, EN, at=NOW, health=Health())
    said = checked(markup)
    assert "POP X" in said
    assert "12 min" in said
    assert "Affects 8 communes" in said
    assert "c5and 2 morec6, c7" in said  # folded away
    assert 'href="tel:02553822' in markup
    assert f'data-since="{NOW - 750:.0f}"' in markup


@pytest.mark.parametrize(
    ("health", "said"),
    [
        (Health(newest=NOW), ""),
        (Health(newest=NOW, prometheus_ok=False, stale=True), "Prometheus cannot be read"),
        (Health(newest=None, stale=True), "No agent has sent any data yet"),
        (Health(newest=NOW, stale=True), "The newest data is from 07:00 22/11"),
    ],
)
def test_the_banner_says_what_is_wrong_with_the_data(health: Health, said: str) -> None:
    assert checked(page.banner(health, EN)).startswith(said)
    assert bool(page.banner(health, EN)) == bool(said)


@pytest.mark.parametrize(
    ("seconds", "vi", "en"),
    [
        (-5, "0 giây", "0 s"),
        (59.9, "59 giây", "59 s"),
        (60, "1 phút", "1 min"),
        (3 * 3600 + 299, "3 giờ 4 phút", "3 h 4 min"),
        (2 * 86400 + 3600, "2 ngày 1 giờ", "2 d 1 h"),
    ],
)
def test_ages_in_words(seconds: float, vi: str, en: str) -> None:
    assert (VI.age(seconds), EN.age(seconds)) == (vi, en)


# --- map -----------------------------------------------------------------------------------------
PLACES = st.dictionaries(
    st.integers(0, 999).map(str),
    st.tuples(st.none() | st.floats(8, 24), st.none() | st.floats(102, 116)),
    max_size=12,
)


@given(PLACES)
def test_every_place_with_coordinates_stands_on_the_drawing(
    places: dict[str, tuple[float | None, float | None]],
) -> None:
    found = geo.layout(places)
    assert set(found.points) == {code for code, pair in places.items() if None not in pair}
    for x, y in found.points.values():
        assert 0 <= x <= found.width
        assert 0 <= y <= found.height


def province(**extra: tuple[float, float]) -> dict[str, tuple[float | None, float | None]]:
    grid = {f"{i}-{j}": (14.5 + i * 0.2, 108.0 + j * 0.2) for i in range(5) for j in range(5)}
    return {**grid, **extra}


def test_an_island_far_away_goes_into_an_inset_and_squashes_nothing() -> None:
    alone, together = geo.layout(province()), geo.layout(province(far=(10.0, 114.0)))
    assert [inset.codes for inset in together.insets] == [("far",)]
    assert {code: p for code, p in together.points.items() if code != "far"} == alone.points
    (inset,) = together.insets
    x, y = together.points["far"]
    assert inset.x < x < inset.x + inset.side
    assert inset.y < y < inset.y + inset.side


def test_an_island_near_by_stays_where_it_is() -> None:
    near = geo.layout(province(near=(15.3, 109.1)))
    assert near.insets == ()
    assert near.points["near"][0] == max(x for x, _ in near.points.values())


def test_north_is_up_and_east_is_right() -> None:
    points = geo.layout(province()).points
    assert points["4-0"][1] < points["0-0"][1]
    assert points["0-4"][0] > points["0-0"][0]


def test_dots_on_one_spot_are_moved_apart() -> None:
    points = list(
        geo.layout({str(n): (15.0, 108.0) for n in range(6)} | {"x": (15.2, 108.2)}).points.values()
    )
    nearest = min(math.dist(a, b) for i, a in enumerate(points) for b in points[i + 1 :])
    assert nearest > 15


def test_a_province_without_coordinates_says_so() -> None:
    shown = snapshot(directory(), healthy())
    assert "no coordinates" in province_map(shown.communes, geo.layout({}), EN)


def test_each_state_has_a_shape_of_its_own() -> None:
    assert len({re.sub(r' class="[^"]*"', "", shape(state)) for state in State}) == len(State)


# --- charts --------------------------------------------------------------------------------------
VALUES = st.lists(st.none() | st.floats(0, 1e6), min_size=STEPS, max_size=STEPS).map(tuple)
SPARSE = st.dictionaries(st.integers(0, STEPS - 1), st.floats(0, 10), max_size=9).map(
    lambda found: tuple(found.get(step) for step in range(STEPS))
)


@given(SPARSE, SPARSE)
def test_charts_of_any_day_are_sound(inside: history.Values, rtt: history.Values) -> None:
    day = History(end=NOW, inside=(Track("main", inside),), round_trips=(Track("main", rtt),), losses=())
    markup = charts.charts(day, EN)
    checked(markup)
    assert "NaN" not in markup
    assert "inf" not in markup


@given(SPARSE)
def test_runs_cover_the_day_without_gap_or_overlap(values: history.Values) -> None:
    found = charts.runs(values)
    assert found[0][1] == 0
    assert found[-1][2] == STEPS
    assert all(one[2] == other[1] and one[0] != other[0] for one, other in itertools.pairwise(found))


@given(st.floats(1e-6, 1e9))
def test_the_scale_holds_the_highest_value_and_is_not_far_above_it(highest: float) -> None:
    assert highest * 0.999 <= charts.nice(highest) <= highest * 2.6


def test_a_gap_lifts_the_pen() -> None:
    values = (1.0, 2.0, None, 3.0, *(None,) * (STEPS - 4))
    drawn = charts.path(values, lambda value: value)
    assert drawn.count("M") == 2
    assert drawn.count("L") == 1


def test_points_are_put_on_their_step_and_strangers_left_out() -> None:
    start = NOW - STEPS * history.STEP_SECONDS
    points = [
        (start, 1.0),
        (start + 2 * history.STEP_SECONDS + 3, 2.0),
        (start - 999, 9.0),
        (start + 5, math.nan),
    ]
    grid = history.on_grid(points, start)
    assert (grid[0], grid[1], grid[2]) == (1.0, None, 2.0)
    assert sum(value is not None for value in grid) == 2


@given(st.text(max_size=12))
def test_a_commune_is_quoted_in_every_query(code: str) -> None:
    for promql in history.queries(code).values():
        unquoted = re.sub(r'"(?:[^"\\]|\\.)*"', "", promql, flags=re.S)
        assert '"' not in unquoted
        assert unquoted.count("{") == unquoted.count("}")


def test_a_label_of_the_state_strip_adds_up() -> None:
    values = (1.0,) * 360 + (0.0,) * 30 + (None,) * 330
    markup = charts.charts(History(end=NOW, inside=(Track("main", values),)), EN)
    assert "From the commune: up 12 h 0 min, cut off 1 h 0 min, unknown 11 h 0 min" in markup
    assert msgspec.structs.replace(History(end=NOW)).empty


def test_a_narrow_column_leaves_out_what_names_share() -> None:
    names = ["Một cửa Bộ Y tế", "Một cửa Bộ Tư pháp", "Dịch vụ công", "Dịch vụ", "Hộ tịch"]
    shared = shared_words(names)
    assert [name[end:] for name, end in zip(names, shared, strict=True)] == [
        "Y tế", "Tư pháp", "Dịch vụ công", "Dịch vụ", "Hộ tịch",
    ]  # fmt: skip
    assert shared_words(["Y tế tỉnh", "Y tế tỉnh"]) == [5, 5]
