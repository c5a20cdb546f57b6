"""Options that point at a part of an answer: what must stand there, and what is taken along from it."""

from typing import Annotated, Any, Final

from msgspec import Meta

from common.i18n import t
from exporters.base import ProbeConfig
from exporters.httpio import jsonpath, xpath
from exporters.httpio.options import check_pattern, check_token

_Text = Annotated[str, Meta(min_length=1, max_length=500)]
_TESTS: Final = ("equals", "matches", "at_least", "at_most", "present")


class Part(ProbeConfig, frozen=True, kw_only=True):
    """A part of an answer: at most one of

    - ``json``: a JSON path (RFC 9535) into the page;
    - ``xpath``: a path into the page as XML, see :mod:`exporters.httpio.xpath`;
    - ``header``: the name of a header field; fields of one name are joined by ``", "`` (RFC 9110, 5.3).

    None of them: the page's text.
    """

    json: _Text | None = None
    xpath: _Text | None = None
    header: _Text | None = None

    def __post_init__(self) -> None:
        given = [key for key in ("json", "xpath", "header") if getattr(self, key) is not None]
        if len(given) > 1:
            raise ValueError(f"{given[1]}: {t('probes.http_part_one')}")
        for key, compiled in (("json", jsonpath.compiled), ("xpath", xpath.compiled)):
            path = getattr(self, key)
            if path is not None:
                _check_path(key, path, compiled)
        if self.header is not None:
            check_token("header", self.header)

    @property
    def needs_document(self) -> bool:
        """Whether the whole page is needed, not only its beginning."""
        return self.json is not None or self.xpath is not None

    def __str__(self) -> str:
        if self.header is not None:
            return f"header {self.header}"
        return self.json or self.xpath or "the page"


def _check_path(key: str, path: str, compiled: Any) -> None:
    try:
        compiled(path)
    except ValueError as error:
        raise ValueError(f"{key}: {t('probes.http_path', path=repr(path[:80]), error=error)}") from None


class Expectation(Part, frozen=True, kw_only=True):
    """What must stand in a part of the answer; where a path finds several values, in each of them.

    - ``equals``: a text, number or boolean. A text is compared with the value as text (``"12"`` fits
      12, ``"true"`` fits true) and may hold ``${variables}``; a number or boolean with its like only.
    - ``matches``: a regular expression that must be found in the value as text.
    - ``at_least``, ``at_most``: the value is a number within these.
    - ``present``: the part is there (true) or is not (false).
    """

    equals: Any = None
    matches: str | None = None
    at_least: float | None = None
    at_most: float | None = None
    present: bool | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        given = {key for key in _TESTS if getattr(self, key) is not None}
        if not given:
            raise ValueError(f"matches: {t('probes.http_expect_none')}")
        if len(given) > 1 and given != {"at_least", "at_most"}:
            second = [key for key in _TESTS if key in given][1]
            raise ValueError(f"{second}: {t('probes.http_expect_one')}")
        if self.at_least is not None and self.at_most is not None and self.at_least > self.at_most:
            raise ValueError(f"at_most: {t('probes.http_expect_range')}")
        if not isinstance(self.equals, str | int | float | None):
            raise ValueError(f"equals: {t('probes.http_equals')}")
        if self.present is not None and not self.needs_document and self.header is None:
            raise ValueError(f"present: {t('probes.http_present')}")
        check_pattern("matches", self.matches)


class Capture(Part, frozen=True, kw_only=True):
    """What a step takes along for later ones, as ``${name}``: the first value found.

    ``matches``: a regular expression; its first group, or all of it, is taken. ``secret: false`` lets
    the value be shown in evidence; otherwise it never is.
    """

    matches: str | None = None
    secret: bool = True

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.matches is None and not self.needs_document and self.header is None:
            raise ValueError(f"matches: {t('probes.http_capture_none')}")
        check_pattern("matches", self.matches)
