"""Test packets octet by octet, as the figures of RFC 8762, RFC 8972 and RFC 5357 lay them out."""

import hashlib
import hmac

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporters.stampio import clockword, extensions, packet
from exporters.stampio.clockword import decode_error, encode_error, ntp_of, unix_ns_of
from exporters.stampio.packet import Reflected, Sent

KEY = b"0123456789abcdef0123456789abcdef"
# 2026-11-22 00:00:00.25 UTC: 1795305600 since 1970, 4004294400 = 0xeeacaf00 since 1900 (RFC 5905, figure 4).
UNIX_NS = 1_795_305_600_250_000_000
NTP = 0xEEACAF00_40000000

OPEN_SENT = bytes.fromhex("00000007eeacaf00400000008f84beef") + bytes(28)
OPEN_REFLECTED = bytes.fromhex(
    "00000005"  # sequence number of the reflector
    "eeacaf0080000000"  # time stamp
    "3fff"  # error estimate: not synchronised, as large as can be
    "beef"  # session identifier
    "eeacaf0060000000"  # receive time stamp
    "00000007"  # session-sender sequence number
    "eeacaf0040000000"  # session-sender time stamp
    "8f84"  # session-sender error estimate
    "0000"  # must be zero
    "fd"  # session-sender TTL
    "000000"
)
CLOSED_SENT = bytes.fromhex("00000007" + 12 * "00" + "eeacaf00400000008f84beef") + bytes(68)
CLOSED_REFLECTED = bytes.fromhex(
    "00000005" + 12 * "00" + "eeacaf0080000000" "3fff" "beef" + 4 * "00"
    + "eeacaf0060000000" + 8 * "00"
    + "00000007" + 12 * "00"
    + "eeacaf0040000000" "8f84" + 6 * "00"
    + "fd" + 15 * "00"
)  # fmt: skip
SENT = Sent(7, NTP, 0x8F84, 0xBEEF)
REFLECTED = Reflected(
    sequence=5, stamp=0xEEACAF00_80000000, error=0x3FFF, session=0xBEEF, received=0xEEACAF00_60000000,
    sender_sequence=7, sender_stamp=NTP, sender_error=0x8F84, hop_limit=0xFD,
)  # fmt: skip


def proof(text: bytes) -> bytes:
    """HMAC-SHA-256-128 by the standard library's other interface."""
    return hmac.new(KEY, text, hashlib.sha256).digest()[:16]


# --- packets -------------------------------------------------------------------------------------
def test_the_vectors_have_the_sizes_of_the_rfc() -> None:
    assert [len(v) for v in (OPEN_SENT, OPEN_REFLECTED, CLOSED_SENT, CLOSED_REFLECTED)] == [44, 44, 96, 96]


def test_open_packets() -> None:
    assert packet.encode_sent(SENT, None) == OPEN_SENT
    assert packet.parse_sent(OPEN_SENT, None) == SENT
    assert packet.encode_reflected(REFLECTED, None) == OPEN_REFLECTED
    assert packet.parse_reflected(OPEN_REFLECTED, None) == REFLECTED


def test_authenticated_packets() -> None:
    assert packet.encode_sent(SENT, KEY) == CLOSED_SENT + proof(CLOSED_SENT)
    assert packet.parse_sent(CLOSED_SENT + proof(CLOSED_SENT), KEY) == SENT
    assert packet.encode_reflected(REFLECTED, KEY) == CLOSED_REFLECTED + proof(CLOSED_REFLECTED)
    assert packet.parse_reflected(CLOSED_REFLECTED + proof(CLOSED_REFLECTED), KEY) == REFLECTED


def test_hmac_of_rfc_4231_case_2_cut_to_128_bits() -> None:
    assert packet.digest(b"Jefe", b"what do ya want for nothing?").hex() == "5bdcc146bf60754e6a042426089575c7"


@given(octet=st.integers(0, 111), flip=st.integers(1, 255))
def test_one_wrong_octet_anywhere_is_not_authentic(octet: int, flip: int) -> None:
    good = bytearray(packet.encode_reflected(REFLECTED, KEY))
    good[octet] ^= flip
    assert packet.parse_reflected(bytes(good), KEY) is None
    assert packet.parse_sent(bytes(good), KEY) is None


def test_what_follows_the_base_packet_is_not_covered_by_its_hmac() -> None:
    assert packet.parse_sent(packet.encode_sent(SENT, KEY, b"more"), KEY) == SENT


