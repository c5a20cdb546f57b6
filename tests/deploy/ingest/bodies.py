"""Pushes as agents make them, and as nobody should."""

import random
import struct
from collections.abc import Iterable, Mapping, Sequence

import cramjam
from msgspec.structs import replace

from agent.remote_write import Encoder, compress, encode_labels, encode_series
from deploy.ingest import permits
from deploy.ingest.limits import Limits
from deploy.ingest.permits import Permit
from inventory.model import Ingest, Inventory
from tests.inventory.provinces import small

UNIX = 1_795_000_000.0
OWN, OTHER = "21040", "21061"
LIMITS = Limits()
HEARTBEAT = "thongsuot_agent_heartbeat_timestamp_seconds"


def province() -> Inventory:
    """The small province, with a gateway."""
    inventory = small()
    hub = replace(
        inventory.hub,
        remote_write_url="https://10.51.0.1:9499/api/v1/write",
        ingest=Ingest(plain_http=True),
    )
    return replace(inventory, hub=hub)


def permit(commune: str = OWN) -> Permit:
    return permits.permits(permits.Known(permits.planned(province())), UNIX)[commune]


def labels(name: str, site: str = OWN, **more: str) -> dict[str, str]:
    """Labels as an agent sends them."""
    own = {"__name__": name, "job": "thongsuot-agent", "instance": site, "site": site, "commune": site}
    return {**own, **more}


def heartbeat(site: str = OWN) -> dict[str, str]:
    return labels(HEARTBEAT, site)


def up(site: str = OWN) -> dict[str, str]:
    """The state of the first target of a site."""
    target, line, probe = sorted(permit(site).targets)[0]
    more = {"target": target, "probe": probe} | ({"line": line} if line else {})
    return labels("thongsuot_target_up", site, **more)


def raw(series: Iterable[Mapping[str, str]], unix: float = UNIX, value: float = 1.0) -> bytes:
    """A WriteRequest with one sample for each of these label sets."""
    encoder = Encoder(round(unix * 1000))
    return b"".join(encode_series(encode_labels(one), encoder.sample(value)) for one in series)


def packed(series: Iterable[Mapping[str, str]], unix: float = UNIX, value: float = 1.0) -> bytes:
    return compress([raw(series, unix, value)])


def pack(content: bytes) -> bytes:
    return bytes(cramjam.snappy.compress_raw(content))


def bomb(size: int) -> bytes:
    """Snappy that says of itself that it holds ``size`` bytes, and is tiny."""
    out = bytearray()
    while size > 0x7F:
        out.append(size & 0x7F | 0x80)
        size >>= 7
    return bytes([*out, size]) + b"\x00A" + struct.pack("<BH", 0xFE, 1) * 4


def mutated(seeds: Sequence[bytes], count: int, seed: int) -> Iterable[bytes]:
    """Yield ``count`` bodies: random ones, and mutations of ``seeds`` before and behind snappy."""
    rng = random.Random(seed)
    for number in range(count):
        if number % 5 == 0:
            yield rng.randbytes(rng.choice((0, 1, 7, 64, 500, 4000)))
            continue
        body = bytearray(rng.choice(seeds))
        for _ in range(rng.choice((1, 1, 2, 5, 30))):
            _mutate(body, rng)
        yield pack(bytes(body)) if number % 5 != 1 else bytes(body)


def _mutate(body: bytearray, rng: random.Random) -> None:
    if not body:
        body += rng.randbytes(4)
    at = rng.randrange(len(body))
    match rng.randrange(6):
        case 0:
            body[at] ^= 1 << rng.randrange(8)
        case 1:
            body[at] = rng.choice((0, 0x7F, 0x80, 0xFF))
        case 2:
            del body[at : at + rng.randrange(1, 40)]
        case 3:
            body[at:at] = rng.randbytes(rng.randrange(1, 20))
        case 4:
            body[at:at] = body[max(0, at - 30) : at]
        case 5:
            body[at:at] = b"\xff" * rng.choice((1, 5, 10, 11))
