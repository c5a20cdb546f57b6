"""Messages of SNMP v2c (RFC 1901): a community and a PDU, in the clear. Imports pysnmp's codec only."""

from pyasn1.codec.ber import decoder, encoder  # type: ignore[import-untyped]  # it ships no types
from pysnmp.proto.api import v2c  # type: ignore[import-untyped]  # as above

from exporters.snmpio import pdu
from exporters.snmpio.message import MAX_MESSAGE_BYTES, Answer, Question

_VERSION = 1  # RFC 1901, 3


class V2c:
    """A :class:`exporters.snmpio.message.Codec`."""

    def __init__(self, community: bytes) -> None:
        self._community = community
        self._asked: set[int] = set()
        self.refused = ""

    def ask(self, question: Question) -> bytes:
        """See Codec."""
        asked, number = pdu.request(question)
        self._asked.add(number)
        message = v2c.Message()
        v2c.apiMessage.set_defaults(message)
        v2c.apiMessage.set_community(message, self._community)
        v2c.apiMessage.set_pdu(message, asked)
        encoded: bytes = encoder.encode(message)
        return encoded

    def take(self, datagram: bytes) -> Answer | None:
        """See Codec."""
        if len(datagram) > MAX_MESSAGE_BYTES:
            self.refused = f"over {MAX_MESSAGE_BYTES} bytes"
            return None
        try:
            message, rest = decoder.decode(datagram, asn1Spec=v2c.Message())
            mine = int(message[0]) == _VERSION and bytes(message[1]) == self._community
            found = pdu.answer(v2c.apiMessage.get_pdu(message)) if mine and not rest else None
        except (Exception, RecursionError) as error:  # noqa: BLE001 - whatever a codec says of a stranger's bytes
            self.refused = f"not an SNMP message: {type(error).__name__}"
            return None
        if found is None:
            self.refused = "not a response of this version and community"
            return None
        answer, number = found
        if number not in self._asked:
            self.refused = "answers another request"
            return None
        return answer

    def more(self) -> list[bytes]:
        """Return nothing: v2c has no handshake."""
        return []

    def forget(self) -> None:
        """See Codec."""
        self._asked.clear()
