"""What the bench of locating in the lab says about pages: judging, figures, tables. Pure."""

import math
from collections.abc import Iterable, Sequence
from typing import Any, Final

from tests.bench._lab_kinds import BY_NAME, KINDS, Injection
from tests.bench._page import Section, markdown

SECTION: Final = Section(
    "<!-- locating in the lab: written by tests/bench/locating_lab.py -->",
    "<!-- locating in the lab: end -->",
)
RIGHT: Final = 0.98
P95_SECONDS: Final = {"wide": 10.0, "commune": 20.0}
PAGES: Final = 1.05
INJECTIONS: Final = 10
BLIP_MINUTES: Final = 60.0

Line = dict[str, Any]
Page = dict[str, Any]


# --- one injection -------------------------------------------------------------------------------
def judge(
    one: Injection, times: tuple[float, float], pages: Sequence[Page], classes: dict[str, list[str]]
) -> Line:
    """Return the line about one injection. ``times``: when it was broken and healed (Unix seconds);
    ``pages``: all that the sink got from then until all was quiet; ``classes``: by component as it was paged,
    those that could not be told apart when the page was made."""
    broken, healed = times
    firing = [page for page in pages if page["status"] == "firing" and page["severity"] == "page"]
    first = firing[0] if firing else None
    members = classes.get(first["component"]) or members_of(first["component"]) if first else []
    ended = [page["time"] for page in pages if page["status"] == "resolved" and page["severity"] == "page"]
    return {
        "target": one.target,
        "fault": one.fault,
        "truth": one.truth,
        "component": first["component"] if first else None,
        "class": members,
        "right": one.truth in members,
        "seconds_to_page": round(first["time"] - broken, 2) if first else None,
        "seconds_to_resolve": round(max(ended) - healed, 2) if ended and len(ended) == len(firing) else None,
        "pages": len(firing),
        "others": sum(page["status"] == "firing" for page in pages) - len(firing),
        "said": [[round(p["time"] - broken, 1), p["status"], p["severity"], p["component"]] for p in pages],
    }


def members_of(identity: str) -> list[str]:
    """Return the components that an identity such as ``power|line:21040`` stands for."""
    kinds, _, rest = identity.partition(":")
    return [f"{kind}:{rest}/main" if kind == "line" and "/" not in rest else f"{kind}:{rest}"
            for kind in kinds.split("|")]  # fmt: skip


# --- all of them ---------------------------------------------------------------------------------
def percentile(values: Iterable[float], share: float) -> float:
    """Return the nearest-rank percentile: a value that was measured; infinite without any."""
    ordered = sorted(values)
    return ordered[max(0, math.ceil(share * len(ordered)) - 1)] if ordered else math.inf


def summary(lines: Sequence[Line]) -> Line:
    """Return the figures of some injections; what never paged counts as infinitely late, and as no cause of
    which there were pages."""
    late = [math.inf if line["seconds_to_page"] is None else line["seconds_to_page"] for line in lines]
    resolved = [line["seconds_to_resolve"] for line in lines if line["seconds_to_resolve"] is not None]
    sizes = [len(line["class"]) for line in lines if line["class"]]
    return {
        "n": len(lines),
        "right": sum(line["right"] for line in lines) / len(lines),
        "class": max(sizes, default=0),
        "p50": percentile(late, 0.5),
        "p95": percentile(late, 0.95),
        "pages": sum(line["pages"] for line in lines) / max(1, sum(line["pages"] > 0 for line in lines)),
        "others": sum(line["others"] for line in lines) / len(lines),
        "resolve_p50": percentile(resolved, 0.5),
        "resolve_p95": percentile(resolved, 0.95),
    }


def of(lines: Sequence[Line], **wanted: Any) -> list[Line]:
    """Return the lines that have these values."""
    return [line for line in lines if all(line.get(key) == value for key, value in wanted.items())]


def claims(lines: Sequence[Line]) -> dict[str, bool]:
    """Return what was to be reached, and whether it was."""
    ours = of(lines, set="ours")
    if not ours:
        return {}
    counts = [len(of(ours, kind=kind.name)) for kind in KINDS]
    whole = summary(ours)
    found = {
        f"{INJECTIONS} injections of each kind (fewest: {min(counts)})": min(counts) >= INJECTIONS,
        f"located right at least {RIGHT} ({whole['right']:.3f})": whole["right"] >= RIGHT,
        f"at most {PAGES} pages per cause ({whole['pages']:.3f})": whole["pages"] <= PAGES,
    }
    for breadth, limit in P95_SECONDS.items():
        some = [line for line in ours if BY_NAME[line["kind"]].breadth == breadth]
        p95 = summary(some)["p95"] if some else math.inf
        found[f"p95 at most {limit:g} s, {breadth} ({p95:.1f} s)"] = p95 <= limit
    return found | _blip_claim(lines)


