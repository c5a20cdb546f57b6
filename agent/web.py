"""The agent's own pages: status, metrics, health, reload, and a probe on demand of a configured target."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import nullcontext
from html import escape
from typing import Final
from urllib.parse import urlencode, urlsplit

from aiohttp import web
from aiohttp.typedefs import Handler

from agent.expose import escape as quoted
from agent.exposition import Renderer, pieces
from agent.run import Agent
from agent.runner import Runner
from agent.slices import Slices
from common import i18n
from common.i18n import t
from common.web import MAX_BODY_BYTES, add_health, is_loopback
from exporters import evidence
from exporters.base import Outcome
from exporters.demand import FORCED
from exporters.evidence import Notes
from inventory import names
from inventory.names import State

MAX_PROBES_AT_ONCE: Final = 2
LEAST_GAP_SECONDS: Final = 1.0
_SECURITY: Final = {
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'",
    "X-Content-Type-Options": "nosniff",
    "Cache-Control": "no-store",
}
_STYLE: Final = (
    ":root{color-scheme:light dark}body{font:16px/1.5 system-ui,sans-serif;margin:2em auto;max-width:70em;"
    "padding:0 1em}table{border-collapse:collapse;width:100%}td,th{text-align:left;padding:.3em .8em;"
    "border-bottom:1px solid #8886}.up{color:#0a7a3d}.down{color:#c62828;font-weight:700}"
    "@media(prefers-color-scheme:dark){.up{color:#5fd08f}.down{color:#ff8a80}}"
)


def make_app(agent: Agent) -> web.Application:
    """Return the application with all pages of ``agent``."""
    app = web.Application(client_max_size=MAX_BODY_BYTES, middlewares=[_own_orders_only])
    pages = _Pages(agent)
    app.router.add_get("/", pages.status)
    app.router.add_get("/probe", pages.probe)
    app.router.add_get("/metrics", pages.metrics)
    add_health(app, None, ready=lambda: agent.ready, reload=agent.reload)
    return app


@web.middleware
async def _own_orders_only(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Take orders only from this machine, and not from what another web site makes a browser send."""
    if request.method not in {"GET", "HEAD"}:
        if not is_loopback(request.remote or ""):
            return web.Response(status=403, text="only from this machine\n")
        origin = request.headers.get("Origin")
        if origin is not None and _place(origin) != request.host:
            return web.Response(status=403, text="cross-site request\n")
    return await handler(request)


def _place(origin: str) -> str:
    try:
        return urlsplit(origin).netloc
    except ValueError:
        return ""


class _Pages:
    def __init__(self, agent: Agent) -> None:
        self._agent = agent
        self._free = asyncio.Semaphore(MAX_PROBES_AT_ONCE)
        self._probed_seconds: dict[str, float] = {}
        self._renderer = Renderer(agent.groups)

    async def status(self, request: web.Request) -> web.Response:
        """The status page, in the language of ``?lang=`` or of the browser."""
        body = await status_page(self._agent, _language(request))
        return web.Response(text=body, content_type="text/html", headers=_SECURITY)

    async def metrics(self, request: web.Request) -> web.Response:
        """All series, in the format that the reader accepts; sent in pieces, each when there is room."""
        parts, content_type = await self._renderer.render(request.headers.get("Accept", ""))
        headers = {"Content-Type": content_type, "Content-Length": str(sum(map(len, parts)))}
        return web.Response(body=_sent(parts), headers=headers)

    async def probe(self, request: web.Request) -> web.Response:
        """``/probe?target=NAME[&debug=1][&force=1]``: measure a configured target now, without counting it.

        ``force``, from this machine only, has kinds that wait for their hour not wait.
        """
        name = request.query.get("target", "")
        runner = next((item for item in self._agent.runners.values() if item.target.name == name), None)
        if runner is None:
            return web.Response(status=404, text="no such target\n", headers=_SECURITY)
        now = self._agent.clock.now()
        recent = now - self._probed_seconds.get(name, float("-inf")) < LEAST_GAP_SECONDS
        if recent or self._free.locked():
            return web.Response(
                status=429, text="too many probes\n", headers={**_SECURITY, "Retry-After": "1"}
            )
        self._probed_seconds[name] = now
        asked = request.query.get("force") in {"1", "true"}
        FORCED.set(asked and is_loopback(request.remote or ""))  # of this request's own task
        async with self._free:
            text = await _measure(runner, debug=request.query.get("debug") in {"1", "true"})
        return web.Response(text=text, headers=_SECURITY)


async def _sent(parts: list[bytes]) -> AsyncIterator[bytes]:
    for piece in pieces(parts):
        yield piece


