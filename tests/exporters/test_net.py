"""Addresses, names and the reasons of errors."""

import contextlib
import errno
import socket

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporters.net import failure
from exporters.net.address import check_host, split_host_port, version_for
from exporters.net.failure import Failure
from exporters.net.phases import MAX_EVIDENCE, Phases, one_line
from exporters.net.resolve import Address, literal
from inventory.names import PROBE_TCP_DURATION, Reason

V4 = Address(socket.AF_INET, "127.0.0.1")


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("h:1", ("h", 1)),
        ("[::1]:65535", ("::1", 65535)),
        ("127.0.0.1:80", ("127.0.0.1", 80)),
        ("a.b.:9", ("a.b.", 9)),
    ],
)
def test_host_and_port(text: str, parts: tuple[str, int]) -> None:
    assert split_host_port(text) == parts


@pytest.mark.parametrize(
    "text", ["", ":", "h", "h:", ":1", "h:0", "h:65536", "h:-1", "h:1x", "::1:80", "[::1]", "h:٣"]
)
def test_what_is_no_host_and_port(text: str) -> None:
    with pytest.raises(ValueError, match="such as"):
        split_host_port(text)


@pytest.mark.parametrize(
    "host", ["a", "a.b", "xn--p1ai", "tỉnh.vn", "127.0.0.1", "::1", "fe80::1%lo", "a_b.c", "x1"]
)
def test_hosts(host: str) -> None:
    check_host(host)


@pytest.mark.parametrize(
    "host", ["", ".", "-a", "a-", "a..b", "a b", "a/b", "1.2.3", "999.1.1.1", "a" * 64, "127.0.0.1%lo", ":"]
)
def test_what_is_no_host(host: str) -> None:
    with pytest.raises(ValueError, match="host name"):
        check_host(host)


@given(st.text(max_size=40))
def test_no_text_breaks_the_checks(text: str) -> None:
    for check in (check_host, split_host_port):
        with contextlib.suppress(ValueError):
            check(text)


def test_what_a_literal_is() -> None:
    assert literal("127.0.0.1") == V4
    assert literal("0:0:0::1") == Address(socket.AF_INET6, "::1")
    assert literal("fe80::1%lo") == Address(socket.AF_INET6, "fe80::1", socket.if_nametoindex("lo"))
    assert literal("fe80::1%nosuch0") is None
    assert literal("localhost") is None
    assert V4.at(7) == ("127.0.0.1", 7)
    assert Address(socket.AF_INET6, "fe80::1", 3).at(7) == ("fe80::1", 7, 0, 3)


def test_a_numeric_source_fixes_the_version() -> None:
    assert version_for("127.0.0.1", None) == 4
    assert version_for("eth0", 6) == 6
    assert version_for(None, None) is None
    with pytest.raises(Failure) as failed:
        version_for("::1", 4)
    assert failed.value.reason is Reason.LOCAL


@pytest.mark.parametrize(
    ("number", "here", "there"),
    [
        (errno.ECONNREFUSED, Reason.REFUSED, Reason.REFUSED),
        (errno.ENETUNREACH, Reason.LOCAL, Reason.UNREACHABLE),
        (errno.EHOSTUNREACH, Reason.LOCAL, Reason.UNREACHABLE),
        (errno.EADDRNOTAVAIL, Reason.LOCAL, Reason.LOCAL),
        (errno.ENODEV, Reason.LOCAL, Reason.LOCAL),
        (errno.EPERM, Reason.LOCAL, Reason.LOCAL),
        (errno.EACCES, Reason.LOCAL, Reason.UNREACHABLE),
        (errno.ENETDOWN, Reason.LOCAL, Reason.LOCAL),
        (errno.EMFILE, Reason.LOCAL, Reason.RESET),
        (errno.ECONNRESET, Reason.LOCAL, Reason.RESET),
        (errno.EPIPE, Reason.LOCAL, Reason.RESET),
        (errno.ETIMEDOUT, Reason.LOCAL, Reason.TIMEOUT),
    ],
)
def test_an_error_says_more_when_one_knows_when_it_came(number: int, here: Reason, there: Reason) -> None:
    error = OSError(number, "")
    assert failure.local(error, "connect").reason is here
    assert failure.remote(error, "connect").reason is there
    assert failure.remote(error, "connect").evidence.startswith("connect: ")


# --- phases --------------------------------------------------------------------------------------


def test_phases_add_up_and_the_one_broken_off_is_left_out() -> None:
    phases = Phases(PROBE_TCP_DURATION)
    for phase in ("resolve", "connect", "resolve"):
        phases.enter(phase)
    phases.leave()
    phases.enter("connect")
    outcome = phases.outcome(Reason.TIMEOUT, "line\nbreak")
    assert [dict(sample.labels)["phase"] for sample in outcome.samples] == ["resolve", "connect"]
    assert sum(sample.value for sample in outcome.samples) <= outcome.duration_seconds
    assert (phases.current, outcome.evidence) == ("connect", "line break")


@given(st.text(max_size=3000))
def test_evidence_is_one_line_of_bounded_length(text: str) -> None:
    line = one_line(text)
    assert len(line) <= MAX_EVIDENCE
    assert line.isprintable()
