"""Every metric, label, component kind and failure reason, in one leaf module.

Nothing else in the project spells a metric or label name: probes, rules, boards and reports import
them from here, and ``docs/metrics.md`` is generated from here. Base units, ``_total`` on counters
(https://prometheus.io/docs/practices/naming/).
"""

from enum import StrEnum
from typing import Final, Literal

import msgspec

JOB_AGENT: Final = "thongsuot-agent"
JOB_HUB: Final = "thongsuot-hub"
HUB_SITE: Final = "hub"
"""Value of the ``site`` label for everything that the hub's own agent measures."""


class ComponentKind(StrEnum):
    """Whatever fails alone and has somebody to call. Closed list (design: inventory)."""

    POWER = "power"
    AREA = "area"
    LAN = "lan"
    AGENT = "agent"
    LINE = "line"
    POP = "pop"
    RING = "ring"
    ISP = "isp"
    HUB = "hub"
    WAN = "wan"
    DNS = "dns"
    HOST = "host"
    DATACENTRE = "datacentre"
    SYSTEM = "system"


class Reason(StrEnum):
    """Why a measurement failed. Closed list: a reason is evidence for locating, never free text.

    ``refused``, ``tls``, ``status``, ``body``, ``maintenance`` and ``stalled`` prove that packets passed;
    ``dns`` speaks about name resolution only; ``local`` is the agent's own machine (no route,
    no address, no permission) and makes a target's state unknown, not down.
    """

    OK = "ok"
    TIMEOUT = "timeout"  # nothing came back before the deadline
    UNREACHABLE = "unreachable"  # ICMP said so (RFC 792, RFC 4443)
    REFUSED = "refused"  # TCP RST to our SYN
    RESET = "reset"  # connection broken off midway
    STALLED = "stalled"  # connected, then no complete answer before the deadline
    DNS = "dns"  # the name did not resolve
    TLS = "tls"  # handshake or certificate refused
    STATUS = "status"  # HTTP status not expected
    BODY = "body"  # expected text missing, or forbidden text present
    MAINTENANCE = "maintenance"  # a page that says that the system is under maintenance
    REDIRECT = "redirect"  # too many, or a redirect that is not allowed
    PROTOCOL = "protocol"  # an answer that breaks its protocol
    TOO_LARGE = "too_large"  # an answer over the size limit
    AUTH = "auth"  # the peer knows us not, or our key is not its key
    LOCAL = "local"  # the agent's own interface, route or permission
    DEFERRED = "deferred"  # not measured now, on purpose: line busy, budget spent, no lease, off hours


class State(StrEnum):
    """Confirmed state of a target."""

    UP = "up"
    DOWN = "down"
    UNKNOWN = "unknown"


class LineVerdict(StrEnum):
    """What is wrong with a line that carries. Closed list, the gravest first."""

    CONGESTED = "congested"  # now
    CHRONIC = "chronic"  # congested in the sense of the regulation, over days
    LOSSY = "lossy"
    SLOW = "slow"
    JITTERY = "jittery"
    UNDER_CONTRACT = "under_contract"  # measured goodput against the contracted rate
    WEAK_SIGNAL = "weak_signal"


class DeadZone(StrEnum):
    """Why a commune is a chronic dead zone (``alerts/deadzone.py``). Closed list, measured ones first."""

    AVAILABILITY = "availability"  # every line of it, surely, too often down
    WEAK_SIGNAL = "weak_signal"  # and no fixed line
    NEVER_REPORTED = "never_reported"


class Label(StrEnum):
    """Label names. Identity labels first: the same whether pushed or scraped."""

    JOB = "job"
    INSTANCE = "instance"
    SITE = "site"  # who measured: commune code, or "hub"
    COMMUNE = "commune"  # whom it is about
    LINE = "line"
    TARGET = "target"  # component or system id
    PROBE = "probe"  # kind of probe
    RESULT = "result"
    STATE = "state"
    PHASE = "phase"
    REASON = "reason"
    COMPONENT = "component"
    KIND = "kind"
    DIRECTION = "direction"  # up: from the commune to the hub; down: to the commune
    VERDICT = "verdict"
    POSITION = "position"
    RESOLVER = "resolver"


TARGET_LABELS: Final = (Label.LINE, Label.TARGET, Label.PROBE)
"""Labels of a per-target series besides the identity of the site (job, instance, site, commune)."""

MetricType = Literal["counter", "gauge", "histogram", "info"]
Source = Literal["agent", "hub"]


class Metric(msgspec.Struct, frozen=True):
    """One metric family. ``labels`` are those beyond job, instance, site and commune; ``buckets`` a
    histogram's upper bounds, ascending and without infinity."""

    name: str
    type: MetricType
    help: str
    labels: tuple[str, ...] = ()
    source: Source = "agent"
    buckets: tuple[float, ...] = ()


_T = tuple(str(label) for label in TARGET_LABELS)


def _agent(name: str, type_: MetricType, help_: str, *labels: str) -> Metric:
    return Metric(name, type_, help_, labels)


def _target(name: str, type_: MetricType, help_: str, *labels: str) -> Metric:
    return Metric(name, type_, help_, (*_T, *labels))


def _hub(name: str, type_: MetricType, help_: str, *labels: str) -> Metric:
    return Metric(name, type_, help_, labels, "hub")


# --- per target, kept by the harness for every kind of probe -------------------------------------
PROBE_SUCCESS = _target("probe_success", "gauge", "Whether the last probe succeeded (1) or failed (0)")
PROBE_DURATION = _target("probe_duration_seconds", "gauge", "How long the last probe took")
PROBE_RESULTS = _target(
    "thongsuot_probe_results_total",
    "counter",
    "Probes completed, by result: ok or the reason of failure",
    "result",
)
TARGET_UP = _target(
    "thongsuot_target_up", "gauge", "Confirmed state: 1 up, 0 down; absent while it is unknown"
)
TARGET_STATE_SECONDS = _target(
    "thongsuot_target_state_seconds_total",
    "counter",
    "Seconds spent in each confirmed state; integrates through outages and restarts",
    "state",
)
TARGET_STATE_CHANGED = _target(
    "thongsuot_target_state_changed_timestamp_seconds",
    "gauge",
    "Unix time of the last confirmed change of state",
)

