"""The boards as files: what Grafana takes for granted, and a golden copy."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from common.i18n import LANGUAGES
from dashboards.grafana import export
from dashboards.grafana.boards import fill_in, queries
from dashboards.grafana.check import ANY
from inventory.names import Recorded, all_metrics

GOLDEN = Path(__file__).resolve().parents[1] / "golden" / "boards"
BOARDS = {name: json.loads(body) for name, body in export().items()}
KINDS = ("lines", "outages", "overview")
each_board = pytest.mark.parametrize("board", BOARDS.values(), ids=BOARDS)


def panels(holder: dict[str, Any]) -> list[dict[str, Any]]:
    """Return all panels of a board, those inside rows too."""
    found = []
    for panel in holder.get("panels") or ():
        found += [panel, *panels(panel)]
    return found


def test_there_is_a_board_for_each_language() -> None:
    uids = [f"thongsuot-{board}-{language}" for board in KINDS for language in sorted(LANGUAGES)]
    assert sorted(BOARDS) == [f"{uid}.json" for uid in uids]
    assert [BOARDS[name]["uid"] for name in sorted(BOARDS)] == uids
    assert len({board["title"] for board in BOARDS.values()}) == len(BOARDS)


@pytest.mark.parametrize("name", sorted(BOARDS))
def test_a_board_is_the_golden_one(name: str) -> None:
    """After a wanted change: ``thongsuot boards export tests/golden/boards``."""
    assert export()[name].decode() == (GOLDEN / name).read_text(encoding="utf-8")


@each_board
def test_ids_and_ref_ids_are_unique(board: dict[str, Any]) -> None:
    ids = [panel["id"] for panel in panels(board)]
    assert all(isinstance(one, int) and one > 0 for one in ids)
    assert len(set(ids)) == len(ids)
    for panel in panels(board):
        refs = [target["refId"] for target in panel.get("targets") or ()]
        assert len(set(refs)) == len(refs)
        assert all(re.fullmatch("[A-Z]", ref) for ref in refs)


@each_board
def test_panels_lie_on_the_grid_and_do_not_overlap(board: dict[str, Any]) -> None:
    taken: set[tuple[int, int]] = set()
    for panel in board["panels"]:
        place = panel["gridPos"]
        assert place["x"] >= 0
        assert place["w"] > 0
        assert place["h"] > 0
        assert place["x"] + place["w"] <= 24
        cells = {
            (x, y)
            for x in range(place["x"], place["x"] + place["w"])
            for y in range(place["y"], place["y"] + place["h"])
        }
        assert not cells & taken
        taken |= cells


@each_board
def test_every_panel_has_a_title_and_asks_the_chosen_data_source(board: dict[str, Any]) -> None:
    chosen = {"type": "prometheus", "uid": "${datasource}"}
    for panel in panels(board):
        assert panel["title"]
        if panel["type"] != "row":
            assert panel["datasource"] == chosen
            assert panel["targets"]
            assert all(target["datasource"] == chosen for target in panel["targets"])


@each_board
def test_variables_are_the_data_source_and_the_commune(board: dict[str, Any]) -> None:
    variables = board["templating"]["list"]
    assert [(variable["name"], variable["type"]) for variable in variables] == [
        ("datasource", "datasource"),
        ("commune", "query"),
    ]
    assert variables[1]["includeAll"]
    assert variables[1]["allValue"] == ".*"


@pytest.mark.parametrize(("language", "shown"), [("vi", "Ba Tơ"), ("en", "Ba To")])
def test_the_commune_variable_shows_names_and_keeps_codes(language: str, shown: str) -> None:
    pattern = BOARDS[f"thongsuot-overview-{language}.json"]["templating"]["list"][1]["regex"]
    text = (
        'thongsuot_commune_info{area="",commune="21484",job="thongsuot-hub",latitude="14.7",'
        'longitude="108.7",name="Ba Tơ",name_en="Ba To",transport="push",type="xã"} 1 1700000000000'
    )
    match = re.search(pattern.strip("/").replace("?<", "?P<"), text)
    assert match is not None
    assert match.groupdict() == {"value": "21484", "text": shown}


@each_board
def test_a_map_takes_its_places_from_labels_as_numbers(board: dict[str, Any]) -> None:
    if "overview" not in board["uid"]:
        assert not [panel for panel in panels(board) if panel["type"] == "geomap"]
        return
    geomap = next(panel for panel in panels(board) if panel["type"] == "geomap")
    location = geomap["options"]["layers"][0]["location"]
    assert location == {"mode": "coords", "latitude": "latitude", "longitude": "longitude"}
    converted = [one["targetField"] for one in geomap["transformations"][0]["options"]["conversions"]]
    assert converted == ["latitude", "longitude"]
    assert geomap["options"]["basemap"]["type"] == "default"


@each_board
def test_every_series_that_a_query_asks_for_has_a_name_of_ours(board: dict[str, Any]) -> None:
    known = {metric.name for metric in all_metrics()} | {str(one) for one in Recorded}
    known |= {f"{metric.name}_bucket" for metric in all_metrics() if metric.type == "histogram"}
    name = re.compile(r"(?<![\w:\"$.])(?:(?:[a-z]+:)?(?:thongsuot|probe)_[\w:]+|ALERTS\w*)")
    asked = {found for query in queries(board) for found in name.findall(query.expression)}
    assert asked
    assert asked - known <= {"ALERTS", "ALERTS_FOR_STATE"}


@each_board
def test_every_variable_of_every_query_can_be_filled_in(board: dict[str, Any]) -> None:
    filled = [fill_in(query.expression, ANY) for query in queries(board)]
    assert len(filled) >= 20
    assert [text for text in filled if "$" in text.replace('"$1"', "")] == []


@pytest.mark.parametrize("kind", KINDS)
def test_the_two_languages_ask_the_same_questions(kind: str) -> None:
    vi, en = (list(queries(BOARDS[f"thongsuot-{kind}-{language}.json"])) for language in ("vi", "en"))
    assert [query.expression.replace("name_en", "name") for query in vi] == [
        query.expression.replace("name_en", "name") for query in en
    ]
    assert [a.panel for a, b in zip(vi, en, strict=True) if a.panel == b.panel and a.ref != "variable"] == []


def test_a_variable_without_a_value_is_an_error() -> None:
    with pytest.raises(KeyError, match="commune"):
        fill_in('up{commune=~"${commune:regex}"}', {})


@given(st.text())
def test_filling_in_leaves_a_text_without_variables_alone(text: str) -> None:
    plain = text.replace("$", "")
    assert fill_in(plain, {}) == plain
