"""What is kept of one router from poll to poll: how it is asked, and where the interface was found."""

import asyncio

import msgspec

from exporters.net.failure import Failure
from exporters.net.resolve import resolve
from exporters.nicio.counters import Reading
from exporters.snmpio import interfaces
from exporters.snmpio.interfaces import Place
from exporters.snmpio.message import Codec
from exporters.snmpio.options import Secrets, Snmp, read_secrets
from exporters.snmpio.session import Session, connected
from inventory.names import Reason


class Router(msgspec.Struct, frozen=True, kw_only=True):
    """Whom to ask and how."""

    host: str
    port: int
    snmp: Snmp
    source: str | None = None


class Poller:
    """Polls one interface of one router, one poll at a time."""

    def __init__(self) -> None:
        self._codec: Codec | None = None
        self._made_of: tuple[Snmp, Secrets] | None = None
        self._place: Place | None = None
        self._spoke = False  # the router, though it answered no request since the codec was made
        self._turn = asyncio.Lock()

    async def read(self, router: Router, interface: str, timeout_seconds: float) -> Reading:
        """Return the counters of ``interface``, by ifName, ifDescr or ifAlias. Raises Failure."""
        session: Session | None = None
        waiting = True
        try:
            async with asyncio.timeout(timeout_seconds), self._turn:
                waiting = False
                codec = await self._ready(router.snmp)
                address = (await resolve(router.host, None, timeout_seconds))[0]
                async with connected(address, router.port, router.source) as sock:
                    session = Session(sock, codec, heard=self._spoke)
                    reading = await self._read(session, interface)
                    self._spoke = False
                    return reading
        except TimeoutError:
            failure = session.silence(timeout_seconds) if session else _not_asked(waiting, timeout_seconds)
            self._doubt(session, failure)
            raise failure from None
        except Failure as failure:
            self._doubt(session, failure)
            raise
        except asyncio.CancelledError:
            if session is not None and session.torn:
                self._codec = None
            raise

    def _doubt(self, session: Session | None, failure: Failure) -> None:
        """Forget what was learnt of a router that answers, and not well: it may be another one now.

        A v3 engine takes tenths of a second to make, so a router's silence is no reason to.
        """
        if session is None or not session.heard:
            return
        self._place, self._spoke = None, True
        if session.torn or failure.reason is Reason.PROTOCOL:
            self._codec = None

    async def _ready(self, snmp: Snmp) -> Codec:
        """Return the codec, made anew when a secret or an option changed. Raises Failure(local).

        After a reload a poller may serve a target of other options, since to a probe both are equal.
        """
        made_of = snmp, read_secrets(snmp)
        if self._codec is None or made_of != self._made_of:
            # Importing and deriving keys take tenths of a second, and others have deadlines.
            self._codec = await asyncio.to_thread(make_codec, *made_of)
            self._made_of, self._spoke = made_of, False
        return self._codec

    async def _read(self, session: Session, interface: str) -> Reading:
        if self._place is not None:
            look = await interfaces.read(session, self._place, interface)
            if look is not None and look.running:
                return look.reading
        # Not known yet, or the indexes were dealt anew, or it stands still: there may be another.
        self._place = await interfaces.find(session, interface)
        look = await interfaces.read(session, self._place, interface)
        if look is None:
            self._place = None
            raise Failure(Reason.BODY, f"the router keeps no octet counters of {interface!r}")
        return look.reading


def _not_asked(waiting: bool, seconds: float) -> Failure:
    """Return what it is called that the deadline passed before anything was sent."""
    if waiting:
        return Failure(Reason.TIMEOUT, f"another poll of the router has waited for over {seconds:g} s")
    return Failure(Reason.LOCAL, f"this machine was not ready to ask within {seconds:g} s")


def make_codec(snmp: Snmp, secrets: Secrets) -> Codec:
    """Return the codec of a version. Imports pysnmp; blocking. Raises Failure(local)."""
    try:
        if snmp.version == "2c":
            from exporters.snmpio.v2c import V2c  # noqa: PLC0415 - only where a router is asked

            return V2c(secrets.community)
        from exporters.snmpio.v3 import V3  # noqa: PLC0415 - 17 MB more, only where v3 is spoken

        return V3(snmp, secrets)
    except ImportError as error:
        words = f"the SNMP extra is not installed (pip install 'thongsuot[snmp]'): {error.name}"
        raise Failure(Reason.LOCAL, words) from None
