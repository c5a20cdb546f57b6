"""Says once that something is broken, and once that it works again."""

import logging


class Complaint:
    """One thing that may be broken. Repeating it does not repeat the log line; another reason does."""

    def __init__(self, logger: logging.Logger, subject: str) -> None:
        self._log = logger
        self._subject = subject
        self._reason = ""

    def broken(self, reason: str) -> None:
        """Log ``reason`` unless it was the last thing said."""
        if reason != self._reason:
            self._reason = reason
            self._log.error("%s: %s", self._subject, reason)

    def works(self) -> None:
        """Log the recovery if there was a complaint."""
        if self._reason:
            self._reason = ""
            self._log.info("%s: works again", self._subject)
