"""The same faults where the ecosystem's usual set-up watches, in the same lab without our own hub and agents.

Faults of single communes and systems are played at the same time, on different ones: alerts about them are
told apart by their labels. Alertmanager's 5 minutes between notifications of a group are not waited for, nor
the 15 minutes for which Prometheus repeats what is over: both are begun anew once all is well again.
"""

import contextlib
import json
import os
import shutil
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

from deploy import debian, unpacked
from deploy.lab.lab import province
from tests.bench import _lab_usual_files as files
from tests.bench import _lab_usual_sink
from tests.bench._lab_judge import Line, of
from tests.bench._lab_kinds import BY_NAME, KINDS, Injection
from tests.bench._rows import progress
from tests.lab.client import LabClient

TOGETHER: Final = ("power", "lan", "agent", "line", "system", "system in maintenance")
APART: Final = 3
"""Communes between those that are hit at the same time."""
LASTS_SECONDS: Final = 165.0
"""A minute for the rule, half a minute for the group, three intervals, and as much again for stragglers."""
WELL_SECONDS: Final = 240.0
STARTED_SECONDS: Final = 90.0
_ASK: Final = "import sys, urllib.request as u; print(u.urlopen(sys.argv[1], timeout=4).read().decode())"
_FIRING: Final = "count(probe_success == 0) or count(up == 0) or count(ALERTS)"
_SCRAPED: Final = "count(up)"

Notification = dict[str, Any]


def play(
    lines: Callable[[], list[Line]], add: Callable[[Line], None], state: Path, count: int, until: float
) -> None:
    """Play ``count`` of each kind, as far as it is not done and time allows. Raises LabError."""
    done = {line["injection"] for line in of(lines(), set="usual")}
    todo = [one for one in batches(count) if any(name(injection) not in done for injection in one)]
    if not todo or time.monotonic() >= until:
        return
    shutil.rmtree(state, ignore_errors=True)
    with LabClient(state, options=("--province", "twelve", "--bare")) as lab:
        usual = Usual(lab)
        usual.start()
        for batch in todo:
            if time.monotonic() >= until:
                return
            for line in usual.inject(batch):
                if line["injection"] not in done:
                    add({"set": "usual", **line})
                    progress(
                        f"usual, {line['injection']}: {line['seconds_to_page']} s, {line['pages']} pages"
                    )


def batches(count: int) -> list[list[Injection]]:
    """Return what is played at the same time."""
    found = []
    for number in range(count):
        found.append([_shifted(kind, number, place) for place, kind in enumerate(TOGETHER)])
        found += [[Injection(kind.name, number)] for kind in KINDS if kind.name not in TOGETHER]
    return found


def _shifted(kind: str, number: int, place: int) -> Injection:
    return Injection(kind, number + place * (APART if BY_NAME[kind].breadth == "commune" else 1))


def name(one: Injection) -> str:
    """Return by which name the file of results knows an injection."""
    return f"usual {one.name}"


# --- judging -------------------------------------------------------------------------------------
def judge(one: Injection, broken: float, told: Sequence[Notification], alone: bool) -> Line:
    """Return the line about one injection: what was told of it after ``broken``, by route of the sink."""
    mine, labels = [], []
    for said in told:
        firing = [alert["labels"] for alert in said["alerts"] if alert["status"] == "firing"]
        found = [each for each in firing if alone or _concerns(one, each)]
        if found:
            mine.append(said)
            labels += found
    named = {each.get("component", "") for each in labels}
    first = min((said["time"] for said in mine), default=None)
    return {
        "injection": name(one), "kind": one.kind, "target": one.target, "fault": one.fault,
        "truth": one.truth, "right": one.truth in named, "named": sorted(named), "class": [],
        "seconds_to_page": None if first is None else round(first - broken, 2), "seconds_to_resolve": None,
        "pages": sum(said["path"] == "/name" for said in mine), "others": 0,
        "pages_by_instance": sum(said["path"] == "/instance" for said in mine),
        "alerts": len({json.dumps(each, sort_keys=True) for each in labels}),
    }  # fmt: skip


def _concerns(one: Injection, labels: dict[str, str]) -> bool:
    if one.truth.startswith("system:"):
        return labels.get("component") == one.truth
    return labels.get("site") == one.target and not labels.get("component", "").startswith("system:")


