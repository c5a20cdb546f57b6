"""The budget around a test: reserved on disk before the first byte, settled after the last."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime
from pathlib import Path

from exporters.net.failure import Failure
from exporters.throughputio import allowance
from exporters.throughputio.allowance import Allowance
from exporters.throughputio.config import Config
from exporters.throughputio.deferred import Deferred
from exporters.throughputio.ledger import Book, Ledger, Unusable
from exporters.throughputio.transfer import Spent
from inventory.names import Reason


class Account:
    """One test's account. ``spent`` is filled while it runs; ``tested`` is set once it is complete."""

    def __init__(self, config: Config, given: Allowance) -> None:
        self._config = config
        self.given, self.spent, self.tested = given, Spent(), False
        self.book = Book()

    @property
    def used(self) -> int:
        """Bytes on the line, at most what was reserved."""
        count = allowance.used(self.spent.bytes)
        return min(count, self.given.reserved) if self.given.reserved else count

    @property
    def remaining(self) -> int | None:
        """Bytes left of the month's budget once this is settled, None without a budget."""
        budget = allowance.budget_bytes(self._config)
        if budget is None:
            return None
        return max(0, budget - self.book.spent.get(self.given.month, 0) - self.used)


@asynccontextmanager
async def opened(config: Config, name: str, now: datetime, night: str) -> AsyncIterator[Account]:
    """Open the account of a test of the target ``name``. Raises Deferred, and Failure(local) for its file."""
    if config.state_directory is None:
        if config.budget_gigabytes_per_month is not None:
            raise Failure(Reason.LOCAL, "a budget needs state_directory")
        yield Account(config, allowance.allow(config, Book(), now, ""))
        return
    ledger = Ledger(Path(config.state_directory), name)
    try:
        with ledger.alone():
            book = await asyncio.to_thread(ledger.read)
            account = Account(config, allowance.allow(config, book, now, night))
            account.book = book
            await asyncio.to_thread(ledger.reserve, account.given.month, account.given.reserved)
            try:
                yield account
            finally:
                # Not in a thread: a test that is cancelled must be settled before the lock goes.
                done = account.given.window if account.tested else ""
                ledger.settle(account.given.month, account.given.reserved, account.used, done)
    except Unusable as error:
        if error.busy:
            raise Deferred(str(error)) from None
        raise Failure(Reason.LOCAL, str(error)) from None
