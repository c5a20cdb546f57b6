"""What both command lines share: the common options, the choice of language, argparse in Vietnamese."""

import argparse
from collections.abc import Sequence
from typing import Final

from common import i18n
from common.i18n import t

# What argparse itself says to users, by its English text (Python 3.11 to 3.13). What a later Python
# words otherwise stays English.
_PHRASES: Final = {
    "usage:": "argparse.usage",
    "options": "argparse.options",
    "positional arguments": "argparse.positional",
    "show this help message and exit": "argparse.help",
    "%(prog)s: error: %(message)s": "argparse.error",
    "argument %(argument_name)s: %(message)s": "argparse.argument",
    "unrecognized arguments: %s": "argparse.unrecognized",
    "the following arguments are required: %s": "argparse.required",
    "one of the arguments %s is required": "argparse.one_required",
    "not allowed with argument %s": "argparse.not_allowed",
    "ignored explicit argument %r": "argparse.explicit",
    "expected one argument": "argparse.expected_one",
    "expected at least one argument": "argparse.expected_some",
    "ambiguous option: %(option)s could match %(matches)s": "argparse.ambiguous",
    "invalid %(type)s value: %(value)r": "argparse.value",
    "invalid choice: %(value)r (choose from %(choices)s)": "argparse.choice",
}


def _phrase(text: str) -> str:
    key = _PHRASES.get(text.rstrip())
    return t(key) + text[len(text.rstrip()) :] if key else text


def choose_language(words: Sequence[str]) -> None:
    """Choose the language before help texts are made: ``--lang`` may stand anywhere.

    A language that is not offered is left for the parser to refuse.
    """
    # argparse asks gettext for its texts at each use; this is the one place where it can be answered
    # from our own catalogues without shipping compiled ones.
    setattr(argparse, "_", _phrase)  # noqa: B010 - not in the module's type stubs
    for position, word in enumerate(words):
        following = words[position + 1] if position + 1 < len(words) else ""
        value = following if word == "--lang" else word.removeprefix("--lang=")
        if word.startswith("--lang") and value in i18n.LANGUAGES:
            i18n.choose(value)


def common_options(*, nested: bool = False) -> argparse.ArgumentParser:
    """Return the options that every command takes, to be used as a parent.

    They may stand before or after the command. ``nested`` is for a command and its actions: an option
    left out there keeps the value that was given before.
    """
    shared = argparse.ArgumentParser(add_help=False)

    def option(name: str, default: str | None, choices: Sequence[str], text: str) -> None:
        shared.add_argument(
            name, default=argparse.SUPPRESS if nested else default, choices=choices, help=text
        )

    option("--lang", None, i18n.LANGUAGES, t("cli.option_lang"))
    option("--log-format", "text", ("text", "json"), t("cli.option_log_format"))
    option("--log-level", "info", ("debug", "info", "warning", "error"), t("cli.option_log_level"))
    return shared
