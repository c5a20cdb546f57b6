"""Alertmanager's silences, as far as they are answers of people."""

import contextlib
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alerts.amapi import AmApi, answer_comment, parse_answers, parse_silences_of
from alerts.httpapi import BadAnswerError
from tests.alerts.servers import Http, http


def silence(identity: str, comment: str, creator: str = "thongsuot") -> dict[str, Any]:
    return {"id": identity, "comment": comment, "createdBy": creator, "status": {"state": "active"}}


@given(st.text(min_size=1, max_size=80).filter(str.isprintable))
def test_who_answered_is_read_back(who: str) -> None:
    body = json.dumps([silence("s", answer_comment(who, "f00d@1"))]).encode()
    assert parse_answers(body) == {"s": who}


def test_other_silences_are_no_answers() -> None:
    found = [
        silence("a", "answered by Bình: f00d@1", "somebody"),
        silence("b", "planned work"),
        silence("c", answer_comment(None, "f00d@1")),
    ]
    assert parse_answers(json.dumps(found).encode()) == {"c": ""}


@given(st.binary(max_size=200) | st.from_regex(r'\[\{"id": ?"?[a-z0-9]{0,9}"?[,}\]]{0,4}').map(str.encode))
def test_nonsense_is_a_bad_answer(body: bytes) -> None:
    with contextlib.suppress(BadAnswerError):
        assert isinstance(parse_answers(body), dict)


@pytest.mark.parametrize(
    ("status", "body", "fine"),
    [
        (200, b"", True),
        (404, b"", True),
        (500, b'"already expired"', True),
        (500, b"x", False),
        (400, b"", False),
    ],
)
async def test_ending_what_is_over_already_is_fine(status: int, body: bytes, fine: bool) -> None:
    with http(Http(status=status, body=body)) as server:
        async with AmApi(server.url) as api:
            if fine:
                await api.end_silence("a/b")
            else:
                with pytest.raises(BadAnswerError, match=f"HTTP status {status}"):
                    await api.end_silence("a/b")
    assert server.requests[0][:2] == ("DELETE", "/api/v2/silence/a%2Fb")


def test_silences_of_an_outage_are_those_that_answers_made_and_that_are_not_over() -> None:
    def shown(identity: str, comment: str, by: str = "thongsuot", state: str = "active") -> dict[str, object]:
        return {"id": identity, "comment": comment, "createdBy": by, "status": {"state": state}}

    body = json.dumps(
        [
            shown("a", answer_comment("Bình", "x@1")),
            shown("b", answer_comment(None, "x@1"), state="pending"),
            shown("c", answer_comment("Bình", "x@1"), state="expired"),
            shown("d", answer_comment("Bình", "y@1")),
            shown("e", answer_comment("Bình", "x@1"), by="somebody"),
            {"id": "f"},
        ]
    ).encode()
    assert parse_silences_of(body, "x@1") == ("a", "b")
    for wrong in (b"", b"{}", b'[{"id": 5}]', b"\xff"):
        with pytest.raises(BadAnswerError):
            parse_silences_of(wrong, "x@1")
