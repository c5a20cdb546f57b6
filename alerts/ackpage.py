"""The page behind the link in a message: acknowledge or silence, on a phone.

    GET  /a/<token>   what it is about, and a form; changes nothing, since chat programs fetch links by
                      themselves to show a preview
    POST /a/<token>   acts

The signature in the address is what permits it, so a page of somebody else's cannot make a browser answer: it
does not know the address. Nothing here is loaded from elsewhere, and no other page may frame it.
"""

import asyncio
import html
import logging
import time
from collections.abc import Callable
from string import Template
from typing import Final

from aiohttp import web

from alerts import answers, handling, outages_text, witness, words
from alerts.answers import Answer, Bucket
from alerts.book import Book
from alerts.handling import Handled
from alerts.learned import Learned
from alerts.links import PATH, Answerable, LinkError, Links
from alerts.store import StoreError
from alerts.telemetry import Telemetry
from alerts.text import headline
from alerts.threads import StoreThread
from common.i18n import t
from common.web import add_health
from inventory.model import Language

READ_SECONDS: Final = 5.0
GOOD_PER_SECOND, GOOD_BURST = 5.0, 60.0
BAD_PER_SECOND, BAD_BURST = 1.0, 20.0
MOST_REVISED: Final = 20
HEADERS: Final = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; form-action 'self';"
    " base-uri 'none'; frame-ancestors 'none'",
    "Referrer-Policy": "no-referrer",  # the address is the permission
    "X-Content-Type-Options": "nosniff",
    "X-Robots-Tag": "noindex, nofollow",
}
_PAGE: Final = Template("""\
<!doctype html>
<html lang="$language">
<meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>$title</title>
<style>
:root { color-scheme: light dark; font: 18px/1.45 system-ui, sans-serif }
body { margin: 0 auto; max-width: 34rem; padding: 1rem }
h1 { font-size: 1.25rem }
form { border-top: 1px solid #8888; margin-top: 1rem; padding-top: 1rem }
input, select, button { box-sizing: border-box; font: inherit; min-height: 3rem; padding: .4rem .8rem;
  width: 100% }
button { background: #0b57d0; border: 0; border-radius: .5rem; color: #fff; margin-top: .75rem }
button.second { background: #5f6368 }
p.said { font-weight: 600 }
nav { margin-top: 2rem; font-size: .9rem }
</style>
<h1>$title</h1>
$body
<nav><a href="?lang=$other">$other_name</a></nav>
</html>
""")
log = logging.getLogger(__name__)


