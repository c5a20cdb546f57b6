"""Builds the topology out of network namespaces and veth pairs. Runs inside the sandbox only.

The namespace in which :func:`build` is called becomes the hub; the others get a name in
``directory``, which the sandbox has made a file system of its own. Everything vanishes with the
sandbox's last process, so nothing here cleans up.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from pyroute2 import IPRoute, netns  # type: ignore[import-untyped]  # it ships no types
from pyroute2.netlink.exceptions import NetlinkError  # type: ignore[import-untyped]  # as above

from deploy.lab.topology import HUB, UPLINK, Link, Node, Topology

_SYSCTLS: Final = {
    # Datagram ICMP is closed in a new namespace, even for root; 0 is the only group mapped for sure.
    "net/ipv4/ping_group_range": "0 0",
    "net/ipv4/conf/all/rp_filter": "0",
    "net/ipv4/conf/default/rp_filter": "0",
}
_FORWARD: Final = {"net/ipv4/ip_forward": "1"}
_FORWARDING_ROLES: Final = frozenset({"edge", "router", "gateway"})


def namespace(directory: Path, node: str) -> Path:
    """Return the file by which ``nsenter --net=`` enters a node."""
    return directory / node


def build(topology: Topology, directory: Path) -> None:
    """Make all nodes and links. Raises OSError."""
    try:
        _build(topology, directory)
    except NetlinkError as error:
        raise OSError(error.code, f"netlink: {error}") from error


def _build(topology: Topology, directory: Path) -> None:
    netns.attach(str(namespace(directory, HUB)), os.getpid())
    for name in topology.nodes:
        if name != HUB:
            netns.create(str(namespace(directory, name)))
    for link in topology.links:
        with _inside(directory, link.parent), IPRoute() as ip:
            ip.link(
                "add", ifname=link.parent_interface, kind="veth",
                peer={"ifname": UPLINK, "net_ns_fd": str(namespace(directory, link.child))},
            )  # fmt: skip
    for node in topology.nodes.values():
        with _inside(directory, node.name), IPRoute() as ip:
            _configure(ip, topology, node)


@contextmanager
def _inside(directory: Path, node: str) -> Iterator[None]:
    """Be in the node's network namespace for a while, with this thread only."""
    here = os.open("/proc/thread-self/ns/net", os.O_RDONLY | os.O_CLOEXEC)
    try:
        netns.setns(str(namespace(directory, node)))
        yield
    finally:
        netns.setns(here)
        os.close(here)


def _configure(ip: IPRoute, topology: Topology, node: Node) -> None:
    """Set sysctls, addresses and routes of the namespace that ``ip`` and this thread are in."""
    for name, value in (_SYSCTLS | (_FORWARD if node.role in _FORWARDING_ROLES else {})).items():
        Path("/proc/sys", name).write_text(value, encoding="ascii")
    index = {link.get_attr("IFLA_IFNAME"): link["index"] for link in ip.get_links()}
    ip.link("set", index=index["lo"], state="up")
    if node.role != "agent":
        ip.addr("add", index=index["lo"], address=node.address, prefixlen=32)
    for link in topology.links:
        if node.name in {link.parent, link.child}:
            _attach(ip, index, link, node)
    for route in topology.routes(node.name):
        ip.route("add", dst=route.destination, gateway=route.via, prefsrc=node.address)


def _attach(ip: IPRoute, index: dict[str, int], link: Link, node: Node) -> None:
    is_parent = node.name == link.parent
    interface = index[link.parent_interface if is_parent else UPLINK]
    address = link.parent_address if is_parent else link.child_address
    ip.addr("add", index=interface, address=address, prefixlen=link.prefix_length)
    ip.link("set", index=interface, state="up")
