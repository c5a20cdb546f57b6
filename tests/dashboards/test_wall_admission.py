"""Who may look at the wall: passwords, sessions, attempts, gates, and options that must not start."""

import os
import stat
import time
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from common import i18n
from common.i18n import t
from common.web import ListenError
from dashboards.wall.admission import AdmissionError, gate_for, read_users, reload_users
from dashboards.wall.attempts import CLIENT_SECONDS, PER_CLIENT, TOGETHER, Attempts
from dashboards.wall.choices import accepted
from dashboards.wall.gate import LoginGate, OpenGate, ProxyGate, safe_next
from dashboards.wall.passwords import User, UsersError, make_line, parse_users, verify
from dashboards.wall.sessions import LASTS_SECONDS, Sessions, load_key

PASSWORD = "đường truyền 24/7"
LINE = make_line("truc", PASSWORD)
USERS = parse_users(f"# operators\n\n{LINE}\n", "users")
NOW = 1_800_000_000.0


# --- passwords -----------------------------------------------------------------------------------
def test_a_password_is_right_or_it_is_not() -> None:
    assert verify(USERS, "truc", PASSWORD)
    assert not verify(USERS, "truc", PASSWORD + " ")
    assert not verify(USERS, "nobody", PASSWORD)
    assert not verify(USERS, "", "")
    assert not verify(USERS, "truc", "x" * 100_000)
    assert PASSWORD not in LINE
    assert make_line("truc", PASSWORD) != LINE


@pytest.mark.parametrize(
    ("name", "password", "key"),
    [("a:b", PASSWORD, "password_name"), ("", PASSWORD, "password_name"), ("a", "short", "password_short")],
)
def test_no_line_is_made_of_a_bad_name_or_a_short_password(name: str, password: str, key: str) -> None:
    with pytest.raises(UsersError) as caught:
        make_line(name, password)
    assert str(caught.value) == t(f"wall.{key}", name=name, least=10)


BAD_LINES = {
    "plain": "truc:secret",
    "other hash": "truc:bcrypt$2b$12$abc",
    "cost too high": LINE.replace("$32768$", "$4194304$"),
    "cost not a power of two": LINE.replace("$32768$", "$32769$"),
    "memory": LINE.replace("$8$1$", "$99$1$"),
    "rounds": LINE.replace("$8$1$", "$8$99$"),
    "no name": LINE.removeprefix("truc"),
    "cut": LINE[:-20],
    "more": LINE + "$x",
}


@pytest.mark.parametrize("line", BAD_LINES.values(), ids=BAD_LINES.keys())
def test_a_bad_line_is_named_by_its_number(line: str) -> None:
    with pytest.raises(UsersError) as caught:
        parse_users(f"{LINE}\n{line}\n", "u")
    assert str(caught.value) == t("wall.users_bad_line", path="u", line=2)


def test_a_user_stands_once_and_a_file_has_one() -> None:
    with pytest.raises(UsersError) as twice:
        parse_users(f"{LINE}\n{LINE}\n", "u")
    assert str(twice.value) == t("wall.users_twice", path="u", line=2, name="truc")
    with pytest.raises(UsersError) as empty:
        parse_users("# nobody\n", "u")
    assert str(empty.value) == t("wall.users_empty", path="u")


@given(st.text(max_size=80))
def test_any_file_is_users_or_a_clear_error(content: str) -> None:
    try:
        assert parse_users(content, "u")
    except UsersError as error:
        said = str(error)
    assert "u" in said


# --- sessions ------------------------------------------------------------------------------------
def sessions(users: dict[str, User] | None = None, key: bytes = b"k" * 32) -> Sessions:
    return Sessions(key, USERS if users is None else users)


def test_a_session_is_its_users_until_it_ends() -> None:
    token = sessions().issue("truc", NOW)
    assert sessions().check(token, NOW) == "truc"
    assert sessions().check(token, NOW + LASTS_SECONDS - 1) == "truc"
    assert sessions().check(token, NOW + LASTS_SECONDS) is None


def test_another_key_another_password_or_no_user_end_a_session() -> None:
    token = sessions().issue("truc", NOW)
    changed = parse_users(make_line("truc", "another password"), "u")
    assert sessions(key=b"x" * 32).check(token, NOW) is None
    assert sessions(changed).check(token, NOW) is None
    assert sessions({}).check(token, NOW) is None


@settings(max_examples=300)
@given(st.data())
def test_a_changed_token_is_worth_nothing(data: st.DataObject) -> None:
    token = sessions().issue("truc", NOW)
    at = data.draw(st.integers(0, len(token) - 1))
    other = data.draw(st.characters().filter(lambda c: c != token[at]))
    changed = token[:at] + other + token[at + 1 :]
    assert sessions().check(changed, NOW) is None


@given(st.text(max_size=500))
def test_no_cookie_is_a_session_by_chance(token: str) -> None:
    assert sessions().check(token, NOW) is None


def test_the_key_is_made_once_and_is_for_its_owner_alone(tmp_path: Path) -> None:
    path = tmp_path / "wall" / "session.key"
    key = load_key(path)
    assert load_key(path) == key
    assert len(key) == 32
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert os.listdir(path.parent) == ["session.key"]
    path.write_bytes(b"short")
    with pytest.raises(OSError, match="expected 32 bytes"):
        load_key(path)


