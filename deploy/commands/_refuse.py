"""How a command says no."""

import sys


def refuse(problem: object, status: int) -> int:
    """Write a problem to stderr, one line, and return the exit status."""
    print(problem, file=sys.stderr)
    return status
