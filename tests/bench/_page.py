"""Tables in the page of benchmarks: each bench keeps its section between markers of its own."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple


class Section(NamedTuple):
    """Where a bench writes: between two lines that nobody else uses."""

    begin: str
    end: str

    def put(self, text: str, own: str) -> str:
        """Return the page with the section in its place, at the end where it has none yet."""
        if self.begin not in text:
            return f"{text.rstrip()}\n\n{own}\n".lstrip()
        before, _, rest = text.partition(self.begin)
        return before + own + rest.partition(self.end)[2]

    def write(self, page: Path, own: str) -> None:
        """Put the section into the file, which may not exist."""
        text = page.read_text(encoding="utf-8") if page.exists() else "# Benchmarks\n"
        page.write_text(self.put(text, own), encoding="utf-8")


def markdown(rows: Sequence[Mapping[str, object]]) -> str:
    """Return rows with the same keys as a table, nothing for none."""
    if not rows:
        return ""
    lines = [list(rows[0]), ["---"] * len(rows[0]), *([str(value) for value in row.values()] for row in rows)]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)
