"""Messages of SNMP v3 with the user-based security model (RFC 3412, RFC 3414, RFC 3826, RFC 7860).

pysnmp's engine does the cryptography and learns the router's engine id, boots and time from the reports
that it answers with. It is given no network: what it wants to send is handed to our socket, and only if
we asked for it, so that no stranger's request is ever answered.
"""

import contextlib
import time
from typing import Any, Final

from pysnmp.carrier.base import AbstractTransportDispatcher  # type: ignore[import-untyped]  # ships no types
from pysnmp.entity import config  # type: ignore[import-untyped]  # as above
from pysnmp.entity.engine import SnmpEngine  # type: ignore[import-untyped]  # as above
from pysnmp.proto import errind  # type: ignore[import-untyped]  # as above
from pysnmp.proto.error import StatusInformation  # type: ignore[import-untyped]  # as above
from pysnmp.proto.rfc1902 import OctetString  # type: ignore[import-untyped]  # as above

from exporters.net.failure import Failure
from exporters.snmpio import pdu
from exporters.snmpio.message import MAX_MESSAGE_BYTES, Answer, Question
from exporters.snmpio.options import Secrets, Snmp
from inventory.names import Reason

_MODEL: Final = 3  # version 3 of the message, and the user-based security model: both are numbered 3
_VERSION_2_PDU: Final = 1
_TICK_SECONDS: Final = 10.0
_NEVER_TICKS: Final = 1e9
_MAX_REPORTS: Final = 4
_DOMAIN: Final = (1, 3, 6, 1, 6, 1, 1)
_ROUTER: Final = ("router", 161)  # one engine knows one router: its address never matters
_AUTH: Final = {
    None: config.USM_AUTH_NONE,
    "md5": config.USM_AUTH_HMAC96_MD5,
    "sha": config.USM_AUTH_HMAC96_SHA,
    "sha224": config.USM_AUTH_HMAC128_SHA224,
    "sha256": config.USM_AUTH_HMAC192_SHA256,
    "sha384": config.USM_AUTH_HMAC256_SHA384,
    "sha512": config.USM_AUTH_HMAC384_SHA512,
}
_PRIVACY: Final = {
    None: config.USM_PRIV_NONE,
    "des": config.USM_PRIV_CBC56_DES,
    "aes": config.USM_PRIV_CFB128_AES,
    "aes192": config.USM_PRIV_CFB192_AES,
    "aes256": config.USM_PRIV_CFB256_AES,
}
_GET_ACQUAINTED: Final = (errind.unknownEngineID, errind.notInTimeWindow)
_DENIED: Final = (
    errind.unknownUserName,
    errind.wrongDigest,
    errind.decryptionError,
    errind.unsupportedSecurityLevel,
    errind.authenticationFailure,
)


class _Outbox(AbstractTransportDispatcher):  # type: ignore[misc]  # it ships no types
    """Where the engine believes the network to be."""

    def __init__(self) -> None:
        super().__init__()
        self.sent: list[bytes] = []
        self.set_timer_resolution(_TICK_SECONDS)

    def send_message(self, outgoingMessage: bytes, *_: object) -> None:  # noqa: N803 - pysnmp's name
        """Keep a message for the socket."""
        self.sent.append(bytes(outgoingMessage))


class V3:
    """A :class:`exporters.snmpio.message.Codec`. Making one takes some 100 ms: not on a loop.

    Raises Failure(local) where the engine refuses the user or its keys.
    """

    def __init__(self, snmp: Snmp, secrets: Secrets) -> None:
        self._user = snmp.user or ""
        self._name = OctetString(self._user)
        self._level = 1 + bool(snmp.auth_key_file) + bool(snmp.privacy_key_file)
        self._outbox = _Outbox()
        self._engine = SnmpEngine()
        self._engine.register_transport_dispatcher(self._outbox)
        auth = (snmp.auth_protocol or "sha") if snmp.auth_key_file else None
        privacy = (snmp.privacy_protocol or "aes") if snmp.privacy_key_file else None
        try:
            config.add_v3_user(
                self._engine, self._user, _AUTH[auth], secrets.auth_key or None, _PRIVACY[privacy],
                secrets.privacy_key or None,
            )  # fmt: skip
        except Exception as error:  # noqa: BLE001 - the library names no common base for what it refuses
            raise Failure(Reason.LOCAL, f"SNMPv3 user {self._user}: {type(error).__name__}") from None
        self._pdu: Any = None
        self._number = -1
        self._handles: list[int] = []
        self._reports = 0
        self._answer: Answer | None = None
        self._said: Any = None
        self._more: list[bytes] = []
        self.refused = ""

    def ask(self, question: Question) -> bytes:
        """See Codec."""
        self._outbox.handle_timer_tick(time.monotonic())
        if self._pdu is None:
            self._pdu, self._number = pdu.request(question)
            self._reports = 0
        return self._send()

    def _send(self) -> bytes:
        self._outbox.sent.clear()
        try:
            handle = self._engine.message_dispatcher.send_pdu(
                self._engine, _DOMAIN, _ROUTER, _MODEL, _MODEL, self._name, self._level, None, b"",
                _VERSION_2_PDU, self._pdu, True, _NEVER_TICKS, self._heard, None,
            )  # fmt: skip
        except Exception as error:  # noqa: BLE001 - keys that fit no protocol, a missing cipher
            said = error.get("errorIndication", "") if isinstance(error, StatusInformation) else ""
            raise Failure(Reason.LOCAL, f"SNMPv3: {said or type(error).__name__}") from None
        self._handles.append(handle)
        return self._outbox.sent.pop()

    def take(self, datagram: bytes) -> Answer | None:
        """See Codec. Raises Failure: auth, or protocol."""
        self._answer = self._said = None
        self.refused = "no valid answer to the request"
        if len(datagram) > MAX_MESSAGE_BYTES:
            self.refused = f"over {MAX_MESSAGE_BYTES} bytes"
            return None
        try:
            self._engine.message_dispatcher.receive_message(self._engine, _DOMAIN, _ROUTER, datagram)
        except (Exception, RecursionError) as error:  # noqa: BLE001 - a stranger's bytes, as far as they get
            self.refused = f"not a message that can be read: {type(error).__name__}"
        self._outbox.sent.clear()  # reports and answers that the engine would send to whoever asks
        if self._said is not None:
            self._report(self._said)
        return self._answer

    def _heard(self, *words: Any) -> None:
        """Be told by the engine, within ``take``, what one of our requests came to."""
        response, status, handle = words[8], words[9], words[10]
        with contextlib.suppress(ValueError):
            self._handles.remove(handle)
        if status:
            self._said = status.get("errorIndication", "")
            return
        found = pdu.answer(response)
        if found is not None and found[1] == self._number:
            self._answer = found[0]

    def _report(self, said: Any) -> None:
        if said in _DENIED:
            raise Failure(Reason.AUTH, f"user {self._user}: {said}")
        self._reports += 1
        if said not in _GET_ACQUAINTED or self._reports > _MAX_REPORTS:
            raise Failure(Reason.PROTOCOL, f"the router reports: {str(said) or 'nothing known'}")
        self.refused = ""
        self._more.append(self._send())

    def more(self) -> list[bytes]:
        """See Codec."""
        found, self._more = self._more, []
        return found

    def forget(self) -> None:
        """See Codec."""
        for handle in self._handles:
            self._engine.message_dispatcher.release_state_information(self._engine, handle, _MODEL)
        self._handles.clear()
        self._more.clear()
        self._pdu = None
