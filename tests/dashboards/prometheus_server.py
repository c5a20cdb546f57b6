"""A real Prometheus over blocks made from written samples, on a free port of the loopback."""

import re
import subprocess
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from deploy.debian import find

Written = tuple[dict[str, str], Iterable[tuple[float, float]]]
"""Labels with ``__name__``, and (Unix time, value) oldest first."""
_LISTENING = re.compile(r"address=(127\.0\.0\.1:[1-9][0-9]*)")


def _openmetrics(series: Iterable[Written]) -> Iterator[str]:
    by_family: dict[str, list[Written]] = {}
    for labels, points in series:
        by_family.setdefault(labels["__name__"], []).append((labels, points))
    for name, members in by_family.items():
        for labels, points in members:
            rest = ",".join(f'{k}="{v}"' for k, v in sorted(labels.items()) if k != "__name__")
            for time, value in points:
                yield f"{name}{{{rest}}} {value!r} {time:.3f}\n"
    yield "# EOF\n"


def backfill(directory: Path, series: Iterable[Written]) -> Path:
    """Write blocks; return the data directory for :func:`prometheus`."""
    text, data = directory / "samples.txt", directory / "data"
    with text.open("w", encoding="utf-8") as file:
        file.writelines(_openmetrics(series))
    subprocess.run(
        [
            str(find("promtool")), "tsdb", "create-blocks-from", "--max-block-duration=744h",
            "openmetrics", str(text), str(data),
        ],
        check=True, capture_output=True, timeout=100,
    )  # fmt: skip
    return data


@contextmanager
def prometheus(directory: Path, data: Path, rules: str = "groups: []") -> Iterator[str]:
    """Serve the blocks of ``data`` and a file of rules while the context is open; yields the address."""
    config = directory / "prometheus.yml"
    config.write_text("scrape_configs: []\nrule_files: [rules-of-the-test.yml]\n")
    (directory / "rules-of-the-test.yml").write_text(rules)
    process = subprocess.Popen(
        [
            str(find("prometheus")), f"--config.file={config}", f"--storage.tsdb.path={data}",
            "--storage.tsdb.retention.time=100y", "--web.listen-address=127.0.0.1:0",
        ],
        stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True,
    )  # fmt: skip
    try:
        yield f"http://{_address(process)}"
    finally:
        process.terminate()
        process.communicate(timeout=20)


def _address(process: subprocess.Popen[str]) -> str:
    """Read the log until the server is ready and has named the port that it was given, in any order."""
    assert process.stderr is not None
    address, said, ready = "", "", False
    for line in process.stderr:
        said += line
        match = _LISTENING.search(line)
        address = match[1] if match else address
        ready = ready or "ready to receive web requests" in line
        if ready and address:
            return address
    raise RuntimeError(said)
