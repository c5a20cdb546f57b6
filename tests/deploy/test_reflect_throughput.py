"""The far end of throughput tests on the command line, in the hub's stack and in the lab."""

from datetime import datetime
from pathlib import Path

import msgspec
import pytest
from prometheus_client import CollectorRegistry

from common import i18n
from common.web import ListenError
from deploy import reflect_throughput
from deploy.cli import main
from deploy.commands import reflect
from deploy.endpoints import Endpoints
from deploy.lab import throughput
from deploy.lab.order import Places
from deploy.stack_specs import Paths, specs
from exporters.throughputhub.leases import Limits
from inventory.graph import plans
from inventory.load import load
from inventory.model import Inventory, Reflector

SMALL = Path(__file__).parents[2] / "tests/inventory/small.yml"
LISTEN = ("reflect", "--throughput-listen", "127.0.0.1:0")


@pytest.fixture(autouse=True)
def english(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(i18n, "_chosen", "")
    monkeypatch.setenv("THONGSUOT_LANG", "en")


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (("reflect", "--throughput-listen", "9463"), "expected host:port"),
        (LISTEN, "nobody is served unknown"),
        ((*LISTEN, "--token-file", "t"), "either --certificate or --plain-http"),
        ((*LISTEN, "--token-file", "t", "--certificate", "c", "--plain-http"), "either --certificate or"),
        ((*LISTEN, "--token-file", "t", "--plain-http", "--max-tests", "0"), "greater than 0"),
        ((*LISTEN, "--token-file", "t", "--plain-http", "--max-mbps", "-1"), "greater than 0"),
        ((*LISTEN, "--token-file", "t", "--plain-http", "--max-mbps", "nan"), "greater than 0"),
    ],
)
def test_options_that_do_not_go_together(
    words: tuple[str, ...], expected: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([*words, "--stamp-listen", "127.0.0.1:0"]) == 2
    assert expected in capsys.readouterr().err


def test_the_number_of_tests_on_the_page_is_that_of_the_program() -> None:
    assert Limits().tests == reflect.DEFAULT_TESTS


@pytest.mark.parametrize(
    ("tokens", "certificate", "expected"),
    [
        (None, None, "--token-file .*: No such file"),
        ("short", None, "--token-file .*: a token has at least"),
        ("0123456789abcdef", "nonsense", "--certificate .*"),
    ],
)
async def test_files_that_cannot_be_used(
    tmp_path: Path, tokens: str | None, certificate: str | None, expected: str
) -> None:
    if tokens is not None:
        (tmp_path / "tokens").write_text(tokens)
    (tmp_path / "pem").write_text(certificate or "")
    chosen = reflect_throughput.Options(
        listen="127.0.0.1:0",
        tokens=tmp_path / "tokens",
        limits=Limits(),
        certificate=tmp_path / "pem" if certificate else None,
        key=None,
    )
    with pytest.raises(ListenError, match=expected):
        async with reflect_throughput.serving(chosen, CollectorRegistry()):
            pass


def province(**reflector: object) -> Inventory:
    inventory = load(SMALL).inventory
    hub = msgspec.structs.replace(inventory.hub, reflector=Reflector(**reflector))  # type: ignore[arg-type]  # names are fields
    return msgspec.structs.replace(inventory, hub=hub)


def words_of(inventory: Inventory, tmp_path: Path) -> tuple[str, ...]:
    paths = Paths(inventory=SMALL, state=tmp_path)
    found = {spec.name: spec for spec in specs(paths, Endpoints(), inventory)}
    return found["reflector"].argv


PLAIN = {"throughput_url": "http://10.51.0.1:9463/", "throughput_token_file": "/t"}
SECURE = {"throughput_url": "https://[fd51::1]/", "throughput_token_file": "/t"}


def test_the_hub_serves_what_its_inventory_says(tmp_path: Path) -> None:
    assert "--throughput-listen" not in words_of(province(), tmp_path)
    assert "--throughput-listen" not in words_of(province(throughput_url="http://h/"), tmp_path)
    assert "--throughput-listen" not in words_of(province(**SECURE), tmp_path)  # something else ends TLS
    assert words_of(province(**PLAIN, throughput_mbps_max=250), tmp_path)[-6:] == (
        "--throughput-listen", "0.0.0.0:9463", "--token-file", "/t", "--plain-http", "--max-mbps=250",
    )  # fmt: skip
    assert words_of(province(**SECURE, throughput_certificate_file="/c"), tmp_path)[-6:] == (
        "--throughput-listen", "[::]:443", "--token-file", "/t", "--certificate", "/c",
    )  # fmt: skip


def test_what_a_line_s_test_is_told() -> None:
    inventory = province(**PLAIN, ca_file="/ca")
    commune = inventory.communes[0]
    line = commune.lines[0]
    plan = next(plan for plan in plans(inventory, commune.code) if plan.kind == "throughput")
    assert plan.options["line"] == f"line:{commune.code}/{line.id}"
    assert plan.options["contracted_down_mbps"] == line.down_mbps
    assert plan.options["hours"] == "22:00-05:00"
    assert plan.options["timezone"] == inventory.province.timezone
    assert plan.options["budget_gigabytes_per_month"] == line.test_budget_gigabytes_per_month
    assert (plan.options["token_file"], plan.options["ca_file"]) == ("/t", "/ca")
    kinds = {segment.split(":")[0] for segment in plan.options.get("segments", ())}
    assert kinds <= {"pop", "ring", "wan"}


def test_the_lab_s_hours_are_half_a_day_away(tmp_path: Path) -> None:
    places = Places(tmp_path)
    for hour in range(24):
        hub = throughput.placed(province(**PLAIN).hub, places, datetime(2026, 11, 22, hour, 30))  # noqa: DTZ001 - local time
        assert hub.reflector is not None
        begin = int(hub.reflector.throughput_hours[:2])
        assert (begin - hour) % 24 == 11
    untouched = load(SMALL).inventory.hub
    assert throughput.placed(untouched, places, datetime(2026, 11, 22)) is untouched  # noqa: DTZ001 - local time
