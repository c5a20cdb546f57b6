"""For each kind of probe: a target that is well, and targets from which nothing comes back.

A new kind adds an entry here; everything else in this directory is the same for all kinds.
"""

import os
import socket
import tempfile
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from unittest import mock

from exporters.siteio import machine
from exporters.stampio import listen, places
from exporters.stampio.reflector import Rules
from inventory.names import Reason
from tests.contract import interconnect as ic
from tests.contract import throughput as tp
from tests.contract import traffic as tr
from tests.contract.place import Address, Place
from tests.exporters.servers import answering, full_backlog, page, serve, then_silent

RECORDINGS = Path(__file__).parents[1] / "recordings"


@asynccontextmanager
async def _icmp_well() -> AsyncIterator[Address]:
    yield Address("127.0.0.1", Reason.OK)


@asynccontextmanager
async def _icmp_silent() -> AsyncIterator[Address]:
    # Linux answers no ping to a group (icmp_echo_ignore_broadcasts), and this one stays on loopback.
    yield Address("239.255.1.1", Reason.TIMEOUT, source="127.0.0.1")


@asynccontextmanager
async def _tcp_well() -> AsyncIterator[Address]:
    async with serve(then_silent()) as port:
        yield Address(f"127.0.0.1:{port}", Reason.OK)


@asynccontextmanager
async def _tcp_silent() -> AsyncIterator[Address]:
    with full_backlog() as port:
        yield Address(f"127.0.0.1:{port}", Reason.TIMEOUT)


@asynccontextmanager
async def _http_well() -> AsyncIterator[Address]:
    async with serve(answering(page(b"<title>hello</title>"))) as port:
        yield Address(f"http://127.0.0.1:{port}/", Reason.OK)


@asynccontextmanager
async def _http_silent() -> AsyncIterator[Address]:
    with full_backlog() as port:
        yield Address(f"http://127.0.0.1:{port}/", Reason.TIMEOUT)


@asynccontextmanager
async def _http_mute() -> AsyncIterator[Address]:
    async with serve(then_silent()) as port:
        yield Address(f"http://127.0.0.1:{port}/", Reason.STALLED)


@asynccontextmanager
async def _https_mute() -> AsyncIterator[Address]:
    async with serve(then_silent()) as port:
        yield Address(f"https://127.0.0.1:{port}/", Reason.STALLED)


@asynccontextmanager
async def _http_half() -> AsyncIterator[Address]:
    async with serve(then_silent(page(b"x" * 1000)[:-1])) as port:
        yield Address(f"http://127.0.0.1:{port}/", Reason.STALLED)


@asynccontextmanager
async def _stamp_well() -> AsyncIterator[Address]:
    with listen.reflecting(listen.Chosen((places.Place("127.0.0.1", 0),), Rules())) as reflector:
        yield Address(reflector.addresses[0], Reason.OK)


@asynccontextmanager
async def _stamp_silent() -> AsyncIterator[Address]:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as mute:
        mute.bind(("127.0.0.1", 0))
        yield Address(f"127.0.0.1:{mute.getsockname()[1]}", Reason.TIMEOUT)


@asynccontextmanager
async def _program(name: str, script: str, at: Address) -> AsyncIterator[Address]:
    """A program of that name comes first in the path."""
    with tempfile.TemporaryDirectory() as folder:
        program = Path(folder) / name
        program.write_text(f"#!/bin/sh\n{script}\n", encoding="utf-8")
        program.chmod(0o755)
        with mock.patch.dict(os.environ, PATH=f"{folder}:{os.environ['PATH']}"):
            yield at


_NUT = {"source": "nut"}


def _power_well() -> AbstractAsyncContextManager[Address]:
    said = (RECORDINGS / "power/apc-es550.txt").as_posix()
    return _program("upsc", f"cat {said}", Address("ups@localhost", Reason.OK, options=_NUT))


def _power_silent() -> AbstractAsyncContextManager[Address]:
    at = Address("ups@localhost", Reason.TIMEOUT, options=_NUT)
    return _program("upsc", "exec sleep 60", at)


