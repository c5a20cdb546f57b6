"""Strings that users see, in Vietnamese and English.

One catalogue per language: the TOML files of ``common/locale/<language>/``, one per area, each a flat
table. A key is ``<area>.<name>``; a test proves that both languages have every key with the same
placeholders. Logs, metric HELP and code stay in English.
"""

import os
import tomllib
from functools import cache
from importlib.resources import files
from typing import Final

LANGUAGES: Final = ("vi", "en")
DEFAULT: Final = "vi"
_chosen = ""


@cache
def catalogue(language: str) -> dict[str, str]:
    """Return all strings of ``language`` by key. Raises KeyError for an unknown language."""
    if language not in LANGUAGES:
        raise KeyError(language)
    strings: dict[str, str] = {}
    for path in sorted(files("common").joinpath("locale", language).iterdir(), key=lambda p: p.name):
        if path.name.endswith(".toml"):
            area = path.name.removesuffix(".toml")
            for name, text in tomllib.loads(path.read_text(encoding="utf-8")).items():
                strings[f"{area}.{name}"] = text
    return strings


def t(key: str, language: str | None = None, /, **values: object) -> str:
    """Return the string ``key`` in ``language`` (default: :func:`current`) with its values put in."""
    return catalogue(language or current())[key].format(**values)


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