# --- probe specific, under the names that the ecosystem knows ------------------------------------
PROBE_IP_PROTOCOL = _target("probe_ip_protocol", "gauge", "IP version used by the last probe, 4 or 6")
PROBE_ICMP_DURATION = _target(
    "probe_icmp_duration_seconds",
    "gauge",
    "Duration of the last ICMP probe by phase: resolve, and rtt, the median of the burst",
    "phase",
)
PROBE_ICMP_HOP_LIMIT = _target(
    "probe_icmp_reply_hop_limit", "gauge", "TTL or hop limit of the last echo reply"
)
PROBE_TCP_DURATION = _target(
    "probe_tcp_duration_seconds",
    "gauge",
    "Duration of the last TCP probe by phase (resolve, connect, tls, exchange)",
    "phase",
)
PROBE_HTTP_DURATION = _target(
    "probe_http_duration_seconds",
    "gauge",
    "Duration of the last HTTP probe by phase (resolve, connect, proxy, tls, processing, transfer)",
    "phase",
)
PROBE_HTTP_STATUS = _target(
    "probe_http_status_code", "gauge", "HTTP status of the last answer, 0 without one"
)
PROBE_HTTP_REDIRECTS = _target("probe_http_redirects", "gauge", "Redirects followed by the last probe")
PROBE_HTTP_LENGTH = _target("probe_http_uncompressed_body_length", "gauge", "Bytes of the last answer's body")
PROBE_SSL_EXPIRY = _target(
    "probe_ssl_earliest_cert_expiry", "gauge", "Unix time at which the first certificate of the chain expires"
)

# --- http: what an answer, its certificates and its connection say --------------------------------
PROBE_HTTP_CONTENT_LENGTH = _target(
    "probe_http_content_length", "gauge", "Length that the last answer declares; -1 when it declares none"
)
PROBE_HTTP_VERSION = _target("probe_http_version", "gauge", "HTTP version of the last answer, such as 1.1")
PROBE_HTTP_SSL = _target("probe_http_ssl", "gauge", "Whether the last answer came under TLS (1) or not (0)")
PROBE_FAILED_REGEX = _target(
    "probe_failed_due_to_regex",
    "gauge",
    "Whether the last probe failed (1) because of what stands in page or header",
)
PROBE_HTTP_LAST_MODIFIED = _target(
    "probe_http_last_modified_timestamp_seconds", "gauge", "Unix time of the last answer's Last-Modified"
)
TCP_RTT = _target(
    "thongsuot_tcp_rtt_seconds",
    "gauge",
    "Smoothed round-trip time of the last probe's connection, as the kernel measured it",
)
TCP_RETRANSMITS = _target(
    "thongsuot_tcp_retransmits_total",
    "counter",
    "TCP segments sent again by the connections of probes, as the kernel counted them",
)

# --- names, certificates, clocks and mail (dns, tls, ntp, smtp, tcp) --------------------------------
DNS_ANSWER_STALE = _target(
    "thongsuot_dns_answer_stale",
    "gauge",
    "1 while name servers fail and the last good answer leads to the target; absent without a name",
)
PROBE_DNS_DURATION = _target(
    "probe_dns_duration_seconds",
    "gauge",
    "Duration of the last DNS request by phase (resolve, connect, request)",
    "phase",
)
PROBE_DNS_ANSWERS = _target(
    "probe_dns_answer_rrs", "gauge", "Resource records in the answer section of the last DNS answer"
)
PROBE_DNS_AUTHORITIES = _target(
    "probe_dns_authority_rrs", "gauge", "Resource records in the authority section of the last DNS answer"
)
PROBE_DNS_ADDITIONALS = _target(
    "probe_dns_additional_rrs", "gauge", "Resource records in the additional section of the last DNS answer"
)
PROBE_DNS_SUCCEEDED = _target(
    "probe_dns_query_succeeded", "gauge", "Whether a name server gave a valid answer (1), right or wrong"
)
PROBE_DNS_SERIAL = _target("probe_dns_serial", "gauge", "Serial number of the zone, of an SOA answer")
DNS_RCODE = _target(
    "thongsuot_dns_rcode",
    "gauge",
    "Response code of the last DNS answer (0 noerror, 2 servfail, 3 nxdomain, 5 refused); absent without one",
)
DNS_TTL = _target(
    "thongsuot_dns_answer_ttl_seconds", "gauge", "Shortest time to live among the records of the last answer"
)
DNS_RESOLVER_UP = _target(
    "thongsuot_dns_resolver_up",
    "gauge",
    "1 while a name server gives answers, right or wrong; 0 while it is silent or says that it failed",
    "resolver",
)
PROBE_SSL_CHAIN_EXPIRY = _target(
    "probe_ssl_last_chain_expiry_timestamp_seconds",
    "gauge",
    "Unix time at which the first certificate of the verified chain, its root included, expires",
)
PROBE_SSL_CHAIN_INFO = _target(
    "probe_ssl_last_chain_info",
    "gauge",
    "The certificate that the server presented for itself; always 1",
    "fingerprint_sha256", "subject", "issuer", "subjectalternative", "serialnumber",
)  # fmt: skip
PROBE_TLS_VERSION = _target(
    "probe_tls_version_info", "gauge", "Protocol version that was negotiated; always 1", "version"
)
PROBE_TLS_CIPHER = _target(
    "probe_tls_cipher_info", "gauge", "Cipher suite that was negotiated; always 1", "cipher"
)
TLS_CERTIFICATE_EXPIRY = _target(
    "thongsuot_tls_certificate_expiry_timestamp_seconds",
    "gauge",
    "Unix time at which each certificate that was presented expires; position 0 is the server's own",
    "position",
)
SMTP_DURATION = _target(
    "thongsuot_smtp_duration_seconds",
    "gauge",
    "Duration of the last SMTP probe by phase (resolve, connect, tls, banner, ehlo, starttls, quit)",
    "phase",
)
SMTP_CODE = _target("thongsuot_smtp_reply_code", "gauge", "Reply code of the last SMTP answer, 0 without one")
NTP_OFFSET = _target(
    "thongsuot_ntp_offset_seconds", "gauge", "The time server's clock minus this machine's clock"
)
NTP_DELAY = _target(
    "thongsuot_ntp_delay_seconds", "gauge", "Round trip to the time server without its own processing"
)
NTP_STRATUM = _target(
    "thongsuot_ntp_stratum", "gauge", "Stratum of the time server, 16 when not synchronised"
)
NTP_LEAP = _target(
    "thongsuot_ntp_leap_indicator", "gauge", "0 none, 1 and 2 a leap second today, 3 not synchronised"
)
NTP_ROOT_DELAY = _target(
    "thongsuot_ntp_root_delay_seconds", "gauge", "Round trip from the time server to its primary source"
)
NTP_ROOT_DISPERSION = _target(
    "thongsuot_ntp_root_dispersion_seconds", "gauge", "Error that the time server admits to"
)
NTP_REFERENCE_AGE = _target(
    "thongsuot_ntp_reference_age_seconds", "gauge", "Time since the time server's clock was last set"
)