# --- running it ----------------------------------------------------------------------------------
class Usual:
    """The usual set-up in a bare lab."""

    def __init__(self, lab: LabClient) -> None:
        self._lab = lab
        self._inventory = province("twelve")
        self._directory = lab.run_directory / "usual"
        self._sink = self._directory / "sink.jsonl"

    def start(self) -> None:
        """Write the files and start everything; wait until all is scraped and well."""
        self._directory.mkdir(parents=True)
        ca = self._lab.run_directory / "tls" / "ca.pem"
        asked = (self._inventory.systems[0].check.address.split("/")[2],)
        texts = {
            "rules.yml": files.RULES,
            "alertmanager.yml": files.ALERTMANAGER_YML,
            "blackbox.yml": files.blackbox(ca, *asked),
            "prometheus.yml": files.prometheus(self._inventory, self._directory / "rules.yml"),
        }
        for file, text in texts.items():
            (self._directory / file).write_text(text, encoding="utf-8")
        sink = (sys.executable, str(Path(_lab_usual_sink.__file__)), str(files.SINK), str(self._sink))
        self._run("usual-sink", "hub", sink)
        exporter = (
            str(debian.find("blackbox_exporter")),
            f"--config.file={self._directory / 'blackbox.yml'}",
        )
        for node in ("hub", *(f"agent-{commune.code}" for commune in self._inventory.communes)):
            self._run("usual-blackbox" if node == "hub" else node, node, exporter)
        self._judges()

    def inject(self, batch: Sequence[Injection]) -> Iterator[Line]:
        """Break all of a batch, see what is told, heal; yields a line each. Raises LabError."""
        self._sink.unlink(missing_ok=True)
        broken = []
        for one in batch:
            broken.append(time.time())
            self._lab.ask("fault", **one.request())
        time.sleep(LASTS_SECONDS)
        load = os.getloadavg()[0]
        told = self._told()
        self._lab.ask("heal")
        self._wait_well()
        self._lab.ask("kill", words=["prometheus-alertmanager", str(self._directory)])
        self._lab.ask("kill", words=[f"--storage.tsdb.path={self._directory}"])
        self._judges()
        for one, at in zip(batch, broken, strict=True):
            yield {**judge(one, at, told, len(batch) == 1), "at": round(at), "load": load}

    def _judges(self) -> None:
        """Start Prometheus and Alertmanager, with nothing to remember; wait until all is scraped and well."""
        own = self._directory
        kept = {program: own / program for program in files.PORTS}
        options = {
            "alertmanager": (f"--storage.path={kept['alertmanager']}", "--cluster.listen-address="),
            "prometheus": (f"--storage.tsdb.path={kept['prometheus']}",),
        }
        for program, port in files.PORTS.items():
            shutil.rmtree(kept[program], ignore_errors=True)
            config, listen = f"--config.file={kept[program]}.yml", f"--web.listen-address=127.0.0.1:{port}"
            words = unpacked.argv(debian.find(program), config, listen, *options[program])
            self._run(f"usual-{program}", "hub", words)
        jobs = sum(1 for _ in files.targets(self._inventory)) + len(self._inventory.communes)
        self._wait(lambda: self._value(_SCRAPED) == jobs, STARTED_SECONDS, "everything to be scraped")
        self._wait_well()

    def _run(self, program: str, node: str, words: Sequence[str]) -> None:
        self._lab.ask("start", name=program, node=node, words=list(words))

    def _told(self) -> list[Notification]:
        if not self._sink.exists():
            return []
        return [json.loads(line) for line in self._sink.read_text(encoding="utf-8").splitlines()]

    def _wait_well(self) -> None:
        self._wait(lambda: self._value(_FIRING) == 0, WELL_SECONDS, "alerts to end")

    def _value(self, query: str) -> float | None:
        """Return what Prometheus says to a query; 0 for nothing, None without an answer."""
        url = f"http://127.0.0.1:{files.PROMETHEUS}/api/v1/query?query={quote(query)}"
        done = self._lab.ask("run", node="hub", words=[sys.executable, "-c", _ASK, url], seconds=20)
        with contextlib.suppress(json.JSONDecodeError, KeyError):
            found = json.loads(done["output"])["data"]["result"]
            return float(found[0]["value"][1]) if found else 0.0
        return None

    def _wait(self, true: Callable[[], bool], seconds: float, what: str) -> None:
        deadline = time.monotonic() + seconds
        while not true():
            if time.monotonic() > deadline:
                raise TimeoutError(f"waited {seconds:g} s for {what}")
            time.sleep(2)
