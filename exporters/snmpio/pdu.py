"""Questions to pysnmp's PDUs and PDUs to answers, the same for v2c and v3. Imports pysnmp."""

import secrets
from typing import Any, Final

from pysnmp.proto.api import v2c  # type: ignore[import-untyped]  # it ships no types

from exporters.snmpio.message import Answer, Question, Syntax, Value

_SYNTAXES: Final = {
    v2c.Integer32.tagSet: Syntax.INTEGER,
    v2c.OctetString.tagSet: Syntax.OCTETS,
    v2c.Counter32.tagSet: Syntax.COUNTER32,
    v2c.Counter64.tagSet: Syntax.COUNTER64,
    v2c.Gauge32.tagSet: Syntax.GAUGE,
    v2c.TimeTicks.tagSet: Syntax.TICKS,
    v2c.NoSuchObject.tagSet: Syntax.ABSENT,
    v2c.NoSuchInstance.tagSet: Syntax.ABSENT,
    v2c.EndOfMibView.tagSet: Syntax.ABSENT,
}
_NUMBERS: Final = frozenset({Syntax.INTEGER, Syntax.COUNTER32, Syntax.COUNTER64, Syntax.GAUGE, Syntax.TICKS})


def request(question: Question) -> tuple[Any, int]:
    """Return the PDU that asks ``question``, and its request id: 31 bits that nobody can guess."""
    number = secrets.randbits(31)
    nothing = v2c.Null("")
    if question.repetitions:
        pdu = v2c.GetBulkRequestPDU()
        v2c.apiBulkPDU.set_defaults(pdu)
        v2c.apiBulkPDU.set_max_repetitions(pdu, question.repetitions)
    else:
        pdu = v2c.GetRequestPDU()
        v2c.apiPDU.set_defaults(pdu)
    v2c.apiPDU.set_request_id(pdu, number)
    v2c.apiPDU.set_varbinds(pdu, [(oid, nothing) for oid in question.oids])
    return pdu, number


def answer(pdu: Any) -> tuple[Answer, int] | None:
    """Return what a PDU says and its request id, None unless it is a response. Raises what pysnmp raises
    for a PDU that is none."""
    if pdu.tagSet != v2c.ResponsePDU.tagSet:
        return None
    found = Answer(
        values=tuple(_value(oid, held) for oid, held in v2c.apiPDU.get_varbinds(pdu)),
        error=int(v2c.apiPDU.get_error_status(pdu)),
        error_index=int(v2c.apiPDU.get_error_index(pdu, muteErrors=True)),
    )
    return found, int(v2c.apiPDU.get_request_id(pdu))


def _value(oid: Any, held: Any) -> Value:
    syntax = _SYNTAXES.get(held.tagSet, Syntax.OTHER)
    return Value(
        oid=tuple(oid),
        syntax=syntax,
        number=int(held) if syntax in _NUMBERS else 0,
        octets=bytes(held) if syntax is Syntax.OCTETS else b"",
    )