# --- icmp: what a burst of echo requests tells of a line --------------------------------------------
ICMP_LOSS = _target(
    "thongsuot_icmp_loss_ratio", "gauge", "Packets of the last burst without a reply in time, 0 to 1"
)
ICMP_RTT = _target(
    "thongsuot_icmp_rtt_seconds",
    "gauge",
    "Round-trip time within the last burst (stat: min, mean, max, p50, p95)",
    "stat",
)
ICMP_JITTER = _target(
    "thongsuot_icmp_jitter_seconds",
    "gauge",
    "Variation of the round-trip time (method: rfc3550, smoothed over bursts; mean, absolute, of the burst)",
    "method",
)
ICMP_RTT_DISTRIBUTION = Metric(
    "thongsuot_icmp_rtt_distribution_seconds",
    "histogram",
    "Round-trip time of every echo request that was answered",
    _T,
    # 1-2-5, with the bounds of 30 and 50 ms that regulation and voice are judged by.
    buckets=(0.0002, 0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.03, 0.05, 0.1, 0.2, 0.5, 1.0, 3.0),
)
ICMP_SENT = _target("thongsuot_icmp_packets_sent_total", "counter", "Echo requests sent")
ICMP_LOST = _target(
    "thongsuot_icmp_packets_lost_total", "counter", "Echo requests without a reply before the deadline"
)
ICMP_LATE = _target(
    "thongsuot_icmp_packets_late_total", "counter", "Replies after the deadline, to requests counted as lost"
)
ICMP_DUPLICATE = _target(
    "thongsuot_icmp_packets_duplicate_total", "counter", "Replies to requests that had been answered already"
)
ICMP_REORDERED = _target(
    "thongsuot_icmp_packets_reordered_total",
    "counter",
    "Replies overtaken by one to a later request (RFC 4737)",
)
ICMP_PATH_MTU = _target(
    "thongsuot_icmp_path_mtu_bytes",
    "gauge",
    "Largest IP packet that passes undivided, by the last search; 1500 at most is looked for",
)

# --- trace: the routers on the way ------------------------------------------------------------------
TRACE_HOPS = _target(
    "thongsuot_trace_hops",
    "gauge",
    "Hops to the target, or to the last router that answered; 0 when none did",
)
TRACE_REACHED = _target(
    "thongsuot_trace_reached", "gauge", "Whether the last trace reached the target (1) or not (0)"
)
TRACE_PATH_HASH = _target(
    "thongsuot_trace_path_hash", "gauge", "A number for the path in use: the same number, the same path"
)
TRACE_PATH_CHANGES = _target(
    "thongsuot_trace_path_changes_total",
    "counter",
    "Traces on which a router that had answered before was replaced by another, or the path's length changed",
)
TRACE_LAST_HOP = _target(
    "thongsuot_trace_last_hop_info",
    "gauge",
    "The last router, or the target, that answered; always 1",
    "address",
)

# --- traffic of a line, and which line carries it ------------------------------------------------
TRAFFIC_BYTES = _target(
    "thongsuot_traffic_bytes_total",
    "counter",
    "Bytes that passed the line's interface, link-layer header included, by direction (up, down)",
    "direction",
)
TRAFFIC_PACKETS = _target(
    "thongsuot_traffic_packets_total", "counter", "Packets that passed the line's interface", "direction"
)
TRAFFIC_ERRORS = _target(
    "thongsuot_traffic_errors_total",
    "counter",
    "Packets that the line's interface could not send, or received broken",
    "direction",
)
TRAFFIC_DROPS = _target(
    "thongsuot_traffic_drops_total",
    "counter",
    "Packets without error that the line's interface discarded, as for lack of buffers",
    "direction",
)
TRAFFIC_SPEED = _target(
    "thongsuot_traffic_interface_speed_bytes_per_second",
    "gauge",
    "Nominal speed of the line's interface; absent where it tells none",
)
LINE_CARRYING = _target(
    "thongsuot_line_carrying",
    "gauge",
    "Whether this machine's packets to the hub leave by this line now (1) or by another or none (0)",
)

# --- throughput: what a line carries when asked for all it has ------------------------------------
THROUGHPUT_GOODPUT = _target(
    "thongsuot_throughput_goodput_bytes_per_second",
    "gauge",
    "Payload bytes that arrived per second in the last test, without slow start, by direction (up, down)",
    "direction",
)
THROUGHPUT_BOUND = _target(
    "thongsuot_throughput_goodput_bound_bytes_per_second",
    "gauge",
    "95 % confidence interval of the goodput by direction (up, down) and bound (low, high)",
    "direction", "bound",
)  # fmt: skip
THROUGHPUT_RTT = _target(
    "thongsuot_throughput_rtt_seconds",
    "gauge",
    "Median round trip over the line while idle, and while the test fills it up or down",
    "direction",
)
THROUGHPUT_GRADE = _target(
    "thongsuot_throughput_latency_grade",
    "gauge",
    "Latency added by load: 0 under 5 ms (A+), 1 under 30 (A), 2 under 60 (B), 3 under 200 (C), "
    "4 under 400 (D), 5 from 400 ms (F)",
)
THROUGHPUT_BYTES = _target(
    "thongsuot_throughput_bytes_total", "counter", "Bytes that tests have put on the line, as budgeted"
)
THROUGHPUT_BUDGET = _target(
    "thongsuot_throughput_budget_remaining_bytes", "gauge", "Bytes left of this month's budget for tests"
)
THROUGHPUT_MEASURED = _target(
    "thongsuot_throughput_measured_timestamp_seconds", "gauge", "Unix time of the last complete test"
)