# --- attempts ------------------------------------------------------------------------------------
def test_a_client_may_try_a_few_times_and_then_waits() -> None:
    attempts = Attempts(0.0)
    assert [attempts.attempt("a", 0.0) for _ in range(PER_CLIENT)] == [0] * PER_CLIENT
    assert attempts.attempt("a", 0.0) == CLIENT_SECONDS
    assert attempts.attempt("b", 0.0) == 0
    assert attempts.attempt("a", CLIENT_SECONDS - 1) == 1
    assert attempts.attempt("a", CLIENT_SECONDS) == 0


def test_many_clients_together_wait_too() -> None:
    attempts = Attempts(0.0)
    assert [attempts.attempt(f"c{n}", 0.0) for n in range(TOGETHER)] == [0] * TOGETHER
    assert attempts.attempt("one more", 0.0) == 2


@given(st.lists(st.tuples(st.sampled_from("abc"), st.floats(0, 30)), max_size=60))
def test_no_pattern_gets_more_attempts_than_allowed(pattern: list[tuple[str, float]]) -> None:
    attempts, now, let_in = Attempts(0.0), 0.0, 0
    for client, pause in pattern:
        now += pause
        let_in += client == "a" and attempts.attempt(client, now) == 0
    assert let_in <= PER_CLIENT + now / CLIENT_SECONDS


# --- options -------------------------------------------------------------------------------------
@pytest.fixture
def state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("THONGSUOT_STATE_DIR", str(tmp_path / "state"))
    return tmp_path


@pytest.mark.parametrize("listen", ["127.0.0.1:1", "[::1]:1", "localhost:0"])
def test_loopback_needs_no_login(listen: str) -> None:
    assert isinstance(gate_for(listen, None, None, []), OpenGate)


REFUSED = [
    ("0.0.0.0:9495", None, [], "need_login", {"listen": "0.0.0.0:9495"}),
    ("[::]:9495", None, [], "need_login", {"listen": "[::]:9495"}),
    ("10.1.2.3:9495", "X-User", [], "proxy_needs_both", {}),
    ("10.1.2.3:9495", None, ["10.0.0.1"], "proxy_needs_both", {}),
    ("10.1.2.3:9495", "X-User", ["proxy"], "proxy_bad_address", {"address": "proxy"}),
    ("10.1.2.3:9495", "X User", ["10.0.0.1"], "proxy_bad_header", {"header": "X User"}),
]


@pytest.mark.parametrize("language", i18n.LANGUAGES)
@pytest.mark.parametrize(("listen", "header", "proxies", "key", "values"), REFUSED)
def test_what_would_let_in_anybody_does_not_start(
    listen: str, header: str | None, proxies: list[str], key: str, values: dict[str, str], language: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    monkeypatch.setattr(i18n, "_chosen", language)
    with pytest.raises(AdmissionError) as caught:
        gate_for(listen, None, header, proxies)
    assert str(caught.value) == t(f"wall.{key}", language, **values)


def test_an_address_that_is_none_is_refused() -> None:
    with pytest.raises(ListenError):
        gate_for("9495", None, None, [])


def test_with_users_or_a_proxy_it_listens_anywhere(state: Path) -> None:
    users = state / "users"
    users.write_text(LINE)
    assert isinstance(gate_for("0.0.0.0:9495", users, None, []), LoginGate)
    assert (state / "state" / "wall" / "session.key").exists()
    assert isinstance(gate_for("0.0.0.0:9495", None, "X-User", ["::1"]), ProxyGate)


def test_users_that_cannot_be_read_are_refused(state: Path) -> None:
    with pytest.raises(AdmissionError, match="absent"):
        read_users(state / "absent")
    (state / "bytes").write_bytes(b"\xff\xfe")
    with pytest.raises(AdmissionError, match="UTF-8"):
        read_users(state / "bytes")


def test_a_new_password_takes_effect_on_reload_and_ends_sessions(state: Path) -> None:
    users = state / "users"
    users.write_text(LINE)
    gate = gate_for("0.0.0.0:1", users, None, [])
    assert isinstance(gate, LoginGate)
    token = gate.sessions.issue("truc", time.time())
    assert gate.sessions.check(token, time.time()) == "truc"
    users.write_text(make_line("truc", "another password"))
    reload_users(gate, users)
    assert gate.sessions.check(token, time.time()) is None


@pytest.mark.parametrize(
    "target",
    [
        "//evil.example",
        "https://evil.example",
        "/\\evil",
        "/commune/1",
        "/commune/21040?x",
        "",
        "/logout",
        "x",
    ],
)
def test_the_login_leads_nowhere_else(target: str) -> None:
    assert safe_next(target) == "/"
    assert safe_next("/commune/21040") == "/commune/21040"


@pytest.mark.parametrize(
    ("header", "language"),
    [
        ("", "vi"), ("en", "en"), ("en-GB,en;q=0.9", "en"), ("fr,de", "vi"), ("vi;q=0.2, en;q=0.8", "en"),
        ("en;q=0", "vi"), ("en;q=x", "vi"), ("enx", "vi"), ("vi,en", "vi"), (",;=", "vi"),
    ],
)  # fmt: skip
def test_the_browsers_language(header: str, language: str) -> None:
    assert accepted(header) == language


@given(st.text(max_size=60))
def test_any_header_gives_a_language(header: str) -> None:
    assert accepted(header) in i18n.LANGUAGES
