"""One Session-Sender (RFC 8762, 4.2): a socket, a session identifier, and trains of packets in flight.

A connected socket of its own: the kernel hands over only what comes from the reflector's address and
port, and the sender's port is picked by chance. An answer counts when it also repeats sequence number
and time stamp, to the nanosecond, of a packet that is still waited for, carries our session identifier
(or zeros: RFC 8762 knows none), and, with a key, its HMAC. What is forged, late or replayed is not.
"""

import asyncio
import contextlib
import errno
import random
import socket
import weakref
from collections.abc import Iterator
from typing import Final

import msgspec

from exporters.icmpio.pinger import round_trip_ns
from exporters.net import failure
from exporters.net.address import bind_source
from exporters.net.literal import Address
from exporters.stampio import extensions, packet
from exporters.stampio.ancillary import SPACE, set_dscp, set_up, tell
from exporters.stampio.clock import Reading, Timeline
from exporters.stampio.clockword import ErrorEstimate, decode_error, ntp_of, unix_ns_of
from exporters.stampio.ledger import Fate, Ledger, Losses
from exporters.stampio.statistics import Jitter, Times

MAX_ANSWER_OCTETS: Final = 2048
MAX_ANSWERS: Final = 4
AT_ONCE: Final = 64
USELESS_SECONDS: Final = 10.0
"""Who may be so far off says nothing of the time."""
_LOST_HERE: Final = frozenset({errno.EPERM, errno.ENOBUFS})
"""A filter or a full queue of this machine threw the packet away: it was sent, and it is lost."""
_random: Final = random.SystemRandom()


class Manner(msgspec.Struct, frozen=True):
    """How a session goes about it; another manner is another session. ``padding_octets`` follow each
    packet, as an extension of RFC 8972."""

    to: Address
    port: int
    source: str | None = None
    dscp: int = 0
    key: bytes | None = None
    padding_octets: int = 0


class Train:
    """The packets of one measurement, and what came of them so far.

    ``wrong`` counts answers to something that was not asked, ``forged`` packets that are no answers at
    all or have a wrong HMAC; ``complete`` is set while every packet sent has its answer.
    """

    def __init__(self) -> None:
        self.sent = self.open = self.answered = 0
        self.times: list[Times] = []
        self.wrong = self.forged = 0
        self.error: OSError | None = None
        self.ended = False
        self.complete = asyncio.Event()


class _Packet:
    """One number; ``copies`` of it were sent. ``sent``: both clocks when the first one left."""

    __slots__ = ("answers", "copies", "error", "sent", "sequence", "stamp", "train")

    def __init__(self, sequence: int, sent: Reading, error: int, train: Train, copies: int) -> None:
        self.sequence, self.sent, self.error, self.train = sequence, sent, error, train
        self.stamp = ntp_of(sent.wall_ns)
        self.copies = copies
        self.answers: list[int] = []

    @property
    def is_settled(self) -> bool:
        return self.train.ended or len(self.answers) >= self.copies


