"""The units of systemd, and what they allow by systemd's own lists."""

import re
import shutil
import subprocess
from pathlib import Path
from typing import Final

UNITS: Final = sorted((Path(__file__).parents[2] / "deploy/systemd").glob("*.service"))


def analyze(*words: str) -> subprocess.CompletedProcess[str]:
    program = shutil.which("systemd-analyze")
    assert program, "systemd-analyze comes with Debian's systemd package"
    return subprocess.run([program, *words], capture_output=True, text=True, timeout=60, check=False)


def expanded(words: list[str]) -> set[str]:
    """Return the system calls of a list with sets of calls (@name) in it."""
    found: set[str] = set()
    for word in words:
        if word.startswith("@"):
            lines = [line.strip() for line in analyze("syscall-filter", word).stdout.splitlines()[1:]]
            found |= expanded([line for line in lines if line and not line.startswith("#")])
        else:
            found.add(word)
    return found


def allowed(unit: Path) -> set[str]:
    """Return the system calls that a unit may make: its lines add and take away, in their order."""
    calls: set[str] = set()
    for words in re.findall(r"^SystemCallFilter=(.*)$", unit.read_text(encoding="utf-8"), re.MULTILINE):
        if words.startswith("~"):
            calls -= expanded(words[1:].split())
        else:
            calls |= expanded(words.split())
    return calls
