"""Vietnamese place names: compared without accents, and said in English. Pure."""

import unicodedata
from typing import Final

_TYPES: Final = (("Đặc khu", "special zone"), ("Phường", "ward"), ("Xã", "commune"))
_PREFIXES: Final = ("thanh pho ", "dac khu ", "phuong ", "tinh ", "xa ")


def fold(text: str) -> str:
    """Return ``text`` without accents, case and double spaces.

    >>> fold("  Quảng   NGÃI ")
    'quang ngai'
    """
    decomposed = unicodedata.normalize("NFD", text.casefold().replace("đ", "d"))
    return " ".join("".join(c for c in decomposed if not unicodedata.combining(c)).split())


def bare(text: str) -> str:
    """Return the folded name without its type.

    >>> bare("Tỉnh Quảng Ngãi"), bare("Xã Xốp"), bare("Quảng Ngãi")
    ('quang ngai', 'xop', 'quang ngai')
    """
    folded = fold(text)
    for prefix in _PREFIXES:
        if folded.startswith(prefix):
            return folded.removeprefix(prefix)
    return folded


def english(name: str) -> str:
    """Return how English says a commune's name; a name without a type stays as it is.

    >>> english("Xã Bình Sơn"), english("Đặc khu Lý Sơn")
    ('Bình Sơn commune', 'Lý Sơn special zone')
    """
    for vietnamese, said in _TYPES:
        if name.startswith(vietnamese + " "):
            return f"{name.removeprefix(vietnamese + ' ')} {said}"
    return name


def slug(text: str) -> str:
    """Return ``text`` as an id: folded, everything but letters and digits as one hyphen.

    >>> slug("Ba Tơ")
    'ba-to'
    """
    kept = "".join(c if c.isascii() and c.isalnum() else " " for c in fold(text))
    return "-".join(kept.split())
