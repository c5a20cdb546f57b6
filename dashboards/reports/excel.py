"""A report as a spreadsheet: a sheet a table, numbers as numbers, and one that says what they mean."""

import io
from typing import Any, Final

import xlsxwriter  # type: ignore[import-untyped]  # it has no type information

from common.i18n import t
from dashboards.reports.document import Cell, Document, Section

_WIDTHS: Final = {"text": 14, "share": 12, "number": 12, "duration": 13}
_NAME_WIDTH: Final = 46
_FORMATS: Final = {"share": "0.000%", "number": "#,##0.0", "duration": "[h]:mm:ss"}
_SECONDS_A_DAY: Final = 86400
_BAD: Final = "#fdecea"
_HEAD_ROWS: Final = 4
_LONGEST: Final = 31  # characters of a sheet's name


def as_xlsx(shown: Document, language: str) -> bytes:
    """Return the report as an .xlsx file."""
    out = io.BytesIO()
    # Cells hold what people typed into the inventory: text is text, never a formula or a link.
    options = {"in_memory": True, "strings_to_formulas": False, "strings_to_urls": False}
    with xlsxwriter.Workbook(out, options) as book:
        formats = _formats(book)
        for section in shown.sections:
            _sheet(book, formats, shown, section, language)
        _method(book, shown, language)
    return out.getvalue()


def _formats(book: Any) -> dict[tuple[str, bool], Any]:
    """A format by (form of the cell, whether its row is bad)."""
    found = {}
    for bad in (False, True):
        ground = {"bg_color": _BAD} if bad else {}
        for form in _WIDTHS:
            shape = {"num_format": _FORMATS[form]} if form in _FORMATS else {}
            found[form, bad] = book.add_format({**shape, **ground})
    found["head", False] = book.add_format({"bold": True, "bottom": 1, "text_wrap": True, "valign": "top"})
    found["title", False] = book.add_format({"bold": True, "font_size": 14})
    found["warning", False] = book.add_format({"bold": True, "font_color": "#b3201a"})
    return found


def _sheet(
    book: Any, formats: dict[tuple[str, bool], Any], shown: Document, section: Section, language: str
) -> None:
    sheet = book.add_worksheet(t(f"report.sheet_{section.name}", language)[:_LONGEST])
    for row, (text, form) in enumerate(
        ((shown.title, "title"), (section.title, "text"), (shown.period, "text"))
    ):
        sheet.write_string(row, 0, text, formats[form, False])
    if shown.warning:
        sheet.write_string(3, 0, shown.warning, formats["warning", False])
    for column, head in enumerate(section.heads):
        sheet.write_string(_HEAD_ROWS, column, head, formats["head", False])
        form = section.rows[0][column].form if section.rows else "text"
        sheet.set_column(column, column, _NAME_WIDTH if column == 0 else _WIDTHS[form])
    for row, (cells, bad) in enumerate(zip(section.rows, section.bad, strict=True), _HEAD_ROWS + 1):
        for column, cell in enumerate(cells):
            _cell(sheet, row, column, cell, formats[cell.form, bad])
    sheet.freeze_panes(_HEAD_ROWS + 1, 1)
    sheet.autofilter(_HEAD_ROWS, 0, _HEAD_ROWS + len(section.rows), len(section.heads) - 1)
    sheet.set_landscape()
    sheet.fit_to_pages(1, 0)
    sheet.repeat_rows(_HEAD_ROWS)


def _cell(sheet: Any, row: int, column: int, cell: Cell, format_: Any) -> None:
    if cell.value is None:
        sheet.write_string(row, column, cell.text, format_)
    else:
        value = cell.value / _SECONDS_A_DAY if cell.form == "duration" else cell.value
        sheet.write_number(row, column, value, format_)


def _method(book: Any, shown: Document, language: str) -> None:
    """What the figures mean, then what is behind the stars: a row a line, as spreadsheets filter and wrap."""
    sheet = book.add_worksheet(t("report.sheet_method", language)[:_LONGEST])
    wrapped = book.add_format({"text_wrap": True, "valign": "top"})
    inner = book.add_format({"text_wrap": True, "valign": "top", "indent": 1})
    bold = book.add_format({"bold": True})
    sheet.set_column(0, 0, 110)
    rows = [(note, wrapped) for note in shown.notes]
    if shown.footnotes:
        rows += [("", wrapped), (f"* {shown.starred}", bold)]
    for note in shown.footnotes:
        rows += [(note.of, bold), *((line, inner) for line in note.lines)]
    for row, (text, format_) in enumerate(rows):
        sheet.write_string(row, 0, text, format_)
