"""Round-trip time over a path of the lab: the comparison of ``rtt``, run in a commune's namespace."""

import json
import subprocess
import sys
import tempfile
from typing import Any

from tests.lab.client import command

NODE = "agent-21040"
HUB = "10.51.0.1"
SECONDS = 300
INSIDE = "import json; from tests.bench.rtt import run; print(json.dumps(run()))"


def run_in_node(node: str, words: list[str], seconds: float = SECONDS) -> str:
    """Run a command in a node of a lab that is made for it (wires and systems); returns its stdout."""
    with tempfile.TemporaryDirectory(prefix="thongsuot-bench-") as state:
        done = subprocess.run(
            command("lab", "--state", state, "--exec", node, *words),
            capture_output=True, text=True, timeout=seconds, check=True,
        )  # fmt: skip
    return done.stdout


def run() -> dict[str, Any]:
    """Compare medians from a commune to the hub, through gateway, POP, carrier and edge."""
    words = ["env", f"THONGSUOT_BENCH_PING={HUB}", sys.executable, "-c", INSIDE]
    result: dict[str, Any] = json.loads(run_in_node(NODE, words))
    rows = [row for row in result["rows"] if row["address"] == HUB]
    claims = {claim: held for claim, held in result["claims"].items() if HUB in claim}
    return {"rows": rows, "claims": claims}
