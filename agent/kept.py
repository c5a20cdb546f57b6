"""The configuration that an agent goes by: its own file, and what the hub last sent, kept on disk.

The hub says what is measured and where it is pushed to; the machine's own file says what only the machine
can know: its site, where it listens, where its state and its credentials lie.
"""

import contextlib
import logging
from pathlib import Path
from typing import Final, TypeVar

import msgspec

from agent.build import state_directory
from agent.config import AgentConfig, Fetch, Push
from agent.load import load_config, loads_config
from common.files import write_atomically
from common.yaml.problems import Problem, Refused

FILE_NAME: Final = "agent.yml"
MAX_BYTES: Final = 4 << 20
_OWN: Final = ("bearer_token_file", "ca_file", "certificate_file", "certificate_key_file")
P = TypeVar("P", Push, Fetch)
log = logging.getLogger(__name__)


def adopted(local: AgentConfig, sent: AgentConfig) -> AgentConfig:
    """Return what the hub sent, with what this machine decides for itself. Raises Refused for a
    configuration of another site."""
    for key in ("site", "commune"):
        own, other = getattr(local, key), getattr(sent, key)
        if own != other:
            raise Refused((Problem("", 0, key, "agent.other_site", (("own", own), ("found", other))),))
    return msgspec.structs.replace(
        sent,
        listen=local.listen,
        state_directory=local.state_directory,
        max_concurrent_probes=local.max_concurrent_probes,
        push=_with_files(sent.push, local.push),
        fetch=_with_files(sent.fetch, local.fetch) or local.fetch,
    )


def _with_files(sent: P | None, local: P | None) -> P | None:
    """Return what was sent with the files that the machine's own section names."""
    if sent is None or local is None:
        return sent
    own = {key: getattr(local, key) for key in _OWN if getattr(local, key) is not None}
    return msgspec.structs.replace(sent, **own)


def load_effective(path: Path) -> AgentConfig:
    """Return the configuration of a file, with what the hub last sent. Raises Refused."""
    return effective(load_config(path))


def effective(local: AgentConfig) -> AgentConfig:
    """Return what an agent with this file goes by; what is kept and cannot be used is passed over."""
    if local.fetch is None:
        return local
    content = read(local)
    if content is None:
        return local
    try:
        return adopted(local, loads_config(content, str(place(local))))
    except Refused as error:
        log.error("the configuration kept from the hub cannot be used", extra={"problems": str(error)})
        return local


def place(local: AgentConfig) -> Path:
    """Return where the hub's configuration is kept."""
    return state_directory(local) / FILE_NAME


def read(local: AgentConfig) -> bytes | None:
    """Return what is kept, None where there is nothing. Blocking; never raises OSError."""
    try:
        with place(local).open("rb") as file:
            return file.read(MAX_BYTES)
    except FileNotFoundError:
        return None
    except OSError as error:
        log.error("the configuration kept from the hub cannot be read", extra={"why": str(error)})
        return None


def keep(local: AgentConfig, content: bytes | None) -> None:
    """Keep what the hub sent, or nothing. Blocking. Raises OSError."""
    if content is not None:
        write_atomically(place(local), content, mode=0o600)
        return
    with contextlib.suppress(FileNotFoundError):
        place(local).unlink()
