"""The locator's bench can fail: its truth, its judges and its soak are what they say."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from alerts.locate import Locator
from alerts.locate.offline import parse
from tests.bench import _locating_long as long
from tests.bench._locating_cells import METHODS, PROTOCOL, Cell, Setting, chunk, summary
from tests.bench._locating_other import Mould, Other
from tests.bench._locating_rivals import hierarchy, score
from tests.bench._locating_soak import HOUR, WARM_UP, Hour, Soak
from tests.bench._locating_world import HEARTBEATS, World
from tests.bench.locating import claims

WORLD = World(20)


@pytest.fixture(scope="module")
def setting() -> Setting:
    return Setting(20)


def test_the_province_is_of_the_size_of_the_protocol() -> None:
    world = World(100)
    assert len(world.components) == pytest.approx(473, rel=0.05)
    assert len(world.routes) == pytest.approx(3260, rel=0.05)


def test_a_fault_lowers_the_chance_of_its_paths_alone() -> None:
    chance = WORLD.chance({"pop:1": 0.5})
    hit = {index for index, route in enumerate(WORLD.routes) if "pop:1" in route.path and not route.alternate}
    assert hit
    assert set(np.flatnonzero(chance == 0.5).tolist()) == hit


def test_two_lines_carry_on_over_the_other() -> None:
    double = next(index for index, legs in enumerate(WORLD.lines) if len(legs) == 2)
    home = next(i for i, r in enumerate(WORLD.routes) if r.alternate and r.commune == str(double))
    names = [legs[0] for legs in WORLD.lines[double]]
    assert WORLD.chance({names[0]: 1.0})[home] == 1
    assert WORLD.chance(dict.fromkeys(names, 1.0))[home] == 0


def test_what_an_agent_measured_behind_a_cut_is_missing_and_its_heartbeats_fail() -> None:
    single = next(index for index, legs in enumerate(WORLD.lines) if len(legs) == 1)
    sent, failed = WORLD.snapshot(np.random.default_rng(1), {f"line:{single}/main": 1.0})
    assert sent[WORLD.origin == single].sum() == 0
    (beat,) = np.flatnonzero(WORLD.origin == -2 - single)
    assert sent[beat] == HEARTBEATS
    assert failed[beat] >= HEARTBEATS - 1


def test_a_masked_fault_is_dropped_and_of_two_alike_one_stays() -> None:
    everything = np.ones(len(WORLD.routes), np.intp)
    pop = WORLD.lines[0][0][1]
    line = WORLD.lines[0][0][0]
    assert WORLD.visible({pop: 1.0, line: 1.0}, everything) == {pop: 1.0}
    assert WORLD.visible({pop: 0.5, line: 0.5}, everything) == {pop: 0.5, line: 0.5}
    beats = (WORLD.origin <= -2).astype(np.intp)
    assert len(WORLD.visible({"lan:0": 1.0, "agent:0": 1.0}, beats)) == 1
    assert WORLD.visible({"lan:0": 1.0}, beats * 0) == {"lan:0": 1.0}, "unmeasured is missed, not masked"


def test_rivals_name_a_pop_that_is_down(setting: Setting) -> None:
    network = setting.locator(Cell(1, 0), np.random.default_rng(0)).network
    snapshot = setting.world.snapshot(np.random.default_rng(5), {"pop:1": 1.0})
    for rival in (score, hierarchy):
        named = {member.id for suspect in rival(network, snapshot) for member in network.members[suspect]}
        assert "pop:1" in named
        assert not named & {"hub:0", "isp:0", "system:0"}


def test_a_chunk_is_the_same_whenever_it_is_run(setting: Setting) -> None:
    cell = Cell(2, 0, wrong=0.1)
    one, other = (chunk(setting, 7, cell, 3) for _ in range(2))
    assert [one[method] for method in METHODS] == [other[method] for method in METHODS]
    assert chunk(setting, 8, cell, 3)["ours"] != one["ours"] or one["ours"][1:3] == [0, 0]


def test_a_row_sums_up_its_chunks() -> None:
    line = {
        "communes": 100, "seed": 1, "cell": "3 hard", "snapshots": 50, "causes": 4, "members": 6,
        "largest": 3, "cpu_ms": [1.0, 3.0], "wall_ms": [2.0, 2.0], **{key: [8, 2, 0, 40] for key in METHODS},
    }  # fmt: skip
    row = summary([line, {**line, "ours": [9, 0, 1, 50], "largest": 5}])
    assert (row["snapshots"], row["ours_precision"], row["ours_exact"]) == (100, 17 / 19, 0.9)
    assert (row["class_size"], row["class_largest"], row["cpu_ms_median"]) == (1.5, 5, 2.0)
    held = claims([row])
    assert held["100 communes, seed 1, 3 hard: exact 0.97"] is False
    assert held["100 communes, seed 1, 3 hard: p95 100 ms"] is True


# --- the soak ------------------------------------------------------------------------------------
@pytest.fixture(scope="module")
def soak() -> Soak:
    return Soak(20)


def test_seconds_that_are_not_looked_at_have_no_cause(soak: Soak) -> None:
    counted = soak.counted(np.random.default_rng(1))
    worth = soak.worth(counted)
    for second in np.flatnonzero(~worth)[WARM_UP::97].tolist():
        assert soak.locator.locate(counted.sent[:, second], counted.failed[:, second]).causes == ()


def test_an_outage_in_the_soak_is_a_page(soak: Soak, monkeypatch: pytest.MonkeyPatch) -> None:
    routes = enumerate(soak.world.routes)
    through = [index for index, route in routes if "isp:0" in route.path and not route.alternate]
    drawn = soak.counted

    def cut(draw: np.random.Generator) -> Hour:
        counted = drawn(draw)
        counted.failed[through, 1000:1030] = counted.sent[through, 1000:1030]
        counted.fails[through, 1000:1030] = 1
        return counted

    assert soak.hour(1, 0)["pages"] == []
    monkeypatch.setattr(soak, "counted", cut)
    found = soak.hour(1, 0)
    assert found["pages"] == ["isp:0"]
    assert found["ticks"] == HOUR


# --- a world of another mould ----------------------------------------------------------------------
@pytest.mark.parametrize(
    "mould", [Mould(), Mould((1, 8), again=2, lost=True), Mould(silent=False, agent_everywhere=True)]
)
def test_a_world_that_was_not_made_for_the_locator(mould: Mould) -> None:
    """Through the form of a file, as anybody would ask."""
    world, asked = Other(40, mould, seed=5), []
    for number in range(40):
        draw = np.random.default_rng([3, number])
        faults = world.draw(draw, number % 4, 0) if number % 2 else world.draw(draw, 0, number % 4 // 2)
        asked.append((faults, world.snapshot(draw, faults)))
    file = parse(json.dumps(world.file([snapshot for _, snapshot in asked])).encode())
    locator, sums = Locator(file.components, file.routes), np.zeros(3, int)
    for (faults, _), snapshot in zip(asked, file.snapshots, strict=True):
        causes = locator.locate(snapshot.sent, snapshot.failed, snapshot.known_down).causes
        named = [set(cause.members) for cause in causes]
        sums += np.array(world.judged(faults, snapshot.sent.astype(np.int64), named))
        assert faults or not causes
    right, false, missed = sums.tolist()
    assert right >= 40
    assert false + missed <= 2


# --- the long run --------------------------------------------------------------------------------
def test_the_long_run_goes_on_where_it_stopped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ran: list[str] = []

    def piece(name: str) -> long.Piece:
        def work() -> dict[str, Any]:
            ran.append(name)
            return {"soak": 1, "ticks": 2, "caused": 0, "pages": []}

        return long.Piece(name, 0, work)

    monkeypatch.setattr(long, "pieces", lambda: [piece("a"), piece("b")])
    file = tmp_path / "done.jsonl"
    file.write_text(json.dumps({"piece": "a", "soak": 0, "ticks": 2, "caused": 0, "pages": []}) + '\n{"cut')
    long.work(file, float("inf"))
    assert ran == ["b"]
    assert [line["piece"] for line in long.read(file)] == ["a", "b"]
    assert "2 of 720 hours, 4 ticks" in long.page(long.read(file))


def test_everything_that_was_promised_is_among_the_pieces() -> None:
    names = [piece.name for piece in long.pieces()]
    assert len(names) == len(set(names))
    for seed in long.SEEDS:
        for cell in PROTOCOL:
            assert sum(name.startswith(f"100 {seed} {cell.name} ") for name in names) >= 40
            assert sum(name.startswith(f"3321 {seed} {cell.name} ") for name in names) >= 4


def test_what_has_a_target_comes_first() -> None:
    order = [piece.name for piece in long.pieces()]
    last = {
        stage: max(index for index, name in enumerate(order) if name.startswith(stage))
        for stage in ("100 2026 5 hard ", "3321 4242 2 at 50 % ", "quiet ", "soak ")
    }
    assert list(last.values()) == sorted(last.values())
    assert any("correlated" in name for name in order[last["soak "] + 1 :])


def test_a_page_of_a_run_that_has_only_begun_says_how_far_it_is(setting: Setting) -> None:
    assert "Not begun: 100 communes, seed 2026, none;" in long.page([])
    line = {**chunk(setting, 2026, Cell(0, 0), 0), "communes": 100}
    text = long.page([line])
    assert "| 50 of 2,000 |" in text
    assert "Not begun: 100 communes, seed 2026, 1 hard;" in text
    assert "0 of 20,000" in text
    assert "0 of 720 hours" in text


def test_a_target_is_told_once_for_all_runs_and_each_miss_by_itself() -> None:
    held = {
        f"{size} communes, seed {seed}, 2 hard: exact 0.98": seed == 1 for size in (9, 99) for seed in (1, 2)
    }
    assert long.claimed(held) == [
        "- 2 hard: exact 0.98: in 2 of 4 runs",
        "- **not reached**: 9 communes, seed 2, 2 hard: exact 0.98",
        "- **not reached**: 99 communes, seed 2, 2 hard: exact 0.98",
    ]


def test_the_section_is_replaced_in_its_page() -> None:
    put, (begin, end) = long.SECTION.put, long.SECTION
    first = put("# Benchmarks\n\nOther text.\n", f"{begin}\none\n{end}")
    again = put(first + "\n## More\n", f"{begin}\ntwo\n{end}")
    assert "one" not in again
    assert again.index("Other text.") < again.index("two") < again.index("## More")