def _blip_claim(lines: Sequence[Line]) -> dict[str, bool]:
    blips = of(lines, set="blips")
    minutes = sum(line["minutes"] for line in blips)
    pages = sum(line["pages"] for line in blips)
    return {
        f"no page in {BLIP_MINUTES:g} min of blips ({pages} in {minutes:g})": not pages
        and minutes >= BLIP_MINUTES
    }


# --- the page ------------------------------------------------------------------------------------
def section(lines: Sequence[Line]) -> str:
    """Return the section of the page of benchmarks."""
    held = claims(lines)
    loads = [line["load"] for line in lines if "load" in line]
    load = f"Load average while it ran: {min(loads):.1f} to {max(loads):.1f}." if loads else ""
    parts = [
        SECTION.begin,
        "## Locating, real packets in the lab",
        "",
        _INTRODUCTION,
        load,
        "",
        markdown(rows(lines)),
        "",
    ]
    parts += ["What was to be reached:", ""]
    parts += [f"- {'reached' if ok else '**not reached**'}: {claim}" for claim, ok in held.items()]
    return "\n".join([*parts, *_wrong(lines), "", SECTION.end])


_INTRODUCTION: Final = """\
`thongsuot lab --province twelve`: 12 communes, 4 POPs and 2 rings of 2 carriers, 4 systems, and agents,
Prometheus, Alertmanager, locator and receiver as they are delivered. Every fault is a real one: dropped
packets, killed programs, a page that says "maintenance". *Right*: the component that was really broken is in
the class of the first page (beside it, how large the largest class was). *Seconds* run from the fault to the
line in the sink's file, and from the healing to the last resolution; *pages* is all that fired until all was
quiet. `usual` is Prometheus with blackbox_exporter at the hub and in every commune, 15 s scrape and
evaluation, `for: 1m`, `group_wait: 30s`, in the same lab; it names no culprit, so that *right* says how often
there was an alert about the broken component's own address; its pages are notifications, grouped by alert
name / by alert name and instance."""


def rows(lines: Sequence[Line]) -> list[dict[str, str]]:
    """Return the rows of the table: one a kind, with both set-ups."""
    return [_row(kind.name, of(lines, set="ours", kind=kind.name), of(lines, set="usual", kind=kind.name))
            for kind in KINDS]  # fmt: skip


def _row(name: str, ours: list[Line], usual: list[Line]) -> dict[str, str]:
    a, b = summary(ours) if ours else None, summary(usual) if usual else None
    per_instance = sum(line["pages_by_instance"] for line in usual) / len(usual) if usual else 0.0
    return {
        "fault": name,
        "n": f"{len(ours)}",
        "right": _share(ours),
        "class": f"{a['class']}" if a else "",
        "s to page, p50/p95": _pair(a, "p50", "p95"),
        "pages": f"{a['pages']:.2f}" if a else "",
        "s to resolve, p50/p95": _pair(a, "resolve_p50", "resolve_p95"),
        "usual: n": f"{len(usual)}",
        "usual: right": _share(usual),
        "usual: s to page, p50/max": _pair(b, "p50", "p95"),
        "usual: pages": f"{b['pages']:.2f} / {per_instance:.2f}" if b else "",
    }


def _share(lines: list[Line]) -> str:
    return f"{sum(line['right'] for line in lines)}/{len(lines)}" if lines else ""


def _pair(figures: Line | None, *names: str) -> str:
    return "/".join(_seconds(figures[name]) for name in names) if figures else ""


def _seconds(value: float) -> str:
    return "never" if math.isinf(value) else f"{value:.1f}"


def _wrong(lines: Sequence[Line]) -> list[str]:
    """Tell of every injection of ours that was not right, or not one page."""
    odd = [line for line in of(lines, set="ours") if not line["right"] or line["pages"] != 1]
    if not odd:
        return []
    told = [f"- {line['truth']} ({line['fault']}): {_told(line)}" for line in odd]
    return ["", "Not right, or not exactly one page:", "", *told]


def _told(line: Line) -> str:
    fired = [f"{component} after {at:g} s" for at, status, severity, component in line["said"]
             if (status, severity) == ("firing", "page")]  # fmt: skip
    return ", ".join(fired) or "no page"
