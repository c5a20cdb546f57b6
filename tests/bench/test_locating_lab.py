"""The bench of locating in the lab: what it plays, how it judges, what it shows."""

import json
from pathlib import Path
from typing import Any

import pytest

from deploy.lab.lab import province
from inventory.graph import components
from tests.bench import _lab_usual as usual
from tests.bench import _lab_usual_files as usual_files
from tests.bench import locating_lab
from tests.bench._lab_judge import SECTION, claims, judge, members_of, percentile, section
from tests.bench._lab_kinds import BY_NAME, KINDS, LAST, Injection, injections


def page(at: float, status: str, component: str, severity: str = "page") -> dict[str, Any]:
    return {"time": at, "status": status, "component": component, "severity": severity}


def judged(*pages: dict[str, Any], kind: str = "line", **classes: list[str]) -> dict[str, Any]:
    return judge(Injection(kind, 0), (100.0, 120.0), pages, classes)


def test_every_truth_is_a_component_of_the_lab() -> None:
    known = components(province("twelve"))
    assert {one.truth for one in injections(12)} <= set(known)


def test_two_of_every_kind_come_first_and_doubtful_kinds_end_last() -> None:
    order = injections(10)
    assert len(order) == len(set(order)) == 10 * len(KINDS)
    assert {(one.kind, one.number) for one in order[: 2 * len(KINDS)]} == {
        (kind.name, number) for kind in KINDS for number in (0, 1)
    }
    assert {one.kind for one in order[-16:]} == LAST


@pytest.mark.parametrize("kind", [kind for kind in KINDS if len(kind.faults) > 1])
def test_every_target_has_every_fault(kind: Any) -> None:
    pairs = {(one.target, one.fault) for one in (Injection(kind.name, n) for n in range(10))}
    assert len(pairs) == len(kind.targets) * len(kind.faults)


def test_a_page_is_right_when_its_class_has_the_truth() -> None:
    line = judged(page(111.5, "firing", "power|line:21040"), page(127.25, "resolved", "power|line:21040"))
    assert line["class"] == ["power:21040", "line:21040/main"]
    assert (line["right"], line["pages"], line["others"]) == (True, 1, 0)
    assert (line["seconds_to_page"], line["seconds_to_resolve"]) == (11.5, 7.25)


def test_the_first_page_counts_and_every_page_is_counted() -> None:
    line = judged(
        page(105, "firing", "pop:ba-to"), page(106, "firing", "x", "ticket"),
        page(112, "firing", "line:21040/main"), page(130, "resolved", "pop:ba-to"),
    )  # fmt: skip
    assert (line["right"], line["pages"], line["others"]) == (False, 2, 1)
    assert line["seconds_to_resolve"] is None  # one of them was never taken back


def test_the_class_is_that_of_the_moment_of_the_page() -> None:
    pages = [page(108, "firing", "pop:ba-to"), page(130, "resolved", "pop:ba-to")]
    line = judge(Injection("ring", 1), (100, 120), pages, {"pop:ba-to": ["pop:ba-to", "ring:nam"]})
    assert line["right"]
    assert not judge(Injection("ring", 1), (100, 120), pages, {})["right"]


def test_no_page_is_not_right_and_late_without_end() -> None:
    line = judged() | {"set": "ours", "kind": "line", "load": 1.0}
    assert (line["right"], line["component"], line["pages"]) == (False, None, 0)
    assert not claims([line])["p95 at most 20 s, commune (inf s)"]
    twice = judged(page(110, "firing", "a"), page(111, "firing", "b")) | {"set": "ours", "kind": "line"}
    assert not claims([line, twice])[
        "at most 1.05 pages per cause (2.000)"
    ]  # silence does not make up for it
    assert "no page" in section([line])


def test_names_of_classes() -> None:
    assert members_of("lan|agent:21040") == ["lan:21040", "agent:21040"]
    assert members_of("line:21040/main") == ["line:21040/main"]
    assert members_of("pop:ba-to") == ["pop:ba-to"]


