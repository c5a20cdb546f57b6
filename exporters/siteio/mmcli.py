"""What ``mmcli --output-json`` says of a modem (ModemManager 1.18 and later).

Everything is text there, and ``--`` stands for what is not known. Signal is asked for apart, and is only
there once polling was set up (``--signal-setup``); some versions print decimals in the locale's way.
"""

from typing import Any, Final

import msgspec

from exporters.net.failure import Failure
from exporters.siteio.command import Answer
from inventory.names import Reason

REGISTERED: Final = frozenset({"home", "roaming"})
_NOTHING: Final = "--"
_PREFERRED: Final = ("5g", "lte")
"""RSRP, RSRQ and SINR exist for these only (3GPP TS 36.214, 38.215); the newer one first."""
_BOUNDS: Final = {"rsrp": (-160.0, -20.0), "rsrq": (-50.0, 30.0), "snr": (-30.0, 60.0)}
_MAX_LABEL: Final = 40
_COMPLAINTS: Final = (
    ("couldn't find modem", Reason.LOCAL),
    ("no modems were found", Reason.LOCAL),
    ("couldn't create manager", Reason.LOCAL),
    ("couldn't get bus", Reason.LOCAL),
    ("couldn't find bus", Reason.LOCAL),
    ("not authorized", Reason.LOCAL),
    ("timeout", Reason.TIMEOUT),
    ("timed out", Reason.TIMEOUT),
)


class Modem(msgspec.Struct, frozen=True):
    """A modem and its network. ``technology`` is the newest in use, such as ``lte``; "" for unknown."""

    registered: bool
    operator: str
    technology: str
    state: str


class Signal(msgspec.Struct, frozen=True):
    """How well a modem hears its cell: RSRP in dBm, RSRQ and SINR in dB. ``polled``: it is being measured."""

    rsrp_dbm: float | None = None
    rsrq_db: float | None = None
    sinr_db: float | None = None
    polled: bool = False


def parse_modem(text: bytes) -> Modem:
    """Return the modem that ``mmcli -m N -J`` describes. Raises Failure(protocol)."""
    modem = _modem(text)
    generic, network = _part(modem, "generic"), _part(modem, "3gpp")
    if not generic:
        raise Failure(Reason.PROTOCOL, "mmcli: no modem.generic in its answer")
    technologies = generic.get("access-technologies")
    names = [_text(item) for item in technologies] if isinstance(technologies, list) else []
    return Modem(
        registered=_text(network.get("registration-state")) in REGISTERED,
        operator=_text(network.get("operator-name")) or _text(network.get("operator-code")),
        technology=next((name for name in reversed(names) if name), ""),
        state=_text(generic.get("state")),
    )


def parse_signal(text: bytes) -> Signal:
    """Return what ``mmcli -m N --signal-get -J`` says of the newest technology. Raises Failure(protocol)."""
    signal = _part(_modem(text), "signal")
    if not signal:
        raise Failure(Reason.PROTOCOL, "mmcli: no modem.signal in its answer")
    polled = _text(_part(signal, "refresh").get("rate")) not in ("", "0")
    for technology in _PREFERRED:
        values = {key: _decibels(_part(signal, technology).get(key), key) for key in _BOUNDS}
        if values["rsrp"] is not None:
            return Signal(values["rsrp"], values["rsrq"], values["snr"], polled)
    return Signal(polled=polled)


def refused(answer: Answer) -> Failure:
    """Return why ``mmcli`` did not answer, from what it complained about."""
    said = answer.complaint.lower()
    reason = next((reason for words, reason in _COMPLAINTS if words in said), Reason.PROTOCOL)
    return Failure(reason, f"mmcli: {answer.complaint}")


def _modem(text: bytes) -> dict[str, Any]:
    try:
        found = msgspec.json.decode(text)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise Failure(Reason.PROTOCOL, "mmcli: its answer is not JSON") from None
    return _part(found, "modem") if isinstance(found, dict) else {}


def _part(record: dict[str, Any], key: str) -> dict[str, Any]:
    found = record.get(key)
    return found if isinstance(found, dict) else {}


def _text(value: object) -> str:
    """Return a printable text fit for a label, "" for what is not known."""
    if not isinstance(value, str) or value == _NOTHING:
        return ""
    return "".join(char for char in value if char.isprintable()).strip()[:_MAX_LABEL]


def _decibels(value: object, key: str) -> float | None:
    try:
        number = float(_text(value).replace(",", "."))
    except ValueError:
        return None
    least, most = _BOUNDS[key]
    return number if least <= number <= most else None
