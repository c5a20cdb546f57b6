"""``thongsuot notify --test``: one clearly marked message through a channel, and what became of it."""

import time
import uuid
from functools import partial

from alerts import text
from alerts.channels.base import Message, TransportError
from alerts.channels.http import new_session
from alerts.channels.registry import convert_options, kinds
from alerts.sender import SEND_SECONDS
from alerts.threads import abandonable
from inventory.model import Channel, Inventory


def message(channel: Channel, inventory: Inventory, now: float, identity: str) -> Message:
    """Return the test message for ``channel``; ``now`` is Unix seconds."""
    zone = inventory.province.timezone
    vi, en = (text.render_test(channel.id, now, zone, language) for language in ("vi", "en"))
    chosen = {"vi": vi, "en": en}
    return Message(
        id=identity,
        outage_id=identity,
        status="test",
        alertname="Test",
        starts_at=now,
        texts=tuple(chosen[language] for language in channel.languages),
        text_vi=f"{vi.subject}\n{vi.body}",
        text_en=f"{en.subject}\n{en.body}",
    )


async def send(channel: Channel, inventory: Inventory) -> str | None:
    """Send a test through ``channel``; return None, or why it was not delivered."""
    identity = f"test-{uuid.uuid4().hex}"
    try:
        config = convert_options(channel.kind, channel.options)  # raises Refused, a ValueError
        made = message(channel, inventory, time.time(), identity)
        with new_session() as session:
            await abandonable(partial(kinds()[channel.kind].send, made, config, session), SEND_SECONDS)
    except TimeoutError:
        return f"no end within {SEND_SECONDS:g} s"
    except (TransportError, ValueError) as error:
        return str(error)
    return None
