"""Bodies that are taken, and every way in which one is refused."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alerts.outage import from_alert, is_watchdog, public
from alerts.payload import MAX_ALERTS, PayloadError, Refusal, parse
from tests.alerts.outages import CLASS, NEVER, T0, alert, body, hook


def test_a_notification_is_read() -> None:
    found = parse(body(alert(), alert("resolved", ends=T0 + 60, fingerprint="beef")))
    assert [(a.status, a.fingerprint) for a in found.alerts] == [("firing", "f00d"), ("resolved", "beef")]
    assert found.alerts[0].ends_at is None
    assert found.alerts[1].ends_at is not None
    assert found.alerts[1].ends_at.timestamp() == T0 + 60


def test_an_end_in_the_future_of_a_firing_alert_is_not_an_end() -> None:
    assert parse(body(alert(ends=T0 + 300))).alerts[0].ends_at is None


def test_nanoseconds_and_unknown_keys_are_taken() -> None:
    raw = alert() | {"startsAt": "2026-11-22T08:13:20.123456789+07:00", "novelty": [1]}
    assert parse(body(raw, novelty={})).alerts[0].starts_at.timestamp() == pytest.approx(T0 + 0.123456)


WRONG: list[tuple[bytes, Refusal, str]] = [
    (b"", Refusal.NOT_JSON, "not JSON: Input data was truncated"),
    (b"alert!", Refusal.NOT_JSON, "not JSON: JSON is malformed: invalid character (byte 0)"),
    (b"[" * 5000, Refusal.SHAPE, "not an Alertmanager webhook: Expected `object`, got `array`"),
    (b'{"a":' * 5000, Refusal.NOT_JSON, "not JSON: "),
    (b"[]", Refusal.SHAPE, "not an Alertmanager webhook: Expected `object`, got `array`"),
    (b"{}", Refusal.VERSION, "no version: only webhook version '4' is understood"),
    (b'{"version":"3"}', Refusal.VERSION, "version '3': only webhook version '4' is understood"),
    (b'{"version":5}', Refusal.VERSION, "version '5': only webhook version '4' is understood"),
    (b'{"version":"4"}', Refusal.SHAPE,
     "not an Alertmanager webhook: Object missing required field `status`"),
    (body(alert(), truncatedAlerts=3), Refusal.TRUNCATED,
     "3 alerts were cut off: max_alerts must be 0 in alertmanager.yml"),
    (body(*[alert()] * (MAX_ALERTS + 1)), Refusal.TOO_MANY_ALERTS,
     "1001 alerts: at most 1000 are taken at once"),
    (body(alert(fingerprint="a/../b")), Refusal.LABELS, "fingerprint: expected 1 to 64 letters and digits"),
    (body(alert(big="x" * 5000)), Refusal.LABELS,
     "label 'big': name over 200 or value over 4096 characters"),
    (body(alert() | {"labels": {f"l{i}": "" for i in range(70)}}), Refusal.LABELS,
     "70 labels: at most 64 are taken"),
    (body(alert(annotations={"n" * 300: ""})), Refusal.LABELS,
     f"annotation '{'n' * 40}': name over 200 or value over 65536 characters"),
    (body(alert() | {"startsAt": "2026-11-22T08:13:20"}), Refusal.SHAPE,
     "startsAt, endsAt: expected a time with its zone (RFC 3339)"),
    (body(alert("resolved") | {"endsAt": "9999-12-31T23:59:59-10:00"}), Refusal.SHAPE,
     "9999-12-31 23:59:59-10:00: a time outside of years 1 to 9999"),
    (body(alert() | {"labels": {"a": 1}}), Refusal.SHAPE,
     "not an Alertmanager webhook: Expected `str`, got `int` - at `$.alerts[0].labels[...]`"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("raw", "reason", "message"), WRONG, ids=[f"{i}-{w[1]}" for i, w in enumerate(WRONG)]
)
def test_a_wrong_body_is_refused_with_its_reason(raw: bytes, reason: Refusal, message: str) -> None:
    with pytest.raises(PayloadError) as caught:
        parse(raw)
    assert caught.value.reason is reason
    assert str(caught.value).startswith(message)


@given(st.binary(max_size=300))
def test_bytes_are_never_anything_but_refused(raw: bytes) -> None:
    with pytest.raises(PayloadError):
        parse(raw)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)


@given(
    field=st.sampled_from(["status", "labels", "annotations", "startsAt", "endsAt", "fingerprint"]),
    value=JSON,
)
def test_any_value_in_any_place_is_taken_or_refused(field: str, value: Any) -> None:
    try:
        found = parse(json.dumps(hook(alert() | {field: value})).encode())
    except PayloadError:
        return
    outage = from_alert(found.alerts[0])
    assert "\n" not in outage.evidence + outage.component + outage.id


# --- from an alert to an outage ------------------------------------------------------------------
def test_an_outage_is_named_by_its_sender_or_by_fingerprint_and_start() -> None:
    plain = from_alert(parse(body(alert())).alerts[0])
    named = from_alert(parse(body(alert(annotations={"outage_id": "loc:2026-7"}))).alerts[0])
    wild = from_alert(parse(body(alert(annotations={"outage_id": "a b\r\nX: y"}))).alerts[0])
    assert (plain.id, plain.explicit) == (f"f00d@{round(T0 * 1000)}", False)
    assert (named.id, named.explicit) == ("loc:2026-7", True)
    assert wild.id == plain.id


def test_an_outage_began_before_its_alert_and_its_identity_does_not_depend_on_it() -> None:
    plain = from_alert(parse(body(alert())).alerts[0])
    dated = from_alert(parse(body(alert(annotations={"since": f"{T0 - 14.5:.1f}"}))).alerts[0])
    lied = from_alert(parse(body(alert(annotations={"since": f"{T0 + 3600:.1f}"}))).alerts[0])
    assert dated.id == lied.id == plain.id
    assert (plain.starts_at, plain.fired_at) == (T0, T0)
    assert (dated.starts_at, dated.fired_at) == (T0 - 14.5, T0)
    assert (lied.starts_at, lied.fired_at) == (T0, T0)
    assert public(dated)["starts_at"] == T0 - 14.5


def test_an_outage_may_end_before_its_alert() -> None:
    dates = {"since": f"{T0 - 14.5:.1f}", "until": f"{T0 + 30:.1f}"}
    over = from_alert(parse(body(alert("resolved", ends=T0 + 52, annotations=dates))).alerts[0])
    assert (over.starts_at, over.ends_at) == (T0 - 14.5, T0 + 30)
    assert from_alert(parse(body(alert(annotations=dates))).alerts[0]).ends_at is None


def test_communes_come_from_the_annotation_else_from_the_label() -> None:
    listed = alert(annotations={"communes": "21484 21040 21484 no-code"})
    assert from_alert(parse(body(listed)).alerts[0]).communes == ("21484", "21040")
    assert from_alert(parse(body(alert(annotations={}))).alerts[0]).communes == ("21040",)


def test_what_people_read_is_one_line_without_control_characters() -> None:
    wild = "a\r\nBcc: x\x1b[31m\u202e b" + "x" * 9000
    for name in ("evidence", "evidence_vi", "evidence_en"):
        raw = alert(annotations={name: wild}, component="pop:x\ny")
        found = from_alert(parse(body(raw)).alerts[0])
        assert found.evidence_in("vi") == found.evidence_in("en")
        assert found.evidence_in("vi").startswith("a Bcc: x [31m b")
        assert len(found.evidence_in("vi")) == 2000
    assert found.component == "pop:x y"


def test_the_watchdog_is_known_by_its_name() -> None:
    both = parse(body(alert(alertname="Watchdog"), alert())).alerts
    assert [is_watchdog(a) for a in both] == [True, False]
    assert from_alert(both[1]).component == CLASS
    assert both[0].ends_at is None
    assert alert()["endsAt"] == NEVER
