"""What labelled gaps change in the account: only what is certain, and never more than was unknown."""

import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from alerts.gaps.model import Edge, Gap, GapLabel, Piece, Side, after, before, exactly
from alerts.slo import Seconds
from common.i18n import t
from dashboards.reports import render
from dashboards.reports.availability import line_keys, report
from dashboards.reports.document import document
from dashboards.reports.excel import as_xlsx
from dashboards.reports.month import DAY_SECONDS, month
from dashboards.reports.unheard import Heard, Note, Unheard, unheard
from tests.dashboards import province
from tests.dashboards.test_report_files import sheets

NOVEMBER = month("2026-11", "Asia/Ho_Chi_Minh")
AT = NOVEMBER.start + DAY_SECONDS
UNTIL = NOVEMBER.start + 10 * DAY_SECONDS
HOUR = 3600.0
BOTH = (Side.HUB, Side.SITE)


def gap(*pieces: Piece) -> Gap:
    return Gap(
        commune="21040", start=pieces[0].start, end=pieces[-1].end, open=False, data_ratio=0.0, pieces=pieces
    )


def piece(label: GapLabel, start: Edge, end: Edge, **more: Any) -> Piece:
    return Piece(label=label, start=start, end=end, **more)


def of(found: Gap, counted: Seconds = Seconds(), known: Seconds = Seconds()) -> Unheard:  # noqa: B008 - frozen
    return unheard([Heard(found, counted)], NOVEMBER.start, UNTIL, known)


def test_a_line_down_on_the_word_of_both_counts_as_far_as_it_is_certain() -> None:
    one = piece(GapLabel.LINE_DOWN, after(AT, 10), before(AT + HOUR, 20), sides=BOTH)
    assert of(gap(one)).down_seconds == HOUR - 30
    assert of(gap(one)).notes == (Note(GapLabel.LINE_DOWN, "down", 1, HOUR - 30),)


def test_what_was_counted_is_not_counted_twice() -> None:
    one = piece(GapLabel.LINE_DOWN, after(AT, 10), before(AT + HOUR, 20), sides=BOTH)
    assert of(gap(one), Seconds(down=HOUR)).down_seconds == 0
    assert of(gap(one), Seconds(down=600)).down_seconds == HOUR - 630


def test_one_side_alone_leaves_it_unknown() -> None:
    for sides in ((), (Side.HUB,), (Side.SITE,)):
        one = piece(GapLabel.LINE_DOWN, exactly(AT), exactly(AT + HOUR), sides=sides)
        assert of(gap(one)) == Unheard(notes=(Note(GapLabel.LINE_DOWN, "unknown", 1, HOUR),))


def test_what_says_nothing_about_the_line_stays_unknown() -> None:
    for label in set(GapLabel) - {GapLabel.LINE_DOWN}:
        one = piece(label, exactly(AT), exactly(AT + HOUR), sides=BOTH)
        assert of(gap(one)) == Unheard(notes=(Note(label, "unknown", 1, HOUR),))


def test_a_stop_is_excluded_only_where_it_was_declared() -> None:
    one = piece(GapLabel.AGENT_STOPPED, after(AT, 2), before(AT + HOUR, 3), planned="ups")
    found = of(gap(one))
    assert (found.down_seconds, found.excluded_seconds) == (0, HOUR - 5)
    assert found.notes == (Note(GapLabel.AGENT_STOPPED, "excluded", 1, HOUR - 5, ("ups",)),)


def test_of_a_stop_that_went_on_after_its_window_only_the_window_is_excluded() -> None:
    planned = piece(GapLabel.AGENT_STOPPED, after(AT, 2), exactly(AT + HOUR), planned="ups")
    late = piece(GapLabel.AGENT_STOPPED, exactly(AT + HOUR), before(AT + 3 * HOUR, 3))
    found = of(gap(planned, late))
    assert found.excluded_seconds == HOUR - 2
    assert found.notes[1] == Note(GapLabel.AGENT_STOPPED, "unknown", 1, 2 * HOUR)


