"""Options of the ``http`` probe that make no sense together. Each raises ValueError as ``key: problem``."""

from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Final

from common.i18n import t
from exporters.httpio import template, xpath
from exporters.httpio.proxy import parse_proxy
from exporters.httpio.url import parse_url

if TYPE_CHECKING:
    from exporters.httpio.config import Ask, Config, Step

MAX_NAMED: Final = 16
"""Variables, captures of a step, namespaces."""


def check_ask(ask: "Ask") -> None:
    """Check one request by itself."""
    _check_body(ask)
    _check_namespaces(ask)
    if ask.method == "HEAD":
        if ask.body_regex is not None:
            raise ValueError(f"body_regex: {t('probes.http_head')}")
        if any(part.header is None for part in ask.expect):
            raise ValueError(f"expect: {t('probes.http_head')}")
    for key, text in _templates(ask):
        _check_template(key, text)


def _check_body(ask: "Ask") -> None:
    if ask.body and ask.body_file is not None:
        raise ValueError(f"body_file: {t('probes.http_two_bodies')}")
    has_body = bool(ask.body) or ask.body_file is not None
    if has_body and ask.method in ("GET", "HEAD"):
        key = "body" if ask.body else "body_file"
        raise ValueError(f"{key}: {t('probes.http_body_method', method=ask.method)}")
    if ask.content_type is not None:
        if not has_body:
            raise ValueError(f"content_type: {t('probes.http_type_alone')}")
        if any(name.lower() == "content-type" for name in (*ask.headers, *ask.header_files)):
            raise ValueError(f"content_type: {t('probes.http_type_twice')}")
        if not (ask.content_type.isascii() and ask.content_type.isprintable()):
            raise ValueError(f"content_type: {t('probes.http_type')}")
    both = {name.lower() for name in ask.headers} & {name.lower() for name in ask.header_files}
    if both:
        raise ValueError(f"header_files: {t('probes.http_field_twice', name=min(both))}")


def _check_namespaces(ask: "Ask") -> None:
    if len(ask.namespaces) > MAX_NAMED:
        raise ValueError(f"namespaces: {t('probes.http_named_many', most=MAX_NAMED)}")
    captures = getattr(ask, "capture", {})
    for key, parts in (("expect", ask.expect), ("capture", captures.values())):
        for part in parts:
            _check_prefixes(key, part.xpath, ask.namespaces)


def _check_prefixes(key: str, path: str | None, namespaces: Mapping[str, str]) -> None:
    if path is None:
        return
    try:
        xpath.check_prefixes(path, namespaces)
    except ValueError as error:
        raise ValueError(f"{key}: {t('probes.http_path', path=repr(path[:80]), error=error)}") from None


def _templates(ask: "Ask") -> Iterator[tuple[str, str]]:
    """Return the texts that may hold variables, by key."""
    url = getattr(ask, "url", None)
    if url is not None:
        yield "url", url
    for value in ask.headers.values():
        yield "headers", value
    yield "body", ask.body
    for part in ask.expect:
        if isinstance(part.equals, str):
            yield "expect", part.equals


def _check_template(key: str, text: str) -> list[str]:
    try:
        return template.names_in(text)
    except template.UnknownName as error:
        raise ValueError(f"{key}: {t('probes.http_variable_form', place=error)}") from None


def check_step(step: "Step") -> None:
    """Check what only a step has."""
    _check_names("capture", step.capture)
    if step.url is None:
        return
    if step.url.startswith(("/", "?")) and not step.url.startswith("//"):
        return
    try:
        # A variable in the host would let an answer choose whom we talk to.
        parse_url(step.url)
    except ValueError:
        raise ValueError(f"url: {t('probes.http_step_url')}") from None


def _check_names(key: str, names: Iterable[str]) -> None:
    names = list(names)
    if len(names) > MAX_NAMED:
        raise ValueError(f"{key}: {t('probes.http_named_many', most=MAX_NAMED)}")
    for name in names:
        if not template.NAME.match(name):
            raise ValueError(f"{key}: {t('probes.http_variable_name', name=repr(name[:60]))}")


def check_config(config: "Config") -> None:
    """Check how all requests are sent, and that steps fit together."""
    if config.key_file is not None and config.cert_file is None:
        raise ValueError(f"key_file: {t('probes.http_key_alone')}")
    if config.insecure_skip_verify and config.ca_file is not None:
        raise ValueError(f"ca_file: {t('probes.http_ca_unused')}")
    if config.proxy is not None:
        parse_proxy("proxy", config.proxy)
    elif config.proxy_credentials_file is not None:
        raise ValueError(f"proxy_credentials_file: {t('probes.http_no_proxy')}")
    _check_names("variable_files", config.variable_files)
    if config.steps:
        _check_alone(config)
    _check_variables(config)


def _check_alone(config: "Config") -> None:
    """Check that no option of one request stands beside the steps, where nothing would heed it."""
    for name, default in _defaults().items():
        if getattr(config, name) != default:
            raise ValueError(f"{name}: {t('probes.http_beside_steps')}")


def _defaults() -> dict[str, object]:
    from exporters.httpio.config import Ask  # noqa: PLC0415 - which imports this module

    plain = Ask()
    return {name: getattr(plain, name) for name in plain.__struct_fields__}


def _check_variables(config: "Config") -> None:
    known = set(config.variable_files)
    for ask in config.steps or (config,):
        for key, text in _templates(ask):
            for name in _check_template(key, text):
                if name not in known:
                    where = getattr(ask, "name", "") or key
                    raise ValueError(
                        f"{'steps' if config.steps else key}: "
                        f"{t('probes.http_variable_unknown', name=name, where=where)}"
                    )
        for name in getattr(ask, "capture", {}):
            if name in known:
                raise ValueError(f"steps: {t('probes.http_variable_twice', name=name)}")
            known.add(name)
