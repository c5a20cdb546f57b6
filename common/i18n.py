"""Strings that users see, in Vietnamese and English.

One catalogue per language: the TOML files of ``common/locale/<language>/``, one per area, each a flat
table. A key is ``<area>.<name>``; a test proves that both languages have every key with the same
placeholders. Logs, metric HELP and code stay in English.
"""

import os
import tomllib
from functools import cache
from pathlib import Path
from typing import Final

LANGUAGES: Final = ("vi", "en")
DEFAULT: Final = "vi"
_LOCALE: Final = Path(__file__).with_name("locale")
_chosen = ""


@cache
def catalogue(language: str) -> dict[str, str]:
    """Return all strings of ``language`` by key. Raises KeyError for an unknown language."""
    if language not in LANGUAGES:
        raise KeyError(language)
    areas = sorted(path.stem for path in (_LOCALE / language).glob("*.toml"))
    return {f"{area}.{name}": text for area in areas for name, text in _area(language, area).items()}


@cache
def _area(language: str, name: str) -> dict[str, str]:
    """Return the strings of one area: who needs few has few in memory. Raises KeyError."""
    if language not in LANGUAGES or not name.isidentifier():
        raise KeyError(language)
    try:
        text = (_LOCALE / language / f"{name}.toml").read_text(encoding="utf-8")
    except FileNotFoundError:
        raise KeyError(name) from None
    strings: dict[str, str] = tomllib.loads(text)
    return strings


def t(key: str, language: str | None = None, /, **values: object) -> str:
    """Return the string ``key`` in ``language`` (default: :func:`current`) with its values put in."""
    area, _, name = key.partition(".")
    return _area(language or current(), area)[name].format(**values)


def choose(language: str) -> None:
    """Set the language of this process (``--lang``). Raises KeyError for an unknown language."""
    global _chosen  # noqa: PLW0603 - one choice per process, made once by the command line
    if language not in LANGUAGES:
        raise KeyError(language)
    _chosen = language


def current() -> str:
    """Return the chosen language, else THONGSUOT_LANG, else that of the locale, else Vietnamese."""
    if _chosen:
        return _chosen
    for variable in ("THONGSUOT_LANG", "LC_ALL", "LC_MESSAGES", "LANG"):
        language = os.environ.get(variable, "")[:2].lower()
        if language in LANGUAGES:
            return language
    return DEFAULT
