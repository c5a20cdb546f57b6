"""Reads an interface's byte counters every 20 ms: ``python -m tests.bench._sampler INTERFACE``.

Prints wall-clock time, bytes received and bytes sent, one line a reading, until it is ended.
"""

import sys
import time
from pathlib import Path

INTERVAL_SECONDS = 0.02


def read(interface: str) -> tuple[int, int]:
    """Return bytes received and sent. Raises StopIteration for no such interface."""
    lines = Path("/proc/net/dev").read_text(encoding="ascii").splitlines()
    line = next(line for line in lines if line.strip().startswith(f"{interface}:"))
    fields = line.partition(":")[2].split()
    return int(fields[0]), int(fields[8])


def main(interface: str) -> None:
    """Print for ever."""
    while True:
        received, sent = read(interface)
        sys.stdout.write(f"{time.time():.4f} {received} {sent}\n")
        sys.stdout.flush()
        time.sleep(INTERVAL_SECONDS)


if __name__ == "__main__":
    main(sys.argv[1])
