"""What all boards share: their frame, the variables at their head, and where panels lie."""

from functools import partial
from typing import Any, Final

from grafana_foundation_sdk.builders import dashboard as builders
from grafana_foundation_sdk.models import dashboard

from common.i18n import t
from dashboards.grafana.panels import DATASOURCE
from inventory import names

WIDE: Final = 24
Say = partial[str]
"""``say("key")``: the text ``boards.key`` in the board's language."""


class Layout:
    """Gives panels their ids and places: left to right on a grid 24 wide, then the next line."""

    def __init__(self, board: builders.Dashboard) -> None:
        self._board = board
        self._id = self._x = self._y = self._height = 0

    def add(self, panel: Any, width: int, height: int) -> None:
        """Place ``panel``; on the present line where it fits, else on the next one."""
        if self._x + width > WIDE:
            self._x, self._y, self._height = 0, self._y + self._height, 0
        self._id += 1
        place = dashboard.GridPos(h=height, w=width, x=self._x, y=self._y)
        self._board.with_panel(panel.id(self._id).grid_pos(place))
        self._x, self._height = self._x + width, max(self._height, height)

    def row(self, title: str) -> None:
        """Start a titled row."""
        self._x, self._y, self._height = 0, self._y + self._height, 1
        self._id += 1
        place = dashboard.GridPos(h=1, w=WIDE, x=0, y=self._y)
        self._board.with_row(builders.Row(title).id(self._id).grid_pos(place))
        self._x = WIDE


def words(language: str) -> Say:
    """Return what says the boards' texts in ``language``."""
    return partial(_text, language)


def _text(language: str, key: str) -> str:
    return t(f"boards.{key}", language)


def name_label(language: str) -> str:
    """The label that holds names in ``language``."""
    return "name" if language == "vi" else "name_en"


def frame(uid: str, language: str, title: str, since: str) -> builders.Dashboard:
    """Return an empty board: ``title`` is the key of its title, and of its description."""
    say = words(language)
    return (
        builders.Dashboard(say(f"{title}_title"))
        .uid(f"{uid}-{language}")
        .description(say(f"{title}_description"))
        .tags(["thongsuot", language])
        .timezone("browser")
        .refresh("10s" if since == "now-1h" else "1m")
        .time(since, "now")
        .tooltip(dashboard.DashboardCursorSync.CROSSHAIR)
        .readonly()
        .with_variable(
            builders.DatasourceVariable("datasource").label(say("variable_datasource")).type("prometheus")
        )
        .with_variable(_commune_variable(say("variable_commune"), name_label(language)))
    )


def _commune_variable(label: str, name: str) -> builders.QueryVariable:
    return (
        builders.QueryVariable("commune")
        .label(label)
        .datasource(DATASOURCE)
        .query({"query": f"query_result({names.COMMUNE_INFO.name})", "refId": "commune"})
        .regex(f'/commune="(?<value>[^"]+)".*[{{,]{name}="(?<text>[^"]+)"/')
        .refresh(dashboard.VariableRefresh.ON_TIME_RANGE_CHANGED)
        .sort(dashboard.VariableSort.ALPHABETICAL_ASC)
        .multi(True)
        .include_all(True)
        .all_value(".*")
        .current(dashboard.VariableOption(selected=True, text="All", value="$__all"))
    )
