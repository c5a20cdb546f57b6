"""What to tell the carrier, or the power company, ready to be read out or sent on. Pure.

The first minute of such a call goes on questions: which line, which contract, since when, what was measured,
what has been ruled out. All of it stands in outage and inventory, so it is written down before anybody calls.
"""

from typing import Final

import msgspec

from alerts import words
from alerts.book import Book, commune_of, said, split
from alerts.outage import SEGMENT_LOSSY, Outage
from common.i18n import t
from inventory.graph import line_id
from inventory.model import Commune, Language, Line

WIDE_KINDS: Final = frozenset({"pop", "ring", "isp", "area"})
LOSSY_KINDS: Final = WIDE_KINDS - {"area"}
"""Of these those that can lose a part of what passes."""
MAX_NAMES: Final = 5
MAX_EVIDENCE_CHARS: Final = 160


class CarrierText(msgspec.Struct, frozen=True):
    """``label`` says to whom, ``text`` what; both in the language asked for."""

    label: str
    text: str


def carrier_texts(
    outage: Outage, book: Book, language: Language, evidence_chars: int = MAX_EVIDENCE_CHARS
) -> tuple[CarrierText, ...]:
    """Return what to tell whom about an outage of a line, or of what lines share; one for each carrier.

    Empty for all other outages, for tickets about lines that merely carry badly too: those go with the
    measurements of days, not by telephone.
    """
    kinds, _ = split(outage.component)
    wide = LOSSY_KINDS if outage.alertname == SEGMENT_LOSSY else WIDE_KINDS
    if kinds[0] in wide and outage.component in book.components:
        return (_wide(outage, book, kinds[0], language, evidence_chars),)
    if "line" not in kinds or (outage.alertname.startswith("Line") and outage.alertname != "LineDown"):
        return ()
    commune = book.communes.get(commune_of(outage.component))
    if commune is None:
        return ()
    by_carrier: dict[str, list[Line]] = {}
    for line in book.lines(outage.component):
        by_carrier.setdefault(line.carrier, []).append(line)
    alone = kinds == ("line",)
    return tuple(
        _of_lines(outage, book, commune, lines, language, alone=alone, evidence_chars=evidence_chars)
        for lines in by_carrier.values()
    )


def _of_lines(
    outage: Outage,
    book: Book,
    commune: Commune,
    lines: list[Line],
    language: Language,
    *,
    alone: bool,
    evidence_chars: int,
) -> CarrierText:
    text = t(
        "carrier.line" if alone else "carrier.commune",
        language,
        lines=", ".join(_line(commune, line, language) for line in lines),
        commune=book.commune(commune.code, language),
        since=_since(outage, book, language),
        measured=_measured(outage, language, evidence_chars),
        ruled_out=t("carrier.ruled_out_line" if alone else "carrier.ruled_out_commune", language),
    )
    carrier = book.component(f"isp:{lines[0].carrier}", language)
    return CarrierText(t("carrier.label_of", language, carrier=carrier), text)


def _line(commune: Commune, line: Line, language: Language) -> str:
    identity = line_id(commune, line).removeprefix("line:")
    key = "carrier.line_id" if line.contract is None else "carrier.line_contract"
    return t(key, language, id=identity, contract=line.contract or "")


def _wide(outage: Outage, book: Book, kind: str, language: Language, evidence_chars: int) -> CarrierText:
    names = [book.commune(code, language) for code in outage.communes]
    listed = ", ".join(names[:MAX_NAMES])
    if len(names) > MAX_NAMES:
        listed = t(
            "carrier.more", language, names=listed, count=words.number(len(names) - MAX_NAMES, language)
        )
    lossy = outage.alertname == SEGMENT_LOSSY
    text = t(
        f"carrier.{kind}_lossy" if lossy else f"carrier.{kind}",
        language,
        name=said(book.components[outage.component].name, language),
        count=words.number(len(names), language),
        names=listed,
        since=_since(outage, book, language),
        measured=_measured(outage, language, evidence_chars, "some_lost" if lossy else "nothing_passes"),
    )
    return CarrierText(t("carrier.label_power" if kind == "area" else "carrier.label", language), text)


def _since(outage: Outage, book: Book, language: Language) -> str:
    return words.moment(outage.starts_at, book.inventory.province.timezone, language)


def _measured(outage: Outage, language: Language, most_chars: int, without: str = "nothing_passes") -> str:
    """Return the evidence; ``without`` is what is said where there is none, or no room for it."""
    found = outage.evidence_in(language)
    return words.cut(found, most_chars) if found and most_chars else t(f"carrier.{without}", language)
