"""The province as data: what a person writes in ``province.yml``.

Frozen structs and nothing else: no I/O, no clock. Units stand in names. ``load.py`` reads a file
into :class:`Inventory` and reports every error at once; ``graph.py`` derives components and paths.
``say`` names the sentence of the catalogues that tells people what a pattern wants.
"""

from datetime import date, datetime
from typing import Annotated, Any, Final, Literal

import msgspec
from msgspec import Meta

Id = Annotated[str, Meta(pattern=r"^[a-z0-9][a-z0-9-]{0,62}\Z", extra={"say": "inventory.expected_id"})]
CommuneCode = Annotated[str, Meta(pattern=r"^[0-9]{5}\Z", extra={"say": "inventory.expected_commune_code"})]
Positive = Annotated[float, Meta(gt=0)]
Ratio = Annotated[float, Meta(gt=0, le=1)]
TimeRange = Annotated[
    str,
    Meta(
        pattern=r"^([01][0-9]|2[0-3]):[0-5][0-9]-(([01][0-9]|2[0-3]):[0-5][0-9]|24:00)\Z",
        extra={"say": "inventory.expected_time_range"},
    ),
]
Clock = Annotated[
    str, Meta(pattern=r"^([01][0-9]|2[0-3]):[0-5][0-9]\Z", extra={"say": "inventory.expected_clock"})
]
ShortText = Annotated[str, Meta(min_length=1, max_length=200)]
_SOME: Final = Meta(min_length=1)

Weekday = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
SegmentKind = Literal["area", "pop", "ring", "wan", "dns", "host", "datacentre"]
Technology = Literal["tslcd", "ftth", "leased", "4g", "5g", "satellite", "other"]
Transport = Literal["push", "scrape"]
Language = Literal["vi", "en"]
Kind = Literal[
    "power", "area", "lan", "agent", "line", "pop", "ring", "isp", "hub", "wan", "dns", "host", "datacentre",
    "system",
]  # fmt: skip
"""Kinds of component, the values of ``names.ComponentKind``."""
Severity = Literal["ticket", "page"]


class _Base(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True, omit_defaults=True):
    """What all inventory records share: immutable, and an unknown key is an error."""


class Text(_Base, frozen=True, kw_only=True):
    """A name in both languages. In the file a plain string stands for the same text in both."""

    vi: ShortText
    en: ShortText


class Contact(_Base, frozen=True, kw_only=True):
    """Somebody to call. ``phone`` as it is dialled; ``zalo`` is a chat id of the Zalo bot; ``addresses`` are
    their own on channels that write to persons, by channel id, before ``email`` and ``zalo``."""

    id: Id
    name: Text
    phone: str | None = None
    email: str | None = None
    zalo: str | None = None
    addresses: dict[Id, ShortText] = {}
    note: str | None = None


class Province(_Base, frozen=True, kw_only=True):
    code: Annotated[str, Meta(pattern=r"^[0-9]{2}\Z", extra={"say": "inventory.expected_province_code"})]
    name: ShortText
    timezone: str = "Asia/Ho_Chi_Minh"


class Reflector(_Base, frozen=True, kw_only=True):
    """What the hub runs as the far end of measurements (`thongsuot reflect`). Files are at each agent.

    ``stamp_port`` is where RFC 8762 packets are reflected, ``stamp_key_file`` holds the key where they
    are authenticated; ``throughput_url`` is where goodput is measured, absent: nowhere, and
    ``throughput_hours`` when, by the province's clock. At the hub the token file has every site's token,
    one a line, ``throughput_certificate_file`` certificate and key (absent with https: something else
    serves the tests there), and ``throughput_mbps_max`` is what the tests of one token may take.
    """

    stamp_port: Annotated[int, Meta(ge=1, le=65535)] = 862
    stamp_key_file: ShortText | None = None
    stamp_packets_per_second: Annotated[float, Meta(ge=1, le=100)] = 10
    throughput_url: ShortText | None = None
    throughput_token_file: ShortText | None = None
    throughput_hours: TimeRange = "22:00-05:00"
    throughput_certificate_file: ShortText | None = None
    throughput_mbps_max: Positive | None = None
    ca_file: ShortText | None = None


