"""Links that people answer by: only ours, only for a while, only for what they were made for."""

import re
import stat
import threading
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from alerts import answers
from alerts.answers import Answer, Bucket
from alerts.links import Answerable, LinkError, Links, load_key

KEY = bytes(range(32))
LINKS = Links(KEY, "https://canh-bao.example/", 3600)
NOW = 1_795_310_000.0
TEXT = st.text(min_size=1, max_size=100)


def token(links: Links = LINKS, outage: str = "f00d@1", channel: str = "zalo") -> str:
    return links.url(outage, channel, NOW).rpartition("/")[2]


def reason(text: str, links: Links = LINKS, now: float = NOW) -> str:
    with pytest.raises(LinkError) as caught:
        links.open(text, now)
    return str(caught.value.reason)


@given(TEXT, TEXT)
def test_a_link_says_what_it_was_made_for(outage: str, channel: str) -> None:
    url = LINKS.url(outage, channel, NOW)
    assert re.fullmatch(r"https://canh-bao\.example/a/[A-Za-z0-9_-]+\.[A-Za-z0-9_-]{22}", url)
    assert LINKS.open(url.rpartition("/")[2], NOW + 3599) == Answerable(outage, channel, int(NOW + 3600))


def test_a_link_is_the_same_for_every_attempt_and_short() -> None:
    assert LINKS.url("f00d@1", "zalo", NOW) == LINKS.url("f00d@1", "zalo", NOW)
    assert len(LINKS.url("bb4c9d0e2f7a1b3c@1795310000000", "zalo", NOW)) < 130


def test_a_link_ends() -> None:
    assert reason(token(), now=NOW + 3600) == "expired"


def test_another_key_or_purpose_opens_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    assert reason(token(msgspec.structs.replace(LINKS, key=bytes(32)))) == "signature"
    made = token()
    monkeypatch.setattr("alerts.links.PURPOSE", b"something else")
    assert reason(made) == "signature"


@given(st.integers(0, 10_000), st.characters(codec="ascii"))
def test_any_change_is_noticed(position: int, char: str) -> None:
    made = token()
    at = position % len(made)
    changed = made[:at] + char + made[at + 1 :]
    if changed != made:
        assert reason(changed) in {"malformed", "signature"}


@given(st.one_of(st.text(max_size=2000), st.from_regex(r"[A-Za-z0-9_-]{0,40}\.[A-Za-z0-9_-]{0,40}")))
def test_nonsense_has_a_closed_reason(text: str) -> None:
    assert reason(text) in {"malformed", "signature"}


def test_the_key_is_made_once_for_us_alone(tmp_path: Path) -> None:
    path = tmp_path / "hub" / "answer.key"
    found: list[bytes] = []
    threads = [threading.Thread(target=lambda: found.append(load_key(path))) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(set(found)) == 1
    assert len(found[0]) == 32
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert [one.name for one in path.parent.iterdir()] == ["answer.key"]


@pytest.mark.parametrize(("content", "mode"), [("00" * 32, 0o640), ("00" * 31, 0o600), ("secret", 0o600)])
def test_a_key_that_is_none_is_refused_and_not_shown(tmp_path: Path, content: str, mode: int) -> None:
    path = tmp_path / "answer.key"
    path.write_text(content)
    path.chmod(mode)
    with pytest.raises(ValueError, match=r"answer\.key") as caught:
        load_key(path)
    assert content not in str(caught.value)


# --- answers -------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (b"action=acknowledge&name=+B%C3%ACnh%0A+x", Answer("acknowledge", "Bình x", 24)),
        (b"action=acknowledge&name=" + b"x" * 500, Answer("acknowledge", "x" * 80, 24)),
        (b"action=silence&hours=4", Answer("silence", "", 4)),
        (b"action=silence&hours=5", None),
        (b"action=silence", None),
        (b"action=delete", None),
        (b"", None),
        (b"\xff=1", None),
        (b"&".join([b"a=1"] * 9), None),
    ],
)
def test_a_form_is_understood_or_not(body: bytes, expected: Answer | None) -> None:
    assert answers.parse(body) == expected


@given(st.binary(max_size=300))
def test_no_body_raises(body: bytes) -> None:
    found = answers.parse(body)
    assert found is None or (len(found.name) <= 80 and found.name.isprintable())


@given(st.lists(st.floats(0, 100), max_size=200))
def test_a_bucket_gives_no_more_than_it_has(waits: list[float]) -> None:
    bucket, now, taken = Bucket(2.0, 10.0), 0.0, 0
    for wait in waits:
        now += wait
        taken += bucket.take(now)
    assert taken <= 10 + 2 * now + 1e-6
