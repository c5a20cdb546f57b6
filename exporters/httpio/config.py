"""The options of the ``http`` probe."""

from typing import Annotated, Literal

from msgspec import Meta, field

from exporters.base import ProbeConfig
from exporters.httpio import checks
from exporters.httpio.options import check_fields, check_header_files, check_pattern
from exporters.httpio.part import Capture, Expectation
from exporters.httpio.patterns import MAINTENANCE
from exporters.net.resolve import IpVersion

_FilePath = Annotated[str, Meta(min_length=1, max_length=4096)]
_Status = Annotated[int, Meta(ge=200, le=599)]
_Name = Annotated[str, Meta(min_length=1, max_length=253)]


class Ask(ProbeConfig, frozen=True, kw_only=True):
    """One request, and what a healthy answer to it is.

    - ``expected_status``: the right ones; none given means every 2xx.
    - ``body_regex``: must be found on the page; ``forbidden_body_regex``: none of these may be. Both
      search the first ``searched_body_bytes``, after decompression, with character references
      resolved and accents composed. ``[]`` switches the default, the maintenance page, off.
    - ``expect``: what must stand where in the answer (:class:`exporters.httpio.part.Expectation`);
      ``namespaces``: prefixes for its XPaths.
    - ``headers``: sent as they stand; secrets come from ``header_files`` (name of the field to path of
      a file), read anew for each probe and sent to the first origin only. So are headers with variables.
    - ``body``, or ``body_file`` (read anew for each probe), as ``content_type``.
    """

    method: Literal["GET", "HEAD", "POST", "PUT", "PATCH", "OPTIONS"] = "GET"
    headers: dict[str, str] = field(default_factory=dict)
    header_files: dict[str, _FilePath] = field(default_factory=dict)
    body: Annotated[str, Meta(max_length=65536)] = ""
    body_file: _FilePath | None = None
    content_type: Annotated[str, Meta(min_length=1, max_length=200)] | None = None
    expected_status: tuple[_Status, ...] = ()
    body_regex: str | None = None
    forbidden_body_regex: tuple[str, ...] = (MAINTENANCE,)
    expect: Annotated[tuple[Expectation, ...], Meta(max_length=32)] = ()
    namespaces: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        check_fields("headers", self.headers)
        check_header_files(self.header_files)
        check_pattern("body_regex", self.body_regex)
        for pattern in self.forbidden_body_regex:
            check_pattern("forbidden_body_regex", pattern)
        checks.check_ask(self)


class Step(Ask, frozen=True, kw_only=True):
    """One request of a transaction.

    - ``name``: for evidence, such as ``token``.
    - ``url``: absolute, or from the address (``/api/v1/query?id=${id}``); without it, the address.
    - ``capture``: variables for the steps that follow (:class:`exporters.httpio.part.Capture`).
    """

    name: Annotated[str, Meta(max_length=40)] = ""
    url: Annotated[str, Meta(min_length=1, max_length=2000)] | None = None
    capture: dict[str, Capture] = field(default_factory=dict)

    def __post_init__(self) -> None:
        super().__post_init__()
        checks.check_step(self)

    @property
    def guarded(self) -> bool:
        """Whether its answer holds a secret."""
        return any(capture.secret for capture in self.capture.values())


class Config(Ask, frozen=True, kw_only=True):
    """The request of :class:`Ask`, or ``steps`` one after the other; and how to send them.

    - ``steps``: each is a request with all the options of :class:`Ask`; the first that fails ends the
      probe. URLs, header values, bodies and ``equals`` may hold ``${variables}``: what an earlier step
      captured, or what a file of ``variable_files`` holds (one line, read anew for each probe, secret).
    - ``searched_body_bytes``: how much of a page patterns see.
    - ``max_body_bytes``: after decompression; beyond it the probe fails at once as ``too_large``.
    - ``max_redirects``: 0 judges a redirect's own status. From https, redirects lead to https only.
    - ``server_name``: for SNI and verification instead of the URL's host. A ``Host`` in ``headers``
      replaces the URL's. Both hold for the origin of the address only.
    - ``ca_file``, ``cert_file``, ``key_file``: PEM; the latter two are our own, shown to the origins
      that the configuration names, not to those that redirects lead to.
    - ``proxy``: ``http://host:port`` of a proxy; https goes through it by CONNECT, plain http by
      absolute URLs. ``proxy_credentials_file`` holds ``user:password``. No environment variable is heeded.
    - ``reuse_connections``: ``never`` (each request opens one, which is what a new user meets);
      ``within`` a probe, for its steps and redirects; ``between`` probes too: then only requests are
      timed, and a probe over an open connection has no phases resolve, connect and tls.
    - ``all_series``: also ``probe_http_content_length``, ``probe_http_version``, ``probe_http_ssl``,
      ``probe_failed_due_to_regex``, ``probe_http_last_modified_timestamp_seconds``,
      ``probe_ssl_last_chain_expiry_timestamp_seconds`` and ``probe_tls_version_info``.
    """

    steps: Annotated[tuple[Step, ...], Meta(max_length=10)] = ()
    variable_files: dict[str, _FilePath] = field(default_factory=dict)
    searched_body_bytes: Annotated[int, Meta(ge=0, le=262144)] = 65536
    max_body_bytes: Annotated[int, Meta(ge=0, le=67108864)] = 1048576
    max_redirects: Annotated[int, Meta(ge=0, le=20)] = 5
    server_name: _Name | None = None
    ca_file: _FilePath | None = None
    cert_file: _FilePath | None = None
    key_file: _FilePath | None = None
    insecure_skip_verify: bool = False
    proxy: Annotated[str, Meta(min_length=1, max_length=300)] | None = None
    proxy_credentials_file: _FilePath | None = None
    reuse_connections: Literal["never", "within", "between"] = "never"
    ip_version: IpVersion | None = None
    all_series: bool = False

    def __post_init__(self) -> None:
        super().__post_init__()
        checks.check_config(self)
