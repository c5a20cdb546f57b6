"""The door of an open port: so many connections at once, counted before anything is spent on them.

A connection under TLS costs a third of a megabyte before its first word, and asyncio tells nobody of it until
the handshake is done. So they are counted where they are accepted; and no address may take all of them.
"""

import socket
import weakref
from collections.abc import Callable, Iterator
from typing import Any, Final

MAX_CONNECTIONS: Final = 128
MAX_OF_ONE_ADDRESS: Final = 64


class Door(socket.socket):
    """A listening socket that hangs up at once on those who are too many, and tells of each."""

    def __init__(self, family: int, turned_away: Callable[[], None]) -> None:
        super().__init__(family, socket.SOCK_STREAM | socket.SOCK_NONBLOCK)
        self._inside: weakref.WeakKeyDictionary[socket.socket, str] = weakref.WeakKeyDictionary()
        self._turned_away = turned_away

    def accept(self) -> tuple[socket.socket, Any]:
        """Return the next connection that may come in. Raises BlockingIOError, OSError."""
        while True:
            connection, address = super().accept()
            here = list(self._addresses())
            if len(here) < MAX_CONNECTIONS and here.count(address[0]) < MAX_OF_ONE_ADDRESS:
                self._inside[connection] = address[0]
                return connection, address
            connection.close()
            self._turned_away()

    def _addresses(self) -> Iterator[str]:
        """Yield where those come from who are still there."""
        return (host for connection, host in self._inside.items() if connection.fileno() >= 0)


def open_door(family: int, address: tuple[Any, ...], turned_away: Callable[[], None]) -> Door:
    """Return a door that is bound and does not listen yet. Raises OSError."""
    door = Door(family, turned_away)
    try:
        door.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            door.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        door.bind(address)
    except BaseException:
        door.close()
        raise
    return door
