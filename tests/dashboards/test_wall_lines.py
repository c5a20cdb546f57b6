"""What the wall concludes of lines and sites from what was measured."""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from alerts.promapi import Sample
from dashboards.wall.answers import Answers
from dashboards.wall.line_cards import badges, line_cards, site_card
from dashboards.wall.measured import OLDEST_SECONDS, QUERIES, LineKey, Measured, measured
from dashboards.wall.outages import outages
from dashboards.wall.snapshot import CommuneDetail, SiteView
from dashboards.wall.view import detail, snapshot
from inventory import names
from inventory.names import LineVerdict, Recorded

from .wall_data import EN, NOW, VI, alert, directory, healthy, silent

BINH_SON, VAN_TUONG = "21040", "21061"
MAIN = LineKey(BINH_SON, "main")


def sample(name: str, value: float, **labels: str) -> Sample:
    return Sample({"__name__": name, "commune": BINH_SON, "line": "main", **labels}, value, NOW)


def answered(*recorded: Sample, verdicts: tuple[str, ...] = (), sites: tuple[Sample, ...] = ()) -> Measured:
    found = tuple(sample(Recorded.LINE_VERDICT, 1, verdict=verdict) for verdict in verdicts)
    busy = (Sample({"commune": BINH_SON, "line": "main", "direction": "down"}, 0.93, NOW),)
    return measured(NOW, (recorded, busy, found, (), sites, (), (), ()))


def page(answers: Answers, code: str = BINH_SON) -> CommuneDetail:
    where = directory()
    return detail(where, answers, snapshot(where, answers), code)


def with_measured(found: Measured, answers: Answers | None = None) -> Answers:
    return msgspec.structs.replace(answers or healthy(), measured=found)


def test_a_line_shows_what_was_contracted_and_what_was_measured() -> None:
    found = answered(
        sample(Recorded.LINE_RTT_MEDIAN, 0.012),
        sample(Recorded.LINE_UTILISATION, 0.5, direction="down"),
        sample(Recorded.LINE_GOODPUT, 20e6, direction="up"),
        sample(Recorded.LINE_CARRYING, 1),
        verdicts=("slow", "congested"),
    )
    (line,) = page(with_measured(found)).lines
    assert (line.rtt, line.down.used, line.down.percentile, line.up.goodput) == (0.012, 0.5, 0.93, 20e6)
    assert (line.down.contracted, line.shared, line.carrier.en) == (25e6, True, "VNPT")
    assert line.verdicts == (LineVerdict.CONGESTED, LineVerdict.SLOW)
    assert line.carrying is None  # its commune has one line: nothing to tell apart
    assert page(with_measured(found)).commune.verdicts == line.verdicts
    assert page(with_measured(found), VAN_TUONG).commune.verdicts == ()


def test_a_site_shows_its_power_and_machine() -> None:
    def of_site(metric: names.Metric, value: float) -> Sample:
        return Sample({"__name__": metric.name, "site": BINH_SON, "commune": BINH_SON}, value, NOW)

    found = answered(
        sites=(
            of_site(names.POWER_ON_MAINS, 0), of_site(names.POWER_CHARGE, 0.4),
            of_site(names.HOST_DISK_FREE, 1e9), of_site(names.HOST_DISK_TOTAL, 4e9),
            of_site(names.HOST_TEMPERATURE, 41), of_site(names.HOST_TEMPERATURE, 62),
        )
    )  # fmt: skip
    shown = page(with_measured(found))
    assert (shown.site.on_mains, shown.site.charge, shown.site.disk_free) == (False, 0.4, 0.25)
    assert shown.site.celsius == 62
    assert shown.commune.on_battery
    assert shown.site.memory_free is None


@pytest.mark.parametrize(
    "answers",
    [
        silent(healthy(), BINH_SON),
        msgspec.structs.replace(healthy(), prometheus_error="gone"),
        healthy(now=NOW + OLDEST_SECONDS + 1),
    ],
    ids=["silent", "prometheus gone", "measured long ago"],
)
def test_what_is_not_of_now_is_not_shown(answers: Answers) -> None:
    found = answered(sample(Recorded.LINE_RTT_MEDIAN, 0.012), verdicts=("slow",))
    shown = page(with_measured(found, answers))
    assert (shown.lines[0].rtt, shown.lines[0].verdicts, shown.commune.verdicts) == (None, (), ())
    assert shown.lines[0].down.contracted == 25e6
    assert shown.site == SiteView()


def test_the_limit_on_a_bar_is_the_inventorys() -> None:
    found = answered(sample(Recorded.LINE_UTILISATION, 0.5, direction="down"))
    (line,) = page(with_measured(found)).lines
    assert line.busy_limit == 0.9
    within, over = (
        str(line_cards((msgspec.structs.replace(line, busy_limit=of),), NOW, EN)) for of in (0.9, 0.4)
    )
    assert 'class="limit"' in within
    assert ("fill over" in within, "fill over" in over) == (False, True)
    assert 'x1="80"' in over


def test_badges_and_numbers_are_said_in_both_languages() -> None:
    assert badges((), VI) is None
    said = str(badges((LineVerdict.LOSSY,), VI, on_battery=True))
    assert "mất gói" in said
    assert "chạy pin" in said
    found = answered(sample(Recorded.LINE_LOSS, 0.0243), verdicts=("lossy",))
    line = page(with_measured(found)).lines
    assert "2,4 %" in line_cards(line, NOW, VI)
    assert "2.4 %" in line_cards(line, NOW, EN)
    assert "Not known now" in site_card(SiteView(), EN)


def test_a_ticket_about_a_line_says_what_is_wrong_with_it_and_that_it_is_shared() -> None:
    slow = alert("line:21040/main", "ticket", communes=BINH_SON)
    slow.labels["alertname"] = "LineSlow"
    other = alert("line:21061/main", "ticket", communes=VAN_TUONG)
    cut = alert("power|line:21040", communes=BINH_SON)
    never = alert("agent:21040", "ticket", communes=BINH_SON)
    never.labels["commune"] = BINH_SON
    never.annotations["shared"] = "main"
    found, _ = outages(directory(), (slow, other, cut, never))
    by_component = {outage.component: outage for outage in found}
    assert by_component["line:21040/main"].cause.en == "line: slow"
    assert by_component["line:21040/main"].shared
    assert by_component["power|line:21040"].shared
    assert by_component["agent:21040"].shared
    assert not by_component["line:21061/main"].shared


LABEL = st.sampled_from(["", "21040", "main", "up", "down", "slow", "x"])
SAMPLE = st.builds(
    Sample,
    st.dictionaries(
        st.sampled_from(["__name__", "commune", "line", "site", "direction", "verdict"]), LABEL, max_size=6
    ),
    st.floats(),
    st.just(NOW),
)


@given(st.tuples(*[st.lists(SAMPLE, max_size=4).map(tuple)] * len(QUERIES)))
def test_no_answer_breaks_the_view(answers: tuple[tuple[Sample, ...], ...]) -> None:
    shown = page(with_measured(measured(NOW, answers)))
    assert len(shown.lines) == 1
    line_cards(shown.lines, NOW, EN)
    site_card(shown.site, VI)