class Ingest(_Base, frozen=True, kw_only=True):
    """The gateway that stands before Prometheus (`thongsuot ingest`). Files are at the hub.

    ``client_ca_file`` lets agents in by certificates of that authority too, ``client_crl_file`` names those
    that it took back; ``plain_http`` is for a TLS proxy in front, or a laboratory.
    """

    certificate_file: ShortText | None = None
    certificate_key_file: ShortText | None = None
    client_ca_file: ShortText | None = None
    client_crl_file: ShortText | None = None
    plain_http: bool = False


class Hub(_Base, frozen=True, kw_only=True):
    """The provincial hub. ``address`` is what agents ping as the far end of their line."""

    id: Id = "main"
    name: Text
    address: ShortText  # IPv4, IPv6 or name, as agents reach it
    remote_write_url: ShortText  # where agents push
    agent_token_file: ShortText | None = None  # at each agent: its bearer token for that URL
    agent_ca_file: ShortText | None = None  # at each agent: the authority that signed the hub's certificate
    agent_certificate_file: ShortText | None = None  # at each agent, in place of a token
    agent_certificate_key_file: ShortText | None = None
    ingest: Ingest | None = None
    reflector: Reflector | None = None
    contact: Id | None = None


class Carrier(_Base, frozen=True, kw_only=True):
    """An ISP: component ``isp:<id>``. ``checkpoint`` is an address of its core that answers ping."""

    id: Id
    name: Text
    contact: Id | None = None
    checkpoint: str | None = None


class Segment(_Base, frozen=True, kw_only=True):
    """Something that several paths share: component ``<kind>:<id>``."""

    id: Id
    kind: SegmentKind
    name: Text
    carrier: Id | None = None
    contact: Id | None = None
    checkpoint: str | None = None


class Snmp(_Base, frozen=True, kw_only=True):
    """How a router is asked. Secrets stand in files at the agent, never here."""

    address: ShortText
    port: Annotated[int, Meta(ge=1, le=65535)] = 161
    version: Literal["2c", "3"] = "2c"
    community_file: ShortText | None = None
    user: Annotated[str, Meta(min_length=1, max_length=32)] | None = None
    auth_protocol: Literal["md5", "sha", "sha224", "sha256", "sha384", "sha512"] | None = None
    auth_key_file: ShortText | None = None
    privacy_protocol: Literal["des", "aes", "aes192", "aes256"] | None = None
    privacy_key_file: ShortText | None = None


class Traffic(_Base, frozen=True, kw_only=True):
    """Whose octets are a line's: an interface of the commune's router, or of the agent's own machine
    where there is no ``snmp``. ``facing`` out: the interface towards the carrier; in: towards the LAN."""

    interface: ShortText
    facing: Literal["out", "in"] = "out"
    snmp: Snmp | None = None


class Cellular(_Base, frozen=True, kw_only=True):
    """A modem that ModemManager knows: its index or path, or any."""

    modem: ShortText = "any"


class Power(_Base, frozen=True, kw_only=True):
    """What knows whether the site is on mains: the machine's battery, or a UPS behind NUT (``ups``)."""

    source: Literal["battery", "nut"] = "battery"
    ups: ShortText | None = None