# --- stamp: a line per direction (RFC 8762) ----------------------------------------------------------
STAMP_RTT = _target(
    "thongsuot_stamp_rtt_seconds",
    "gauge",
    "Round trip without the reflector's dwell time (stat: min, mean, max, p50, p95)",
    "stat",
)
STAMP_SENT = _target("thongsuot_stamp_packets_sent_total", "counter", "Test packets sent")
STAMP_LOST = _target(
    "thongsuot_stamp_packets_lost_total",
    "counter",
    "Test packets lost, by direction (up, down, unknown)",
    "direction",
)
STAMP_LOSS = _target(
    "thongsuot_stamp_loss_ratio", "gauge", "Share of the last test packets lost, by direction", "direction"
)
STAMP_JITTER = _target(
    "thongsuot_stamp_jitter_seconds", "gauge", "Jitter (RFC 3550) by direction", "direction"
)
STAMP_DELAY_VARIATION = _target(
    "thongsuot_stamp_delay_variation_seconds",
    "gauge",
    "Delay beyond the smallest one seen, by direction (stat: mean, max, p50, p95)",
    "direction", "stat",
)  # fmt: skip
STAMP_ONE_WAY_DELAY = _target(
    "thongsuot_stamp_one_way_delay_seconds",
    "gauge",
    "One-way delay by direction; only as good as thongsuot_stamp_clock_error_seconds says",
    "direction",
)
STAMP_CLOCK_ERROR = _target(
    "thongsuot_stamp_clock_error_seconds",
    "gauge",
    "Sum of the error estimates of both clocks, as the packets carry them",
)

# --- the site: power, the machine, the signal of a mobile line -------------------------------------
POWER_ON_MAINS = _target("thongsuot_power_on_mains", "gauge", "1 on mains, 0 on battery")
POWER_CHARGE = _target("thongsuot_power_charge_ratio", "gauge", "How full the battery is, 0 to 1")
POWER_RUNTIME = _target(
    "thongsuot_power_runtime_seconds", "gauge", "How long the battery lasts at the present load, as it says"
)
HOST_CPU = _target(
    "thongsuot_host_cpu_ratio", "gauge", "Share of processor time used since the reading before, 0 to 1"
)
HOST_MEMORY_AVAILABLE = _target(
    "thongsuot_host_memory_available_bytes", "gauge", "Memory that programs can have without swapping"
)
HOST_MEMORY_TOTAL = _target("thongsuot_host_memory_total_bytes", "gauge", "Memory of the machine")
HOST_DISK_FREE = _target(
    "thongsuot_host_disk_free_bytes", "gauge", "Room left for programs on the watched disk"
)
HOST_DISK_TOTAL = _target("thongsuot_host_disk_total_bytes", "gauge", "Size of the watched disk")
HOST_TEMPERATURE = _target(
    "thongsuot_host_temperature_celsius", "gauge", "Highest temperature of any sensor; absent without one"
)
HOST_UPTIME = _target("thongsuot_host_uptime_seconds", "gauge", "Seconds since the machine booted")
HOST_BOOT_INFO = _target(
    "thongsuot_host_boot_info", "gauge", "The id that the kernel drew at boot; always 1", "boot_id"
)
CELLULAR_REGISTERED = _target(
    "thongsuot_cellular_registered", "gauge", "Whether the modem is registered, at home or roaming"
)
CELLULAR_INFO = _target(
    "thongsuot_cellular_info",
    "gauge",
    "Operator and newest technology of a registered modem; always 1",
    "operator", "technology",
)  # fmt: skip
CELLULAR_RSRP = _target(
    "thongsuot_cellular_rsrp_dbm", "gauge", "Reference signal received power (LTE, 5G), in dBm"
)
CELLULAR_RSRQ = _target(
    "thongsuot_cellular_rsrq_db", "gauge", "Reference signal received quality (LTE, 5G), in dB"
)
CELLULAR_SINR = _target(
    "thongsuot_cellular_sinr_db", "gauge", "Signal to interference and noise (LTE, 5G), in dB"
)

# --- the agent about itself ----------------------------------------------------------------------
HEARTBEAT = _agent(
    "thongsuot_agent_heartbeat_timestamp_seconds", "gauge", "Unix time of the agent's last heartbeat"
)
AGENT_BUILD_INFO = _agent(
    "thongsuot_agent_build_info",
    "gauge",
    "Version of the agent and of its configuration",
    "version",
    "config",
)
AGENT_START = _agent(
    "thongsuot_agent_start_timestamp_seconds", "gauge", "Unix time at which the agent started"
)
AGENT_BOOT = _agent(
    "thongsuot_agent_boot_timestamp_seconds", "gauge", "Unix time at which the machine booted"
)
AGENT_UPTIME = _agent("thongsuot_agent_uptime_seconds", "gauge", "Monotonic seconds since the agent started")
AGENT_CLOCK_OFFSET = _agent(
    "thongsuot_agent_clock_offset_seconds",
    "gauge",
    "The hub's clock minus this machine's clock; absent until known",
)
AGENT_CLOCK_GUARD = _agent(
    "thongsuot_agent_clock_guard", "gauge", "1 while nothing is pushed because the clock is not trusted"
)
AGENT_TARGETS = _agent("thongsuot_agent_targets", "gauge", "Configured targets")
AGENT_PUSHES = _agent("thongsuot_agent_pushes_total", "counter", "Remote-write requests, by result", "result")
AGENT_PUSHED_SAMPLES = _agent(
    "thongsuot_agent_pushed_samples_total",
    "counter",
    "Samples that the hub acknowledged; again where they had to be sent again (see resent)",
)
AGENT_DROPPED_SAMPLES = _agent(
    "thongsuot_agent_dropped_samples_total", "counter", "Samples given up before the hub took them", "reason"
)
AGENT_PUSH_DURATION = _agent(
    "thongsuot_agent_push_duration_seconds",
    "histogram",
    "From sending a remote-write request to its answer",
)
AGENT_SCHEDULE_DELAY = _agent(
    "thongsuot_agent_schedule_delay_seconds", "histogram", "How late probes started against their schedule"
)
AGENT_SKIPPED_SLOTS = _agent(
    "thongsuot_agent_skipped_slots_total",
    "counter",
    "Probes that were due and not sent: the machine slept or was overloaded, or answers were outstanding",
)
AGENT_PROBE_EXCEPTIONS = _agent(
    "thongsuot_agent_probe_exceptions_total", "counter", "Bugs: exceptions that a probe let out", "probe"
)
AGENT_STORE_ERRORS = _agent(
    "thongsuot_agent_state_store_errors_total", "counter", "Failures to persist the state counters"
)
AGENT_CONFIG_RELOADS = _agent(
    "thongsuot_agent_config_reloads_total",
    "counter",
    "Configuration reloads, by result (ok, refused)",
    "result",
)


