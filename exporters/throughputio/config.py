"""The options of the ``throughput`` kind."""

from typing import Annotated, Literal

from msgspec import Meta

from common.i18n import t
from exporters.base import ProbeConfig
from exporters.net.address import split_host_port
from exporters.throughputio.due import parse_hours

_FilePath = Annotated[str, Meta(min_length=1, max_length=4096)]
_Name = Annotated[str, Meta(min_length=1, max_length=120)]
_Mbps = Annotated[float, Meta(gt=0, le=400000)]


class Config(ProbeConfig, frozen=True, kw_only=True):
    """How to test a line, and how much of it.

    - ``token_file``: the bearer token for the hub; ``ca_file``: who signed the hub's certificate.
    - ``line``: the line's component, by which turns are spread and one test at a time is held;
      ``segments``: the components that it shares with other lines.
    - ``contracted_down_mbps``, ``contracted_up_mbps``: what the line should carry; they bound a test's
      bytes, and with ``busy_ratio`` they say when somebody else needs the line.
    - ``max_seconds`` a direction, at most; it ends before when the interval is within ``precision``.
    - ``max_loaded_rtt_seconds``: a test that makes others wait longer than this is broken off.
    - ``hours``: only then, once a night and when the line's turn has come; absent: at any time.
    - ``budget_gigabytes_per_month``: of 10^9 bytes, months by ``timezone``; absent: no budget is kept.
      Needs ``state_directory``, which the agent fills in.
    - ``interface``: an own interface through which all of the line's traffic runs, where there is one;
      ``traffic``: the target of the agent that reads the line's counters instead.
    - ``engine`` iperf3 measures against ``iperf3_address``; lease and echo stay with the hub's URL.
    """

    token_file: _FilePath | None = None
    ca_file: _FilePath | None = None
    line: str = ""
    segments: Annotated[tuple[_Name, ...], Meta(max_length=16)] = ()
    contracted_down_mbps: _Mbps | None = None
    contracted_up_mbps: _Mbps | None = None
    streams: Annotated[int, Meta(ge=1, le=8)] = 4
    max_seconds: Annotated[float, Meta(ge=1, le=25)] = 8
    precision: Annotated[float, Meta(gt=0, le=0.5)] = 0.02
    max_loaded_rtt_seconds: Annotated[float, Meta(gt=0, le=60)] = 3
    busy_ratio: Annotated[float, Meta(gt=0, le=1)] = 0.2
    hours: str | None = None
    timezone: str = "Asia/Ho_Chi_Minh"
    budget_gigabytes_per_month: Annotated[float, Meta(ge=0, le=10000)] | None = None
    state_directory: _FilePath | None = None
    interface: Annotated[str, Meta(pattern=r"^[^/\s]{1,15}\Z")] | None = None
    traffic: _Name | None = None
    engine: Literal["http", "iperf3"] = "http"
    iperf3_address: str | None = None

    def __post_init__(self) -> None:
        if self.hours is not None:
            try:
                parse_hours(self.hours)
            except ValueError:
                raise ValueError(f"hours: {t('probes.throughput_hours')}") from None
        if self.engine == "iperf3" or self.iperf3_address is not None:
            try:
                split_host_port(self.iperf3_address or "")
            except ValueError as error:
                raise ValueError(f"iperf3_address: {error}") from None
