"""What an outage says as an alert: names for people, ids for programs, labels that stay."""

import msgspec
import pytest

from alerts.book import Book
from alerts.locate.model import Cause
from alerts.pinpoint import words
from alerts.pinpoint.grade import Grade
from alerts.pinpoint.holding import Ended, Open
from alerts.pinpoint.telling import ENDED_SECONDS, Telling
from tests.dashboards import province

BOOK = Book.of(province.small())


def outage(
    *members: str, loss: float = 0.99, grade: Grade = "down", identity: str = "", runner_up: str | None = None
) -> Open:
    kind = members[0].partition(":")[0]
    cause = Cause(
        component=members[0], kind=kind, members=members, loss=loss, confidence=9.0, runner_up=runner_up,
        affected=(), communes=("21484",), systems=(), evidence=(), sent=40, failed=12,
    )  # fmt: skip
    name = identity or members[0]
    return Open(
        identity=name, kind=name.partition(":")[0], cause=cause, since=100.0, known_at=110.0, grade=grade
    )


def test_evidence_speaks_in_names_and_ids_stay_in_the_class() -> None:
    found = words.notes(outage("pop:ba-to", "isp:viettel", runner_up="ring:east"), BOOK)
    assert "POP Ba Tơ" not in found["evidence_en"], "the alert itself names it"
    assert "Viettel" in found["evidence_en"]
    assert "Eastern ring" in found["evidence_en"]
    assert "Vòng ring phía đông" in found["evidence_vi"]
    assert not any(
        "isp:" in found[f"evidence_{one}"] or "ring:" in found[f"evidence_{one}"] for one in ("vi", "en")
    )
    assert found["class"] == "pop:ba-to isp:viettel"


def test_what_it_turned_out_to_be_part_of_has_a_name_too() -> None:
    found = words.notes(outage("line:21484/main"), BOOK, until=120.0, into="pop:ba-to")
    assert "POP Ba Tơ" in found["evidence_vi"]
    assert found["until"] == "120.000"
    assert words.name_of("power|line:21040", BOOK, "vi").count("Bình Sơn") >= 1
    assert words.name_of("pop:gone", BOOK, "en") == "pop:gone"


@pytest.mark.parametrize(
    ("component", "grade", "name", "severity", "text"),
    [
        ("pop:ba-to", "lossy", "SegmentLossy", "page", "loses about 30 % of packets"),
        ("pop:ba-to", "ticket", "SegmentLossy", "ticket", "loses about 30 % of packets"),
        ("line:21484/main", "ticket", "LineLossy", "ticket", "loses about 30 % of packets"),
        ("system:dvc", "lossy", "SystemDown", "page", "about 30 % of the requests to it fail"),
    ],
)
def test_partial_loss_says_how_much(
    component: str, grade: Grade, name: str, severity: str, text: str
) -> None:
    lossy = outage(component, loss=0.3, grade=grade)
    labels = words.labels(lossy, {})
    assert (labels["alertname"], labels["severity"]) == (name, severity)
    found = words.notes(lossy, BOOK)
    assert text in found["evidence_en"]
    assert "30 %" in found["evidence_vi"]


def test_another_grade_is_another_alert_and_the_first_one_ends() -> None:
    telling = Telling()
    lossy = outage("pop:ba-to", loss=0.3, grade="lossy")
    (first,) = telling.alerts([lossy], {}, BOOK, 110.0)
    down = msgspec.structs.replace(lossy, grade="down", cause=outage("pop:ba-to").cause)
    now, before = telling.alerts([down], {}, BOOK, 120.0)
    assert (now.labels["alertname"], before.labels) == ("PopDown", first.labels)
    assert before.ends_at < now.ends_at
    telling.ended(Ended(down, 125.0), {}, BOOK, 130.0)
    over = telling.alerts([], {}, BOOK, 131.0)
    assert [alert.labels["alertname"] for alert in over] == ["SegmentLossy", "PopDown"]
    assert telling.alerts([], {}, BOOK, 131.0 + ENDED_SECONDS) == ()


def test_what_begins_again_is_not_ended_in_the_same_breath() -> None:
    telling = Telling()
    again = outage("pop:ba-to")
    telling.alerts([again], {}, BOOK, 110.0)
    telling.ended(Ended(again, 115.0), {}, BOOK, 116.0)
    assert len(telling.alerts([again], {}, BOOK, 117.0)) == 1


def test_a_system_that_shows_a_maintenance_page_has_the_name_of_that_and_says_so() -> None:
    found = msgspec.structs.replace(outage("system:ho-tich"), maintained=True)
    assert words.labels(found, {})["alertname"] == "SystemInMaintenance"
    assert "maintenance" in words.notes(found, BOOK)["evidence_en"]
    assert words.labels(outage("system:ho-tich"), {})["alertname"] == "SystemDown"
    assert words.labels(outage("dns:resolver"), {})["alertname"] == "DnsDown"
