"""What people read: golden files in both languages, and limits that always hold.

``UPDATE_GOLDEN=1`` writes the files anew; a person reads the difference.
"""

import os
from datetime import UTC, datetime
from pathlib import Path

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from alerts import words
from alerts.book import Book
from alerts.outage import Outage, from_alert, monitoring_down
from alerts.payload import Alert
from alerts.text import MAX_CHARS, Telling, render, render_test
from common.i18n import LANGUAGES, catalogue, t
from inventory.graph import CLASS_KINDS
from inventory.model import Commune, Language, Line
from inventory.names import ComponentKind
from tests.alerts.outages import T0, outage, province

GOLDEN = Path(__file__).parents[1] / "golden" / "messages"
BOOK = Book.of(province())
LATER = T0 + 3725


def said(key: str, **values: str) -> dict[str, str]:
    return {f"evidence_{language}": t(f"evidence.{key}", language, **values) for language in LANGUAGES}


SILENT = said("cut_off_router")
CASES: dict[str, Outage] = {
    "commune-cut-off": outage(**SILENT),
    "power-or-line": outage(component="power|line:21484", communes=("21484",), **SILENT),
    "power": outage(component="power:21040", alertname="Located"),
    "lan": outage(component="lan:21040", alertname="Located"),
    "agent-silent": outage(component="lan|agent:21040", alertname="AgentSilent"),
    "line-ticket": outage(
        component="line:21484/main", alertname="LineDown", communes=("21484",), severity="ticket"
    ),
    "pop": outage(
        component="pop:ba-to", alertname="PopDown", communes=("21484", "21496", "99999"),
        systems=("system:ho-tich", "lgsp"), **said("network", failed="3", members="3"),
    ),
    "pop-lossy": outage(
        component="pop:ba-to", alertname="SegmentLossy", communes=("21484", "21496"),
        **{f"evidence_{language}": t("pinpoint.lossy", language, loss=30) for language in LANGUAGES},
    ),
    "ring": outage(component="ring:east", alertname="RingDown", communes=("21040",)),
    "area": outage(component="area:bac", alertname="AreaDown", communes=("21040",)),
    "carrier": outage(component="isp:vnpt", alertname="CarrierDown", communes=("21040", "21484")),
    "hub": outage(component="hub:main", alertname="HubCutOff", communes=("21040", "21484", "21496")),
    "dns": outage(component="dns:resolver", alertname="SharedSegmentDown", systems=("ho-tich",), communes=()),
    "system": outage(
        component="system:ho-tich", alertname="SystemDown", systems=("system:ho-tich",),
        communes=("21040", "21484"), **said("system_down"),
    ),
    "system-unreachable": outage(
        component="system:lgsp", alertname="SystemUnreachable", severity="ticket", communes=("21496",)
    ),
    "never-reported": outage(
        component="agent:21496", alertname="NeverReported", severity="ticket", communes=("21496",)
    ),
    "line-slow": outage(
        component="line:21040/main", alertname="LineSlow", severity="ticket",
        **said("line_slow", found="83", most="50"),
    ),
    "line-under-contract": outage(
        component="line:21484/main", alertname="LineUnderContract", communes=("21484",), severity="ticket",
        **said("line_under_contract", down="112", down_of="200", up="190", up_of="200", least="80"),
    ),
    "battery-low": outage(
        component="power:21040", alertname="BatteryLow", **said("battery_low", charge="12", minutes="6"),
    ),
    "agent-hot": outage(
        component="agent:21040", alertname="AgentHot", severity="ticket",
        **said("hot", found="91", most="85"),
    ),
    "hub-blind": outage(component="hub:main", alertname="HubBlind", communes=()),
    "monitoring-down": monitoring_down(T0, "monitoring@1", "main"),
    "foreign": outage(alertname="Novelty", evidence="written by another program, in its own language"),
    "unknown-component": outage(component="pop:gone", alertname="PopDown", communes=()),
    "no-component": outage(component="", alertname="Novelty", communes=()),
}  # fmt: skip


