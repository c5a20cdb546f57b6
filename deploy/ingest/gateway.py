"""The gateway without HTTP: from an agent's body to an answer, and what it must know for that."""

import asyncio
import contextlib
import logging
import math
import secrets
import time
from collections.abc import Callable, Mapping
from typing import Final

import cramjam
import msgspec

from agent.transport import Result, meaning
from deploy.ingest import decode
from deploy.ingest.configs import Config
from deploy.ingest.engine import About, Answer
from deploy.ingest.forward import Busy, Forwarder, Slow
from deploy.ingest.judge import Foreign, Judge, Reason, Verdict
from deploy.ingest.limits import Limits
from deploy.ingest.meters import FRESH_TOO_OLD, Meters
from deploy.ingest.permits import Permit
from deploy.ingest.rates import Rates
from deploy.ingest.tokens import Book

DOUBT_SECONDS: Final = 10.0
"""The engine's newest sample cannot be this far ahead of the hub's clock, unless that was set back: of what
agents send, nothing is stored that is more than 5 s ahead."""
DOUBT_RETRY_SECONDS: Final = 30
BUSY_RETRY_SECONDS: Final = 2
LOG_SECONDS: Final = 600.0
_AT_ONCE_BYTES: Final = 4096  # compressed; a heartbeat with the states of a commune is half of that
_DECODERS: Final = 2
"""One more than backlog may have at a time: what is measured now never waits behind a whole queue of it."""
log = logging.getLogger(__name__)


class Province(msgspec.Struct, frozen=True):
    """What follows from the inventory, by the code of a commune."""

    permits: Mapping[str, Permit] = {}
    configs: Mapping[str, Config] = {}


class Reply(msgspec.Struct, frozen=True):
    """What an agent is told. ``result`` is counted; ``left_out`` samples are never stored."""

    status: int
    result: str
    said: str = ""
    left_out: int = 0
    retry_seconds: int | None = None


