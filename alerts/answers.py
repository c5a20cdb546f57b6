"""What a person may answer to a message, and how often anybody may ask. Pure."""

from typing import Final, Literal
from urllib.parse import parse_qs

import msgspec

SILENCE_HOURS: Final = (1, 4, 8, 24)
ACKNOWLEDGED_HOURS: Final = 24.0
"""How long the silence of an acknowledged outage lasts, unless the outage ends before."""
LONGEST_SILENCE_SECONDS: Final = max(*SILENCE_HOURS, ACKNOWLEDGED_HOURS) * 3600
MAX_NAME_CHARS: Final = 80
MAX_FORM_BYTES: Final = 4096
Action = Literal["acknowledge", "silence"]


class Answer(msgspec.Struct, frozen=True):
    """What was answered; ``name`` is as typed, or empty. ``hours`` of silence."""

    action: Action
    name: str
    hours: float


def parse(body: bytes) -> Answer | None:
    """Return the answer in a form's body (application/x-www-form-urlencoded), None for anything else."""
    try:
        fields = parse_qs(body.decode("utf-8"), strict_parsing=True, max_num_fields=8)
    except (UnicodeDecodeError, ValueError):
        return None
    action = fields.get("action", [""])[0]
    name = clean(fields.get("name", [""])[0])
    if action == "acknowledge":
        return Answer("acknowledge", name, ACKNOWLEDGED_HOURS)
    hours = {str(hours): hours for hours in SILENCE_HOURS}.get(fields.get("hours", [""])[0])
    return Answer("silence", name, float(hours)) if action == "silence" and hours is not None else None


def clean(name: str) -> str:
    """Return a typed name as one short line that no log and no message stumbles over."""
    flat = "".join(char if char.isprintable() else " " for char in name)
    return " ".join(flat.split())[:MAX_NAME_CHARS]


class Bucket:
    """At most ``burst`` at once and ``per_second`` on average (monotonic seconds)."""

    def __init__(self, per_second: float, burst: float) -> None:
        self._per_second, self._burst = per_second, burst
        self._left, self._at = burst, 0.0

    def take(self, now: float) -> bool:
        """Take one; False where none is left."""
        self._left = min(self._burst, self._left + max(0.0, now - self._at) * self._per_second)
        self._at = now
        if self._left < 1:
            return False
        self._left -= 1
        return True