class Line(_Base, frozen=True, kw_only=True):
    """A line of a commune: component ``line:<code>/<id>``.

    ``segments`` are the shared ones that it runs through, in order from the commune to the hub
    (pop, ring, wan ...). ``router`` is the address by which the hub pings it from outside.
    ``source`` is the agent's own address or interface that leaves by this line.
    """

    id: Id = "main"
    carrier: Id
    technology: Technology = "tslcd"
    down_mbps: Positive
    up_mbps: Positive
    shared: bool = False
    segments: tuple[Id, ...] = ()
    router: str | None = None
    source: str | None = None
    sla_target: Ratio | None = None
    contract: ShortText | None = None  # its number, as the carrier's desk asks for it
    rtt_ms_max: Positive | None = None  # this line's contract; absent: quality's
    loss_ratio_max: Ratio | None = None
    traffic: Traffic | None = None
    cellular: Cellular | None = None
    test_budget_gigabytes_per_month: Annotated[float, Meta(ge=0, le=10000)] = 5


class Commune(_Base, frozen=True, kw_only=True):
    """A commune with its agent. Components: power, lan and agent ``:<code>``, and its lines."""

    code: CommuneCode
    name: ShortText
    latitude: Annotated[float, Meta(ge=-90, le=90)] | None = None
    longitude: Annotated[float, Meta(ge=-180, le=180)] | None = None
    dossiers_per_day: Annotated[float, Meta(ge=0)] = 0
    calendar: Id | None = None
    contact: Id | None = None
    gateway: str | None = None  # the LAN's router as the agent sees it
    area: Id | None = None  # power area, a segment of kind area
    transport: Transport = "push"
    scrape_address: str | None = None  # host:port, only with transport: scrape
    power: Power | None = None
    lines: Annotated[tuple[Line, ...], _SOME]


class Check(_Base, frozen=True, kw_only=True):
    """How a system is checked. ``options`` are the probe's own and are validated by rendering."""

    kind: Id
    address: ShortText  # a URL for http, host:port for tcp, host for icmp
    interval_seconds: Annotated[float, Meta(ge=1, le=3600)] | None = None
    timeout_seconds: Annotated[float, Meta(gt=0, le=60)] | None = None
    options: dict[str, Any] = {}


class System(_Base, frozen=True, kw_only=True):
    """An interconnected system: component ``system:<id>``.

    ``path`` lists the segments between hub and system (wan, dns, datacentre, host), nearest first.
    """

    id: Id
    name: Text
    owner: Text
    contact: Id | None = None
    check: Check
    path: tuple[Id, ...] = ()
    sla_target: Ratio | None = None
    slow_seconds: Positive | None = None  # its check is slow above this; absent: quality's


class Calendar(_Base, frozen=True, kw_only=True):
    """Service hours. ``holidays: VN`` closes Vietnam's public holidays; ``closed`` and ``open``
    override single days, since swap days are decreed each year."""

    id: Id
    name: Text
    hours: dict[Weekday, tuple[TimeRange, ...]]
    holidays: Literal["VN"] | None = None
    closed: tuple[date, ...] = ()
    open: tuple[date, ...] = ()


class Maintenance(_Base, frozen=True, kw_only=True):
    """A planned interruption of components (ids such as ``system:ho-tich``). Times with zone."""

    id: Id
    components: Annotated[tuple[str, ...], _SOME]
    starts: datetime
    ends: datetime
    reason: Text


class Cover(_Base, frozen=True, kw_only=True):
    """Somebody stands in for the rotation: from the handover of the first day to that after the last."""

    starts: date
    ends: date
    contact: Id


class Escalation(_Base, frozen=True, kw_only=True):
    """Whom to tell when nobody has acknowledged for so long since the step before. Without ``contact`` the
    next one of the rotation; without ``channels`` those of the page."""

    after_minutes: Positive = 15
    contact: Id | None = None
    channels: tuple[Id, ...] = ()


