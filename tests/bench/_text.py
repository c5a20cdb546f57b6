"""Reads ``/metrics`` as a scraper does."""

import re
import sys
import time
import urllib.request

_LABEL = re.compile(r'([a-z_]+)="((?:[^"\\]|\\.)*)"')


def scrape(listen: str, accept: str = "") -> tuple[bytes, float]:
    """Return the text of ``/metrics`` and the seconds until its last byte."""
    request = urllib.request.Request(f"http://{listen}/metrics", headers={"Accept": accept})
    started = time.perf_counter()
    with urllib.request.urlopen(request, timeout=20) as answer:
        body: bytes = answer.read()
    return body, time.perf_counter() - started


def values(body: bytes, name: str, **labels: str) -> list[tuple[dict[str, str], float]]:
    """Return labels and value of each series called ``name`` that has these labels."""
    found = []
    for match in re.finditer(rb"^%s(?:\{(.*)\})? (\S+)$" % name.encode(), body, re.MULTILINE):
        own = dict(_LABEL.findall((match[1] or b"").decode()))
        if labels.items() <= own.items():
            found.append((own, float(match[2])))
    return found


def heads(body: bytes) -> list[bytes]:
    """Return the lines of a page without their values: name and labels of every series."""
    lines = [line for line in body.splitlines() if line and not line.startswith(b"#")]
    return [line.rpartition(b" ")[0] for line in lines]


def total(body: bytes, name: str, **labels: str) -> float:
    """Return the sum over all series called ``name`` with these labels."""
    return sum(value for _, value in values(body, name, **labels))


def share_within(body: bytes, name: str, seconds: float) -> float:
    """Return the share of a histogram's observations in the buckets up to ``seconds``."""
    count = total(body, f"{name}_count")
    return total(body, f"{name}_bucket", le=f"{seconds:g}") / count if count else 0.0


if __name__ == "__main__":
    sys.stdout.write(scrape(sys.argv[1])[0].decode())
