"""``thongsuot oncall`` as people run it."""

from pathlib import Path

import pytest

from common import i18n
from deploy.cli import main
from inventory.load import dump
from tests.alerts.outages import province, with_channels

MINIMAL = Path(__file__).parents[2] / "examples" / "minimal.yml"


@pytest.fixture(autouse=True)
def english(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(i18n, "_chosen", "")
    monkeypatch.setenv("THONGSUOT_LANG", "en")


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "province.yml"
    path.write_text(dump(with_channels()), encoding="utf-8")
    return path


def test_it_tells_now_second_and_next(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["oncall", str(file), "--at", "2026-11-10T12:00"]) == 0
    assert capsys.readouterr().out.splitlines()[:3] == [
        "On call: Trần Thị B, 0912 000 002 (from 2026-11-09 07:30 to 2026-11-16 07:30, rotation)",
        "Second: Department on-call, 0255 000 001",
        "Next: Department on-call, 0255 000 001 (from 2026-11-16 07:30 to 2026-11-23 07:30, rotation)",
    ]


def test_a_time_with_a_zone_is_that_moment(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["oncall", str(file), "--at", "2026-11-09T00:29:59+00:00"]) == 0
    assert "On call: Department on-call" in capsys.readouterr().out


def test_what_cannot_be_told_says_why(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["oncall", str(file), "--at", "tomorrow"]) == 2
    assert "“tomorrow” is not a time" in capsys.readouterr().err
    assert province().oncall is not None
    assert main(["oncall", str(MINIMAL)]) == 1
    assert "no rotation" in capsys.readouterr().err
