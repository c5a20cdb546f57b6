"""Every string exists in both languages, takes the same values, and is used."""

import ast
import re
import string
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

from common import i18n

ROOT = Path(__file__).resolve().parents[1]
PACKAGES = ("agent", "alerts", "common", "dashboards", "deploy", "exporters", "inventory")
LOCALE = ROOT / "common" / "locale"
KEY = re.compile(r"[a-z][a-z0-9_]*\.[a-z][a-z0-9_]*")
BEGUN = re.compile(r"[a-z][a-z0-9_]*\.[a-z0-9_]*")
QUOTING = frozenset({"demo.maintenance_page_broken"})
"""English texts that quote Vietnamese: what a page says."""
JOINING = frozenset({"yaml.and_"})
"""Texts that stand between others, blanks included."""
VIETNAMESE = re.compile(
    r"[ăâđêôơưàảãáạằẳẵắặầẩẫấậèẻẽéẹềểễếệìỉĩíịòỏõóọồổỗốộờởỡớợùủũúụừửữứựỳỷỹýỵ]", re.IGNORECASE
)


def placeholders(text: str) -> set[str]:
    """Return the names of the values that ``text`` takes, with their conversion and format."""
    return {
        f"{name}!{conversion or ''}:{form or ''}"
        for _, name, form, conversion in string.Formatter().parse(text)
        if name is not None
    }


def area_files() -> Iterator[tuple[str, Path]]:
    for language in i18n.LANGUAGES:
        for path in sorted((LOCALE / language).glob("*.toml")):
            yield language, path


def literals() -> Iterator[tuple[str, str]]:
    """Yield (file:line, text) of every string constant of our code that is not a docstring."""
    for package in PACKAGES:
        for path in sorted((ROOT / package).rglob("*.py")):
            tree = ast.parse(path.read_text(encoding="utf-8"))
            alone = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
            for node in ast.walk(tree):
                if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in alone:
                    yield f"{path.relative_to(ROOT)}:{node.lineno}", node.value


def translate_calls() -> Iterator[tuple[str, ast.Call]]:
    """Yield (file:line, call) of every call of ``t(...)`` or ``i18n.t(...)``."""
    for package in PACKAGES:
        for path in sorted((ROOT / package).rglob("*.py")):
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
                if isinstance(node, ast.Call) and node.args:
                    name = getattr(node.func, "id", getattr(node.func, "attr", ""))
                    if name == "t":
                        yield f"{path.relative_to(ROOT)}:{node.lineno}", node


def prefixes() -> set[str]:
    """Return the constant beginnings of keys that are put together at run time: f"wall.state_{s}"."""
    found = set()
    for package in PACKAGES:
        for path in sorted((ROOT / package).rglob("*.py")):
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
                if isinstance(node, ast.JoinedStr) and isinstance(node.values[0], ast.Constant):
                    begun = str(node.values[0].value)
                    if BEGUN.fullmatch(begun):
                        found.add(begun)
    return found


def test_both_languages_have_the_same_areas_and_keys() -> None:
    vi, en = (i18n.catalogue(language) for language in ("vi", "en"))
    assert sorted(vi.keys() ^ en.keys()) == []


def test_both_languages_take_the_same_values() -> None:
    vi, en = (i18n.catalogue(language) for language in ("vi", "en"))
    different = [key for key in vi.keys() & en.keys() if placeholders(vi[key]) != placeholders(en[key])]
    assert different == []


@pytest.mark.parametrize("language", i18n.LANGUAGES)
def test_keys_are_well_formed_and_texts_are_not_empty(language: str) -> None:
    strings = i18n.catalogue(language)
    assert [key for key in strings if not KEY.fullmatch(key)] == []
    assert [key for key, text in strings.items() if not text.strip() and key not in JOINING] == []


def test_a_text_that_joins_others_has_its_blanks_in_both_languages() -> None:
    def edges(text: str) -> tuple[bool, bool]:
        return text[:1].isspace(), text[-1:].isspace()

    vi, en = (i18n.catalogue(language) for language in ("vi", "en"))
    assert [
        key for key in vi.keys() & en.keys() if edges(vi[key]) != edges(en[key]) and key not in JOINING
    ] == []


def test_each_area_is_a_flat_table_of_strings() -> None:
    wrong = [
        f"{language}/{path.name}: {name}"
        for language, path in area_files()
        for name, text in tomllib.loads(path.read_text(encoding="utf-8")).items()
        if not isinstance(text, str)
    ]
    assert wrong == []


def test_the_english_catalogue_holds_no_vietnamese() -> None:
    """Proper names stand in the inventory; in a catalogue only the product's own name is Vietnamese."""
    own = re.compile("Thông suốt|Tiếng Việt")
    strings = i18n.catalogue("en")
    found = {key for key, text in strings.items() if VIETNAMESE.search(own.sub("", text))}
    assert found == QUOTING


def test_every_key_that_the_code_asks_for_exists() -> None:
    strings = i18n.catalogue("vi")
    missing = [
        f"{where}: {call.args[0].value!r}"
        for where, call in translate_calls()
        if isinstance(call.args[0], ast.Constant) and call.args[0].value not in strings
    ]
    assert missing == []


def test_every_value_that_a_text_takes_is_given() -> None:
    """Checked where the call names its values one by one."""
    strings = i18n.catalogue("vi")
    wrong = []
    for where, call in translate_calls():
        key = call.args[0]
        if not isinstance(key, ast.Constant) or key.value not in strings:
            continue
        given = {keyword.arg for keyword in call.keywords}
        wanted = {name.partition("!")[0].partition(".")[0] for name in placeholders(strings[key.value])}
        if None not in given and given != wanted:
            wrong.append(f"{where}: {key.value!r} takes {sorted(wanted)}, given {sorted(map(str, given))}")
    assert wrong == []


def test_no_string_is_unused() -> None:
    """A key counts as used when it is a literal of the code, or begins like a key made at run time.

    ``<area>.help`` of a command is asked for by deploy/cli.py from the command's AREA.
    """
    used = {text for _, text in literals()}
    areas = {key.partition(".")[0] for key in i18n.catalogue("vi")}
    begun = tuple(prefix for prefix in prefixes() if prefix.partition(".")[0] in areas)
    unused = [
        key
        for key in i18n.catalogue("vi")
        if key not in used and not key.endswith(".help") and not key.startswith(begun)
    ]
    assert unused == []


def test_a_text_with_a_format_is_put_together() -> None:
    assert placeholders("{count} xã, {share:.1f} %") == {"count!:", "share!:.1f"}
    assert i18n.t("cli.command", "en") != i18n.t("cli.command", "vi")
