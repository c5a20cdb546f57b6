"""Dead zones in a real Prometheus with a known history: command and rules conclude the same."""

import csv
import io
import json
import random
from collections.abc import Iterator
from pathlib import Path

import pytest
from msgspec.structs import replace

from alerts import rules_deadzones
from alerts.deadzone_list import Listing, listing
from alerts.promapi import PromApi
from alerts.rules_usual import kept
from common import i18n
from deploy import deadzone_evidence, deadzone_text
from deploy.cli import main
from inventory import names
from inventory.model import Cellular, Inventory, Line
from inventory.names import JOB_AGENT, DeadZone, Recorded, State
from tests.dashboards import province
from tests.dashboards.history import History, Phase
from tests.dashboards.prometheus_server import Written, backfill, prometheus

pytestmark = [pytest.mark.promtool, pytest.mark.timeout(180)]

HOUR, DAY = 3600.0, 86400.0
NOW = 20_200 * DAY + 13 * HOUR + 1234
"""In April 2025; neither a full hour nor a midnight."""
START = NOW - 31 * DAY
SAMPLE_SECONDS = 300.0
UP, DOWN, UNKNOWN = State.UP, State.DOWN, State.UNKNOWN


def now_and_then(seed: str, share: float, mean_hours: float) -> tuple[Phase, ...]:
    """Outages at random, the same in each run: this ``share`` of the time, so long on average."""
    dice = random.Random(seed)
    phases: list[Phase] = []
    left = 31 * DAY
    while left > 0:
        for state, mean in ((UP, mean_hours * (1 - share) / share), (DOWN, mean_hours)):
            seconds = min(left, 60 + dice.expovariate(1 / (mean * HOUR)))
            phases.append(Phase(seconds, state))
            left -= seconds
    return tuple(phases)


DAILY = tuple(Phase(hours * HOUR, state) for _ in range(31) for hours, state in ((21, UP), (3, DOWN)))
LONG = (Phase(12 * DAY, UP), Phase(3 * DAY, DOWN), Phase(16 * DAY, UP))
UNHEARD = (
    *(
        Phase(part * HOUR, state, heard=state is UP)
        for _ in range(40)
        for part, state in ((14, UP), (4.6, DOWN))
    ),
)
"""What was counted while nobody listened is told by the counters afterwards."""
RESTARTS = (Phase(9 * DAY + 500, UP), Phase(2 * HOUR, DOWN), Phase(22 * DAY - 500, UP, restarts=True))
YOUNG = (Phase(20 * DAY, UNKNOWN, heard=False), Phase(11 * DAY, DOWN, restarts=True))

LINES = {
    ("21040", "main"): now_and_then("a", 0.01, 0.5),
    ("21040", "backup"): now_and_then("b", 0.3, 2),
    ("21061", "main"): DAILY,
    ("21085", "main"): LONG,
    ("21484", "main"): RESTARTS,
    ("21496", "main"): UNHEARD,
    ("21499", "main"): YOUNG,
}
NEVER = "21508"


def inventory() -> Inventory:
    """The small province; a second line, a mobile one, and a commune that was never heard."""
    small = province.small()
    communes = {commune.code: commune for commune in small.communes}
    backup = Line(id="backup", carrier="viettel", technology="4g", down_mbps=20, up_mbps=10)
    communes["21040"] = replace(communes["21040"], lines=(*communes["21040"].lines, backup))
    mobile = replace(communes["21484"].lines[0], technology="4g", cellular=Cellular())
    communes["21484"] = replace(communes["21484"], lines=(mobile,), dossiers_per_day=20)
    communes["21061"] = replace(communes["21061"], dossiers_per_day=80)
    communes["21496"] = replace(communes["21496"], dossiers_per_day=10)
    communes[NEVER] = replace(communes["21499"], code=NEVER, name="Xã Ba Vì", dossiers_per_day=50)
    return replace(small, communes=tuple(communes.values()))


def states(code: str, line: str, phases: tuple[Phase, ...]) -> Iterator[Written]:
    history = History(START, phases)
    for state in State:
        about = {
            "__name__": names.TARGET_STATE_SECONDS.name, "job": JOB_AGENT, "instance": code, "site": code,
            "commune": code, "line": line, "target": "hub:main", "probe": "icmp", "state": str(state),
        }  # fmt: skip
        yield about, [(time, round(value, 1)) for time, value in history.samples(state, SAMPLE_SECONDS)]


def grid(value: float, days: float) -> list[tuple[float, float]]:
    """Samples of the last ``days``, one each five minutes."""
    count = int(days * DAY / SAMPLE_SECONDS)
    return [(NOW - step * SAMPLE_SECONDS, value) for step in range(count, -1, -1)]


def filled() -> Iterator[Written]:
    for (code, line), phases in LINES.items():
        yield from states(code, line, phases)
    modem = {"site": "21484", "commune": "21484", "line": "main", "target": "line:21484/main"}
    yield {"__name__": names.CELLULAR_RSRP.name, **modem}, grid(-117.0, 27)
    yield (
        {"__name__": names.CELLULAR_RSRP.name, **modem, "site": "21040", "commune": "21040"},
        grid(-121.0, 27),
    )
    for labels, _ in province.of_hub(inventory(), 1):
        yield labels, grid(1.0, 0.1)
    for code in {code for code, _ in LINES}:
        yield {"__name__": Recorded.LAST_HEARD, "commune": code}, grid(NOW, 0.1)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    directory = tmp_path_factory.mktemp("weeks")
    with prometheus(directory, backfill(directory, filled())) as url:
        yield url