class Session:
    """Belongs to one event loop, which watches the socket only while a train is on its way."""

    def __init__(self, manner: Manner, timeline: Timeline | None = None) -> None:
        """Open the socket. Raises Failure(local)."""
        self.manner = manner
        self.identifier = _random.randint(1, 0xFFFF)
        self.up, self.down = Jitter(), Jitter()
        self.last: Times | None = None
        self.barren = 0
        self._timeline = timeline or Timeline()
        self._ledger = Ledger()
        self._padding = extensions.padding(manner.padding_octets)
        self._packets: dict[int, _Packet] = {}
        self._next = 0
        self._oldest = 0
        self._trains: list[Train] = []
        self._socket = _open(manner)
        self._close = weakref.finalize(self, self._socket.close)

    @contextlib.contextmanager
    def train(self) -> Iterator[Train]:
        """Give a train to send; when the context ends, nothing more is expected of its packets."""
        train = Train()
        if not self._trains:
            asyncio.get_running_loop().add_reader(self._socket.fileno(), self._receive)
        self._trains.append(train)
        try:
            yield train
        finally:
            train.ended = True
            self._trains.remove(train)
            if not self._trains:
                asyncio.get_running_loop().remove_reader(self._socket.fileno())

    def close(self) -> Losses:
        """End the session, between trains; returns the losses that will never be told apart."""
        left = self._ledger.close()
        if not self._trains:
            self._close()
        return left

    def send(self, train: Train) -> None:
        """Send the next packet of a train. Raises Failure(local): it did not leave this machine."""
        copies = 2 if self._ledger.asks and train.sent == 0 else 1
        now = self._timeline.now()
        flying = _Packet(self._next, now, self._timeline.error_bits(now), train, copies)
        sent = packet.Sent(flying.sequence, flying.stamp, flying.error, self.identifier)
        data = packet.encode_sent(sent, self.manner.key, self._padding)
        self._packets[flying.sequence] = flying
        try:
            for _ in range(copies):
                self._transmit(data, train)
        except OSError as error:
            del self._packets[flying.sequence]
            raise failure.local(error, f"{self.manner.to.host} port {self.manner.port}") from None
        self._next = (self._next + 1) & 0xFFFFFFFF
        train.sent += copies
        train.open += 1
        train.complete.clear()

    def _transmit(self, data: bytes, train: Train) -> None:
        for last in (False, True):
            try:
                self._socket.send(data)
            except OSError as error:
                if error.errno in _LOST_HERE:
                    train.error = train.error or error
                    return
                # What a router said of a packet before is reported by whatever call is next.
                if last or error.errno != errno.ECONNREFUSED:
                    raise
                train.error = error
            else:
                return

    def settle(self) -> Losses:
        """Return what is known of losses since the last time, of trains that have ended."""
        return self._ledger.settle(list(self._take_settled()))

    def _take_settled(self) -> Iterator[Fate]:
        while (found := self._packets.get(self._oldest)) is not None and found.is_settled:
            del self._packets[self._oldest]
            self._oldest = (self._oldest + 1) & 0xFFFFFFFF
            yield Fate(found.sequence, found.copies, tuple(found.answers))

    def _receive(self) -> None:
        for _ in range(AT_ONCE):
            try:
                data, ancillary, _, _ = self._socket.recvmsg(MAX_ANSWER_OCTETS, SPACE)
            except BlockingIOError:
                return
            except OSError as error:
                for train in self._trains:
                    train.error = error
                return
            self.take(data, tell(ancillary).stamp_ns)
            if not any(train.open for train in self._trains):
                return

    def take(self, data: bytes, stamp_ns: int | None) -> None:
        """Take one datagram from the reflector's address, and the kernel's time stamp of it."""
        now = self._timeline.now()
        reflected = packet.parse_reflected(data, self.manner.key)
        if reflected is None:
            for train in self._trains:
                train.forged += 1
            return
        flying = self._packets.get(reflected.sender_sequence)
        if flying is None or flying.train.ended:
            return  # late, or never sent
        if not self._is_answer(reflected, flying):
            flying.train.wrong += 1
            return
        if len(flying.answers) < MAX_ANSWERS:
            flying.answers.append(reflected.sequence)
        if len(flying.answers) == 1:
            flying.train.answered += 1
            self._time(flying, reflected, stamp_ns, now)
        if len(flying.answers) == flying.copies:
            flying.train.open -= 1
            if flying.train.open == 0:
                flying.train.complete.set()

    def _is_answer(self, reflected: packet.Reflected, flying: _Packet) -> bool:
        return reflected.sender_stamp == flying.stamp and reflected.session in (self.identifier, 0)

    def _time(self, flying: _Packet, reflected: packet.Reflected, stamp_ns: int | None, now: Reading) -> None:
        sent = (flying.sent.wall_ns, flying.sent.monotonic_ns)
        whole_ns = round_trip_ns(sent, stamp_ns, (now.wall_ns, now.monotonic_ns))
        times = timed(flying.sent, whole_ns, reflected, decode_error(flying.error))
        if times is not None:
            flying.train.times.append(times)


def timed(sent: Reading, whole_ns: int, reflected: packet.Reflected, own: ErrorEstimate) -> Times | None:
    """Return the times of one answer: ``whole_ns`` after ``sent``, by our clock's ``own`` estimate.

    None when the reflector's two time stamps cannot be: it answered before it received, or after we
    had its answer.
    """
    far = decode_error(reflected.error)
    received_ns = unix_ns_of(reflected.received, sent.wall_ns, ptp=far.ptp)
    dwell_ns = unix_ns_of(reflected.stamp, received_ns, ptp=far.ptp) - received_ns
    if not 0 <= dwell_ns <= whole_ns:
        return None
    rtt_ns = whole_ns - dwell_ns
    up_ns = received_ns - sent.monotonic_ns
    error_ns = one_way_ns = None
    if own.synchronised and far.synchronised and own.seconds is not None and far.seconds is not None:
        error_ns = int((own.seconds + far.seconds) * 1e9)
        one_way_ns = received_ns - sent.wall_ns
    vouched = far.synchronised and far.seconds is not None and far.seconds < USELESS_SECONDS
    far_ns = int(far.seconds * 1e9) if vouched and far.seconds is not None else None
    return Times(reflected.sender_sequence, rtt_ns, up_ns, rtt_ns - up_ns, one_way_ns, error_ns, far_ns)


def _open(manner: Manner) -> socket.socket:
    """Open and connect. Raises Failure(local)."""
    doing = f"{manner.to.host} port {manner.port}"
    try:
        opened = socket.socket(manner.to.family, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK)
    except OSError as error:
        raise failure.local(error, doing) from None
    try:
        set_up(opened, answering=False)
        set_dscp(opened, manner.dscp)
        bind_source(opened, manner.source)
        opened.connect(manner.to.at(manner.port))
    except OSError as error:
        opened.close()
        raise failure.local(error, doing) from None
    return opened