def test_percentiles_are_values_that_were_measured() -> None:
    assert percentile([3, 1, 2], 0.5) == 2
    assert percentile(range(1, 101), 0.95) == 95


def test_all_that_was_to_be_reached_can_be_reached() -> None:
    lines = []
    for one in injections(10):
        pages = [page(108, "firing", one.truth), page(130, "resolved", one.truth)]
        line = judge(one, (100, 120), pages, {})
        lines.append({"set": "ours", "injection": one.name, "kind": one.kind, "load": 2.0, **line})
    lines.append({"set": "blips", "minutes": 60, "pages": 0})
    assert all(claims(lines).values())
    assert not all(claims([*lines, {"set": "blips", "minutes": 1, "pages": 1}]).values())
    assert not all(claims(lines[1:]).values())


def test_the_section_stays_in_its_place() -> None:
    one, two = (f"{SECTION.begin}\n{said}\n{SECTION.end}" for said in ("one", "two"))
    text = SECTION.put(SECTION.put("# Benchmarks\n\nbefore\n", one) + "\nafter\n", two)
    assert text.split() == ["#", "Benchmarks", "before", *two.split(), "after"]


def test_a_line_that_was_cut_off_is_played_again(tmp_path: Any) -> None:
    book = locating_lab.Book(tmp_path / "deep" / "x.jsonl")
    book.add({"set": "ours", "n": 1})
    with (tmp_path / "deep" / "x.jsonl").open("a") as out:
        out.write('{"set": "ou')
    book.add({"set": "ours", "n": 2})
    book.add({"set": "ours", "n": 3})
    assert [line["n"] for line in book.lines()] == [1, 2, 3]
    assert len((tmp_path / "deep" / "x.jsonl").read_text().splitlines()) == 4


# --- the usual set-up ----------------------------------------------------------------------------
def notification(path: str, *alerts: dict[str, str], at: float = 200.0) -> dict[str, Any]:
    told = [{"status": "firing", "labels": labels} for labels in alerts]
    over = {"status": "resolved", "labels": {"site": "21040", "component": "hub:main"}}
    return {"time": at, "path": path, "status": "firing", "alerts": [*told, over]}


def test_faults_at_the_same_time_hit_different_places() -> None:
    for batch in usual.batches(3):
        assert len({one.target for one in batch}) == len(batch)
        assert len(batch) in {1, len(usual.TOGETHER)}
    played = {one.kind for batch in usual.batches(3) for one in batch}
    assert played == {kind.name for kind in KINDS}


def test_what_is_told_at_the_same_time_is_told_apart() -> None:
    mine = {"site": "21040", "component": "agent:21040"}
    other = {"site": "21484", "component": "agent:21484"}
    told = [notification("/name", mine, other, at=210), notification("/instance", mine, at=205),
            notification("/instance", other, at=201)]  # fmt: skip
    line = usual.judge(Injection("agent", 0), 100.0, told, alone=False)
    assert (line["pages"], line["pages_by_instance"], line["seconds_to_page"]) == (1, 1, 105.0)
    assert line["right"]
    assert not usual.judge(Injection("power", 0), 100.0, told, alone=False)["right"]


def test_what_is_told_of_a_fault_alone_is_all_its_own() -> None:
    told = [notification("/instance", {"component": name}) for name in ("pop:binh-son", "router:21040")]
    line = usual.judge(Injection("POP", 0), 100.0, told, alone=True)
    assert (line["right"], line["pages"], line["pages_by_instance"], line["alerts"]) == (True, 0, 2, 2)
    assert usual.judge(Injection("POP", 0), 100.0, [], alone=True)["seconds_to_page"] is None


def test_the_usual_set_up_asks_about_everything_that_has_an_address() -> None:
    inventory = province("twelve")
    asked = list(usual_files.targets(inventory))
    assert all(target.address and target.asks for target in asked)
    named = {target.component for target in asked}
    assert {one.truth for one in injections(12) if BY_NAME[one.kind].breadth != "commune"} <= named
    config = json.loads(usual_files.prometheus(inventory, Path("rules.yml")))
    assert len({job["job_name"] for job in config["scrape_configs"]}) == len(asked) + 1