async def listed(server: str) -> Listing:
    async with PromApi(server, timeout_seconds=60) as api:
        return listing(inventory(), await deadzone_evidence.read(api, inventory(), NOW))


def unrecorded() -> dict[tuple[str, str], str]:
    """Every rule's expression by what it records and its reason, down to raw series alone."""
    found = {
        (rule.record, rule.labels.get("reason", "")): rule.expr
        for rule in (*rules_deadzones.hourly(), *rules_deadzones.rules(inventory().quality))
    }
    hourly = {record: expression for (record, why), expression in found.items() if not why}

    def raw(expression: str) -> str:
        for record, own in hourly.items():
            for read in (kept(Recorded(record)), record):
                if read in expression:
                    expression = expression.replace(read, f"({raw(own)})")
        return expression

    return {key: raw(expression) for key, expression in found.items()}


async def asked(server: str, record: Recorded, why: str = "") -> dict[tuple[str, str], float]:
    async with PromApi(server, timeout_seconds=60) as api:
        found = await api.query(unrecorded()[record, why], NOW)
    return {(sample.label("commune"), sample.label("line")): sample.value for sample in found}


# --- truth, command, rules ---------------------------------------------------------------------------
async def test_the_command_finds_what_was_true(server: str) -> None:
    found = await listed(server)
    assert [(zone.commune, zone.reasons) for zone in found.dead] == [
        ("21061", (DeadZone.AVAILABILITY,)),
        ("21496", (DeadZone.AVAILABILITY,)),
        ("21484", (DeadZone.WEAK_SIGNAL,)),
        (NEVER, (DeadZone.NEVER_REPORTED,)),
    ]
    by_code = {zone.commune: zone for zone in found.zones}
    assert not by_code["21499"].judged
    assert by_code["21499"].days < 20
    for (code, line), phases in LINES.items():
        (place,) = (place for place in by_code[code].places if place.line == line)
        truth = History(START, phases)
        known = truth.spent(UP) + truth.spent(DOWN)
        assert place.availability == pytest.approx(truth.spent(UP) / known, abs=0.02), (code, line)
    assert [place.dead for place in by_code["21040"].places] == [False, True]


async def test_the_rules_say_the_same_as_the_command(server: str) -> None:
    places = {
        (zone.commune, place.line): place
        for zone in (await listed(server)).zones
        for place in zone.places
        if place.availability is not None
    }
    availability = await asked(server, Recorded.LINE_LONG_AVAILABILITY)
    upper = await asked(server, Recorded.LINE_LONG_UPPER)
    days = await asked(server, Recorded.LINE_LONG_DAYS)
    assert set(availability) == set(places) == set(LINES)
    for key, place in places.items():
        # What was counted over a gap across the edge of the 28 days the command counts whole, rules not.
        assert availability[key] == pytest.approx(place.availability, abs=0.01), key
        assert upper.get(key) == pytest.approx(place.upper, abs=0.015), key
        assert abs(days.get(key, 0) - place.days) <= 1, key
    assert await asked(server, Recorded.LINE_LONG_SIGNAL) == {
        ("21484", "main"): -117,
        ("21040", "main"): -121,
    }


async def test_the_same_communes_are_dead_by_the_rules(server: str) -> None:
    found = await listed(server)
    for why in DeadZone:
        verdicts = await asked(server, Recorded.DEAD_ZONE, why)
        dead = {code for (code, _), value in verdicts.items() if value == 1}
        assert dead == {zone.commune for zone in found.zones if why in zone.reasons}, why
        if why is DeadZone.AVAILABILITY:
            assert {code for code, _ in verdicts} == {zone.commune for zone in found.zones if zone.judged}
        assert set(verdicts.values()) <= {0.0, 1.0}


# --- the command -------------------------------------------------------------------------------------
@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "province.yml"
    path.write_bytes(province.SMALL.read_bytes())
    return path


def test_the_command_prints_each_form(
    server: str, file: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("deploy.commands.deadzones.time.time", lambda: NOW)
    words = ["deadzones", str(file), "--prometheus", server]
    for language, expected in (("vi", "Điểm lõm sóng kéo dài"), ("en", "Chronic dead zones")):
        assert main([*words, "--lang", language]) == 0
        out = capsys.readouterr().out
        assert expected in out
        assert "21061" in out
    assert main([*words, "--json"]) == 0
    shown = json.loads(capsys.readouterr().out)
    assert shown["zones"][0]["commune"] == "21061" or shown["zones"][0]["reasons"]
    assert main([*words, "--csv"]) == 0
    rows = list(csv.DictReader(io.StringIO(capsys.readouterr().out)))
    assert len(rows) == 6
    assert next(row for row in rows if row["commune"] == "21061")["reasons"] == "availability"


def test_a_prometheus_that_does_not_answer_is_one_line(
    file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["deadzones", str(file), "--prometheus", "http://127.0.0.1:9"]) == 1
    assert len(capsys.readouterr().err.splitlines()) == 1
    assert main(["deadzones", str(file.with_name("none.yml"))]) == 2


async def test_texts_are_golden(server: str) -> None:
    """After a wanted change: delete the files and run once more."""
    found = await listed(server)
    for language in i18n.LANGUAGES:
        golden = Path(__file__).parents[1] / "golden" / "deadzones" / f"listing-{language}.txt"
        text = deadzone_text.text(found, inventory(), language)
        if not golden.exists():
            golden.parent.mkdir(exist_ok=True)
            golden.write_text(text, encoding="utf-8")
            pytest.fail(f"{golden} is written: look at it, and run again")
        assert text == golden.read_text(encoding="utf-8")
