"""What UPS and modems say, from recordings, and what no device would ever say."""

import json
import math
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporters.net.failure import Failure
from exporters.siteio import mmcli, upsc
from exporters.siteio.command import Answer
from exporters.siteio.mmcli import Modem, Signal
from exporters.siteio.upsc import Supply
from inventory.names import Reason

RECORDINGS = Path(__file__).parents[1] / "recordings"


def recording(name: str) -> bytes:
    return (RECORDINGS / name).read_bytes()


# --- upsc --------------------------------------------------------------------------------------------
def test_a_recorded_ups_on_mains() -> None:
    assert upsc.parse(recording("power/apc-es550.txt")) == Supply(True, 1.0, 150.0)


@pytest.mark.parametrize(
    ("status", "on_mains"),
    [
        ("OL", True),
        ("OL CHRG", True),
        ("OL CHRG LB", True),  # mains are back, and the battery is still low
        ("OL BYPASS RB", True),
        ("OB DISCHRG", False),
        ("OB LB DISCHRG", False),
        ("FSD OL LB", False),  # it told everybody to shut down: what mains do now comes too late
    ],
)
def test_the_words_of_a_status(status: str, on_mains: bool) -> None:
    assert upsc.parse(f"ups.status: {status}\n".encode()).on_mains is on_mains


@pytest.mark.parametrize("said", [b"", b"battery.charge: 5\n", b"ups.status: OFF\n", b"ups.status\n"])
def test_no_status_is_no_answer(said: bytes) -> None:
    with pytest.raises(Failure) as failure:
        upsc.parse(said)
    assert failure.value.reason is Reason.PROTOCOL


@pytest.mark.parametrize("charge", ["-1", "101", "nan", "inf", "x", ""])
def test_a_charge_that_cannot_be_is_not_known(charge: str) -> None:
    assert upsc.parse(f"ups.status: OL\nbattery.charge: {charge}\n".encode()).charge_ratio is None


@given(st.binary(max_size=400) | st.text(max_size=400).map(lambda text: f"ups.status: {text}".encode()))
def test_whatever_upsc_says_is_a_supply_or_a_reason(said: bytes) -> None:
    try:
        supply = upsc.parse(said)
    except Failure as failure:
        assert failure.reason is Reason.PROTOCOL  # noqa: PT017 - either outcome is right
        return
    assert supply.charge_ratio is None or 0 <= supply.charge_ratio <= 1
    assert supply.runtime_seconds is None or math.isfinite(supply.runtime_seconds)


@pytest.mark.parametrize(
    ("said", "reason"),
    [
        (b"Error: Connection failure: Connection refused\n", Reason.REFUSED),
        (b"Init SSL without certificate database\nError: Unknown UPS\n", Reason.LOCAL),
        (b"Error: Data stale\n", Reason.STALLED),
        (b"Error: Driver not connected\n", Reason.STALLED),
        (b"Error: No such host\n", Reason.DNS),
        (b"", Reason.PROTOCOL),
        (b"\xff\xfe", Reason.PROTOCOL),
    ],
)
def test_what_upsc_complains_about(said: bytes, reason: Reason) -> None:
    assert upsc.refused(Answer(1, b"", said)).reason is reason


# --- mmcli -------------------------------------------------------------------------------------------
def test_a_recorded_modem_on_lte() -> None:
    modem = mmcli.parse_modem(recording("cellular/telit-le910c4-lte.json"))
    assert modem == Modem(registered=True, operator="vodafone.de", technology="lte", state="connected")


def test_a_recorded_modem_on_hspa() -> None:
    modem = mmcli.parse_modem(recording("cellular/umts-registered.json"))
    assert modem == Modem(registered=True, operator="OperatorName", technology="hsupa", state="")


def test_a_recorded_signal_keeps_to_one_technology() -> None:
    """The recording has an RSRQ under 5g beside the RSRP of lte: they are not of one cell."""
    signal = mmcli.parse_signal(recording("cellular/telit-le910c4-lte-signal.json"))
    assert signal == Signal(rsrp_dbm=-104.0, rsrq_db=None, sinr_db=2.0, polled=True)


def test_recorded_signals_without_lte_or_5g() -> None:
    assert mmcli.parse_signal(recording("cellular/huawei-e3131-3g-signal.json")) == Signal(polled=True)
    assert mmcli.parse_signal(recording("cellular/huawei-e3131-unpolled-signal.json")) == Signal(polled=False)


def test_decimals_in_the_way_of_a_locale() -> None:
    said = (
        b'{"modem":{"signal":{"lte":{"rsrp":"-97,50","rsrq":"-11,00","snr":"6,40"},"refresh":{"rate":"10"}}}}'
    )
    assert mmcli.parse_signal(said) == Signal(-97.5, -11.0, 6.4, polled=True)


@pytest.mark.parametrize(
    "said", [b"", b"[]", b"{}", b'"modem"', b'{"modem":[]}', b'{"modem":{"generic":5,"signal":5}}', b"\xff{"]
)
def test_what_is_no_modem(said: bytes) -> None:
    for parse in (mmcli.parse_modem, mmcli.parse_signal):
        with pytest.raises(Failure) as failure:
            parse(said)
        assert failure.value.reason is Reason.PROTOCOL


def test_a_name_that_is_no_label() -> None:
    said = b'{"modem":{"generic":{"state":"x"},"3gpp":{"operator-name":"a\\u0000b\\n' + b"c" * 300 + b'"}}}'
    operator = mmcli.parse_modem(said).operator
    assert operator.startswith("abc")
    assert len(operator) == 40


_JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.floats()
    | st.text(max_size=8)
    | st.sampled_from(["-104.00", "--", "1e999"]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                ["modem", "generic", "3gpp", "signal", "lte", "5g", "rsrp", "rsrq", "snr", "state"]
            )
            | st.text(max_size=4),
            inner,
            max_size=4,
        )
    ),
    max_leaves=20,
)


@given(st.binary(max_size=300) | _JSON.map(lambda value: json.dumps(value).encode()))
def test_whatever_mmcli_says_is_a_modem_or_a_reason(said: bytes) -> None:
    for parse in (mmcli.parse_modem, mmcli.parse_signal):
        try:
            found = parse(said)
        except Failure as failure:
            assert failure.reason is Reason.PROTOCOL  # noqa: PT017 - either outcome is right
            continue
        if isinstance(found, Signal):
            assert found.rsrp_dbm is None or -160 <= found.rsrp_dbm <= -20


@pytest.mark.parametrize(
    ("said", "reason"),
    [
        (b"error: couldn't find modem\n", Reason.LOCAL),
        (b"error: couldn't get bus: Could not connect: No such file or directory\n", Reason.LOCAL),
        (b"error: couldn't get signal info: 'Timeout was reached'\n", Reason.TIMEOUT),
        (b"error: something new\n", Reason.PROTOCOL),
    ],
)
def test_what_mmcli_complains_about(said: bytes, reason: Reason) -> None:
    assert mmcli.refused(Answer(1, b"", said)).reason is reason
