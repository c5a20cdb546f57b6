"""The report as spreadsheet and as PDF: opened by other programs than those that wrote it."""

import io
import re
import zipfile
from xml.etree import ElementTree

import msgspec
import pytest

from alerts.slo import Seconds
from common.i18n import LANGUAGES, t
from dashboards.reports.availability import Report, report
from dashboards.reports.document import document
from dashboards.reports.excel import as_xlsx
from dashboards.reports.load import Counted, Tried, WayKey
from dashboards.reports.month import DAY_SECONDS
from dashboards.reports.pdf import as_pdf
from deploy.cli import main
from inventory.model import Inventory
from tests.dashboards import province
from tests.dashboards.test_report import KEY
from tests.dashboards.test_report_load import NOVEMBER, RATE, samples

MAIN = "{http://schemas.openxmlformats.org/spreadsheetml/2006/main}"
HOSTILE = '=HYPERLINK("http://evil.example")<b>#set text(fill: red) {x} $y$ \\ \u202e'


def account(inventory: Inventory | None = None) -> Report:
    loaded = {
        WayKey("21040", "main", "down"): Counted(
            samples=samples(*[0.97] * 30), tests=(Tried(NOVEMBER.start + 5, 0.6 * RATE),)
        )
    }
    counted = {KEY: Seconds(29 * DAY_SECONDS, 7200)}
    return report(
        inventory or province.small(), NOVEMBER, NOVEMBER.end + 1, counted, loaded=loaded, by_commune=True
    )


def sheets(content: bytes) -> dict[str, list[list[str]]]:
    """Return the cells of each sheet by its name, as a spreadsheet program would read them."""
    with zipfile.ZipFile(io.BytesIO(content)) as book:
        assert book.testzip() is None
        strings = [
            "".join(part.text or "" for part in item.iter(f"{MAIN}t"))
            for item in ElementTree.fromstring(book.read("xl/sharedStrings.xml"))
        ]
        names = [
            item.get("name")
            for item in ElementTree.fromstring(book.read("xl/workbook.xml")).iter(f"{MAIN}sheet")
        ]
        found = {}
        for number, name in enumerate(names, 1):
            body = ElementTree.fromstring(book.read(f"xl/worksheets/sheet{number}.xml"))
            assert not list(body.iter(f"{MAIN}f")), "nothing is a formula"
            assert not list(body.iter(f"{MAIN}hyperlink"))
            found[str(name)] = [
                [
                    strings[int(cell[0].text or 0)] if cell.get("t") == "s" else (cell[0].text or "")
                    for cell in row.iter(f"{MAIN}c") if len(cell)
                ]
                for row in body.iter(f"{MAIN}row")
            ]  # fmt: skip
    return found


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_spreadsheet_has_a_sheet_for_each_table_and_numbers_as_numbers(language: str) -> None:
    found = sheets(as_xlsx(document(account(), language), language))
    kinds = ("line", "system", "commune_system", "load", "method")
    assert list(found) == [t(f"report.sheet_{kind}", language) for kind in kinds]
    load = found[t("report.sheet_load", language)]
    row = next(row for row in load if row[0].startswith("21040"))
    assert float(row[2]) == 200
    assert float(row[3]) == pytest.approx(0.97)
    assert float(row[8]) == pytest.approx(120)
    assert row[9] == t("report.load_exceeded", language)
    lines = found[t("report.sheet_line", language)]
    row = next(row for row in lines if row[0].startswith("21040"))
    assert float(row[4]) == pytest.approx(7200 / DAY_SECONDS)
    assert any("06/2026/TT-BKHCN" in "".join(row) for row in found[t("report.sheet_method", language)])


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_pdf_is_one(language: str) -> None:
    found = as_pdf(document(account(), language), language, "2026-12-02 07:00")
    assert found.startswith(b"%PDF-1.")
    assert found.rstrip().endswith(b"%%EOF")
    assert len(re.findall(rb"/Type\s*/Page\b", found)) >= 2


def test_what_people_typed_stays_text() -> None:
    small = province.small()
    named = msgspec.structs.replace(small.communes[0], name=HOSTILE)
    hostile = msgspec.structs.replace(small, communes=(named, *small.communes[1:]))
    shown = document(account(hostile), "en")
    found = sheets(as_xlsx(shown, "en"))
    assert any(HOSTILE in row[0] for row in found["Load"] if row)
    assert as_pdf(shown, "en", "x").startswith(b"%PDF-")


def test_the_command_refuses_a_file_form_without_a_file(capsys: pytest.CaptureFixture[str]) -> None:
    words = ["report", str(province.SMALL), "--month", "2025-03", "--format", "pdf", "--lang", "en"]
    assert main(words) == 2
    assert capsys.readouterr().err == "--format pdf goes with --out FILE\n"


def test_names_of_sheets_fit() -> None:
    for language in LANGUAGES:
        names = [
            t(f"report.sheet_{k}", language) for k in ("line", "system", "commune_system", "load", "method")
        ]
        assert len(set(names)) == len(names)
        assert max(map(len, names)) <= 31