class OnCall(_Base, frozen=True, kw_only=True):
    """Who answers, by turns of a week or a day from ``starts``; ``handover`` is local time.

    On days that ``calendar`` closes, ``days_off`` take turns day by day, where it names anybody; ``cover``
    goes before both. ``escalate_to`` after ``escalate_after_minutes`` is short for one step of
    ``escalation``. After the last step it is repeated every ``repeat_minutes``, ``repeat_times`` times.
    """

    rotation: Annotated[tuple[Id, ...], _SOME]
    starts: date
    handover: Clock = "07:30"
    every: Literal["week", "day"] = "week"
    calendar: Id | None = None
    days_off: tuple[Id, ...] = ()
    cover: tuple[Cover, ...] = ()
    escalate_to: Id | None = None
    escalate_after_minutes: Positive = 15
    escalation: tuple[Escalation, ...] = ()
    repeat_minutes: Positive | None = None
    repeat_times: Annotated[int, Meta(ge=1, le=20)] = 3


class Channel(_Base, frozen=True, kw_only=True):
    """A way to reach people. ``options`` are the channel's own; secrets only as file names or
    names of environment variables, never as values.

    It carries what is at least as severe as ``severity``, about one of ``kinds`` (empty: all), and hits
    communes with at least so many dossiers a day; ``escalation_only`` channels carry only the steps that
    name them. With ``to_persons`` a page goes to whoever is on call, and a step to whom it calls, by their
    own address; ``options`` say who is told where they have none, and of tickets.
    """

    id: Id
    kind: Id
    languages: Annotated[tuple[Language, ...], _SOME] = ("vi", "en")
    severity: Severity = "ticket"
    kinds: tuple[Kind, ...] = ()
    least_dossiers_per_day: Annotated[float, Meta(ge=0)] = 0
    escalation_only: bool = False
    to_persons: bool = False
    options: dict[str, Any] = {}


class Damping(_Base, frozen=True, kw_only=True):
    """When something that comes and goes is no longer told each time (after RFC 2439). Each outage adds 1
    to a penalty that halves every ``half_life_minutes``; from ``suppress`` on it is told to be flapping,
    once, until below ``reuse``, which takes at most ``longest_minutes``. What lasts ``steady_minutes`` is
    told all the same."""

    half_life_minutes: Positive = 10
    suppress: Annotated[float, Meta(gt=1)] = 2.5
    reuse: Positive = 1
    longest_minutes: Positive = 60
    steady_minutes: Positive = 5


class Storm(_Base, frozen=True, kw_only=True):
    """When many sites fail at once for no common cause, one message tells of them all: from ``outages`` on
    that begin within ``wait_seconds`` of the one before; what follows within ``join_seconds`` joins it.
    0 seconds: never."""

    outages: Annotated[int, Meta(ge=2)] = 5
    wait_seconds: Annotated[float, Meta(ge=0, le=30)] = 2
    join_seconds: Annotated[float, Meta(ge=0, le=600)] = 60


class Digest(_Base, frozen=True, kw_only=True):
    """Tickets gathered in one message a day, at a local time, on the days that ``calendar`` opens."""

    at: Clock = "08:00"
    calendar: Id | None = None


class OfficeHours(_Base, frozen=True, kw_only=True):
    """Outages of only these kinds, hitting no commune whose office is open, wait as tickets until one opens;
    unless these communes handle at least ``unless_dossiers_per_day``."""

    kinds: Annotated[tuple[Kind, ...], _SOME]
    unless_dossiers_per_day: Positive | None = None


class Notify(_Base, frozen=True, kw_only=True):
    """How people are told. Without ``digest`` tickets go at once; with ``answer_url``, the address of the
    receiver's answering page as phones reach it, messages carry a link to acknowledge and silence."""

    damping: Damping = Damping()
    storm: Storm = Storm()
    digest: Digest | None = None
    office_hours: OfficeHours | None = None
    answer_url: ShortText | None = None
    answer_link_hours: Annotated[float, Meta(gt=0, le=720)] = 72


