"""How this machine resolves names: resolv.conf(5), hosts(5), nsswitch.conf(5). Pure but for :func:`load`.

What these files say that a DNS client cannot do by itself (a directory service, multicast DNS) is left
to the system's own resolver: :meth:`System.leaves_to_libc`.
"""

import os
import socket
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

import msgspec

from exporters.dnsio.client import Server
from exporters.net.literal import Address, IpVersion, literal

ETC: Final = Path("/etc")
MAX_SERVERS: Final = 3
MAX_SEARCHED: Final = 6
MAX_FILE_OCTETS: Final = 4 << 20
MAX_SECONDS: Final = 30
MAX_NDOTS: Final = 15
MAX_ATTEMPTS: Final = 5
_STUB: Final = frozenset({"127.0.0.53", "127.0.0.54"})
_OWN_NAMES: Final = frozenset({"localhost", "localhost.localdomain", "_gateway", "_outbound"})


class ResolvConf(msgspec.Struct, frozen=True, kw_only=True):
    """What resolv.conf says, with glibc's defaults and limits."""

    servers: tuple[Server, ...] = (Server(Address(socket.AF_INET, "127.0.0.1")),)
    search: tuple[str, ...] = ()
    ndots: int = 1
    timeout_seconds: int = 5
    attempts: int = 2
    tcp: bool = False
    wants_ipv6: bool = True


class System(msgspec.Struct, frozen=True, kw_only=True):
    """All three files. ``modules``: the sources of host names, in the order of nsswitch.conf."""

    conf: ResolvConf = ResolvConf()
    hosts: Mapping[str, tuple[Address, ...]] = {}
    modules: tuple[str, ...] = ("files", "dns")
    hostname: str = ""

    def from_hosts(self, host: str, version: IpVersion | None) -> tuple[Address, ...]:
        """Return what the hosts file says, if its place in nsswitch.conf is before DNS."""
        if "files" not in self.modules:
            return ()
        known = self.hosts.get(host.removesuffix(".").lower(), ())
        return tuple(address for address in known if version in (None, address.version))

    def leaves_to_libc(self, host: str) -> bool:
        """Whether a source other than hosts file and DNS may know the name, or is asked before them."""
        modules = self.modules
        if "dns" not in modules and not ("resolve" in modules and self._has_stub):
            return True
        if "files" in modules and "dns" in modules and modules.index("files") > modules.index("dns"):
            return True
        return any(self._may_know(module, host.removesuffix(".").lower()) for module in modules)

    @property
    def _has_stub(self) -> bool:
        """Whether systemd-resolved is all that DNS asks: then it answers as its own module would."""
        return all(server.address.host in _STUB for server in self.conf.servers)

    def _may_know(self, module: str, host: str) -> bool:
        if module in ("files", "dns"):
            return False
        if module.startswith("mdns"):
            return host.endswith(".local")
        if module == "myhostname":
            own = host in _OWN_NAMES or host == self.hostname.lower()
            return own or host.endswith((".localhost", ".localhost.localdomain"))
        return not (module == "resolve" and self._has_stub)

    def candidates(self, host: str) -> Iterator[str]:
        """Return the full names that ``host`` may mean, in the order in which they are tried."""
        if host.endswith("."):
            yield host
            return
        first = host.count(".") >= self.conf.ndots
        if first:
            yield host
        yield from (f"{host}.{domain}" for domain in self.conf.search if domain != ".")
        if not first:
            yield host


def parse_resolv_conf(text: str, hostname: str = "") -> ResolvConf:
    """Return what resolv.conf says; lines that nobody understands are passed over, as glibc does."""
    servers: list[Server] = []
    search: tuple[str, ...] = (hostname.partition(".")[2],) if "." in hostname else ()
    options: dict[str, int | None] = {}
    for line in text.splitlines():
        if line.startswith(("#", ";")):
            continue
        keyword, *words = line.split() or [""]
        if keyword == "nameserver" and words and (address := literal(words[0])) is not None:
            servers.append(Server(address))
        elif keyword in ("search", "domain") and words:
            search = tuple(word.strip(".").lower() for word in words)
        elif keyword == "options":
            options |= dict(_option(word) for word in words)
    return ResolvConf(
        servers=tuple(servers[:MAX_SERVERS]) or ResolvConf().servers,
        search=tuple(domain for domain in search if domain)[:MAX_SEARCHED],
        ndots=min(_number(options, "ndots", 1), MAX_NDOTS),
        timeout_seconds=min(max(_number(options, "timeout", 5), 1), MAX_SECONDS),
        attempts=min(max(_number(options, "attempts", 2), 1), MAX_ATTEMPTS),
        tcp="use-vc" in options,
        wants_ipv6="no-aaaa" not in options,
    )


def _option(word: str) -> tuple[str, int | None]:
    name, _, value = word.partition(":")
    return name, int(value) if value.isascii() and value.isdigit() and len(value) < 10 else None


def _number(options: Mapping[str, int | None], name: str, default: int) -> int:
    value = options.get(name)
    return default if value is None else value


def parse_hosts(text: str) -> dict[str, tuple[Address, ...]]:
    """Return the addresses of every name of a hosts file, in its order."""
    found: dict[str, tuple[Address, ...]] = {}
    for line in text.splitlines():
        words = line.partition("#")[0].split()
        address = literal(words[0]) if words else None
        if address is None:
            continue
        for name in words[1:]:
            known = found.get(name.lower(), ())
            if address not in known:
                found[name.lower()] = (*known, address)
    return found


def parse_nsswitch(text: str) -> tuple[str, ...]:
    """Return the sources of host names in order, without the actions in brackets."""
    for line in text.splitlines():
        database, colon, rest = line.partition("#")[0].partition(":")
        if colon and database.strip() == "hosts":
            for _ in range(rest.count("[")):
                before, _, after = rest.partition("[")
                rest = f"{before} {after.partition(']')[2]}"
            return tuple(rest.split())
    return System().modules


_Stamp = tuple[tuple[int, int] | None, ...]
_loaded: list[tuple[Path, _Stamp, str, System]] = []


def load(etc: Path = ETC) -> System:
    """Return what the files below ``etc`` say; they are read again once one has changed. Blocks."""
    paths = [etc / name for name in ("resolv.conf", "hosts", "nsswitch.conf")]
    stamp, hostname = tuple(_stamp(path) for path in paths), socket.gethostname()
    if _loaded and _loaded[0][:3] == (etc, stamp, hostname):
        return _loaded[0][3]
    conf, hosts, switch = (_text(path) for path in paths)
    system = System(
        conf=parse_resolv_conf(conf, hostname),
        hosts=parse_hosts(hosts),
        modules=parse_nsswitch(switch),
        hostname=hostname,
    )
    _loaded[:] = [(etc, stamp, hostname, system)]
    return system


def _stamp(path: Path) -> tuple[int, int] | None:
    try:
        status = os.stat(path)
    except OSError:
        return None
    return status.st_mtime_ns, status.st_ino


def _text(path: Path) -> str:
    """Return a file's text; what cannot be read says nothing, as for glibc."""
    try:
        with path.open("rb") as file:
            return file.read(MAX_FILE_OCTETS).decode("utf-8", "replace")
    except OSError:
        return ""
