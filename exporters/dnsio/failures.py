"""A name that does not exist, told apart from name servers that fail."""

from exporters.net.failure import Failure
from inventory.names import Reason


class NoSuchName(Failure):
    """The answer is that there is no such name, or none with an address; good for ``ttl_seconds``."""

    def __init__(self, reason: Reason, evidence: str, ttl_seconds: float = 0.0) -> None:
        super().__init__(reason, evidence)
        self.ttl_seconds = ttl_seconds
