"""The far end of throughput tests in the lab: its token, its certificate, and hours that spare the story."""

import secrets
from datetime import datetime

import msgspec

from deploy.lab.order import Places
from inventory.model import Hub

_APART_HOURS = 11
"""Tests would begin so long after the lab, and end two hours later: no story lasts that long."""


def placed(hub: Hub, places: Places, now: datetime) -> Hub:
    """Return the hub with absolute paths and hours of tests that are far from ``now``."""
    if hub.reflector is None or hub.reflector.throughput_url is None:
        return hub
    begin = (now.hour + _APART_HOURS) % 24
    reflector = msgspec.structs.replace(
        hub.reflector,
        throughput_hours=f"{begin:02d}:00-{(begin + 2) % 24:02d}:00",
        throughput_token_file=str(places.secrets / "throughput.token"),
        throughput_certificate_file=str(places.certificates / "hub.pem"),
        ca_file=str(places.certificates / "ca.pem"),
    )
    return msgspec.structs.replace(hub, reflector=reflector)


def write_files(places: Places) -> None:
    """Make up the token, and put the lab's certificate and key into one file. Raises OSError."""
    token = places.secrets / "throughput.token"
    if not token.exists():
        token.touch(mode=0o600)
        token.write_text(secrets.token_hex(16) + "\n", encoding="ascii")
    parts = [
        (places.certificates / name).read_text(encoding="ascii") for name in ("server.pem", "server.key")
    ]
    both = places.certificates / "hub.pem"
    both.touch(mode=0o600)
    both.write_text("".join(parts), encoding="ascii")
