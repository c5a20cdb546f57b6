"""What people choose about sender and reflector, and what they are told when it cannot be."""

import os
import socket
from pathlib import Path

import pytest

from common import i18n
from common.yaml.problems import Refused
from exporters.registry import convert_options
from exporters.stampio import listen, places
from exporters.stampio.reflector import Rules

KEY = b"0123456789abcdef"


def test_addresses() -> None:
    assert listen.choose([], None, []).places == places.everywhere(9462)
    assert listen.choose([":862"], None, []).places == places.everywhere(862)
    chosen = listen.choose(["10.51.0.1:862", "[fd51::1]:863"], None, ["10.0.0.0/8"])
    assert chosen.places == (places.Place("10.51.0.1", 862), places.Place("fd51::1", 863))
    assert [str(place) for place in chosen.places] == ["10.51.0.1:862", "[fd51::1]:863"]


@pytest.mark.parametrize(
    "text", ["", "862", "hub:862", "::1:862", "[10.0.0.1]:862", "1.2.3.4:", "1.2.3.4:99999", "[]:1"]
)
def test_a_wrong_address_is_refused(text: str) -> None:
    with pytest.raises(places.Unusable, match="expected address:port"):
        listen.choose([text], None, [])


def test_a_wrong_network_is_refused() -> None:
    with pytest.raises(places.Unusable, match="expected a network"):
        listen.choose([], None, ["10.51"])


def test_keys_come_from_files(tmp_path: Path) -> None:
    path = tmp_path / "key"
    with pytest.raises(places.Unusable, match="No such file"):
        listen.choose([], path, [])
    path.write_bytes(b"too short\n")
    with pytest.raises(places.Unusable, match="at least 16 octets") as refused:
        listen.choose([], path, [])
    assert "too short" not in str(refused.value)
    path.write_bytes(KEY + b"\n")
    assert listen.choose([], path, []).rules.key == KEY
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(places.Unusable, match="Not a plain file"):
        listen.choose([], tmp_path / "pipe", [])


def test_a_port_that_needs_a_privilege_says_what_to_do() -> None:
    with pytest.raises(places.Unusable, match=r"0\.0\.0\.0:862: ports below 1024 .*CAP_NET_BIND_SERVICE"):
        listen._bear(places.everywhere(862)[0], PermissionError(13, "Permission denied"))
    listen._bear(places.everywhere(862)[1], OSError(97, "Address family not supported"))


async def test_a_port_in_use_says_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as other:
        other.bind(("127.0.0.1", 0))
        chosen = listen.Chosen((places.Place("127.0.0.1", other.getsockname()[1]),), Rules())
        with pytest.raises(places.Unusable, match="in use by another program"), listen.reflecting(chosen):
            pass
    foreign = listen.Chosen((places.Place("192.0.2.7", 0),), Rules())
    with pytest.raises(places.Unusable, match="Cannot assign"), listen.reflecting(foreign):
        pass
    monkeypatch.setattr(i18n, "_chosen", "vi")
    with pytest.raises(places.Unusable, match="không mở được"), listen.reflecting(foreign):
        pass


@pytest.mark.parametrize(
    "options",
    [
        {"packets_per_second": 0},
        {"packets_per_second": 1000},
        {"train_seconds": 0},
        {"dscp": 64},
        {"padding_octets": 3},
        {"padding_octets": 5000},
        {"key": "secret"},
    ],
)
def test_wrong_options_are_refused(options: dict[str, object]) -> None:
    with pytest.raises(Refused):
        convert_options("stamp", options)
