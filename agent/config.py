"""``agent.yml``: what one agent measures and where it pushes. Rendered from the inventory.

``load.py`` reads a file into :class:`AgentConfig` and reports every error at once.
"""

import hashlib
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

Seconds = Annotated[float, Meta(gt=0, le=86400)]


class _Base(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True, omit_defaults=True):
    """Immutable; an unknown key is an error."""


class AgentTarget(_Base, frozen=True, kw_only=True):
    """One thing to measure.

    ``name`` is unique within the file; ``target`` the component id that the series carries
    (``system:ho-tich``); ``line`` the line by which it is reached, empty when unbound; ``gate`` the
    name of another target (the LAN gateway) without which this one's state is unknown, not down;
    ``on_failure_of`` names one upon whose confirmed failure this one is probed at once, besides its
    interval; ``sla`` marks the one probe per line by which the line is accounted.
    """

    name: Annotated[str, Meta(min_length=1, max_length=120)]
    target: Annotated[str, Meta(min_length=1, max_length=120)]
    probe: Annotated[str, Meta(min_length=1, max_length=40)]
    address: Annotated[str, Meta(min_length=1, max_length=2000)]
    commune: str = ""
    line: str = ""
    source: str | None = None
    interval_seconds: Annotated[float, Meta(ge=0.2, le=86400)] = 5
    timeout_seconds: Annotated[float, Meta(gt=0, le=60)] = 2
    gate: str | None = None
    on_failure_of: str | None = None
    sla: bool = False
    options: dict[str, Any] = {}

    @property
    def identity(self) -> str:
        """What tells this target's series from all others; the key of its state counters."""
        return identity(self.target, self.probe, self.commune, self.line)


def identity(target: str, probe: str, commune: str = "", line: str = "") -> str:
    """Return what :attr:`AgentTarget.identity` is for a target with these."""
    return "|".join((commune, line, target, probe))


class Push(_Base, frozen=True, kw_only=True):
    """Remote write (https://prometheus.io/docs/specs/prw/remote_write_spec/) in two tiers.

    ``backlog_bytes_per_second`` bounds what waited for the hub, once it is back; live data is not bounded.
    """

    url: Annotated[str, Meta(pattern=r"^https?://", extra={"say": "agent.expected_url"})]
    bearer_token_file: str | None = None
    ca_file: str | None = None
    certificate_file: str | None = None
    certificate_key_file: str | None = None
    heartbeat_seconds: Seconds = 2
    state_seconds: Seconds = 5
    detail_seconds: Seconds = 30
    timeout_seconds: Seconds = 5
    backlog_bytes_per_second: Annotated[float, Meta(ge=1000, le=1e10)] = 125_000


class Spool(_Base, frozen=True, kw_only=True):
    """What waits on disk for the hub is bounded by size and age. The hub takes what is up to a day older
    than ``days`` (its out-of-order window is rendered from the same number)."""

    megabytes: Annotated[float, Meta(ge=8, le=100_000)] = 256
    days: Annotated[float, Meta(ge=1, le=60)] = 14


class Fetch(_Base, frozen=True, kw_only=True):
    """Where this file's successor comes from: the hub's gateway is asked every ``seconds`` at the latest."""

    url: Annotated[str, Meta(pattern=r"^https?://", extra={"say": "agent.expected_url"})]
    bearer_token_file: str | None = None
    ca_file: str | None = None
    certificate_file: str | None = None
    certificate_key_file: str | None = None
    seconds: Annotated[float, Meta(ge=5, le=86400)] = 60


class AgentConfig(_Base, frozen=True, kw_only=True):
    """The whole file. ``commune`` is empty for the hub's own agent, whose ``site`` is ``hub``.

    ``reflect``: where test packets of others are answered (RFC 8762, UDP), as by ``thongsuot reflect``;
    ``reflect_key_file``: answer only those authenticated with this key. ``max_concurrent_probes`` saves the
    machine from a mistake; where it is less than what waits for answers when all is dark, what still answers
    is probed late.
    """

    version: Literal[1]
    site: Annotated[str, Meta(min_length=1, max_length=40)]
    commune: str = ""
    listen: str = "127.0.0.1:9465"
    state_directory: str | None = None
    reflect: str | None = None
    reflect_key_file: str | None = None
    max_concurrent_probes: Annotated[int, Meta(ge=1, le=20_000)] = 256
    push: Push | None = None
    spool: Spool = Spool()
    fetch: Fetch | None = None
    targets: tuple[AgentTarget, ...] = ()


def version_of(config: AgentConfig) -> str:
    """Return what names the content of a configuration, the same at the hub and at the agent: what a
    machine decides for itself (addresses of its own, where its files lie) is left out."""
    none = dict.fromkeys(("bearer_token_file", "ca_file", "certificate_file", "certificate_key_file"))
    push = msgspec.structs.replace(config.push, **none) if config.push else None
    fetch = msgspec.structs.replace(config.fetch, **none) if config.fetch else None
    shared = msgspec.structs.replace(
        config, listen="", state_directory=None, max_concurrent_probes=1, push=push, fetch=fetch
    )
    same = msgspec.convert(msgspec.to_builtins(shared), AgentConfig)  # 5 made in code, 5.0 read from a file
    return hashlib.sha256(msgspec.json.encode(same, order="sorted")).hexdigest()[:12]
