"""Help and errors of the command lines come in the language that was asked for."""

import argparse

import pytest

from agent.__main__ import main as agent_main
from common import i18n
from common.arguments import choose_language, common_options
from deploy.cli import main


@pytest.fixture(autouse=True)
def language(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(i18n, "_chosen", "")


@pytest.mark.parametrize(
    ("lang", "said"),
    [("vi", ("cách dùng: thongsuot", "tùy chọn:", "lỗi: tham số LỆNH: 'chek' không nằm trong:")),
     ("en", ("usage: thongsuot", "thongsuot: error: argument COMMAND: 'chek' is not one of:"))],
)  # fmt: skip
def test_a_wrong_command_is_refused_in_the_chosen_language(
    lang: str, said: tuple[str, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as stopped:
        main(["chek", "--lang", lang])
    assert stopped.value.code == 2
    with pytest.raises(SystemExit):
        main(["--help", f"--lang={lang}"])
    printed = "".join(capsys.readouterr())
    assert [text for text in said if text not in printed] == []


def test_the_agent_names_what_is_missing(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        agent_main(["--lang", "vi"])
    assert "thongsuot-agent: lỗi: còn thiếu: --config" in capsys.readouterr().err


def test_an_option_before_the_command_survives_it() -> None:
    choose_language(["--lang", "en"])
    top = argparse.ArgumentParser(parents=[common_options()])
    top.add_subparsers().add_parser("check", parents=[common_options(nested=True)])
    assert top.parse_args(["--log-format", "json", "check"]).log_format == "json"
    assert top.parse_args(["check", "--log-format", "json"]).log_format == "json"
    assert top.parse_args(["check"]).log_format == "text"
