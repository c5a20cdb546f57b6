"""Whether what an agent sends is its own to send, and dated possibly. Pure: time is passed in.

A series is judged by its labels once, and known again by a digest of their bytes: an agent's labels are the
same in every push, which makes the second time ten times as fast as the first.

- ``site``, ``instance``, ``commune`` and ``job`` are the agent's own: filled in where absent. One that names
  somebody else makes the whole push :class:`Foreign`: it has the token of another site, or speaks for one.
- ``line``, ``target`` and ``probe`` must be what the inventory has this agent measure.
- Name and labels must be those of a metric that agents have (``inventory/names.py``): names, areas and
  recorded series are never samples of an agent.
- A sample dated ahead is left out: one such sample in Prometheus makes every later push of everybody fail.
"""

import hashlib
import re
from collections import Counter
from collections.abc import Mapping
from enum import StrEnum
from functools import lru_cache
from typing import Final

import msgspec

from agent.remote_write import encode_labels, encode_series, varint
from deploy.ingest import decode
from deploy.ingest.limits import AgentLimits, BodyLimits, Limits
from deploy.ingest.permits import Permit
from inventory.names import JOB_AGENT, Label, all_metrics

GENERATION_SECONDS: Final = 3600.0
_IDENTITY: Final = frozenset({Label.JOB, Label.INSTANCE, Label.SITE, Label.COMMUNE})
_LABEL_NAME: Final = re.compile(r"[a-zA-Z_][a-zA-Z0-9_]*\Z")
_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f]")
_DIGEST_BYTES: Final = 16
_ONE_SAMPLE_BYTES: Final = 18  # as our own encoder writes it, with a time of six bytes: until the year 2109


class Reason(StrEnum):
    """Why a sample is never stored. Closed list."""

    METRIC = "metric"  # no metric of agents
    LABELS = "labels"  # not the labels of that metric, malformed, or too large
    TARGET = "target"  # not among what the inventory has this agent measure
    LINE = "line"
    AHEAD = "ahead"  # dated in the future
    TOO_OLD = "too_old"  # outside the window of the engine
    HISTOGRAM = "histogram"  # native, which no agent has
    SERIES = "series"  # more different series than an agent may have


class Foreign(Exception):  # noqa: N818 - reads as what it says: a foreign push
    """A push that speaks for another site; the message names the label and never the token's owner."""


class Verdict(msgspec.Struct, frozen=True):
    """What of a push may be stored: ``series`` are encoded TimeSeries fields with ``samples`` samples."""

    series: list[bytes]
    samples: int
    left_out: Counter[str]

    @property
    def doubtful(self) -> bool:
        """Whether samples were left out by what the clock says."""
        return bool(self.left_out[Reason.AHEAD] or self.left_out[Reason.TOO_OLD])


def _allowed() -> dict[str, frozenset[str]]:
    """Return the labels that a series of agents may have besides its identity, by its name."""
    found: dict[str, frozenset[str]] = {}
    for metric in all_metrics():
        if metric.source != "agent":
            continue
        labels = frozenset(map(str, metric.labels))
        if metric.type == "histogram":
            found[f"{metric.name}_bucket"] = labels | {"le"}
            found[f"{metric.name}_sum"] = found[f"{metric.name}_count"] = labels
        else:
            found[metric.name] = labels
    return found


ALLOWED: Final[Mapping[str, frozenset[str]]] = _allowed()


class Judge:
    """Judges what the agent of one commune sends."""

    def __init__(self, permit: Permit, limits: Limits) -> None:
        self._own = {
            str(Label.JOB): JOB_AGENT,
            str(Label.INSTANCE): permit.commune,
            str(Label.SITE): permit.commune,
            str(Label.COMMUNE): permit.commune,
        }
        self._permit, self._limits = permit, limits
        self._young: set[bytes] = set()
        self._old: set[bytes] = set()
        self._turned_unix = 0.0

    def judge(self, raw: bytes, unix: float) -> Verdict:
        """Return what of a WriteRequest may be stored. Raises decode.Refused or Foreign."""
        if unix - self._turned_unix >= GENERATION_SECONDS or unix < self._turned_unix:
            self._young, self._old, self._turned_unix = set(), self._young, unix
        return _Push(self, raw, unix).verdict()

    def knows(self, head: bytes) -> bool:
        """Whether these bytes are the labels of a series that was judged and may be stored as it is."""
        digest = hashlib.blake2b(head, digest_size=_DIGEST_BYTES).digest()
        if digest in self._young:
            return True
        if digest in self._old:
            self._young.add(digest)
            return True
        return False

    def admit(self, head: bytes) -> bool:
        """Take in a series that may be stored; False when the agent has too many."""
        if len(self._young) >= self.agent_limits.series:
            return False
        self._young.add(hashlib.blake2b(head, digest_size=_DIGEST_BYTES).digest())
        return True

    @property
    def known(self) -> int:
        """How many series are remembered."""
        return len(self._young | self._old)

    @property
    def agent_limits(self) -> AgentLimits:
        return self._limits.agent

    @property
    def limits(self) -> Limits:
        return self._limits

    def labels(self, pairs: tuple[tuple[bytes, bytes], ...]) -> dict[str, str] | Reason:
        """Return the labels with which a series is stored, or why it is not. Raises Foreign."""
        found = _texts(pairs, self._limits.body)
        if found is None:
            return Reason.LABELS
        for name, own in self._own.items():
            if found.setdefault(name, own) != own:
                raise Foreign(f"label {name} is not this site's")
        allowed = ALLOWED.get(found.get("__name__", ""))
        if allowed is None:
            return Reason.METRIC
        if found.keys() - allowed - _IDENTITY - {"__name__"}:
            return Reason.LABELS
        return self._place(found, allowed) or found

    def _place(self, labels: Mapping[str, str], allowed: frozenset[str]) -> Reason | None:
        """Return what is wrong with the line and target of a series, None when nothing is."""
        line, target = labels.get(Label.LINE, ""), labels.get(Label.TARGET, "")
        if Label.TARGET in allowed:
            what = target, line, labels.get(Label.PROBE, "")
            return None if what in self._permit.targets else Reason.TARGET
        return None if not line or line in self._permit.lines else Reason.LINE


