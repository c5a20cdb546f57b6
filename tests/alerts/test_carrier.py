"""What to tell the carrier: golden texts, and for what there is none."""

import msgspec
import pytest

from alerts.book import Book
from alerts.carrier import MAX_NAMES, carrier_texts
from alerts.outage import SEGMENT_LOSSY
from alerts.text import Telling, render
from common.i18n import LANGUAGES, t
from inventory.model import Language
from tests.alerts.outages import T0, outage, province
from tests.alerts.test_text import CASES, compare

BOOK = Book.of(province())


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize(
    "name", ["power-or-line", "commune-cut-off", "pop", "pop-lossy", "ring", "area", "carrier"]
)
def test_it_reads_as_the_golden_file(name: str, language: Language) -> None:
    found = carrier_texts(CASES[name], BOOK, language)
    compare(f"tell-{name}.{language}", "\n".join(f"{one.label} {one.text}" for one in found))


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_lost_line_names_its_contract_and_what_is_ruled_out(language: Language) -> None:
    inventory = province()
    communes = tuple(
        msgspec.structs.replace(
            commune,
            lines=tuple(msgspec.structs.replace(line, contract="HĐ-17/2026") for line in commune.lines),
        )
        for commune in inventory.communes
    )
    book = Book.of(msgspec.structs.replace(inventory, communes=communes))
    lost = outage(component="line:21484/main", alertname="LineDown", severity="ticket", communes=("21484",))
    (found,) = carrier_texts(lost, book, language)
    assert t("carrier.line_contract", language, id="21484/main", contract="HĐ-17/2026") in found.text
    assert t("carrier.ruled_out_line", language) in found.text


def test_two_carriers_are_told_of_their_own_lines_only() -> None:
    both = carrier_texts(CASES["power-or-line"], BOOK, "en")
    assert len(both) == 2
    for one, (own, other) in zip(both, [("main", "backup"), ("backup", "main")], strict=True):
        assert f"21484/{own}" in one.text
        assert f"21484/{other}" not in one.text


@pytest.mark.parametrize(
    "name", ["system", "dns", "hub", "agent-silent", "line-slow", "power", "unknown-component"]
)
def test_nothing_is_said_to_a_carrier_about_what_is_not_its(name: str) -> None:
    assert carrier_texts(CASES[name], BOOK, "vi") == ()


@pytest.mark.parametrize("component", ["", "line:", "line:99999/x", "power|line:99999", "pop:gone", "|:"])
def test_a_strange_component_says_nothing(component: str) -> None:
    assert carrier_texts(outage(component=component), BOOK, "en") == ()


def test_a_long_list_is_counted() -> None:
    codes = tuple(str(30000 + n) for n in range(MAX_NAMES + 7))
    (found,) = carrier_texts(outage(component="pop:ba-to", communes=codes), BOOK, "en")
    assert f"{codes[MAX_NAMES - 1]} and 7 others" in found.text
    assert codes[MAX_NAMES] not in found.text


@pytest.mark.parametrize("component", ["pop:ba-to", "ring:east", "isp:vnpt"])
def test_what_loses_packets_is_not_said_to_be_dead(component: str) -> None:
    lossy = outage(component=component, alertname=SEGMENT_LOSSY, evidence_en="it loses about 30 % of packets")
    (english,), (vietnamese,) = (carrier_texts(lossy, BOOK, language) for language in ("en", "vi"))
    assert "has been losing packets since 08:13:20" in english.text
    assert "Measured: it loses about 30 % of packets." in english.text
    assert "dead" not in english.text
    assert "lost at once" not in english.text
    assert "bị mất gói từ 08:13:20" in vietnamese.text
    assert "mất tín hiệu" not in vietnamese.text
    assert "mất kết nối" not in vietnamese.text


def test_a_loss_without_evidence_is_said_to_be_a_part() -> None:
    lossy = outage(component="pop:ba-to", alertname=SEGMENT_LOSSY)
    for language in LANGUAGES:
        (found,) = carrier_texts(lossy, BOOK, language)
        assert t("carrier.some_lost", language) in found.text
        assert t("carrier.nothing_passes", language) not in found.text


def test_a_power_area_does_not_lose_packets() -> None:
    lossy = outage(component="area:bac", alertname=SEGMENT_LOSSY)
    assert carrier_texts(lossy, BOOK, "en") == ()


def test_a_message_carries_it_until_the_outage_is_over() -> None:
    told = render(Telling(outage=CASES["pop"], status="firing", now=T0), BOOK, "vi").body
    assert t("carrier.label", "vi") in told
    over = msgspec.structs.replace(CASES["pop"], ends_at=T0 + 60)
    assert (
        t("carrier.label", "vi")
        not in render(Telling(outage=over, status="resolved", now=T0 + 60), BOOK, "vi").body
    )
