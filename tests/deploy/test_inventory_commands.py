"""``thongsuot init``, ``check`` and ``show`` as people run them."""

import json
from pathlib import Path

import pytest
from msgspec.structs import replace

from common import i18n
from deploy import describe
from deploy.cli import main
from deploy.commands import show
from deploy.starter import starter
from deploy.validate import judge_options, read
from inventory import national
from inventory.load import load, loads
from inventory.model import Snmp, Traffic

ROOT = Path(__file__).parents[2]
FULL = ROOT / "examples" / "quang-ngai.yml"
MINIMAL = ROOT / "examples" / "minimal.yml"


@pytest.fixture(autouse=True)
def english(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(i18n, "_chosen", "")
    monkeypatch.setenv("THONGSUOT_LANG", "en")


# --- examples ------------------------------------------------------------------------------------
def test_the_full_example_is_the_whole_province() -> None:
    inventory = read(FULL).inventory
    assert {commune.code for commune in inventory.communes} == set(national.of_province("51"))
    assert len(inventory.carriers) == 2
    kinds = [segment.kind for segment in inventory.segments]
    assert (kinds.count("pop"), kinds.count("ring"), kinds.count("wan")) == (8, 2, 1)
    assert len(inventory.systems) == 23
    for commune in inventory.communes:
        listed = national.of_province("51")[commune.code]
        assert (commune.name, commune.latitude) == (listed.name, listed.latitude)


def test_the_least_example_is_short() -> None:
    assert len(MINIMAL.read_text(encoding="utf-8").splitlines()) < 25
    assert len(read(MINIMAL).inventory.communes) == 1


# --- init ----------------------------------------------------------------------------------------
@pytest.mark.parametrize("language", i18n.LANGUAGES)
@pytest.mark.parametrize("code", sorted(national.provinces()))
def test_what_init_writes_passes_check(code: str, language: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(i18n, "_chosen", language)
    name = national.without_type(national.provinces()[code])
    text = starter(name, national.of_province(code).values(), "2026-11-22")
    assert len(loads(text, "province.yml", judge_options).inventory.communes) == len(
        national.of_province(code)
    )


def test_init_writes_once(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "province.yml"
    assert main(["init", "--province", "quang ngai", "--out", str(out)]) == 0
    assert "Quảng Ngãi, 96 communes" in capsys.readouterr().out
    out.write_text("mine")
    assert main(["init", "--province", "51", "--out", str(out)]) == 2
    assert "--force writes over it" in capsys.readouterr().err
    assert out.read_text() == "mine"
    assert main(["init", "--province", "51", "--out", str(out), "--force"]) == 0
    assert len(load(out).inventory.communes) == 96


def test_init_speaks_the_chosen_language(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["init", "--province", "51", "--out", "-", "--lang", "vi"]) == 0
    assert capsys.readouterr().out.startswith("# Tệp khai báo của tỉnh")


def test_init_with_a_province_that_is_none(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["init", "--province", "Quảng Ngai Nam"]) == 2
    assert "did you mean: " in capsys.readouterr().err


def test_init_where_nothing_can_be_written(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["init", "--province", "51", "--out", str(tmp_path / "no" / "where.yml")]) == 1
    assert "cannot be written" in capsys.readouterr().err


# --- check ---------------------------------------------------------------------------------------
def test_check_counts(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", str(MINIMAL)]) == 0
    said = capsys.readouterr().out
    assert said == f"{MINIMAL}: OK: communes 1, lines 1, systems 1; components 7, probes 8\n"
    assert main(["check", str(MINIMAL), "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["counts"] == {"communes": 1, "lines": 1, "systems": 1, "components": 7, "probes": 8}


def test_check_says_every_error(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    bad = tmp_path / "bad.yml"
    text = (
        MINIMAL.read_text(encoding="utf-8")
        .replace("carrier: vnpt", "carrier: vnp")
        .replace("http, ", "htp, ")
    )
    bad.write_text(text, encoding="utf-8")
    assert main(["check", str(bad)]) == 2
    assert capsys.readouterr().err.splitlines() == [
        f"{bad}:15: communes[0].lines[0].carrier: “vnp” is not in carriers"
        "; expected one of: vnpt; did you mean vnpt?",
        f"{bad}:20: systems[0].check.kind: “htp” does not fit"
        "; expected one of: dns, http, icmp, ntp, smtp, tcp, tls; did you mean http?",
        f"{bad}: errors: 2",
    ]
    assert main(["check", str(bad), "--json", "--lang", "vi"]) == 2
    errors = json.loads(capsys.readouterr().out)["errors"]
    assert [(e["line"], e["key"], e["code"]) for e in errors] == [
        (15, "communes[0].lines[0].carrier", "unknown_id"),
        (20, "systems[0].check.kind", "value"),
    ]
    assert "không có trong" in errors[0]["message"]


@pytest.mark.parametrize(
    "words",
    [
        ["check"],
        ["show"],
        ["render", "--out", "OUT"],
        ["up", "--state", "OUT"],
        ["receive", "--state", "OUT"],
        ["notify", "--test"],
        ["wall"],
        ["report", "--month", "2026-10"],
    ],
    ids=lambda words: words[0],
)
def test_every_command_refuses_what_only_a_kind_understands(
    words: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    bad = tmp_path / "bad.yml"
    text = MINIMAL.read_text(encoding="utf-8").replace('gov.vn/"', 'gov.vn/", options: {statuz: 1}')
    bad.write_text(text + "channels: [{id: a, kind: sink, options: {path: 5}}]\n", encoding="utf-8")
    command, *rest = (word.replace("OUT", str(tmp_path)) for word in words)
    assert main([command, str(bad), *rest]) == 2
    said = capsys.readouterr().err.splitlines()
    assert said[0].startswith(f"{bad}:20: systems[0].check.options.statuz: unknown key; expected one of: ")
    assert said[1].startswith(f"{bad}:21: channels[0].options.path: 5 is text only in quotes")


# --- show ----------------------------------------------------------------------------------------
def test_show_a_path_component_by_component(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["show", str(FULL), "--path", "21061", "ho-tich"]) == 0
    said = capsys.readouterr().out.splitlines()
    assert said[0] == "From 21061 to system:ho-tich: http https://hotichdientu.moj.gov.vn/"
    assert said[2].split("  ")[1:3] == ["1.", " Power, Vạn Tường commune"]
    assert [line.split()[0] for line in said[2:]] == [f"{step}." for step in range(1, len(said) - 1)]
    assert said[-1].endswith("call Ministry of Justice support 0255 000 032")


def test_show_a_path_as_data_with_both_legs(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["show", str(FULL), "--json", "--path", "binh son", "ho-tich"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["site"] == "21040"
    assert [leg[3]["component"] for leg in found["legs"]] == ["line:21040/main", "line:21040/backup"]
    assert found["legs"][0][-1]["contact"]["phone"] == "0255 000 032"


@pytest.mark.parametrize("target", ["hub", "hub:main", "hub/main", "lan", "isp:vnpt"])
def test_show_paths_to_other_targets(target: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["show", str(FULL), "--path", "21040", target]) == 0
    assert "power:21040" in capsys.readouterr().out


def test_show_from_the_hub(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["show", str(FULL), "--path", "hub", "ho-tich"]) == 0
    assert "power:" not in capsys.readouterr().out


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ([], "communes 96, lines 112, systems 23"),
        (["--component", "ring:ven-bien"], "call VNPT network desk 0255 000 011"),
        (["--component", "wan:tslcd"], "communes 0, systems 21"),
        (["--component", "agent:21040"], "communes 1, systems 0"),
        (["--commune", "Lý Sơn"], "line:21548/backup"),
    ],
)
def test_show_other_things(options: list[str], said: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["show", str(FULL), *options]) == 0
    assert said in capsys.readouterr().out
    assert main(["show", str(FULL), *options, "--json"]) == 0
    assert json.loads(capsys.readouterr().out)


def test_show_tells_what_only_measures_apart_and_how_a_line_is_counted() -> None:
    whole = load(FULL).inventory
    commune = next(found for found in whole.communes if found.code == "21040")
    counters = (
        Traffic(interface="eth1"),
        Traffic(interface="ge-0/0/1", facing="out", snmp=Snmp(address="10.50.3.2", community_file="/etc/c")),
    )
    lines = tuple(
        replace(line, traffic=traffic, shared=True)
        for line, traffic in zip(commune.lines, counters, strict=True)
    )
    others = tuple(found for found in whole.communes if found.code != "21040")
    changed = replace(whole, communes=(replace(commune, lines=lines), *others))
    found = describe.commune(changed, "21040")
    said = "\n".join(show._commune(found))
    measured, _, quality = said.partition("Measurements (how well, never up or down)")
    assert "hub/main" in measured
    assert "trace/main" not in measured
    assert "and at once when hub/main fails" in quality
    assert "line:21040/main: traffic of interface eth1 on this machine" in said
    assert "line:21040/backup: traffic of interface ge-0/0/1, asked of 10.50.3.2 by SNMP" in said
    assert said.count("shared") == 2
    assert {probe["judges"] for probe in found["probes"] if probe["probe"] == "traffic"} == {False}


@pytest.mark.parametrize(
    ("options", "nearest"),
    [
        (["--path", "21041", "ho-tich"], "21040"),
        (["--path", "21040", "hotich"], "system:ho-tich"),
        (["--component", "pop:bato"], "pop:ba-to"),
        (["--commune", "99999"], "21"),
    ],
)
def test_show_what_is_not_there(options: list[str], nearest: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["show", str(FULL), *options]) == 2
    assert nearest in capsys.readouterr().err


def test_show_a_wrong_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["show", str(tmp_path / "none.yml")]) == 2
    assert "cannot be read" in capsys.readouterr().err
