"""The login form. Pure but for ``forget``."""

from aiohttp import web

from .gate import COOKIE
from .markup import Html, el
from .page import Frame, document


def login(frame: Frame, target: str, problem: str | None = None) -> Html:
    """Return the form; it leads to ``target``. ``problem`` is why the last attempt failed."""
    words = frame.words
    fields = (
        _field("name", "text", "username", words.say("login_name"), first=True),
        _field("password", "password", "current-password", words.say("login_password")),
    )
    form = el(
        "form",
        el("p", problem, class_="warning", role="alert") if problem else None,
        fields,
        el("input", type="hidden", name="next", value=target),
        el("button", words.say("login")),
        method="post",
        action="/login",
        class_="login",
    )
    title = words.say("title", province=frame.province)
    other = "en" if words.language == "vi" else "vi"
    switch = el("a", words.say("other_language"), href=f"/login?lang={other}", lang=other)
    return document(
        frame, f"{words.say('login')} · {title}", el("main", el("h1", title), form, switch, class_="message")
    )


def _field(name: str, kind: str, complete: str, label: str, *, first: bool = False) -> Html:
    box = el(
        "input", type=kind, name=name, id=f"field-{name}", autocomplete=complete,
        required=True, maxlength=1024, autofocus=first,
    )  # fmt: skip
    return el("p", el("label", label, for_=f"field-{name}"), box)


def forget(response: web.StreamResponse) -> None:
    """End the session at the browser."""
    response.del_cookie(COOKIE, path="/", httponly=True, samesite="Strict")