def test_of_several_pieces_that_were_down_no_more_counts_than_was_lost() -> None:
    down = [
        piece(GapLabel.LINE_DOWN, exactly(AT + n * HOUR), exactly(AT + (n + 1) * HOUR), sides=BOTH)
        for n in range(2)
    ]
    assert of(gap(*down), Seconds(up=600)).down_seconds == 2 * HOUR - 600


def test_what_was_lost_may_have_been_lost_before_the_month() -> None:
    one = piece(
        GapLabel.LINE_DOWN, exactly(NOVEMBER.start - HOUR), exactly(NOVEMBER.start + HOUR), sides=BOTH
    )
    assert of(gap(one), Seconds(up=HOUR)).down_seconds == 0
    assert of(gap(one)).down_seconds == HOUR


EDGES = st.tuples(st.floats(0, 9 * DAY_SECONDS), st.floats(0, 600), st.floats(0, DAY_SECONDS))
SECONDS = st.builds(Seconds, up=st.floats(0, 5e5), down=st.floats(0, 5e5))


@given(
    st.lists(st.tuples(EDGES, st.sampled_from(list(GapLabel)), st.booleans(), SECONDS), max_size=6), SECONDS
)
def test_no_more_changes_than_was_unknown(found: list[Any], known: Seconds) -> None:
    heard = []
    for (start, unsure, length), label, told, counted in found:
        begin = after(NOVEMBER.start + start, unsure)
        end = exactly(max(begin.latest, begin.at + length))
        sides = BOTH if told else ()
        heard.append(Heard(gap(piece(label, begin, end, sides=sides, planned="w" * told)), counted))
    result = unheard(heard, NOVEMBER.start, UNTIL, known)
    left = max(0.0, UNTIL - NOVEMBER.start - known.up - known.down)
    assert result.down_seconds >= 0
    assert result.excluded_seconds >= 0
    assert result.down_seconds + result.excluded_seconds <= left


def test_the_report_shows_it_and_what_is_excluded_is_no_part_of_the_period() -> None:
    key = next(iter(line_keys(province.small())))
    counted = {key: Seconds(up=8 * DAY_SECONDS)}
    notes = (
        Note(GapLabel.AGENT_STOPPED, "excluded", 2, DAY_SECONDS, ("ups",)),
        Note(GapLabel.LINE_DOWN, "down", 1, DAY_SECONDS),
        Note(GapLabel.POWER_DOWN, "unknown", 3, HOUR),
    )
    gaps = {key: Unheard(DAY_SECONDS, DAY_SECONDS, notes)}
    found = report(province.small(), NOVEMBER, UNTIL, counted, gaps=gaps)
    row = found.rows[0]
    assert (row.availability.lowest, row.availability.highest) == (8 / 9, 8 / 9)
    assert (row.unknown_seconds, row.excluded_seconds, row.down_seconds) == (0, DAY_SECONDS, DAY_SECONDS)
    shown = document(found, "vi")
    (starred,) = shown.footnotes
    method = sheets(as_xlsx(shown, "vi"))[t("report.sheet_method", "vi")]
    assert [[line] for line in (starred.of, *starred.lines)] == method[-4:], "a row a line"
    assert len(starred.lines) == len(notes)
    said = render.table(found, "en")
    assert "excluded: agent stopped on purpose, 2×, 1d 00:00:00 in all; maintenance windows: ups" in said
    assert "counted as down on the word of both sides: line down, 1×" in said
    assert "không tính: tác tử đo được dừng chủ động" in render.table(found, "vi")
    data = json.loads(render.as_json(found))["rows"][0]
    assert data["excluded_seconds"] == DAY_SECONDS
    assert data["notes"][2] == {
        "label": "power_down", "treated": "unknown", "count": 3, "seconds": HOUR, "windows": [],
    }  # fmt: skip
