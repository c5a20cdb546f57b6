"""Dates out of DER, against Python's own decoder and against arbitrary bytes."""

import ssl
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporters.httpio.certificate import not_after
from tests.exporters.pki import Pki


def der_of(pem: Path) -> bytes:
    """Return the first certificate of a PEM file."""
    text = pem.read_text()
    begin, end = text.index("-----BEGIN CERTIFICATE"), text.index("-----END CERTIFICATE-----")
    return ssl.PEM_cert_to_DER_cert(text[begin : end + 25])


@pytest.mark.parametrize(
    ("expires", "iso"),
    [
        ("20380101000000Z", "Jan  1 00:00:00 2038 GMT"),
        ("20491231235959Z", "Dec 31 23:59:59 2049 GMT"),
        ("20500101000000Z", "Jan  1 00:00:00 2050 GMT"),  # from here on GeneralizedTime
        ("99991231235959Z", "Dec 31 23:59:59 9999 GMT"),
        ("20210203040506Z", "Feb  3 04:05:06 2021 GMT"),
    ],
)
def test_the_date_is_that_of_the_certificate(pki: Pki, expires: str, iso: str) -> None:
    pem = pki.host(f"until-{expires}", expires=expires)
    assert not_after(der_of(pem)) == ssl.cert_time_to_seconds(iso)


def test_the_authorities_of_this_machine_are_all_read() -> None:
    context = ssl.create_default_context()
    decoded = context.get_ca_certs()
    encoded = context.get_ca_certs(binary_form=True)
    assert encoded
    for der, names in zip(encoded, decoded, strict=True):
        assert not_after(der) == ssl.cert_time_to_seconds(str(names["notAfter"]))


@given(st.binary(max_size=400))
def test_any_bytes_are_a_date_or_a_value_error(data: bytes) -> None:
    with pytest.raises(ValueError, match="DER"):
        not_after(data)


@given(at=st.integers(0, 10_000), byte=st.integers(0, 255), cut=st.integers(0, 10_000))
def test_a_damaged_certificate_is_a_date_or_a_value_error(at: int, byte: int, cut: int) -> None:
    good = bytearray(_GOOD)
    good[at % len(good)] = byte
    for damaged in (bytes(good), bytes(good[: cut % len(good)])):
        try:
            assert isinstance(not_after(damaged), int)
        except ValueError:
            continue


_GOOD = ssl.create_default_context().get_ca_certs(binary_form=True)[0]