def test_twamp_light() -> None:
    """RFC 5357, 4.1.2 and 4.2.1: 14 octets and padding one way, 41 and padding the other."""
    assert packet.parse_sent(OPEN_SENT[:14], None) == Sent(7, NTP, 0x8F84, 0)
    assert packet.parse_sent(OPEN_SENT[:14] + b"\xa7" * 27, None) == Sent(7, NTP, 0x8F84, 0)
    assert packet.parse_sent(OPEN_SENT[:14] + b"\xa7" * 1000, None) == Sent(7, NTP, 0x8F84, 0)
    assert packet.parse_sent(OPEN_SENT[:13], None) is None
    assert packet.parse_reflected(OPEN_REFLECTED[:41], None) == REFLECTED
    assert packet.parse_reflected(OPEN_REFLECTED[:41] + b"\xa7" * 100, None) == REFLECTED
    assert packet.parse_reflected(OPEN_REFLECTED[:40], None) is None


@given(st.binary(max_size=200))
def test_any_octets_are_a_packet_or_none(data: bytes) -> None:
    for key in (None, KEY):
        sent, reflected = packet.parse_sent(data, key), packet.parse_reflected(data, key)
        assert (sent is not None) == (key is None and len(data) >= 14)
        assert (reflected is not None) == (key is None and len(data) >= 41)


words = st.integers(0, 2**32 - 1)
stamps = st.integers(0, 2**64 - 1)
shorts = st.integers(0, 2**16 - 1)


@given(st.builds(Sent, words, stamps, shorts, shorts), st.sampled_from([None, KEY]))
def test_a_senders_packet_comes_back_as_it_was(sent: Sent, key: bytes | None) -> None:
    assert packet.parse_sent(packet.encode_sent(sent, key), key) == sent


@given(
    st.builds(Reflected, words, stamps, shorts, shorts, stamps, words, stamps, shorts, st.integers(0, 255)),
    st.sampled_from([None, KEY]),
)
def test_a_reflectors_packet_comes_back_as_it_was(reflected: Reflected, key: bytes | None) -> None:
    assert packet.parse_reflected(packet.encode_reflected(reflected, key), key) == reflected


# --- time stamps ---------------------------------------------------------------------------------
def test_time_stamps_of_known_moments() -> None:
    assert ntp_of(UNIX_NS) == NTP
    assert unix_ns_of(NTP, 0) == UNIX_NS
    assert ntp_of(0) == 2_208_988_800 << 32  # RFC 5905, figure 4: the Unix epoch


def test_ptp_counts_from_1970_in_tai() -> None:
    stamp = (1_795_305_600 + 37) << 32 | 250_000_000
    assert unix_ns_of(stamp, UNIX_NS, ptp=True) == UNIX_NS


def test_the_era_of_2036_begins_without_a_jump() -> None:
    turn = (2**32 - clockword.NTP_TO_UNIX_SECONDS) * 10**9
    assert ntp_of(turn) == 0
    assert unix_ns_of(0, turn - 5 * 10**9) == turn
    assert unix_ns_of(ntp_of(turn - 10**9), turn) == turn - 10**9


@given(st.integers(0, 4 * 10**18), st.integers(-(10**18), 10**18), st.booleans())
def test_a_time_stamp_is_exact_to_the_nanosecond(unix_ns: int, off_ns: int, ptp: bool) -> None:
    stamp = ntp_of(unix_ns)
    if ptp:
        seconds, nanoseconds = divmod(unix_ns, 10**9)
        stamp = (seconds + 37) % 2**32 << 32 | nanoseconds
    assert unix_ns_of(stamp, unix_ns + off_ns, ptp=ptp) == unix_ns


@given(stamps, st.integers(-(2**63), 2**63 - 1), st.booleans())
def test_any_time_stamp_can_be_read(stamp: int, near_ns: int, ptp: bool) -> None:
    assert abs(unix_ns_of(stamp, near_ns, ptp=ptp) - near_ns) <= 2**31 * 10**9 + 10**10


