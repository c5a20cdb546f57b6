"""Tell systemd how a service is doing (sd_notify(3)); does nothing outside systemd."""

import asyncio
import contextlib
import os
import socket


def notify(message: str) -> bool:
    """Send ``message`` (such as ``READY=1``) to $NOTIFY_SOCKET; return whether there was one."""
    address = os.environ.get("NOTIFY_SOCKET", "")
    if not address.startswith(("/", "@")):
        return False
    if address.startswith("@"):
        address = "\0" + address[1:]
    with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sender:
        sender.setblocking(False)
        sender.sendto(message.encode(), address)
        return True
    return False


def watchdog_seconds() -> float | None:
    """Return the interval at which ``WATCHDOG=1`` must be sent (half of systemd's), or None."""
    raw = os.environ.get("WATCHDOG_USEC", "")
    return int(raw) / 2e6 if raw.isdigit() and int(raw) > 0 else None


async def serve_until(stop: asyncio.Event) -> None:
    """Wait until ``stop`` is set, and tell systemd meanwhile that the loop still turns."""
    while not stop.is_set():
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(stop.wait(), watchdog_seconds())
        notify("WATCHDOG=1")
