"""A reflector on its sockets, and what people may choose about it."""

import asyncio
import contextlib
import errno
import ipaddress
import os
import socket
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

import msgspec

from common.i18n import t
from exporters.stampio.ancillary import SPACE, for_answer, set_up, tell
from exporters.stampio.keys import KeyUnusable, read_key
from exporters.stampio.places import Place, Unusable, everywhere, parse_places
from exporters.stampio.reflector import Arrival, Network, Reflector, Rules, Verdict

DEFAULT_PORT: Final = 9462
MAX_PACKET_OCTETS: Final = 9216
AT_ONCE: Final = 64
"""Packets taken from one socket before others of this process have a turn."""
SWEEP_SECONDS: Final = 10.0
_RECEIVE_BUFFER_OCTETS: Final = 1 << 20
_SO_RCVBUFFORCE: Final = 33


class Chosen(msgspec.Struct, frozen=True):
    """Where to listen and by what rules to answer."""

    places: tuple[Place, ...]
    rules: Rules


def choose(
    listen: Sequence[str], key_file: Path | None, allow: Sequence[str], symmetric: bool = False
) -> Chosen:
    """Return what was chosen, the key read. Raises Unusable."""
    places = tuple(place for text in listen for place in parse_places(text)) or everywhere(DEFAULT_PORT)
    try:
        key = read_key(key_file) if key_file else None
    except KeyUnusable as error:
        raise Unusable(str(error)) from None
    rules = Rules(key=key, networks=tuple(_network(text) for text in allow), symmetric=symmetric)
    return Chosen(places, rules)


def _network(text: str) -> Network:
    try:
        return ipaddress.ip_network(text, strict=False)
    except ValueError:
        raise Unusable(t("reflect.wrong_network", network=text)) from None


@contextlib.contextmanager
def reflecting(chosen: Chosen) -> Iterator[Reflector]:
    """Answer while the context is open, in the running loop. Raises Unusable.

    Needs nothing but its sockets: a command may run it, and so may an agent.
    """
    reflector = Reflector(chosen.rules)
    with contextlib.ExitStack() as opened:
        sockets = [
            opened.enter_context(sock) for place in chosen.places if (sock := _open(place)) is not None
        ]
        reflector.own_ports = {sock.getsockname()[1] for sock in sockets}
        reflector.addresses = tuple(str(Place(*sock.getsockname()[:2])) for sock in sockets)
        loop = asyncio.get_running_loop()
        for sock in sockets:
            loop.add_reader(sock.fileno(), _serve, sock, reflector)
            opened.callback(loop.remove_reader, sock.fileno())
        sweep = _Sweep(reflector, loop)
        opened.callback(sweep.stop)
        yield reflector


def _open(place: Place) -> socket.socket | None:
    family = socket.AF_INET6 if ":" in place.host else socket.AF_INET
    try:
        sock = socket.socket(family, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK)
    except OSError as error:
        _bear(place, error)
        return None
    try:
        if family == socket.AF_INET6:
            sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        set_up(sock, answering=True)
        _widen(sock)
        address = socket.getaddrinfo(place.host, place.port, family, socket.SOCK_DGRAM)[0][4]
        sock.bind(address)
    except OSError as error:
        sock.close()
        _bear(place, error)
        return None
    return sock


def _widen(sock: socket.socket) -> None:
    """Give bursts room: beyond the system's limit where that is allowed."""
    try:
        sock.setsockopt(socket.SOL_SOCKET, _SO_RCVBUFFORCE, _RECEIVE_BUFFER_OCTETS)
    except PermissionError:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _RECEIVE_BUFFER_OCTETS)


def _bear(place: Place, error: OSError) -> None:
    """Bear that a machine has no IPv6, or no IPv4; raise Unusable for everything else."""
    if place.optional and error.errno in (errno.EAFNOSUPPORT, errno.EADDRNOTAVAIL):
        return
    if error.errno in (errno.EACCES, errno.EPERM):
        raise Unusable(t("reflect.privileged", listen=place)) from None
    if error.errno == errno.EADDRINUSE:
        raise Unusable(t("reflect.taken", listen=place)) from None
    problem = os.strerror(error.errno) if error.errno and error.errno > 0 else str(error)
    raise Unusable(t("reflect.cannot_listen", listen=place, problem=problem)) from None


def _serve(sock: socket.socket, reflector: Reflector) -> None:
    """Answer what the socket has, at most :data:`AT_ONCE` packets."""
    for _ in range(AT_ONCE):
        try:
            data, ancillary, flags, sender = sock.recvmsg(MAX_PACKET_OCTETS, SPACE)
        except OSError:  # nothing left, or what a router said of an answer of ours
            return
        now = reflector.timeline.now()
        told = tell(ancillary)
        if flags & socket.MSG_TRUNC or told.group:
            reflector.count(Verdict.GROUP if told.group else Verdict.LONG)
            continue
        received_ns = reflector.timeline.received_ns(told.stamp_ns, now)
        answer = reflector.answer(data, Arrival(sender[0], sender[1], told.hop_limit, received_ns), now)
        if answer is None:
            continue
        try:
            sock.sendmsg([answer], for_answer(sock.family, told), 0, sender)
        except OSError:
            reflector.count(Verdict.UNSENT)
        else:
            reflector.count(Verdict.REFLECTED)


class _Sweep:
    """Forgets silent sessions now and then."""

    def __init__(self, reflector: Reflector, loop: asyncio.AbstractEventLoop) -> None:
        self._reflector, self._loop = reflector, loop
        self._timer = loop.call_later(SWEEP_SECONDS, self._run)

    def _run(self) -> None:
        self._reflector.sessions.expire(self._reflector.timeline.now().monotonic_ns / 1e9)
        self._timer = self._loop.call_later(SWEEP_SECONDS, self._run)

    def stop(self) -> None:
        """Sweep no more."""
        self._timer.cancel()