class Probing(_Base, frozen=True, kw_only=True):
    """Intervals and deadlines (design: measuring). Deadlines of locator probes are at most 2 s."""

    interval_seconds: Annotated[float, Meta(ge=1, le=300)] = 5
    outside_in_seconds: Annotated[float, Meta(ge=1, le=300)] = 2.5  # pings of the hub's own agent
    timeout_seconds: Annotated[float, Meta(gt=0, le=2)] = 2
    heartbeat_seconds: Annotated[float, Meta(ge=1, le=60)] = 2
    state_push_seconds: Annotated[float, Meta(ge=1, le=60)] = 5
    detail_push_seconds: Annotated[float, Meta(ge=5, le=600)] = 30


class Quality(_Base, frozen=True, kw_only=True):
    """When a line is slow, lossy, congested or under its contract. Editable defaults.

    Round trip and contracted share: QCVN 34 (2019 version). Chronic congestion: Circular
    06/2026/TT-BKHCN, Art. 5.6: the 95th percentile per direction of 5-minute samples over 7 days. No
    official signal threshold exists.

    What is far above its own last 7 days is bad too, within its limit as it may be: by ``rtt_times_usual``
    and at least ``rtt_ms_above_usual``, by ``loss_ratio_above_usual``; a system by ``system_times_usual``
    and at least ``system_seconds_above_usual``.
    """

    rtt_ms_max: Positive = 50
    loss_ratio_max: Ratio = 0.01
    jitter_ms_max: Positive = 30
    contracted_ratio_min: Ratio = 0.8
    congested_now_ratio: Ratio = 0.9
    congestion_percentile: Ratio = 0.95
    congestion_ratio_max: Ratio = 0.9
    congestion_days: Annotated[int, Meta(ge=1, le=31)] = 7
    weak_rsrp_dbm: Annotated[float, Meta(ge=-160, le=-40)] = -110
    rtt_times_usual: Annotated[float, Meta(gt=1)] = 2
    rtt_ms_above_usual: Positive = 15
    loss_ratio_above_usual: Ratio = 0.005
    system_slow_seconds: Positive = 1
    system_times_usual: Annotated[float, Meta(gt=1)] = 3
    system_seconds_above_usual: Positive = 0.3


class Upkeep(_Base, frozen=True, kw_only=True):
    """When what has to be renewed in time is told: certificates as a ticket, then a page in service hours;
    agents of another version than the hub's; spools by how full they are."""

    certificate_ticket_days: Annotated[float, Meta(gt=0, le=365)] = 21
    certificate_page_days: Annotated[float, Meta(gt=0, le=365)] = 3
    agent_outdated_days: Annotated[float, Meta(gt=0, le=365)] = 7
    spool_full_ratio: Ratio = 0.8


class Storage(_Base, frozen=True, kw_only=True):
    """One number each: the out-of-order window is rendered as ``spool_days`` plus one.

    ``spool_megabytes`` bounds what an agent keeps on its disk; ``backlog_share`` is how much of a line's
    contracted rate what was kept may take on its way to the hub.
    """

    spool_days: Annotated[float, Meta(ge=1, le=60)] = 14
    spool_megabytes: Annotated[float, Meta(ge=8, le=100_000)] = 256
    backlog_share: Annotated[float, Meta(ge=0.01, le=1)] = 0.1
    retention_days: Annotated[float, Meta(ge=1, le=3650)] = 100


class Inventory(_Base, frozen=True, kw_only=True):
    version: Literal[1]
    province: Province
    hub: Hub
    contacts: tuple[Contact, ...] = ()
    carriers: Annotated[tuple[Carrier, ...], _SOME]
    segments: tuple[Segment, ...] = ()
    communes: Annotated[tuple[Commune, ...], _SOME]
    systems: tuple[System, ...]
    calendars: tuple[Calendar, ...] = ()
    maintenance: tuple[Maintenance, ...] = ()
    oncall: OnCall | None = None
    notify: Notify = Notify()
    channels: tuple[Channel, ...] = ()
    dead_mans_switch_url_file: str | None = None
    runbook_base_url: str | None = None
    probing: Probing = Probing()
    quality: Quality = Quality()
    upkeep: Upkeep = Upkeep()
    storage: Storage = Storage()