# --- error estimates -----------------------------------------------------------------------------
def test_error_estimate_bit_by_bit() -> None:
    """RFC 4656, 4.1.2: S, Z, six bits of scale, eight of multiplier; multiplier * 2**(scale - 32) s."""
    assert decode_error(0b1_0_001111_10000100) == clockword.ErrorEstimate(True, False, 132 * 2.0**-17)
    assert decode_error(0b0_1_100000_00000001) == clockword.ErrorEstimate(False, True, 1.0)
    assert decode_error(0b1_0_000000_00000000).seconds is None


@given(st.floats(1e-9, 1e9), st.booleans())
def test_an_error_is_rounded_up_by_less_than_a_hundredth(seconds: float, synchronised: bool) -> None:
    estimate = decode_error(encode_error(seconds, synchronised=synchronised))
    assert estimate.synchronised == synchronised
    assert not estimate.ptp
    assert estimate.seconds is not None
    assert seconds <= estimate.seconds <= seconds * 1.0079 + 2.0**-32


@pytest.mark.parametrize("seconds", [None, -1.0, float("nan"), float("inf"), 2.0**39])
def test_an_error_that_cannot_be_said_is_the_largest(seconds: float | None) -> None:
    assert encode_error(seconds, synchronised=False) == 0x3FFF


@given(shorts)
def test_any_error_estimate_can_be_read(bits: int) -> None:
    estimate = decode_error(bits)
    assert (estimate.seconds is None) == (bits & 0xFF == 0)


# --- extensions ----------------------------------------------------------------------------------
def field(flags: int, type_: int, value: bytes) -> bytes:
    return bytes((flags, type_)) + len(value).to_bytes(2, "big") + value


def reflect(tail: bytes, key: bytes | None = None) -> bytes:
    return extensions.reflect(tail, key, OPEN_SENT[:4], OPEN_REFLECTED[:4])


def test_padding_is_recognised_and_other_fields_are_not() -> None:
    sent = field(0x80, 1, b"\0" * 6) + field(0x80, 2, b"abcd") + field(0x80, 241, b"")
    assert reflect(sent) == field(0x00, 1, b"\0" * 6) + field(0x80, 2, b"abcd") + field(0x80, 241, b"")


def test_a_field_with_a_wrong_length_is_flagged_and_the_rest_left_alone() -> None:
    good, cut = field(0x80, 1, b""), field(0x80, 3, b"abcdef")[:-1]
    assert reflect(good + cut) == field(0, 1, b"") + bytes((0xC0,)) + cut[1:]
    assert reflect(good + b"\x80\x01\x00") == field(0, 1, b"") + b"\xc0\x01\x00"


def test_zeros_are_padding_of_an_older_sender() -> None:
    assert reflect(bytes(100)) == bytes(100)
    assert reflect(b"") == b""


def test_a_proven_extension_is_proven_again_over_what_changed() -> None:
    mine = field(0x80, 1, b"xy") + field(0x80, 3, b"abcd")
    sent = mine + field(0x80, 8, proof(OPEN_SENT[:4] + mine)) + field(0x80, 1, b"zz")
    back = field(0, 1, b"xy") + field(0x80, 3, b"abcd")
    assert reflect(sent, KEY) == back + field(0, 8, proof(OPEN_REFLECTED[:4] + back)) + field(0, 1, b"zz")


@pytest.mark.parametrize(
    "sent",
    [
        field(0x80, 3, b"abcd"),  # no proof
        field(0x80, 3, b"abcd") + field(0x80, 8, bytes(16)),  # a wrong one
        field(0x80, 8, proof(OPEN_SENT[:4])) + field(0x80, 3, b"abcd"),  # in the wrong place
        field(0x80, 3, b"abcd") + field(0x80, 8, bytes(3)),  # of a wrong length
    ],
)
def test_what_is_not_proven_goes_back_flagged_and_otherwise_as_it_came(sent: bytes) -> None:
    back = reflect(sent, KEY)
    changed = [(old, new) for old, new in zip(sent, back, strict=True) if old != new]
    assert changed
    assert all((old, new) == (0x80, 0xA0) for old, new in changed)


def test_padding_alone_needs_no_proof() -> None:
    assert reflect(extensions.padding(20), KEY) == field(0, 1, bytes(16))
    assert extensions.padding(0) == b""
    assert extensions.padding(4) == bytes((0x80, 1, 0, 0))


@given(st.binary(max_size=300), st.sampled_from([None, KEY]))
def test_any_extension_goes_back_as_long_as_it_came(tail: bytes, key: bytes | None) -> None:
    assert len(reflect(tail, key)) == len(tail)
