"""How a router is asked: options of a kind, and the secrets that they name."""

from typing import Annotated, Final, Literal

import msgspec
from msgspec import Meta

from common.files import read_plain
from common.i18n import t
from exporters.net.failure import Failure
from inventory.names import Reason

_FilePath = Annotated[str, Meta(min_length=1, max_length=4096)]
_User = Annotated[str, Meta(min_length=1, max_length=32)]  # RFC 3414, 5: SnmpAdminString (SIZE(0..32))
MAX_SECRET_BYTES: Final = 1024
MIN_KEY_LETTERS: Final = 8  # RFC 3414, 11.2
AuthProtocol = Literal["md5", "sha", "sha224", "sha256", "sha384", "sha512"]
PrivacyProtocol = Literal["des", "aes", "aes192", "aes256"]


class Snmp(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """v2c wants ``community_file``; v3 ``user``, ``auth_key_file`` to authenticate, and with it
    ``privacy_key_file`` to encrypt. Protocols are sha and aes unless said otherwise. A file holds one
    secret; a line end after it is not part of it."""

    version: Literal["2c", "3"] = "2c"
    community_file: _FilePath | None = None
    user: _User | None = None
    auth_protocol: AuthProtocol | None = None
    auth_key_file: _FilePath | None = None
    privacy_protocol: PrivacyProtocol | None = None
    privacy_key_file: _FilePath | None = None

    def __post_init__(self) -> None:
        for key, sentence in self._problems().items():
            raise ValueError(f"{key}: {t(sentence)}")

    def _problems(self) -> dict[str, str]:
        """Return the sentence by key that makes no sense beside the others."""
        if self.version == "2c":
            keys = ("user", "auth_protocol", "auth_key_file", "privacy_protocol", "privacy_key_file")
            found = dict.fromkeys((key for key in keys if getattr(self, key)), "probes.snmp_only_v3")
            return found | ({} if self.community_file else {"community_file": "probes.snmp_community_file"})
        found = {"community_file": "probes.snmp_only_v2c"} if self.community_file else {}
        if not self.user:
            found["user"] = "probes.snmp_user"
        if self.auth_protocol and not self.auth_key_file:
            found["auth_key_file"] = "probes.snmp_key_file"
        if self.privacy_protocol and not self.privacy_key_file:
            found["privacy_key_file"] = "probes.snmp_key_file"
        if self.privacy_key_file and not self.auth_key_file:
            found["auth_key_file"] = "probes.snmp_privacy_alone"
        return found


class Secrets(msgspec.Struct, frozen=True, kw_only=True):
    """What the files hold. Never logged, never in evidence."""

    community: bytes = b""
    auth_key: bytes = b""
    privacy_key: bytes = b""

    def __repr__(self) -> str:
        return "Secrets(...)"


def read_secrets(snmp: Snmp) -> Secrets:
    """Read the files; blocking, for as long as a small file takes. Raises Failure(local)."""
    return Secrets(
        community=_read(snmp.community_file, 1),
        auth_key=_read(snmp.auth_key_file, MIN_KEY_LETTERS),
        privacy_key=_read(snmp.privacy_key_file, MIN_KEY_LETTERS),
    )


def _read(path: str | None, least: int) -> bytes:
    if path is None:
        return b""
    try:
        held = read_plain(path, MAX_SECRET_BYTES + 1)
    except OSError as error:
        raise Failure(Reason.LOCAL, f"{path}: {error.strerror}") from None
    secret = held.rstrip(b"\r\n")
    if not least <= len(secret) <= MAX_SECRET_BYTES:
        raise Failure(Reason.LOCAL, f"{path}: holds no secret of {least} to {MAX_SECRET_BYTES} bytes")
    return secret
