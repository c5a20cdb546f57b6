"""What the files named in the options hold: secrets and bodies, read anew for each probe."""

import asyncio
from typing import Final

import msgspec

from common.files import read_plain
from exporters.httpio.config import Ask, Config
from exporters.httpio.options import MAX_VALUE_LENGTH, usable_value
from exporters.httpio.proxy import Proxy, parse_proxy
from exporters.httpio.veil import Veil
from exporters.net.failure import Failure
from inventory.names import Reason

MAX_BODY_LENGTH: Final = 65536
_LETTER_BYTES: Final = 4  # at most, in UTF-8


class Held(msgspec.Struct, frozen=True):
    """Values by path; ``proxy`` with its credentials."""

    lines: dict[str, str] = {}
    bodies: dict[str, str] = {}
    proxy: Proxy | None = None


_NOTHING: Final = Held()


async def load(config: Config, asks: tuple[Ask, ...], veil: Veil) -> Held:
    """Return what the files hold; ``veil`` learns the secrets. Raises Failure(local) for a file that
    cannot be used; never says what is in it."""
    keys = dict.fromkeys(config.variable_files.values(), "variable_files")
    for ask in asks:
        keys |= dict.fromkeys(ask.header_files.values(), "header_files")
    if config.proxy_credentials_file is not None:
        keys[config.proxy_credentials_file] = "proxy_credentials_file"
    bodies = [ask.body_file for ask in asks if ask.body_file is not None]
    if not keys and not bodies:
        return _NOTHING if config.proxy is None else Held(proxy=parse_proxy("proxy", config.proxy))
    held = await asyncio.to_thread(_read_all, keys, bodies)
    for line in held.lines.values():
        veil.add(line)
    return msgspec.structs.replace(held, proxy=_proxy(config, held, veil))


def _proxy(config: Config, held: Held, veil: Veil) -> Proxy | None:
    if config.proxy is None:
        return None
    path = config.proxy_credentials_file
    if path is None:
        return parse_proxy("proxy", config.proxy)
    credentials = held.lines[path]
    user, colon, word = credentials.partition(":")
    if not user or not colon:
        raise Failure(Reason.LOCAL, f"proxy_credentials_file: {path}: expected user:password")
    veil.add(word)
    return parse_proxy("proxy", config.proxy, credentials)


def _read_all(keys: dict[str, str], bodies: list[str]) -> Held:
    return Held(
        lines={path: _line(key, path) for path, key in keys.items()},
        bodies={path: _read("body_file", path, MAX_BODY_LENGTH) for path in bodies},
    )


def _line(key: str, path: str) -> str:
    value = _read(key, path, MAX_VALUE_LENGTH + 1).strip()
    if not value or not usable_value(value):
        raise Failure(Reason.LOCAL, f"{key}: {path}: expected one line of text")
    return value


def _read(key: str, path: str, most: int) -> str:
    try:
        held = read_plain(path, _LETTER_BYTES * most + 1)
        text = held.decode("utf-8") if len(held) <= _LETTER_BYTES * most else ""
    except OSError as error:
        raise Failure(Reason.LOCAL, f"{key}: {path}: {error.strerror}") from None
    except UnicodeDecodeError:
        raise Failure(Reason.LOCAL, f"{key}: {path}: not UTF-8") from None
    if len(text) > most or len(held) > _LETTER_BYTES * most:
        raise Failure(Reason.LOCAL, f"{key}: {path}: over {most} characters")
    return text