# --- spool: what waits for the hub, and the clock ------------------------------------------------
class DropReason(StrEnum):
    """Why the agent gave up a sample before the hub took it. Closed list."""

    FULL = "full"  # the spool was at its size, or memory was while the disk could not be written
    AGED = "aged"  # older than the spool's days
    TOO_OLD = "too_old"  # outside the hub's window by the hub's own clock, and refused
    REFUSED = "refused"  # the hub says that it will never take it
    SERVER_ERROR = "server_error"  # this one alone makes the hub fail, again and again
    UNDATED = "undated"  # made while the clock was not trusted, in a boot that cannot be dated any more
    DAMAGED = "damaged"  # the disk gave back something else
    STOPPED = "stopped"  # could not be put on disk when the agent ended


AGENT_DELIVERED = _agent(
    "thongsuot_agent_delivered_timestamp_seconds",
    "gauge",
    "Unix time of the last live push that the hub acknowledged, with each heartbeat; kept through outages",
)
AGENT_SPOOL_BYTES = _agent("thongsuot_agent_spool_bytes", "gauge", "Size of the spool, what is free left out")
AGENT_SPOOL_LIMIT = _agent(
    "thongsuot_agent_spool_limit_bytes",
    "gauge",
    "What the spool may take on disk; how long that lasts: oldest_age_seconds * limit_bytes / spool_bytes",
)
AGENT_SPOOL_ROWS = _agent(
    "thongsuot_agent_spool_rows",
    "gauge",
    "Rows in the spool (minutes, as a rule): waiting, or acknowledged and kept for a restart of the hub",
    "state",
)
AGENT_SPOOL_OLDEST = _agent(
    "thongsuot_agent_spool_oldest_age_seconds", "gauge", "Age of the oldest sample that waits, else 0"
)
AGENT_BACKLOG_SAMPLES = _agent(
    "thongsuot_agent_backlog_samples", "gauge", "Samples that wait in the spool for the hub"
)
AGENT_BACKLOG_SENT = _agent(
    "thongsuot_agent_backlog_sent_samples_total",
    "counter",
    "Samples from the spool that the hub acknowledged",
)
AGENT_RESENT_SAMPLES = _agent(
    "thongsuot_agent_resent_samples_total",
    "counter",
    "Acknowledged samples that wait again because the hub was started anew",
)
AGENT_SPOOL_ERRORS = _agent(
    "thongsuot_agent_spool_errors_total",
    "counter",
    "Failures of the spool's file, by kind (corrupt, locked, full, unusable)",
    "kind",
)
AGENT_SPOOL_IN_MEMORY = _agent(
    "thongsuot_agent_spool_in_memory", "gauge", "1 while the spool cannot use its file"
)
AGENT_HUB_CLOCK_ALARM = _agent(
    "thongsuot_agent_hub_clock_alarm",
    "gauge",
    "1 while the hub refuses fresh samples as too old: its clock, or a sample dated ahead; all are kept",
)
AGENT_CLOCK_CORRECTION = _agent(
    "thongsuot_agent_clock_correction_seconds",
    "gauge",
    "Seconds added to this machine's clock to date samples; 0 while it is within 2 s of the hub's",
)

# --- gaps: what tells afterwards why nothing was heard --------------------------------------------
AGENT_STOPPED = _agent(
    "thongsuot_agent_stopped_timestamp_seconds",
    "gauge",
    "Unix time at which the run before this one, or this one, was stopped on purpose; 0 if it was not",
)

# --- the hub: the inventory as series, so that a commune that never spoke is seen ----------------
COMMUNE_INFO = _hub(
    "thongsuot_commune_info",
    "gauge",
    "Every commune of the inventory; always 1",
    "commune", "name", "name_en", "type", "area", "latitude", "longitude", "transport",
)  # fmt: skip
COMMUNE_DOSSIERS = _hub(
    "thongsuot_commune_dossiers_per_day", "gauge", "Dossiers that a commune handles in a day", "commune"
)
LINE_INFO = _hub(
    "thongsuot_line_info",
    "gauge",
    "Every line of the inventory; always 1",
    "commune", "line", "carrier", "technology", "shared", "pop", "ring", "isp", "router",
)  # fmt: skip
LINE_CONTRACTED = _hub(
    "thongsuot_line_contracted_bytes_per_second",
    "gauge",
    "Contracted rate of a line per direction (down, up), in bytes: Mbit/s x 125,000",
    "commune", "line", "direction",
)  # fmt: skip
SYSTEM_INFO = _hub(
    "thongsuot_system_info",
    "gauge",
    "Every interconnected system of the inventory; always 1",
    "target", "name", "name_en", "owner", "contact",
)  # fmt: skip
COMPONENT_INFO = _hub(
    "thongsuot_component_info",
    "gauge",
    "Every component that can fail alone; always 1",
    "component", "kind", "name", "name_en", "contact",
)  # fmt: skip
COMPONENT_MEMBER = _hub(
    "thongsuot_component_member_info",
    "gauge",
    "A line or system (member) of a commune or a system (origin) that runs through a shared component",
    "component", "kind", "member", "origin",
)  # fmt: skip
COMPONENT_WITHIN = _hub(
    "thongsuot_component_within_info",
    "gauge",
    "All members of a shared component run through a larger one too (twin: both have the same members)",
    "component", "larger", "twin",
)  # fmt: skip
COMPONENT_UPSTREAM = _hub(
    "thongsuot_component_upstream_info",
    "gauge",
    "The shared components that everything behind a line, a commune's agent or a segment runs through",
    "component", "commune", "pop", "ring", "isp",
)  # fmt: skip
SLA_TARGET = _hub(
    "thongsuot_sla_target_ratio", "gauge", "Availability that the contract promises", "component"
)
IN_SERVICE_HOURS = _hub(
    "thongsuot_commune_office_open", "gauge", "1 while the commune's office is open", "commune"
)
MAINTENANCE = _hub(
    "thongsuot_maintenance_active", "gauge", "1 while a component is inside a maintenance window", "component"
)
CHILD_UP = _hub("thongsuot_hub_process_up", "gauge", "1 while a process of the hub's stack runs", "process")
CHILD_RESTARTS = _hub(
    "thongsuot_hub_process_restarts_total", "counter", "Restarts of a process of the hub's stack", "process"
)
NOTIFICATIONS = _hub(
    "thongsuot_notifications_total",
    "counter",
    "Notifications by channel and result (sent, retried, failed)",
    "channel", "result",
)  # fmt: skip
NOTIFICATION_DELAY = _hub(
    "thongsuot_notification_delay_seconds",
    "histogram",
    "From Alertmanager's webhook to the channel's answer",
    "channel",
)
# --- time to page ---
TIME_TO_PAGE = _hub(
    "thongsuot_time_to_page_seconds",
    "histogram",
    "From the beginning of an outage, as far as known, to the answer of the channel that took its page:"
    " finding, waiting for others and sending",
    "channel",
)
RECEIVER_STORE_BYTES = _hub(
    "thongsuot_receiver_store_bytes", "gauge", "Size of the receiver's file of outages and messages"
)
# --- end of time to page ---
WEBHOOKS = _hub(
    "thongsuot_receiver_webhooks_total",
    "counter",
    "Webhook bodies by result (accepted or why refused)",
    "result",
)
OPEN_PAGES = _hub("thongsuot_receiver_open_pages", "gauge", "Pages that went out and are not resolved")
# --- how the receiver tells people -----------------------------------------------------------------
DECISIONS = _hub(
    "thongsuot_receiver_decisions_total",
    "counter",
    "Outages by how they were told: page, ticket, storm, flapping, damped (not told), escalation, digest",
    "decision",
)
CHANNEL_LAST_SUCCESS = _hub(
    "thongsuot_channel_last_success_timestamp_seconds",
    "gauge",
    "Unix time when the channel last took a message, since this receiver started",
    "channel",
)
CHANNEL_FAILING = _hub(
    "thongsuot_channel_failing_since_timestamp_seconds",
    "gauge",
    "Unix time since when the channel has taken nothing that it was given, 0 while it works",
    "channel",
)
CHANNEL_PENDING = _hub(
    "thongsuot_channel_pending", "gauge", "Messages that wait for the channel to take them", "channel"
)
SEND_DURATION = _hub(
    "thongsuot_channel_send_seconds", "histogram", "How long one attempt to deliver took", "channel"
)
ANSWERS = _hub(
    "thongsuot_receiver_answers_total",
    "counter",
    "Requests to the answering page by result (shown, acknowledged, silenced, or why refused)",
    "result",
)
SILENCES_FAILED = _hub(
    "thongsuot_receiver_silences_failed_total",
    "counter",
    "Attempts to make or end a silence in Alertmanager that failed",
)
DEADMAN_FAILING = _hub(
    "thongsuot_deadman_failing_since_timestamp_seconds",
    "gauge",
    "Unix time since when signs of life do not reach the address outside, 0 while they do",
)

