"""Tokens: made once, kept as hashes, two at a time, revoked at once; and the commands for that."""

import hmac
import os
import re
import shutil
import stat
import threading
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from common import i18n
from deploy.cli import main
from deploy.ingest import tokens
from deploy.ingest.tokens import BadTokens, Book, Store, TooMany, Wrong

NOW = 1_795_000_000.0
SMALL = Path(__file__).parents[2] / "inventory/small.yml"


@pytest.fixture(autouse=True)
def english(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(i18n, "_chosen", "")
    monkeypatch.setenv("THONGSUOT_LANG", "en")


def test_a_token_says_whose_it_is_and_is_not_kept(tmp_path: Path) -> None:
    store = Store(tmp_path / "ingest")
    secret, kept = store.add("21040", NOW)
    assert re.fullmatch(r"ts_21040_[A-Za-z0-9_-]{43}", secret)
    assert secret.rpartition("_")[2] not in store.path.read_text()
    assert stat.S_IMODE(store.path.stat().st_mode) == 0o600
    assert stat.S_IMODE(store.path.parent.stat().st_mode) == 0o700
    assert Book(store.read()).holder(f"Bearer {secret}", NOW) == "21040"
    assert kept.commune == "21040"


def test_two_are_valid_at_once_and_a_third_is_refused(tmp_path: Path) -> None:
    store = Store(tmp_path)
    secrets = [store.add("21040", NOW)[0], store.add("21040", NOW)[0]]
    with pytest.raises(TooMany):
        store.add("21040", NOW)
    store.add("21061", NOW)
    book = Book(store.read())
    assert [book.holder(f"Bearer {secret}", NOW) for secret in secrets] == ["21040"] * 2
    assert book.valid(NOW) == 3


def test_an_expired_token_is_out_and_makes_room(tmp_path: Path) -> None:
    store = Store(tmp_path)
    secret, _ = store.add("21040", NOW, NOW + 10)
    store.add("21040", NOW)
    assert Book(store.read()).holder(f"Bearer {secret}", NOW + 9.9) == "21040"
    assert Book(store.read()).holder(f"Bearer {secret}", NOW + 10) is Wrong.EXPIRED
    store.add("21040", NOW + 11)
    assert len(store.read()) == 2


def test_a_token_of_one_commune_is_none_of_another(tmp_path: Path) -> None:
    store = Store(tmp_path)
    secret, _ = store.add("21040", NOW)
    store.add("21061", NOW)
    assert Book(store.read()).holder(f"Bearer {secret.replace('21040', '21061')}", NOW) is Wrong.UNKNOWN


@given(st.text(max_size=300))
def test_whatever_is_shown_is_no_token(field: str) -> None:
    book = Book((tokens.make("21040", NOW)[1],))
    assert book.holder(field, NOW) is Wrong.UNKNOWN
    assert book.holder(f"Bearer {field}", NOW) is Wrong.UNKNOWN
    assert book.holder(None, NOW) is Wrong.MISSING


@pytest.mark.parametrize("commune", ["21040", "21061", "99999", "", "hub"])
def test_every_wrong_token_costs_as_many_comparisons(commune: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Constant time is counted, not timed: each look compares two whole digests, come what may."""
    compared: list[int] = []
    real = hmac.compare_digest

    def counting(one: str, other: str) -> bool:
        compared.append(len(one) + len(other))
        return real(one, other)

    own = [tokens.make("21040", NOW) for _ in range(2)]
    book = Book((*(kept for _, kept in own), tokens.make("21061", NOW)[1]))
    monkeypatch.setattr(hmac, "compare_digest", counting)
    good = own[0][0]
    for secret in (f"ts_{commune}_{good[9:]}x", f"ts_{commune}_", f"ts_{commune}_{good[9:-1]}", good):
        compared.clear()
        book.holder(f"Bearer {secret}", NOW)
        assert compared == [128, 128]


@given(st.binary(max_size=200))
def test_a_damaged_file_is_refused_and_not_shown(content: bytes) -> None:
    with pytest.raises(BadTokens) as caught:
        tokens.decode(b"\x00" + content)
    assert content.decode("latin-1") not in str(caught.value) or len(content) < 4


@pytest.mark.parametrize(
    "content", [b"{}", b"[]", b'{"version": 2}', b'{"version": 1, "tokens": [{"id": "a"}]}', b"[" * 5000]
)
def test_a_file_of_another_kind_is_refused(content: bytes) -> None:
    with pytest.raises(BadTokens):
        tokens.decode(content)


def test_enrolling_from_many_hands_loses_nothing(tmp_path: Path) -> None:
    hands = [threading.Thread(target=Store(tmp_path).add, args=(f"2{n:04}", NOW)) for n in range(12)]
    for hand in hands:
        hand.start()
    for hand in hands:
        hand.join()
    assert len(Store(tmp_path).read()) == 12


def test_roots_enrolment_belongs_to_the_hubs_user(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    given: list[tuple[str, int, int]] = []
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    monkeypatch.setattr(os, "chown", lambda path, user, group: given.append((Path(path).name, user, group)))
    Store(tmp_path).add("21040", NOW)
    owner = tmp_path.stat()
    assert set(given) == {(name, owner.st_uid, owner.st_gid) for name in ("tokens.json", "tokens.lock")}


def test_a_change_is_seen_once(tmp_path: Path) -> None:
    store = Store(tmp_path)
    assert store.changed() == ()
    assert store.changed() is None
    store.add("21040", NOW)
    assert len(store.changed() or ()) == 1
    assert store.changed() is None
    store.revoke("21040")
    assert store.changed() == ()


# --- the commands ------------------------------------------------------------------------------------
def test_enrol_revoke_and_enrol_again(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    own = ["--state", str(tmp_path)]
    store = Store(tmp_path / "hub/ingest")
    assert main(["enroll", str(SMALL), "21040", *own]) == 0
    said = capsys.readouterr()
    assert re.fullmatch(r"ts_21040_\S{43}\n", said.out), "stdout is the token and nothing else"
    assert "shown only this once" in said.err
    assert main(["enroll", str(SMALL), "21040", "--days", "30", *own]) == 0
    assert main(["enroll", str(SMALL), "21040", *own]) == 1
    assert "thongsuot revoke" in capsys.readouterr().err
    assert main(["revoke", str(SMALL), "21040", *own]) == 2
    listed = capsys.readouterr()
    first = store.read()[0]
    assert first.id in listed.out
    assert "--all" in listed.err
    assert main(["revoke", str(SMALL), "21040", "--id", first.id, *own]) == 0
    assert [token.id for token in store.read()] != [first.id]
    assert main(["revoke", str(SMALL), "21040", "--all", *own]) == 0
    assert store.read() == ()
    assert main(["revoke", str(SMALL), "21040", "--all", *own]) == 2
    assert not [word for word in capsys.readouterr().out.split() if word.startswith("ts_")]


@pytest.mark.parametrize(
    ("words", "said"),
    [(["99999"], "no commune with this code"), (["21040", "--days", "0"], "above 0"),
     (["21040", "--days", "nan"], "above 0")],
)  # fmt: skip
def test_wrong_use_makes_nothing(
    words: list[str], said: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["enroll", str(SMALL), *words, "--state", str(tmp_path)]) == 2
    assert said in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ([], "needs either a certificate"),
        (["--plain-http", "--certificate", "x.pem"], "not both"),
        (["--plain-http", "--listen", "x"], "expected host:port"),
        (["--plain-http", "--forward", "ftp://x/"], "--forward ftp://x/"),
        (["--plain-http", "--forward", "http://u:geheim@x/"], "without a user name"),
        (["--plain-http", "--forward-header", "Authorization=/nonexistent"], "NAME=FILE"),
        (["--plain-http", "--forward-header", "A b=/dev/null"], "NAME=FILE"),
    ],
)
def test_a_gateway_that_would_not_do_is_refused(
    options: list[str], said: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    copy = shutil.copy(SMALL, tmp_path / "province.yml")
    assert main(["ingest", str(copy), "--state", str(tmp_path), *options]) == 2
    assert said in capsys.readouterr().err


def test_a_damaged_file_of_tokens_stops_the_gateway(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    directory = tmp_path / "hub/ingest"
    directory.mkdir(parents=True)
    (directory / "tokens.json").write_text("{")
    words = ["ingest", str(SMALL), "--state", str(tmp_path), "--plain-http"]
    assert main([*words, "--listen", "127.0.0.1:0", "--page-listen", "127.0.0.1:0"]) == 1
    assert "enrol every commune again" in capsys.readouterr().err