def compare(name: str, text: str) -> None:
    path = GOLDEN / f"{name}.txt"
    if os.environ.get("UPDATE_GOLDEN"):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text + "\n", encoding="utf-8")
    assert path.read_text(encoding="utf-8") == text + "\n"


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("name", CASES)
def test_a_page_reads_as_the_golden_file(name: str, language: Language) -> None:
    found = render(Telling(outage=CASES[name], status="firing", now=T0 + 9), BOOK, language)
    compare(f"{name}.{language}", f"{found.subject}\n{found.body}")


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("late", [False, True])
@pytest.mark.parametrize("name", ["commune-cut-off", "pop"])
def test_a_resolution_reads_as_the_golden_file(name: str, late: bool, language: Language) -> None:
    over = msgspec.structs.replace(CASES[name], ends_at=LATER)
    found = render(Telling(outage=over, status="resolved", now=LATER + 5, late=late), BOOK, language)
    compare(f"{name}.resolved{'-late' if late else ''}.{language}", f"{found.subject}\n{found.body}")


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_test_says_that_it_is_one(language: Language) -> None:
    found = render_test("zalo-truc", T0, "Asia/Ho_Chi_Minh", language)
    compare(f"test.{language}", f"{found.subject}\n{found.body}")


def test_who_is_called_answers_for_what_may_have_failed() -> None:
    assert BOOK.callees(outage()) == {"can-bo-xa": ["power", "lan", "agent"], "vnpt-noc": ["line"]}
    both_lines = outage(component="line|agent:21484")
    assert BOOK.callees(both_lines) == {
        "viettel-noc": ["line"], "vnpt-noc": ["line"], "can-bo-ba-to": ["agent"],
    }  # fmt: skip
    assert BOOK.callees(outage(component="area:bac")) == {}


def test_every_kind_of_component_has_its_words() -> None:
    for language in LANGUAGES:
        strings = catalogue(language)
        needed = {f"message.{what}_{kind}" for kind in ComponentKind for what in ("failed", "kind")}
        needed |= {f"message.cause_{kind}" for kind in CLASS_KINDS}
        assert needed - strings.keys() == set()


@pytest.mark.parametrize(("code", "shared", "line"), [("21040", "main", ""), ("21484", "backup", "backup")])
def test_an_agent_that_never_reported_may_hang_on_a_shared_line(code: str, shared: str, line: str) -> None:
    alert = Alert(
        status="firing", fingerprint="f",
        labels={"alertname": "NeverReported", "component": f"agent:{code}", "commune": code},
        annotations={"shared": f"{shared} main no-such-line <b>"}, starts_at=datetime.fromtimestamp(T0, UTC),
    )  # fmt: skip
    told = Telling(outage=from_alert(alert), status="firing", now=T0)
    said = t("message.shared_named", "vi", names=line) if line else t("message.shared", "vi")
    assert said in render(told, BOOK, "vi").body
    silent = Telling(outage=outage(component=f"agent:{code}"), status="firing", now=T0)
    assert said not in render(silent, BOOK, "vi").body


@pytest.mark.parametrize(
    ("component", "named"),
    [
        ("line:21040/main", ()),
        ("power|line:21040", ()),
        ("line:21484/backup", ()),
        ("power|line:21484", ("backup",)),
    ],
)
def test_every_alert_about_a_shared_line_says_that_it_is_one(component: str, named: tuple[str, ...]) -> None:
    for language in LANGUAGES:
        text = render(
            Telling(outage=outage(component=component), status="firing", now=T0), BOOK, language
        ).body
        if named:
            assert t("message.shared_named", language, names=", ".join(named)) in text
        else:
            assert t("message.shared", language) in text


