"""Every refused configuration has a file and its exact message; every shipped one loads."""

import contextlib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.config import AgentConfig
from agent.load import MAX_TARGETS, judge, load_config
from common import i18n
from common.yaml import write
from common.yaml.load import loads
from common.yaml.problems import Refused
from common.yaml.tree import MAX_BYTES

INVALID = Path(__file__).parents[1] / "invalid" / "agent"
CASES = sorted(path.stem for path in INVALID.glob("*.yml"))

RIGHT = """
version: 1
site: "21040"
commune: "21040"
listen: "[::1]:9465"
push: {url: "https://hub.example/api/v1/write", bearer_token_file: /etc/thongsuot/token}
targets:
- {name: lan, target: "lan:21040", probe: icmp, address: 192.168.1.1, commune: "21040"}
- name: hub/main
  target: hub:main
  line: main
  probe: icmp
  address: 10.0.0.1
  gate: lan
  sla: true
  interval_seconds: 2
- {name: x, target: "system:x", probe: http, address: "https://x.gov.vn/", options: {max_redirects: 2}}
"""


@pytest.fixture(autouse=True)
def _english(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(i18n, "_chosen", "en")


@pytest.mark.parametrize("case", CASES)
def test_refused_with_exactly_this_message(case: str) -> None:
    with pytest.raises(Refused) as caught:
        load_config(INVALID / f"{case}.yml")
    said = str(caught.value).replace(f"{INVALID}/", "")
    assert said + "\n" == (INVALID / f"{case}.txt").read_text(encoding="utf-8")
    assert "secret" not in said or case == "secret-option"


def test_every_case_has_its_message() -> None:
    assert CASES
    assert {path.stem for path in INVALID.glob("*.txt")} == set(CASES)


def test_right_file_loads(tmp_path: Path) -> None:
    file = tmp_path / "agent.yml"
    file.write_text(RIGHT)
    config = load_config(file)
    assert [target.name for target in config.targets] == ["lan", "hub/main", "x"]
    assert config.targets[1].identity == "|main|hub:main|icmp"
    assert config.push is not None
    assert config.push.state_seconds == 5


def test_huge_file_is_not_read_whole(tmp_path: Path) -> None:
    file = tmp_path / "agent.yml"
    with file.open("wb") as sparse:
        sparse.truncate(MAX_BYTES * 100)
    with pytest.raises(Refused, match="larger than 8 MB"):
        load_config(file)


def test_messages_exist_in_vietnamese(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(i18n, "_chosen", "vi")
    with pytest.raises(Refused, match="“lam” không có trong targets"):
        load_config(INVALID / "no-such-gate.yml")


KEYS = st.sampled_from(["version", "site", "targets", "push", "name", "url", "options"])
LEAVES = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=10)
DATA = st.recursive(
    LEAVES,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=4),
    max_leaves=15,
)


@given(DATA)
def test_any_data_is_taken_or_refused(value: object) -> None:
    with contextlib.suppress(Refused):
        loads(write.dump(value), "f.yml", AgentConfig, judge)


def test_too_many_targets(tmp_path: Path) -> None:
    one = '- {{name: "{0}", target: "system:{0}", probe: tcp, address: "127.0.0.1:1"}}\n'
    file = tmp_path / "agent.yml"
    targets = "".join(one.format(number) for number in range(MAX_TARGETS + 1))
    file.write_text(f'version: 1\nsite: "21040"\ntargets:\n{targets}')
    with pytest.raises(Refused, match=f"agent.yml:3: targets: at most {MAX_TARGETS} targets are allowed"):
        load_config(file)
