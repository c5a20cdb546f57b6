"""Every number by which the gateway protects itself and what is behind it, in one place."""

import msgspec


class BodyLimits(msgspec.Struct, frozen=True, kw_only=True):
    """Of one push. An agent's largest has 5,000 series, 1.2 MB, packed into 0.1 MB."""

    body_bytes: int = 1 << 20
    raw_bytes: int = 8 << 20
    series: int = 20_000
    samples: int = 50_000
    labels: int = 32
    name_bytes: int = 128
    value_bytes: int = 1024


class AgentLimits(msgspec.Struct, frozen=True, kw_only=True):
    """Of one commune's agent.

    ``series``: different ones in an hour (an agent has about 1,500). The rates are several times what an
    agent with 14 days of backlog needs, and bound what one that was taken over can do to the hub.
    """

    series: int = 10_000
    requests_per_second: float = 40.0
    bytes_per_second: float = 2e6
    burst_seconds: float = 10.0
    waiting: int = 4


class TimeLimits(msgspec.Struct, frozen=True, kw_only=True):
    """``ahead_seconds``: agents correct clocks that are more than 2 s off, and know the hub's to 1 s."""

    ahead_seconds: float = 5.0
    window_seconds: float = 15 * 86400.0


class Patience(msgspec.Struct, frozen=True, kw_only=True):
    """Seconds. An agent waits 5 s for an answer: it gets one before, whatever the engine does."""

    handshake_seconds: float = 5.0
    silent_seconds: float = 10.0
    body_seconds: float = 10.0
    forward_seconds: float = 4.0
    idle_seconds: float = 90.0


class ServerLimits(msgspec.Struct, frozen=True, kw_only=True):
    """Of the whole gateway. ``strangers``: connections that have not shown credentials yet."""

    connections: int = 2048
    strangers: int = 256
    forwards: int = 8
    backlog_forwards: int = 3
    waiting_bytes: int = 64 << 20
    waiting_backlog_bytes: int = 8 << 20


class Limits(msgspec.Struct, frozen=True, kw_only=True):
    """All of them."""

    body: BodyLimits = BodyLimits()
    agent: AgentLimits = AgentLimits()
    time: TimeLimits = TimeLimits()
    patience: Patience = Patience()
    server: ServerLimits = ServerLimits()
