"""What a viewer chose: language, theme, the map's layer; from address, cookie, or browser's wishes. Pure."""

from typing import Final

from aiohttp import web

from common.i18n import DEFAULT, LANGUAGES

SHOWN: Final = ("on", "off")
THEMES: Final = ("light", "dark")
_COOKIE_SECONDS: Final = 400 * 86400
_MOST_WISHES: Final = 20


def language(request: web.Request) -> str:
    """Return the language: ``?lang=``, cookie, Accept-Language, Vietnamese."""
    for chosen in (request.query.get("lang"), request.cookies.get("lang")):
        if chosen in LANGUAGES:
            return str(chosen)
    return accepted(request.headers.get("Accept-Language", ""))


def accepted(header: str) -> str:
    """Return the best of our languages for an Accept-Language header (RFC 9110, 12.5.4).

    >>> accepted("fr, en;q=0.5, vi;q=0.4"), accepted("*")
    ('en', 'vi')
    """
    best, weight = DEFAULT, 0.0
    for wish in header[:1000].split(",")[:_MOST_WISHES]:
        tag, _, parameter = wish.strip().partition(";")
        offered = tag[:2].lower()
        wanted = _weight(parameter)
        if offered in LANGUAGES and tag[2:3] in ("", "-") and wanted > weight:
            best, weight = offered, wanted
    return best


def _weight(parameter: str) -> float:
    name, _, value = parameter.strip().partition("=")
    if name != "q":
        return 1.0
    try:
        return min(1.0, max(0.0, float(value)))
    except ValueError:
        return 0.0


def theme(request: web.Request) -> str:
    """Return light, dark, or "" where the viewer leaves it to the system."""
    for chosen in (request.query.get("theme"), request.cookies.get("theme")):
        if chosen in THEMES:
            return str(chosen)
    return ""


def zones(request: web.Request) -> bool:
    """Return whether the map begins with its dead zones: for a television, which nobody clicks at."""
    chosen = request.query.get("zones") or request.cookies.get("zones")
    return chosen == "on"


def remember(request: web.Request, response: web.StreamResponse) -> None:
    """Keep what the address says in cookies."""
    allowed = {"lang": LANGUAGES, "theme": THEMES, "zones": SHOWN}
    for name, values in allowed.items():
        chosen = request.query.get(name)
        if chosen in values:
            response.set_cookie(
                name, str(chosen), max_age=_COOKIE_SECONDS, httponly=True, samesite="Lax", path="/"
            )
