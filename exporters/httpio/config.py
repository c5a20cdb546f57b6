"""The options of the ``http`` probe."""

from typing import Annotated, Literal

from msgspec import Meta, field

from exporters.base import ProbeConfig
from exporters.httpio.options import check_fields, check_header_files, check_pattern
from exporters.httpio.patterns import MAINTENANCE
from exporters.net.resolve import IpVersion

_FilePath = Annotated[str, Meta(min_length=1, max_length=4096)]
_Status = Annotated[int, Meta(ge=200, le=599)]


class Config(ProbeConfig, frozen=True, kw_only=True):
    """What to send, and what a healthy answer is.

    - ``expected_status``: the right ones; none given means every 2xx.
    - ``body_regex``: must be found on the page; ``forbidden_body_regex``: none of these may be. Both
      search the first ``searched_body_bytes``, after decompression, with character references
      resolved and accents composed. ``[]`` switches the default, the maintenance page, off.
    - ``headers``: sent as they stand; secrets come from ``header_files`` (name of the field to path of
      a file), read anew for each probe and sent to the first origin only.
    - ``server_name``: for SNI and verification instead of the URL's host. A ``Host`` in ``headers``
      replaces the URL's. Both hold for the first origin only.
    - ``ca_file``, ``cert_file``, ``key_file``: PEM; the latter two are our own, for the first origin.
    - ``max_redirects``: 0 judges a redirect's own status. From https, redirects lead to https only.
    - ``max_body_bytes``: after decompression; beyond it the probe fails at once as ``too_large``.
    """

    method: Literal["GET", "HEAD", "POST", "PUT", "OPTIONS"] = "GET"
    headers: dict[str, str] = field(default_factory=dict)
    header_files: dict[str, _FilePath] = field(default_factory=dict)
    body: Annotated[str, Meta(max_length=65536)] = ""
    expected_status: tuple[_Status, ...] = ()
    body_regex: str | None = None
    forbidden_body_regex: tuple[str, ...] = (MAINTENANCE,)
    searched_body_bytes: Annotated[int, Meta(ge=0, le=262144)] = 65536
    max_body_bytes: Annotated[int, Meta(ge=0, le=67108864)] = 1048576
    max_redirects: Annotated[int, Meta(ge=0, le=20)] = 5
    server_name: Annotated[str, Meta(min_length=1, max_length=253)] | None = None
    ca_file: _FilePath | None = None
    cert_file: _FilePath | None = None
    key_file: _FilePath | None = None
    insecure_skip_verify: bool = False
    ip_version: IpVersion | None = None

    def __post_init__(self) -> None:
        check_fields("headers", self.headers)
        check_header_files(self.header_files)
        check_pattern("body_regex", self.body_regex)
        for pattern in self.forbidden_body_regex:
            check_pattern("forbidden_body_regex", pattern)