WALL_VIEWERS = _hub("thongsuot_wall_viewers", "gauge", "Browsers that the wall page feeds live")
WALL_POLLS = _hub(
    "thongsuot_wall_polls_total",
    "counter",
    "Reads of the wall page's sources (prometheus, alertmanager), by result (ok, failed)",
    "source", "result",
)  # fmt: skip
WALL_NEWEST = _hub(
    "thongsuot_wall_newest_data_timestamp_seconds",
    "gauge",
    "Unix time of the newest heartbeat that the wall page shows",
)
WALL_REFUSED = _hub(
    "thongsuot_wall_refused_total",
    "counter",
    "Requests that the wall page refused, by reason (full, login, rate, proxy)",
    "reason",
)
# --- the inventory itself, doubted (alerts/suspects.py) ----------------------------------------------
INVENTORY_SUSPECT = _hub(
    "thongsuot_inventory_suspect",
    "gauge",
    "1 for a line whose outages follow another component (suspected) than the one it is declared behind",
    "commune", "line", "declared", "suspected",
)  # fmt: skip
SUSPECTS_FOUND = _hub(
    "thongsuot_inventory_suspects_searched_timestamp_seconds",
    "gauge",
    "Unix time of the last search for lines that the inventory puts in the wrong place",
)
# --- the locator (alerts/pinpoint) ------------------------------------------------------------------
OUTAGE = _hub(
    "thongsuot_outage", "gauge", "1 for each outage that the locator found and that lasts",
    "component", "kind",
)  # fmt: skip
OUTAGE_COMMUNES = _hub(
    "thongsuot_outage_affected_communes", "gauge", "Communes that an outage hits", "component", "kind"
)
OUTAGE_SINCE = _hub(
    "thongsuot_outage_since_timestamp_seconds",
    "gauge",
    "Unix time of the first failure that an outage explains",
    "component", "kind",
)  # fmt: skip
OUTAGE_CONFIDENCE = _hub(
    "thongsuot_outage_confidence_nats",
    "gauge",
    "Log-likelihood by which the best explanation with this cause beats the best one without it",
    "component", "kind",
)  # fmt: skip
LOCATOR_TICKS = _hub(
    "thongsuot_locator_ticks_total",
    "counter",
    "Ticks of the locator by result: judged, deaf (nothing is heard), patient (the hub has just begun to"
    " listen), failed (Prometheus did not answer)",
    "result",
)
LOCATOR_POSTS = _hub(
    "thongsuot_locator_posts_total", "counter", "Posts to Alertmanager by result: ok, failed", "result"
)
LOCATOR_TICK_AT = _hub(
    "thongsuot_locator_tick_timestamp_seconds", "gauge", "Unix time of the last tick that was judged"
)
LOCATOR_TICK = _hub("thongsuot_locator_tick_seconds", "histogram", "Time of a tick, reading included")
LOCATOR_INFERENCE = _hub("thongsuot_locator_inference_seconds", "histogram", "Time of the inference alone")
LOCATOR_TIME = _hub(
    "thongsuot_locator_time_to_locate_seconds", "histogram", "From the first failure to the page's post"
)
# --- what was learned of outages afterwards (alerts/pinpoint/revising.py) ------------------------------
OUTAGE_REVISIONS = _hub(
    "thongsuot_outage_revisions_total",
    "counter",
    "Revisions written to the ledger by what they say: cause (another one, or one of several), edges (the"
    " same cause, better known times), undecided (nothing that could arrive decides)",
    "verdict",
)
OUTAGE_LOOKS = _hub(
    "thongsuot_outage_looks_total",
    "counter",
    "Looks at the gaps of outages that are over, by result: revised, known (nothing new), failed, or why"
    " nothing can be said yet (no_gap, open, unknown, disagree)",
    "result",
)
OUTAGES_UNDECIDED = _hub(
    "thongsuot_outages_undecided",
    "gauge",
    "Outages that are over of which it is not known which of several components it was, and may still be",
)
OUTAGE_REVISED = _hub(
    "thongsuot_outage_revised_since_timestamp_seconds",
    "gauge",
    "Unix time at which an outage began whose cause was revised, at most the latest 50 of the last day;"
    " said: the component or class that the page named",
    "component", "kind", "said",
)  # fmt: skip
# --- limits that alerts hold against, from the inventory ---------------------------------------------
LINE_RTT_LIMIT = _hub(
    "thongsuot_line_rtt_limit_seconds",
    "gauge",
    "Round trip to the hub above which a line is slow: its own contract's, else the province's",
    "commune", "line",
)  # fmt: skip
LINE_LOSS_LIMIT = _hub(
    "thongsuot_line_loss_limit_ratio",
    "gauge",
    "Share of lost packets above which a line is lossy: its own contract's, else the province's",
    "commune", "line",
)  # fmt: skip
SYSTEM_SLOW_LIMIT = _hub(
    "thongsuot_system_slow_limit_seconds",
    "gauge",
    "Time of a check above which a system is slow: its own, else the province's",
    "component",
)
CERTIFICATE_EXPIRY = _hub(
    "thongsuot_certificate_expiry_timestamp_seconds",
    "gauge",
    "Unix time at which a certificate file of this hub expires, by what it is for (gateway, clients)",
    "certificate",
)
# --- the reflector of test packets (reflect) -------------------------------------------------------
REFLECTOR_PACKETS = _hub(
    "thongsuot_reflector_packets_total",
    "counter",
    "Test packets by result: reflected, or why they were dropped",
    "result",
)
REFLECTOR_SESSIONS = _hub("thongsuot_reflector_sessions", "gauge", "Senders whose packets are counted now")
REFLECTOR_EVICTED = _hub(
    "thongsuot_reflector_sessions_evicted_total",
    "counter",
    "Sessions given up for newer ones, whose count begins again; those that fell silent are not among them",
)