@pytest.mark.parametrize("component", ["line:21484/main", "lan|agent:21040", "pop:ba-to", "system:lgsp", ""])
def test_other_alerts_do_not(component: str) -> None:
    text = render(Telling(outage=outage(component=component), status="firing", now=T0), BOOK, "en").body
    assert "Shared line" not in text


# --- limits --------------------------------------------------------------------------------------
def crowded(count: int) -> Book:
    line = Line(carrier="vnpt", down_mbps=1, up_mbps=1)
    codes = [f"{30000 + n}" for n in range(count)]
    many = tuple(Commune(code=code, name=f"Xã Tên Thật Dài Số {code}", lines=(line,)) for code in codes)
    return Book.of(msgspec.structs.replace(province(), communes=many))


def test_three_thousand_communes_fit_and_whom_to_call_stays() -> None:
    wide = outage(
        component="isp:vnpt", alertname="CarrierDown", evidence="e" * 1900,
        communes=tuple(f"{30000 + n}" for n in range(3321)),
    )  # fmt: skip
    book = crowded(3321)
    for limit in (MAX_CHARS, 996, 500):
        found = render(Telling(outage=wide, status="firing", now=T0), book, "vi", limit)
        assert len(found.subject) + 1 + len(found.body) <= limit
        assert "Trực VNPT, noc@vnpt.example" in found.body
        assert "3.321" in found.body
    first = render(Telling(outage=wide, status="firing", now=T0), book, "vi").body
    assert "Xã Tên Thật Dài Số 30000, " in first
    assert "và 3306 nơi khác" in first


@settings(max_examples=150, deadline=None)
@given(
    component=st.text(max_size=400),
    communes=st.lists(st.from_regex(r"[0-9]{5}", fullmatch=True), max_size=300),
    systems=st.lists(st.text(max_size=80), max_size=40),
    evidence=st.text(max_size=2000),
    alertname=st.text(max_size=200),
    limit=st.integers(100, 2000),
    language=st.sampled_from(LANGUAGES),
    status=st.sampled_from(["firing", "resolved"]),
)
def test_no_message_is_ever_over_its_limit(
    component: str, communes: list[str], systems: list[str], evidence: str, alertname: str,
    limit: int, language: Language, status: str,
) -> None:  # fmt: skip
    one = outage(
        component=component, communes=tuple(communes), systems=tuple(systems), evidence=evidence,
        alertname=alertname, ends_at=T0 + 1,
    )  # fmt: skip
    telling = Telling(outage=one, status="firing" if status == "firing" else "resolved", now=T0)
    found = render(telling, BOOK, language, limit)
    assert len(found.subject) + 1 + len(found.body) <= limit


# --- words ---------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("seconds", "vi", "en"),
    [
        (0, "0 giây", "0 s"),
        (0.6, "1 giây", "1 s"),
        (59, "59 giây", "59 s"),
        (60, "1 phút", "1 min"),
        (725, "12 phút 5 giây", "12 min 5 s"),
        (3600, "1 giờ", "1 h"),
        (3605, "1 giờ", "1 h"),
        (7500, "2 giờ 5 phút", "2 h 5 min"),
        (93784, "1 ngày 2 giờ", "1 d 2 h"),
        (-5, "0 giây", "0 s"),
    ],
)
def test_a_duration_in_its_two_largest_units(seconds: float, vi: str, en: str) -> None:
    assert (words.duration(seconds, "vi"), words.duration(seconds, "en")) == (vi, en)


def test_alternatives_and_numbers() -> None:
    assert words.either([], "vi") == ""
    assert words.either(["mất điện"], "vi") == "mất điện"
    assert words.either(["a", "b", "c"], "en") == "a, b or c"
    assert (words.number(12345.6, "vi"), words.number(12345.6, "en")) == ("12.346", "12,346")
    assert words.cut("abcdef", 4) == "abc…"
    assert words.cut("abcd", 4) == "abcd"
