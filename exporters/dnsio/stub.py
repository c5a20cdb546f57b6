"""From a name to its addresses, as this machine's files say (RFC 1034, 5.3.1: a stub resolver).

A and AAAA are asked at the same time. A name server that has not answered within
:data:`STAGGER_SECONDS` is joined by the next one, and the first answer counts; the server that gave it
is asked first the next time, so that a dead one costs one delay and not one each time.
"""

import asyncio
from collections.abc import Coroutine, Iterator
from itertools import chain, repeat
from typing import Any, Final, TypeVar

import msgspec

from exporters.dnsio import libc
from exporters.dnsio.answer import Answer, answer, failed
from exporters.dnsio.client import Manner, Reply, Server, ask
from exporters.dnsio.failures import NoSuchName
from exporters.dnsio.message import Message, Question
from exporters.dnsio.names import name_of
from exporters.dnsio.order import best_first
from exporters.dnsio.rdata import TYPES
from exporters.dnsio.system import ResolvConf, System, load
from exporters.net.failure import Failure
from exporters.net.literal import Address, IpVersion, literal
from inventory.names import Reason

STAGGER_SECONDS: Final = 0.4
OTHER_FAMILY_SECONDS: Final = 0.25
"""How much longer than for the first of A and AAAA to wait for the other."""
LOOKUP_SECONDS: Final = 6.0
HOSTS_SECONDS: Final = 5.0
LIBC_SECONDS: Final = 30.0
T = TypeVar("T")
_TYPES: Final[dict[IpVersion, int]] = {6: TYPES["AAAA"], 4: TYPES["A"]}


class Resolved(msgspec.Struct, frozen=True):
    """Addresses, best first, and for how long they hold."""

    addresses: tuple[Address, ...]
    ttl_seconds: float


class Stub:
    """Asks the name servers of this machine. ``preferred`` is the one that answered last."""

    def __init__(self) -> None:
        self.preferred: Server | None = None

    async def look_up(self, host: str, version: IpVersion | None) -> Resolved:
        """Return the addresses of a name. Raises NoSuchName where that is the answer, else Failure."""
        try:
            async with asyncio.timeout(LOOKUP_SECONDS):
                system = await asyncio.to_thread(load)
                return await self.look_up_as(system, host, version)
        except TimeoutError:
            raise Failure(Reason.DNS, f"{host}: no answer within {LOOKUP_SECONDS:g} s") from None

    async def look_up_as(self, system: System, host: str, version: IpVersion | None) -> Resolved:
        """See :meth:`look_up`; without a deadline of its own."""
        known = system.from_hosts(host, version)
        if known:
            return Resolved(best_first(known), HOSTS_SECONDS)
        if system.leaves_to_libc(host):
            return Resolved(await libc.look_up(host, version), LIBC_SECONDS)
        return await self._search(system, host, version)

    async def _search(self, system: System, host: str, version: IpVersion | None) -> Resolved:
        failure: Failure | None = None
        for candidate in system.candidates(host):
            try:
                return await self._addresses(system.conf, candidate, version)
            except NoSuchName as absent:
                failure = failure or absent
            except Failure as broken:
                if not isinstance(failure, Failure) or isinstance(failure, NoSuchName):
                    failure = broken  # a name that could not be asked for may exist
        raise failure or Failure(Reason.DNS, f"{host}: no name to look for")

    async def _addresses(self, conf: ResolvConf, host: str, version: IpVersion | None) -> Resolved:
        """Ask for A and AAAA of a full name."""
        versions: tuple[IpVersion, ...] = (6, 4) if version is None else (version,)
        if version is None and not conf.wants_ipv6:
            versions = (4,)
        try:
            name = name_of(host)
        except ValueError as error:
            raise Failure(Reason.DNS, str(error)) from None
        asked = [_started(self._ask(conf, Question(name, _TYPES[one]))) for one in versions]
        try:
            await _first_answer(asked)
        finally:
            for task in asked:
                task.cancel()
        return _joined(host, asked)

    async def _ask(self, conf: ResolvConf, question: Question) -> Answer:
        """Return the first answer of any server. Raises Failure with what each of them did."""
        running: dict[asyncio.Task[Reply], Server] = {}
        failures: dict[str, str] = {}
        turns = self._turns(conf)
        try:
            while (server := next(turns, None)) is not None or running:
                if server is not None:
                    manner = Manner(tcp=conf.tcp)
                    task = _started(ask(server, question, manner, conf.timeout_seconds))
                    running[task] = server
                wait = STAGGER_SECONDS if server is not None else None
                done, _ = await asyncio.wait(running, timeout=wait, return_when=asyncio.FIRST_COMPLETED)
                for task in done:
                    said = _said(task, str(server := running.pop(task)))
                    if isinstance(said, Message):
                        self.preferred = server
                        return answer(said, question)
                    failures[str(server)] = said
        finally:
            for task in running:
                task.cancel()
        raise Failure(Reason.DNS, "; ".join(failures.values()))

    def _turns(self, conf: ResolvConf) -> Iterator[Server]:
        servers = sorted(conf.servers, key=lambda server: server != self.preferred)
        return chain.from_iterable(repeat(servers, conf.attempts))


def _started(work: Coroutine[Any, Any, T]) -> asyncio.Task[T]:
    """Return a task whose failure is seen even where nobody waits for it any more."""
    task = asyncio.ensure_future(work)
    task.add_done_callback(lambda done: done.cancelled() or done.exception())
    return task


def _said(task: asyncio.Task[Reply], server: str) -> Message | str:
    """Return a usable answer, or why there is none."""
    error = task.exception()
    if isinstance(error, Failure):
        return error.evidence
    if error is not None:
        raise error
    message = task.result().message
    return f"{server}: {message.rcode_name}" if failed(message) else message


async def _first_answer(asked: list[asyncio.Task[Answer]]) -> None:
    """Wait for all, but not long once one has found an address."""
    pending = set(asked)
    while pending:
        found = any(task.done() and not task.exception() and task.result().records for task in asked)
        done, pending = await asyncio.wait(
            pending,
            timeout=OTHER_FAMILY_SECONDS if found else None,
            return_when=asyncio.FIRST_COMPLETED,
        )
        if not done:
            return


def _joined(host: str, asked: list[asyncio.Task[Answer]]) -> Resolved:
    """Return what A and AAAA found together. Raises NoSuchName when all say so, else Failure."""
    answers: list[Answer] = []
    failure: BaseException | None = None
    for task in asked:
        if not task.done():
            continue
        failure = task.exception() or failure
        if task.exception() is None:
            answers.append(task.result())
    addresses = [
        address for found in answers for r in found.records if (address := literal(r.value)) is not None
    ]
    if addresses:
        return Resolved(best_first(addresses), min(found.ttl_seconds for found in answers if found.records))
    if failure is not None:
        words = failure.evidence if isinstance(failure, Failure) else str(failure)
        raise Failure(Reason.DNS, f"{host}: {words}") from None
    ttl = min((found.ttl_seconds for found in answers), default=0)
    raise NoSuchName(Reason.DNS, f"{host}: no such name, or none with an address", ttl)