# --- the hub end of throughput tests (reflect) ----------------------------------------------------
REFLECTED_BYTES = _hub(
    "thongsuot_reflector_throughput_bytes_total",
    "counter",
    "Payload bytes of throughput tests by direction (up, down, echo)",
    "direction",
)
REFLECTED_TESTS = _hub(
    "thongsuot_reflector_throughput_tests_total", "counter", "Throughput tests that were given a lease"
)
REFLECTED_LEASES = _hub(
    "thongsuot_reflector_throughput_leases", "gauge", "Throughput tests under way: leases not yet given back"
)
REFLECTED_REFUSED = _hub(
    "thongsuot_reflector_throughput_refused_total",
    "counter",
    "Refused requests for throughput tests by reason (token, busy, full, lease, limit, request, connections)",
    "reason",
)

# --- ingest: the gateway that agents push to -------------------------------------------------------
AGENT_CONFIG_FETCHES = _agent(
    "thongsuot_agent_config_fetches_total",
    "counter",
    "Requests for this agent's configuration, by result (taken, same, refused, or why there was no answer)",
    "result",
)
INGEST_REQUESTS = _hub(
    "thongsuot_ingest_requests_total",
    "counter",
    "Pushes by result: stored, empty, or why they were not stored",
    "result",
)
INGEST_STORED = _hub(
    "thongsuot_ingest_stored_samples_total", "counter", "Samples that the engine behind the gateway took"
)
INGEST_LEFT_OUT = _hub(
    "thongsuot_ingest_left_out_samples_total",
    "counter",
    "Samples of a commune's agent that are never stored, by reason",
    "commune", "reason",
)  # fmt: skip
INGEST_UNAUTHORISED = _hub(
    "thongsuot_ingest_unauthorised_total",
    "counter",
    "Requests without valid credentials, by the commune that they claim (empty: none that there is) and"
    " reason (missing, unknown, expired, certificate)",
    "commune", "reason",
)  # fmt: skip
INGEST_FOREIGN = _hub(
    "thongsuot_ingest_foreign_total",
    "counter",
    "Pushes that spoke for another site than the one, ``commune``, whose credentials they had",
    "commune",
)
INGEST_CONFIGS = _hub(
    "thongsuot_ingest_configs_total", "counter", "Configurations asked for, by result (sent, same)", "result"
)
INGEST_CONFIG_INFO = _hub(
    "thongsuot_ingest_config_info",
    "gauge",
    "Version of the configuration that the agent of a commune is handed; always 1",
    "commune", "config",
)  # fmt: skip
INGEST_WAITING = _hub(
    "thongsuot_ingest_waiting_bytes", "gauge", "Bytes of pushes that wait for the engine behind the gateway"
)
INGEST_FORWARD_DURATION = _hub(
    "thongsuot_ingest_forward_duration_seconds",
    "histogram",
    "From handing a push to the engine behind the gateway to its answer",
)
INGEST_CONNECTIONS = _hub(
    "thongsuot_ingest_connections", "gauge", "Open connections, by whether they showed credentials", "known"
)
INGEST_CLOCK_DOUBT = _hub(
    "thongsuot_ingest_clock_doubt",
    "gauge",
    "1 while the hub's own clock looks wrong: what seems dated ahead or too old is put off, not refused",
)
INGEST_TOKENS = _hub("thongsuot_ingest_tokens", "gauge", "Tokens that are valid now")


