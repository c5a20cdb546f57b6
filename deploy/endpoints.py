"""Where the parts of the hub listen, and how they reach each other."""

import ipaddress

import msgspec

from common.web import parse_listen

PORT_BASE = 9490


class Endpoints(msgspec.Struct, frozen=True, kw_only=True):
    """Listen addresses, ``host:port``. Everything but the gateway (``ingest``) and the wall is loopback.

    An empty ``ingest``: the gateway runs by itself, not as a part of this hub.
    """

    prometheus: str = f"127.0.0.1:{PORT_BASE}"
    locator: str = f"127.0.0.1:{PORT_BASE + 1}"
    alertmanager: str = f"127.0.0.1:{PORT_BASE + 3}"
    receiver: str = f"127.0.0.1:{PORT_BASE + 4}"
    wall: str = f"127.0.0.1:{PORT_BASE + 5}"
    agent: str = f"127.0.0.1:{PORT_BASE + 6}"
    supervisor: str = f"127.0.0.1:{PORT_BASE + 7}"
    ingest: str = f"0.0.0.0:{PORT_BASE + 9}"
    ingest_page: str = f"127.0.0.1:{PORT_BASE + 2}"
    reflector: str = f"127.0.0.1:{PORT_BASE + 8}"  # its own pages; test packets come to the inventory's port
    answers: str = f"127.0.0.1:{PORT_BASE + 10}"  # the page behind links in messages; a proxy brings phones


def endpoints(
    base: int = PORT_BASE, prometheus: str | None = None, wall: str | None = None, ingest: str | None = None
) -> Endpoints:
    """Return the addresses of a stack whose ports start at ``base``. Raises common.web.ListenError."""
    if not 1 <= base <= 65535 - 10:
        raise ValueError(base)

    def local(offset: int) -> str:
        return f"127.0.0.1:{base + offset}"

    for chosen in (prometheus, wall, ingest):
        if chosen:
            parse_listen(chosen)
    return Endpoints(
        prometheus=prometheus or local(0),
        locator=local(1),
        alertmanager=local(3),
        receiver=local(4),
        wall=wall or local(5),
        agent=local(6),
        supervisor=local(7),
        reflector=local(8),
        ingest=f"0.0.0.0:{base + 9}" if ingest is None else ingest,
        ingest_page=local(2),
        answers=local(10),
    )


def reachable(listen: str) -> str:
    """Return ``host:port`` by which this machine reaches what listens on ``listen``.

    >>> reachable("0.0.0.0:9490"), reachable("[::]:9490"), reachable("10.0.0.1:9490")
    ('127.0.0.1:9490', '[::1]:9490', '10.0.0.1:9490')
    """
    host, port = parse_listen(listen)
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return f"{host}:{port}"
    if address.is_unspecified:
        address = ipaddress.ip_address("127.0.0.1" if address.version == 4 else "::1")
    return f"[{address}]:{port}" if address.version == 6 else f"{address}:{port}"


def url(listen: str, path: str = "") -> str:
    """Return the URL of what listens there."""
    return f"http://{reachable(listen)}{path}"