async def _measure(runner: Runner, *, debug: bool) -> str:
    with evidence.collecting() if debug else nullcontext() as notes:
        try:
            outcome = await runner.probe_aside()
        except Exception as error:  # noqa: BLE001 - a bug in a probe is an answer here, not a broken page
            return f"# bug in the probe: {type(error).__name__}: {error}\n"
    return metrics_text(outcome) if notes is None else debug_text(runner, outcome, notes)


def metrics_text(outcome: Outcome) -> str:
    """Return an outcome as Prometheus reads it, without the labels of the target."""
    lines = [
        f"{names.PROBE_SUCCESS.name} {int(outcome.ok)}",
        f"{names.PROBE_DURATION.name} {outcome.duration_seconds:.6f}",
    ]
    for sample in outcome.samples:
        labels = ",".join(f'{key}="{quoted(value)}"' for key, value in sample.labels)
        lines.append(
            f"{sample.metric.name}{{{labels}}} {sample.value}"
            if labels
            else f"{sample.metric.name} {sample.value}"
        )
    return "\n".join(lines) + "\n"


def debug_text(runner: Runner, outcome: Outcome, notes: Notes) -> str:
    """Return an outcome for people: what was asked, what was seen on the way, and every value."""
    target = runner.target
    head = (
        f"target   {target.name} ({target.target})\n"
        f"probe    {target.probe} {target.address}\n"
        f"deadline {target.timeout_seconds:g} s\n"
        f"reason   {outcome.reason.value}\n"
        f"evidence {outcome.evidence}\n"
        f"state    {runner.measured.state.value if runner.judges else 'none: it only measures'}\n\n"
    )
    head += "".join(f"{name:<12} {text}\n" for name, text in notes.lines) + ("\n" if notes.lines else "")
    return head + metrics_text(outcome)


def _language(request: web.Request) -> str:
    asked = request.query.get("lang", "") or request.headers.get("Accept-Language", "")[:2].lower()
    return asked if asked in i18n.LANGUAGES else i18n.current()


async def status_page(agent: Agent, language: str) -> str:
    """Return the status page in ``language``, made in slices: the hub's agent has thousands of rows."""
    other = "en" if language == "vi" else "vi"
    title = t("agent.page_title", language, site=agent.config.site)
    heads = "".join(f"<th>{escape(t(f'agent.column_{name}', language))}" for name in _COLUMNS)
    rows, slices = [], Slices()
    for runner in list(agent.runners.values()):
        rows.append(_row(agent, runner, language))
        await slices.used(_ROW_UNITS)
    return (
        f'<!doctype html><html lang="{language}"><meta charset="utf-8">'
        f'<meta name="viewport" content="width=device-width"><title>{escape(title)}</title>'
        f"<style>{_STYLE}</style><h1>{escape(title)}</h1>"
        f"<p>{escape(_push_line(agent, language))}</p>"
        f"<table><tr>{heads}</tr>{''.join(rows)}</table>"
        f'<p><a href="?lang={other}">{t("agent.other_language", language)}</a> · '
        f'<a href="metrics">metrics</a> · thongsuot-agent {escape(agent.version)}</p>'
    )


_ROW_UNITS: Final = 8  # a row costs about as much as so many series
_COLUMNS: Final = ("name", "state", "since", "result", "ms", "evidence")


def _row(agent: Agent, runner: Runner, language: str) -> str:
    measured, last = runner.measured, runner.measured.last
    state = measured.state
    name = f'<a href="probe?{_query(runner.target.name)}&amp;debug=1">{escape(runner.target.name)}</a>'
    cells = (
        _ago(agent, measured.changed_seconds, language),
        t(f"agent.reason_{last.reason.value}", language) if last else "",
        f"{last.duration_seconds * 1000:.1f}" if last else "",
        last.evidence if last else "",
    )
    mark = {State.UP: "up", State.DOWN: "down", State.UNKNOWN: "unknown"}[state]
    shown = f'<td class="{mark}">{escape(t(f"agent.state_{state.value}", language))}'
    if not runner.judges:
        shown = "<td>"
    return f"<tr><td>{name}{shown}" + "".join(f"<td>{escape(cell)}" for cell in cells) + "</tr>"


def _query(name: str) -> str:
    return escape(urlencode({"target": name}))


def _ago(agent: Agent, at_seconds: float | None, language: str) -> str:
    if at_seconds is None:
        return ""
    seconds = int(agent.clock.now() - at_seconds)
    hours, rest = divmod(seconds, 3600)
    clock = f"{hours}:{rest // 60:02d}:{rest % 60:02d}"
    return t("agent.ago", language, time=clock)


def _push_line(agent: Agent, language: str) -> str:
    if agent.pusher is None:
        return t("agent.push_none", language)
    if not agent.clock.known:
        return t("agent.push_waiting", language)
    key = "agent.push_ok" if agent.pusher.working else "agent.push_failing"
    return t(key, language, result=agent.pusher.last_result.value)