class _Push:
    """One push under judgement."""

    def __init__(self, judge: Judge, raw: bytes, unix: float) -> None:
        limits = judge.limits
        self._judge, self._raw, self._body = judge, raw, limits.body
        self._latest_ms = int((unix + limits.time.ahead_seconds) * 1000)
        self._earliest_ms = int((unix - limits.time.window_seconds) * 1000)
        self._series: list[bytes] = []
        self._samples = self._seen = 0
        self._left_out: Counter[str] = Counter()

    def verdict(self) -> Verdict:
        for chunk in decode.split(self._raw, self._body):
            if not self._again(chunk):
                self._first(chunk)
            if self._seen > self._body.samples:
                raise decode.Refused(decode.Fault.TOO_MANY_SAMPLES)
        return Verdict(self._series, self._samples, self._left_out)

    def _again(self, chunk: bytes) -> bool:
        """Take a known series with one sample as our own agents write it; False for anything else."""
        at = len(chunk) - _ONE_SAMPLE_BYTES
        if at <= 0 or chunk[at : at + 3] != b"\x12\x10\x09" or chunk[at + 11] != 0x10:
            return False
        time_ms = _six(chunk[at + 12 :])
        if time_ms is None or not self._judge.knows(chunk[:at]):
            return False
        self._seen += 1
        if self._dated(time_ms):
            self._series.append(b"\x0a" + varint(len(chunk)) + chunk)
            self._samples += 1
        return True

    def _first(self, chunk: bytes) -> None:
        """Take a series apart, and judge it."""
        series = decode.series(chunk, self._body)
        self._seen += len(series.samples) + series.histograms
        labels = self._judge.labels(series.labels)
        if isinstance(labels, Reason):
            self._left_out[labels] += max(1, len(series.samples))
            return
        if series.histograms:
            self._left_out[Reason.HISTOGRAM] += series.histograms
        head = encode_labels(labels)
        if not self._judge.knows(head) and not self._judge.admit(head):
            self._left_out[Reason.SERIES] += len(series.samples)
            return
        samples = [_encoded(value, at) for value, at in series.samples if self._dated(at)]
        if samples:
            self._series.append(encode_series(head, *samples))
            self._samples += len(samples)

    def _dated(self, time_ms: int) -> bool:
        """Whether a sample of this time may be stored."""
        if time_ms > self._latest_ms:
            self._left_out[Reason.AHEAD] += 1
            return False
        if time_ms < self._earliest_ms:
            self._left_out[Reason.TOO_OLD] += 1
            return False
        return True


def _texts(pairs: tuple[tuple[bytes, bytes], ...], limits: BodyLimits) -> dict[str, str] | None:
    """Return labels as text, None for what is malformed. An empty value is an absent label."""
    if len(pairs) > limits.labels:
        return None
    found: dict[str, str] = {}
    for name_bytes, value_bytes in pairs:
        if len(name_bytes) > limits.name_bytes or len(value_bytes) > limits.value_bytes:
            return None
        pair = _text(name_bytes, value_bytes)
        if pair is None or pair[0] in found:
            return None
        found[pair[0]] = pair[1]
    return {name: value for name, value in found.items() if value}


@lru_cache(4096)  # bounded by the limits above: at most a few MB
def _text(name_bytes: bytes, value_bytes: bytes) -> tuple[str, str] | None:
    """Return one label as text, None for a malformed one."""
    try:
        name, value = name_bytes.decode(), value_bytes.decode()
    except UnicodeDecodeError:
        return None
    return (name, value) if _LABEL_NAME.match(name) and not _CONTROL.search(value) else None


def _six(octets: bytes) -> int | None:
    """Return the varint that six bytes are, None when they are none, or more than one."""
    number = int.from_bytes(octets, "little")
    if number & 0x808080808080 != 0x008080808080:
        return None
    a, b, c, d, e, f = octets
    return (a & 0x7F) | (b & 0x7F) << 7 | (c & 0x7F) << 14 | (d & 0x7F) << 21 | (e & 0x7F) << 28 | f << 35


def _encoded(value: bytes, time_ms: int) -> bytes:
    stamp = b"\x10" + varint(time_ms)
    return b"\x12" + varint(9 + len(stamp)) + b"\x09" + value + stamp