class Gateway:
    """Takes pushes of known agents. ``unix`` and ``now`` are wall and monotonic seconds."""

    def __init__(
        self,
        forwarder: Forwarder,
        meters: Meters,
        limits: Limits,
        *,
        unix: Callable[[], float] = time.time,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        self._forwarder, self._meters, self.limits = forwarder, meters, limits
        self.unix, self.now = unix, now
        self.book = Book()
        self.about = About()
        self.province = Province()
        self._judges: dict[str, Judge] = {}
        self._locks: dict[str, asyncio.Lock] = {}
        self._rates: dict[str, Rates] = {}
        self._decoders = asyncio.Semaphore(_DECODERS)
        self._backlog = asyncio.Semaphore(_DECODERS - 1)
        self._said: dict[tuple[str, str], float] = {}

    def take(self, province: Province) -> None:
        """Go by another inventory from now on."""
        self.province = province
        self._judges = {code: Judge(permit, self.limits) for code, permit in province.permits.items()}
        self._locks = {code: self._locks.get(code) or asyncio.Lock() for code in province.permits}
        agent = self.limits.agent
        self._rates = {code: self._rates.get(code) or Rates(agent) for code in province.permits}
        self._said.clear()
        self._meters.show_configs((code, config.version) for code, config in province.configs.items())

    @property
    def doubt(self) -> bool:
        """Whether the hub's own clock looks wrong: then nothing is refused for its time."""
        newest = self.about.newest
        return newest is not None and newest > self.unix() + DOUBT_SECONDS

    def rates(self, commune: str) -> Rates:
        """Return the buckets of an agent. Raises KeyError for a commune that is gone."""
        return self._rates[commune]

    async def push(self, commune: str, body: bytes, *, backlog: bool) -> Reply:
        """Store what of a compressed push is the agent's to send. Never raises but for cancellation."""
        try:
            verdict, packed = await self._judged(commune, body, backlog=backlog)
        except decode.Refused as refused:
            return Reply(400, refused.fault.value, f"not a push: {refused.fault.value}")
        except Foreign as foreign:
            self._meters.foreign.labels(commune).inc()
            self._log(commune, "foreign", str(foreign))
            return Reply(403, "foreign", f"speaks for another site: {foreign}")
        except KeyError:  # the commune went with a reload a moment ago
            return Reply(401, "unauthorised")
        if verdict.doubtful and self.doubt:
            self._log(commune, "doubt", "the hub's clock looks wrong")
            return Reply(503, "clock_doubt", "the hub's clock is in doubt", 0, DOUBT_RETRY_SECONDS)
        if verdict.left_out[Reason.TOO_OLD] and not backlog:
            self._log(commune, FRESH_TOO_OLD, "what was just measured is too old by the hub's clock")
            return Reply(503, FRESH_TOO_OLD, "too old, though fresh", 0, DOUBT_RETRY_SECONDS)
        reply = await self._stored(packed, verdict, backlog=backlog)
        return reply if reply.status != 204 else self._noted(commune, verdict, reply)

    async def _judged(self, commune: str, body: bytes, *, backlog: bool) -> tuple[Verdict, bytes]:
        """Judge in a thread what takes long. Raises decode.Refused, Foreign or KeyError.

        Backlog waits its turn before it takes the commune's lock, which its live pushes need too.
        """
        async with self._backlog if backlog else contextlib.nullcontext():
            return await self._judged_now(commune, body)

    async def _judged_now(self, commune: str, body: bytes) -> tuple[Verdict, bytes]:
        judge, unix = self._judges[commune], self.unix()
        async with self._locks[commune]:
            if len(body) <= _AT_ONCE_BYTES:
                return _work(judge, body, unix, self.limits)
            async with self._decoders:
                return await asyncio.to_thread(_work, judge, body, unix, self.limits)

    async def _stored(self, packed: bytes, verdict: Verdict, *, backlog: bool) -> Reply:
        if not verdict.samples:
            if verdict.left_out:
                return Reply(204, "left_out")
            return Reply(204, "empty")  # asks for nothing but the time
        began = self.now()
        try:
            answer = await self._forwarder.send(packed, backlog=backlog)
        except Busy:
            return Reply(429, "busy", "busy", 0, _soon(BUSY_RETRY_SECONDS))
        except Slow:
            return Reply(503, "slow", "the engine is slow", 0, _soon(BUSY_RETRY_SECONDS))
        finally:
            self._meters.forwards.observe(self.now() - began)
        reply = self._meant(answer)
        if not backlog and meaning(reply.status, reply.said) is Result.TOO_OLD:
            return msgspec.structs.replace(reply, result=FRESH_TOO_OLD)
        return reply

    def _meant(self, answer: Answer) -> Reply:
        """Return what the engine's answer means for an agent. The engine refusing *us* is not its fault."""
        status, said = answer.status, answer.said[:300]
        if 200 <= status < 300:
            return Reply(204, "stored")
        if status in {400, 413, 422}:
            return Reply(400, "engine_refused", said)
        if status == 429:
            return Reply(429, "engine_busy", "busy", 0, _soon(BUSY_RETRY_SECONDS))
        self._log("", "engine", f"the engine answers {status}: {said}")
        if status == 500:
            return Reply(500, "engine_error", said)
        return Reply(
            503, "engine_error", "the engine does not take samples now", 0, _soon(BUSY_RETRY_SECONDS)
        )

    def _noted(self, commune: str, verdict: Verdict, reply: Reply) -> Reply:
        """Count what became of the samples."""
        self._meters.stored.inc(verdict.samples)
        for reason, samples in verdict.left_out.items():
            self._meters.left_out.labels(commune, reason).inc(samples)
            self._log(commune, reason, f"{samples} samples left out")
        return msgspec.structs.replace(reply, left_out=verdict.left_out.total())

    def _log(self, commune: str, reason: str, what: str) -> None:
        """Say it once in a while: whoever sends nonsense must not fill the log."""
        now = self.now()
        if now - self._said.get((commune, reason), -math.inf) >= LOG_SECONDS:
            self._said[commune, reason] = now
            log.warning("push: %s", reason, extra={"commune": commune, "what": what})


def _work(judge: Judge, body: bytes, unix: float, limits: Limits) -> tuple[Verdict, bytes]:
    verdict = judge.judge(decode.unpack(body, limits.body), unix)
    return verdict, bytes(cramjam.snappy.compress_raw(b"".join(verdict.series)))


def _soon(seconds: int) -> int:
    """Return a time to come again, spread out so that not all come again at once."""
    return seconds + secrets.randbelow(seconds + 1)
