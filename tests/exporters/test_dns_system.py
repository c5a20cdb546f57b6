"""resolv.conf, hosts and nsswitch.conf, as glibc reads them."""

import os
import socket
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporters.dnsio.system import (
    MAX_ATTEMPTS,
    MAX_NDOTS,
    MAX_SEARCHED,
    MAX_SECONDS,
    MAX_SERVERS,
    ResolvConf,
    System,
    load,
    parse_hosts,
    parse_nsswitch,
    parse_resolv_conf,
)
from exporters.net.literal import Address

ONE = Address(socket.AF_INET, "192.0.2.1")
SIX = Address(socket.AF_INET6, "2001:db8::1")


def test_what_resolv_conf_says() -> None:
    conf = parse_resolv_conf(
        "# a comment\n"
        "; another\n"
        "domain old.example\n"
        "search Ba-To.example example.\n"
        "nameserver 10.0.0.53\n"
        "nameserver 2001:db8::53\n"
        "nameserver name-of-nothing\n"
        "nameserver fe80::53%lo\n"
        "nameserver 10.0.0.54\n"
        "options ndots:2 timeout:3 attempts:1\n"
        "options use-vc no-aaaa edns0\n"
        "sortlist 10.0.0.0\n"
        "\n"
    )
    assert [server.address.host for server in conf.servers] == ["10.0.0.53", "2001:db8::53", "fe80::53"]
    assert conf.servers[2].address.scope == socket.if_nametoindex("lo")
    assert conf.search == ("ba-to.example", "example")
    assert (conf.ndots, conf.timeout_seconds, conf.attempts) == (2, 3, 1)
    assert (conf.tcp, conf.wants_ipv6) == (True, False)


def test_what_an_empty_resolv_conf_means() -> None:
    assert parse_resolv_conf("") == ResolvConf()
    assert [str(server) for server in ResolvConf().servers] == ["127.0.0.1"]
    assert parse_resolv_conf("", "agent.ba-to.example").search == ("ba-to.example",)
    assert parse_resolv_conf("search .", "agent.ba-to.example").search == ()


def test_what_resolv_conf_cannot_ask_for() -> None:
    conf = parse_resolv_conf("options ndots:99 timeout:0 attempts:99 timeout:999 ndots:x\n")
    assert (conf.ndots, conf.timeout_seconds, conf.attempts) == (1, MAX_SECONDS, MAX_ATTEMPTS)
    assert parse_resolv_conf("options ndots:99").ndots == MAX_NDOTS
    assert parse_resolv_conf("options timeout:0").timeout_seconds == 1


def test_what_a_hosts_file_says() -> None:
    hosts = parse_hosts(
        "192.0.2.1 Hub.example hub # the hub\n"
        "\n"
        "#192.0.2.2 hub.example\n"
        "2001:db8::1\thub.example\n"
        "192.0.2.1 hub.example\n"
        "not-an-address x.example\n"
        "192.0.2.3\n"
    )
    assert hosts == {"hub.example": (ONE, SIX), "hub": (ONE,)}
    system = System(hosts=hosts)
    assert system.from_hosts("HUB.example.", None) == (ONE, SIX)
    assert system.from_hosts("hub.example", 6) == (SIX,)
    assert system.from_hosts("hub", 6) == ()
    assert System(hosts=hosts, modules=("dns",)).from_hosts("hub", 4) == ()


@pytest.mark.parametrize(
    ("text", "modules"),
    [
        ("", ("files", "dns")),
        ("passwd: files\n", ("files", "dns")),
        ("hosts:          files mdns4_minimal [NOTFOUND=return] dns", ("files", "mdns4_minimal", "dns")),
        (
            " hosts : files resolve [!UNAVAIL=return SUCCESS=return] dns # as ever",
            ("files", "resolve", "dns"),
        ),
        ("hosts: files [NOTFOUND", ("files",)),
    ],
)
def test_what_nsswitch_conf_says(text: str, modules: tuple[str, ...]) -> None:
    assert parse_nsswitch(text) == modules


STUB = parse_resolv_conf("nameserver 127.0.0.53")
OTHER = parse_resolv_conf("nameserver 127.0.0.53\nnameserver 10.0.0.53")


@pytest.mark.parametrize(
    ("modules", "conf", "host", "left"),
    [
        ("files dns", OTHER, "hub.example", False),
        ("files dns", OTHER, "localhost", False),
        ("dns files", OTHER, "hub.example", True),
        ("files", OTHER, "hub.example", True),
        ("files ldap dns", OTHER, "hub.example", True),
        ("files dns nis", OTHER, "hub.example", True),
        ("files mdns4_minimal dns", OTHER, "hub.example", False),
        ("files mdns4_minimal dns", OTHER, "printer.LOCAL.", True),
        ("files myhostname dns", OTHER, "hub.example", False),
        ("files dns myhostname", OTHER, "agent", True),
        ("files dns myhostname", OTHER, "x.localhost", True),
        ("files dns myhostname", OTHER, "_gateway", True),
        ("files resolve dns", OTHER, "hub.example", True),
        ("files resolve dns", STUB, "hub.example", False),
        ("files resolve", STUB, "hub.example", False),
        ("files resolve", OTHER, "hub.example", True),
    ],
)
def test_what_is_left_to_the_systems_own_resolver(
    modules: str, conf: ResolvConf, host: str, left: bool
) -> None:
    system = System(conf=conf, modules=tuple(modules.split()), hostname="Agent")
    assert system.leaves_to_libc(host) is left


@pytest.mark.parametrize(
    ("ndots", "host", "candidates"),
    [
        (1, "hub.example", ["hub.example", "hub.example.a.vn", "hub.example.b.vn"]),
        (1, "hub", ["hub.a.vn", "hub.b.vn", "hub"]),
        (2, "hub.example", ["hub.example.a.vn", "hub.example.b.vn", "hub.example"]),
        (5, "hub.example.", ["hub.example."]),
        (0, "hub", ["hub", "hub.a.vn", "hub.b.vn"]),
    ],
)
def test_the_names_that_a_name_may_mean(ndots: int, host: str, candidates: list[str]) -> None:
    system = System(conf=ResolvConf(search=("a.vn", "b.vn"), ndots=ndots))
    assert list(system.candidates(host)) == candidates


@given(st.text(alphabet=st.sampled_from("nameserv hotpiu10.:[]#;%\n\t\x00ỉ"), max_size=200))
def test_no_text_breaks_a_parser(text: str) -> None:
    conf = parse_resolv_conf(text)
    assert 1 <= len(conf.servers) <= MAX_SERVERS
    assert len(conf.search) <= MAX_SEARCHED
    assert all(addresses for addresses in parse_hosts(text).values())
    assert all(not set(module) & set(" \n[") for module in parse_nsswitch(f"hosts:{text}"))


def test_files_are_read_again_once_they_changed(tmp_path: Path) -> None:
    conf = tmp_path / "resolv.conf"
    conf.write_text("nameserver 10.0.0.1\n")
    first = load(tmp_path)
    assert [str(server) for server in first.conf.servers] == ["10.0.0.1"]
    assert (first.hosts, first.modules) == ({}, ("files", "dns"))
    assert load(tmp_path) is first
    (tmp_path / "hosts").write_bytes(b"192.0.2.1 hub\n\xff\xfe broken\n")
    os.utime(conf, ns=(1, 1))
    second = load(tmp_path)
    assert second.hosts == {"hub": (ONE,)}
    conf.unlink()
    assert [str(server) for server in load(tmp_path).conf.servers] == ["127.0.0.1"]