class Recorded(StrEnum):
    """Series that the recording rules keep, ``level:metric:operation``. ``:bool`` is 0 or 1.

    A commune has them only once it has reported; what they say is at most one evaluation old.
    """

    EVALUATED = "hub:thongsuot_evaluated:timestamp_seconds"  # last evaluation of the rules
    RESUMED = "hub:thongsuot_resumed:timestamp_seconds"  # start of the present unbroken evaluation
    HUB_HEARD = "hub:thongsuot_agent_heartbeat:timestamp_seconds"  # the hub's own agent
    HEARD = "all:thongsuot_agent_heartbeat:timestamp_seconds"  # the latest of any agent
    HOLD = "hub:thongsuot_hold:bool"  # present (1) while silence proves nothing: the hub was not listening
    LAST_HEARD = "commune:thongsuot_agent_heartbeat:timestamp_seconds"
    LAST_HEARD_KEPT = "commune:thongsuot_agent_heartbeat_kept:timestamp_seconds"  # survives a day's stop
    SILENT = "commune:thongsuot_silent:bool"
    CUT_OFF = "commune:thongsuot_cut_off:bool"  # silent, and no router of it answers the hub
    MAINTENANCE = "commune:thongsuot_maintenance:bool"  # all of it is inside a maintenance window
    OUTAGE = "commune:thongsuot_outage:bool"  # present (1) with the class that failed, by label component
    OUTSIDE_IN = "line:thongsuot_outside_in_up:bool"  # 0 from the first ping that its router lets pass
    FAILED = "member:thongsuot_failed:bool"  # lines and systems, by label member
    UNEXPLAINED = "member:thongsuot_failed_unexplained:bool"  # failed, and no wide cause suspected
    FAILED_SINCE = "member:thongsuot_failed_since:timestamp_seconds"  # last sign of life, first failure
    CHECKPOINT = "component:thongsuot_checkpoint_up:bool"
    FAILED_MEMBER = "component_member:thongsuot_failed:bool"  # present (1) for failed members only
    MEMBERS = "component:thongsuot_members:count"
    FAILED_MEMBERS = "component:thongsuot_failed_members:count"
    FAILED_ORIGINS = "component:thongsuot_failed_origins:count"  # communes or systems among them
    OUTSIDE_RATIO = "component:thongsuot_failed_outside:ratio"  # failed share beyond its worst part
    SUSPECT = "component:thongsuot_suspect:bool"  # present (1) while most of what runs through it fails
    LASTING = "component:thongsuot_suspect_lasting:bool"  # present (1) once that held for some evaluations
    DOWN = "component:thongsuot_down:bool"  # present (1) while it is the largest cause, held on healing
    DOWN_SINCE = "component:thongsuot_down_since:timestamp_seconds"  # last sign of life through it
    DOWN_UNTIL = "component:thongsuot_down_until:timestamp_seconds"  # present while it is held on healing
    SYSTEM_HUB_UP = "system:thongsuot_hub_up:bool"  # as the hub sees it
    SYSTEM_LOST = "commune_system:thongsuot_down:bool"  # present (1) where a speaking commune says so
    SYSTEM_UP_RATIO = "system:thongsuot_up:ratio"  # share of the speaking communes that reach it
    SYSTEM_REPORTS = "system:thongsuot_reports:count"  # speaking communes with a verdict
    LINE_RTT = "line:probe_icmp_rtt:seconds"  # to the hub, latest
    LINE_LOSS = "line:thongsuot_probe_loss:ratio_rate5m"
    LINE_LOSS_EACH_WAY = "line:thongsuot_stamp_loss:ratio_rate5m"  # by direction, where it can be told
    LINE_AVAILABILITY = "line:thongsuot_availability:ratio_rate1h"  # up / (up + down), known time only
    LINE_NOT_JUDGED = "line:thongsuot_not_judged:bool"  # present (1) while the line is down or silent
    LINE_UNSETTLED = "line:thongsuot_unsettled:bool"  # present (1) while it is not judged, and 10 min more
    LINE_TRAFFIC = "line:thongsuot_traffic_bytes:rate5m"  # by direction
    LINE_UTILISATION = "line:thongsuot_utilisation:ratio_rate5m"  # of the contracted rate, by direction
    LINE_BUSY = "line:thongsuot_utilisation_percentile:ratio"  # hourly: the regulation's, by direction
    LINE_BUSY_SAMPLES = "line:thongsuot_utilisation_samples:count"  # hourly: what that rests upon
    LINE_CARRYING = "line:thongsuot_carrying:bool"  # which of its commune's lines carries traffic now
    LINE_RTT_MEDIAN = "line:thongsuot_rtt:seconds_median10m"
    LINE_JITTER_MEDIAN = "line:thongsuot_jitter:seconds_median10m"
    LINE_SIGNAL_MEDIAN = "line:thongsuot_signal:dbm_median10m"
    LINE_GOODPUT = "line:thongsuot_goodput:bytes_per_second"  # last measured, by direction; kept
    LINE_GOODPUT_HIGH = "line:thongsuot_goodput_high:bytes_per_second"  # its upper confidence bound
    LINE_GOODPUT_AT = "line:thongsuot_goodput_measured:timestamp_seconds"
    LINE_VERDICT = "line:thongsuot_verdict:bool"  # by verdict; absent where it cannot be judged
    # --- chronic dead zones: alerts/deadzone.py ---
    LINE_LONG_AVAILABILITY = "line:thongsuot_availability:ratio_rate28d"  # hourly: up / (up + down)
    LINE_LONG_UPPER = "line:thongsuot_availability_upper:ratio_rate28d"  # hourly: 95 % upper bound
    LINE_LONG_DAYS = "line:thongsuot_availability_days:count"  # hourly: days with data, of 28
    LINE_LONG_SIGNAL = "line:thongsuot_signal:dbm_median28d"  # hourly, on enough days
    DEAD_ZONE = "commune:thongsuot_dead_zone:bool"  # by reason; absent where it cannot be judged
    # --- what a line and a system usually are, and what is wrong with a system that answers ---
    LINE_RTT_USUAL = "line:thongsuot_rtt:seconds_median7d"  # hourly: median of LINE_RTT_MEDIAN
    LINE_LOSS_USUAL = "line:thongsuot_loss:ratio_quantile7d"  # hourly: exceeded in a twentieth of the hours
    SYSTEM_SECONDS = "system:thongsuot_check:seconds_median10m"  # by seen: hub, communes (their median)
    SYSTEM_SECONDS_USUAL = "system:thongsuot_check:seconds_median7d"  # hourly, by seen
    SYSTEM_SLOW = "system:thongsuot_slow:bool"  # by seen; absent where it is down or not measured
    MAINTENANCE_PAGE = "system:thongsuot_maintenance_page:bool"  # present (1) while that is why it fails
    NAMES_LOST = "system:thongsuot_names_lost:bool"  # present (1) while its name is not resolved any more
    ON_MAINS = "commune:thongsuot_on_mains:bool"  # as last heard, while the commune is silent
    BATTERY_LOW = "commune:thongsuot_battery_low:bool"  # likewise


def all_metrics() -> tuple[Metric, ...]:
    """Return every family defined in this module, in order of definition."""
    return tuple(value for value in globals().values() if isinstance(value, Metric))