def _cellular_well() -> AbstractAsyncContextManager[Address]:
    folder = (RECORDINGS / "cellular").as_posix()
    signal, modem = f"{folder}/telit-le910c4-lte-signal.json", f"{folder}/telit-le910c4-lte.json"
    script = f'case "$*" in *--signal-get*) cat {signal} ;; *) cat {modem} ;; esac'
    return _program("mmcli", script, Address("any", Reason.OK))


def _cellular_silent() -> AbstractAsyncContextManager[Address]:
    return _program("mmcli", "exec sleep 60", Address("any", Reason.TIMEOUT))


@asynccontextmanager
async def _host_well() -> AsyncIterator[Address]:
    with mock.patch.object(machine, "boot_id", return_value="6f2ab2a9-3d6d-4c8e-9a53-6a2f6a1f5c11"):
        yield Address("localhost", Reason.OK)


WELL: dict[str, Place] = {
    "throughput": tp.throughput_well,
    "icmp": _icmp_well,
    "trace": _icmp_well,
    "stamp": _stamp_well,
    "tcp": _tcp_well,
    "http": _http_well,
    "dns": ic.dns_well,
    "tls": ic.tls_well,
    "ntp": ic.ntp_well,
    "smtp": ic.smtp_well,
    "traffic": tr.traffic_well,
    "uplink": tr.uplink_well,
    "power": _power_well,
    "cellular": _cellular_well,
    "host": _host_well,
}
SILENT: dict[str, list[Place]] = {
    "throughput": [tp.throughput_silent, tp.throughput_mute, tp.throughput_mute_tls],
    "icmp": [_icmp_silent],
    "trace": [_icmp_silent],
    "stamp": [_stamp_silent],
    "tcp": [_tcp_silent, ic.tcp_mute],
    "dns": [ic.dns_silent, ic.dns_mute],
    "tls": [ic.tls_silent, ic.tls_mute],
    "ntp": [ic.ntp_silent],
    "smtp": [ic.smtp_silent, ic.smtp_mute],
    "http": [_http_silent, _http_mute, _https_mute, _http_half],
    "traffic": [tr.traffic_silent],
    "uplink": [],  # asks the kernel only
    "power": [_power_silent],
    "cellular": [_cellular_silent],
    "host": [],  # a kernel that does not answer cannot be had; see tests/exporters/test_site_asking.py
}
MACHINE = {"power", "cellular", "host", "uplink"}
"""Kinds that read the machine they run on: their addresses are names of things, not of hosts."""
OPTIONAL_SAMPLES: dict[str, set[str]] = {
    "throughput": {"thongsuot_throughput_budget_remaining_bytes"},
    "icmp": {"thongsuot_icmp_path_mtu_bytes", "thongsuot_dns_answer_stale"},
    "trace": {"thongsuot_dns_answer_stale"},
    "stamp": {  # of two clocks that vouch for themselves
        'thongsuot_stamp_one_way_delay_seconds{direction="up"}',
        'thongsuot_stamp_one_way_delay_seconds{direction="down"}',
        "thongsuot_stamp_clock_error_seconds",
    },
    "tcp": {'probe_tcp_duration_seconds{phase="tls"}', 'probe_tcp_duration_seconds{phase="exchange"}'},
    "dns": {"probe_dns_serial"},
    "http": {
        "probe_ssl_earliest_cert_expiry",
        "thongsuot_dns_answer_stale",
        'probe_http_duration_seconds{phase="tls"}',
        'probe_http_duration_seconds{phase="proxy"}',
        # With all_series.
        "probe_http_content_length",
        "probe_http_version",
        "probe_http_ssl",
        "probe_failed_due_to_regex",
        "probe_http_last_modified_timestamp_seconds",
        "probe_ssl_last_chain_expiry_timestamp_seconds",
        'probe_tls_version_info{version="TLSv1.3"}',
    },
    "cellular": {"thongsuot_cellular_rsrq_db"},
    "host": {"thongsuot_host_cpu_ratio", "thongsuot_host_temperature_celsius"},
}
"""Series of a kind's documented exposition that a plain healthy target does not have."""