class AnswerPage:
    """Serves the links of ``links``. ``woken`` is called after an answer: there is a silence to make."""

    def __init__(
        self, store: StoreThread, links: Links, book: Book, telemetry: Telemetry, woken: Callable[[], None],
        *, learned: Learned,
    ) -> None:  # fmt: skip
        self._store = store
        self.links = links
        self.book = book
        self._telemetry = telemetry
        self._woken = woken
        self._learned = learned
        self._good = Bucket(GOOD_PER_SECOND, GOOD_BURST)
        self._bad = Bucket(BAD_PER_SECOND, BAD_BURST)

    def app(self) -> web.Application:
        """Return the application: these pages and health, nothing else."""
        app = web.Application(client_max_size=answers.MAX_FORM_BYTES)
        app.router.add_get(f"{PATH}{{token}}", self._show)
        app.router.add_post(f"{PATH}{{token}}", self._act)
        add_health(app, None)
        return app

    async def _show(self, request: web.Request) -> web.Response:
        language = _language(request)
        opened = self._open(request, language)
        if isinstance(opened, web.Response):
            return opened
        try:
            found = await self._store(handling.one, opened.outage_id)
            if found is None:
                return self._refuse(410, "unknown", language)
            learned = await self._revisions(found, language)
        except StoreError:
            return self._refuse(503, "unavailable", language)
        self._telemetry.answers.labels("shown").inc()
        return self._page(200, found, language, learned + self._form(found, language))

    async def _act(self, request: web.Request) -> web.Response:
        language = _language(request)
        opened = self._open(request, language)
        if isinstance(opened, web.Response):
            return opened
        answer = await _answer(request)
        if answer is None:
            return self._refuse(400, "form", language)
        try:
            return await self._keep(opened, answer, language)
        except StoreError as error:
            log.error("an answer was lost: %s", error, extra={"outage": opened.outage_id})
            return self._refuse(503, "unavailable", language)

    async def _keep(self, opened: Answerable, answer: Answer, language: Language) -> web.Response:
        now, who = time.time(), answer.name or t("answer.by_channel", language, channel=opened.channel)
        before = await self._store(handling.one, opened.outage_id)
        if before is None:
            return self._refuse(410, "unknown", language)
        if before.over:
            learned = await self._revisions(before, language)
            return self._page(200, before, language, learned + self._form(before, language))
        first = await self._store(handling.acknowledge, opened.outage_id, who, now)
        if first or answer.action == "silence":
            await self._store(handling.silence, opened.outage_id, now + answer.hours * 3600)
        result = "silenced" if answer.action == "silence" else "acknowledged"
        self._telemetry.answers.labels(result).inc()
        log.info("answered", extra={"outage": opened.outage_id, "answer": result, "channel": opened.channel})
        self._woken()
        found = await self._store(handling.one, opened.outage_id) or before
        return self._page(200, found, language, self._done(found, answer, language))

    def _open(self, request: web.Request, language: Language) -> Answerable | web.Response:
        now = time.monotonic()
        try:
            opened = self.links.open(request.match_info["token"], time.time())
        except LinkError as error:
            if not self._bad.take(now):
                return self._refuse(429, "rate", language)
            return self._refuse(410 if error.reason == "expired" else 404, str(error.reason), language)
        return opened if self._good.take(now) else self._refuse(429, "rate", language)

    # --- pages -----------------------------------------------------------------------------------
    def _refuse(self, status: int, reason: str, language: Language) -> web.Response:
        self._telemetry.answers.labels(reason).inc()
        said = t("answer.expired" if reason == "expired" else f"answer.refused_{status}", language)
        response = _response(status, t("answer.refused", language), f"<p>{html.escape(said)}</p>", language)
        if status in {429, 503}:
            response.headers["Retry-After"] = "10"
        return response

    def _page(self, status: int, found: Handled, language: Language, body: str) -> web.Response:
        outage, zone = found.outage, self.book.inventory.province.timezone
        since = t("message.since", language, since=words.moment(outage.starts_at, zone, language))
        return _response(
            status, headline(outage, self.book, language), f"<p>{html.escape(since)}</p>{body}", language
        )

    async def _revisions(self, found: Handled, language: Language) -> str:
        """What was learned of an outage, or of those that it tells of, since they were told of."""
        told = (found, *await self._store(handling.children, found.outage.id))
        alerts = await self._store(witness.located, [one.outage.id for one in told])
        revised = await self._learned.of(alerts)
        zone = self.book.inventory.province.timezone
        lines: list[str] = []
        shown = [one for one in told if one.outage.id in revised]
        for one in shown[:MOST_REVISED]:
            if one is not found:
                lines.append(headline(one.outage, self.book, language) + ":")
            lines += outages_text.sentences(revised[one.outage.id], zone, language)
        if len(shown) > MOST_REVISED:
            lines.append(t("outages.ended_more", language, count=len(shown) - MOST_REVISED))
        return "".join(f'<p class="revised">{html.escape(line)}</p>' for line in lines)

    def _state(self, found: Handled, language: Language) -> str:
        """What has been answered so far."""
        zone = self.book.inventory.province.timezone
        lines = []
        if found.over:
            lines.append(t("answer.over", language))
        if found.acked_at is not None:
            when = words.moment(found.acked_at, zone, language)
            lines.append(t("message.acknowledged", language, who=found.acked_by or "", when=when))
        if found.silenced_until is not None and not found.over and found.silenced_until > time.time():
            lines.append(
                t("answer.silenced", language, when=words.moment(found.silenced_until, zone, language))
            )
        return "".join(f'<p class="said">{html.escape(line)}</p>' for line in lines)

    def _done(self, found: Handled, answer: Answer, language: Language) -> str:
        said = t(f"answer.thanks_{answer.action}", language)
        return f"<p>{html.escape(said)}</p>{self._state(found, language)}"

    def _form(self, found: Handled, language: Language) -> str:
        if found.over:
            return self._state(found, language)

        def say(key: str, **values: object) -> str:
            return html.escape(t(f"answer.{key}", language, **values))

        hours = "".join(
            f'<option value="{number}">{say("hours", count=number)}</option>'
            for number in answers.SILENCE_HOURS
        )
        name = (
            f'<label>{say("name")}<input name="name" maxlength="{answers.MAX_NAME_CHARS}"'
            ' autocomplete="name"></label>'
        )
        acknowledge = (
            f'<form method="post">{name}<p>{say("acknowledge_means")}</p>'
            f'<button name="action" value="acknowledge">{say("acknowledge")}</button></form>'
        )
        silence = (
            f'<form method="post">{name}<p>{say("silence_means")}</p>'
            f'<label>{say("for_how_long")}<select name="hours">{hours}</select></label>'
            f'<button class="second" name="action" value="silence">{say("silence")}</button></form>'
        )
        return self._state(found, language) + (acknowledge if found.acked_at is None else "") + silence


async def _answer(request: web.Request) -> Answer | None:
    try:
        async with asyncio.timeout(READ_SECONDS):
            return answers.parse(await request.read())
    except (TimeoutError, web.HTTPRequestEntityTooLarge):
        return None


def _language(request: web.Request) -> Language:
    """Vietnamese unless the address or the browser asks for English first."""
    asked = request.query.get("lang", "")
    if asked not in {"vi", "en"}:
        asked = request.headers.get("Accept-Language", "")[:2].lower()
    return "en" if asked == "en" else "vi"


def _response(status: int, title: str, body: str, language: Language) -> web.Response:
    other: Language = "vi" if language == "en" else "en"
    page = _PAGE.substitute(
        language=language, title=html.escape(title), body=body, other=other,
        other_name=t("answer.this_language", other),
    )  # fmt: skip
    return web.Response(status=status, text=page, content_type="text/html", charset="utf-8", headers=HEADERS)
