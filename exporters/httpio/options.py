"""Checks of the ``http`` probe's options. Each raises ValueError as ``key: problem``."""

import re
from collections.abc import Mapping
from typing import Final

from common.i18n import t
from exporters.httpio.patterns import compiled

_TOKEN: Final = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]{1,100}\Z", re.ASCII)  # RFC 9110, 5.6.2
_OURS: Final = frozenset(
    {"connection", "content-length", "transfer-encoding", "upgrade", "te", "trailer", "expect", "keep-alive"}
)
_SECRET: Final = frozenset({"authorization", "proxy-authorization", "cookie", "x-api-key"})
MAX_FIELDS: Final = 32
MAX_VALUE_LENGTH: Final = 4096


def check_fields(key: str, fields: Mapping[str, str]) -> None:
    """Check header fields written into the configuration; a secret one holds a variable, if anything."""
    _check_names(key, fields)
    for name, value in fields.items():
        if name.lower() in _SECRET and "${" not in value:
            raise ValueError(f"{key}: {t('probes.http_secret_field', name=name)}")
        if not usable_value(value):
            raise ValueError(f"{key}: {t('probes.http_field_value', name=name, most=MAX_VALUE_LENGTH)}")


def check_header_files(files: Mapping[str, str]) -> None:
    """Check the names of header fields whose values are in files."""
    _check_names("header_files", files)


def _check_names(key: str, fields: Mapping[str, str]) -> None:
    if len(fields) > MAX_FIELDS:
        raise ValueError(f"{key}: {t('probes.http_fields_many', most=MAX_FIELDS)}")
    for name in fields:
        check_token(key, name)
        if name.lower() in _OURS:
            raise ValueError(f"{key}: {t('probes.http_field_ours', name=name)}")


def check_token(key: str, name: str) -> None:
    """Check the name of a header field."""
    if not _TOKEN.match(name):
        raise ValueError(f"{key}: {t('probes.http_field_name', name=repr(name))}")


def usable_value(value: str) -> bool:
    """Whether ``value`` can stand in a header (RFC 9110, 5.5): no line ends, no control characters."""
    return len(value) <= MAX_VALUE_LENGTH and not re.search(r"[\x00-\x08\x0a-\x1f\x7f]", value)


def check_pattern(key: str, pattern: str | None) -> None:
    """Check that a pattern compiles."""
    if pattern is None:
        return
    try:
        compiled(pattern)
    except ValueError as error:
        raise ValueError(
            f"{key}: {t('probes.http_pattern', pattern=repr(pattern[:80]), error=error)}"
        ) from None
