"""A report as PDF, set by Typst with fonts of its own: nothing of the machine's is needed."""

from importlib import resources

import msgspec
import typst

from common.i18n import t
from dashboards.reports.document import Document

_TEMPLATE = "report.typ"


def as_pdf(shown: Document, language: str, made: str) -> bytes:
    """Return the report as a PDF file; ``made`` is when, in words. Raises typst.TypstError: our bug."""
    content = {
        "language": language,
        "title": shown.title,
        "period": shown.period,
        "warning": shown.warning,
        "sections": [
            {
                "title": section.title,
                "heads": section.heads,
                "rows": [[cell.text for cell in row] for row in section.rows],
                "bad": section.bad,
            }
            for section in shown.sections
        ],
        "starred": shown.starred,
        "footnotes": shown.footnotes,
        "notes": shown.notes,
        "page": t("report.page", language, page="{page}", pages="{pages}"),
        "made": t("report.made", language, moment=made),
    }
    template = resources.files("dashboards.reports").joinpath(_TEMPLATE).read_bytes()
    found: bytes = typst.compile(
        template, format="pdf", ignore_system_fonts=True,
        sys_inputs={"shown": msgspec.json.encode(content).decode()},
    )  # fmt: skip
    return found
