"""What is stored, what is sent from it, and what a broken disk does."""

import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from alerts.store import Store, StoreError
from tests.alerts.outages import T0, outage

CHANNELS = ("zalo", "mail")


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    made = Store(tmp_path / "hub" / "receiver.sqlite")
    yield made
    made.close()


def queued(store: Store, channel: str = "zalo") -> list[tuple[str, str]]:
    return [(d.outage.id, d.status) for d in store.pending(channel)]


def deliver(store: Store) -> list[tuple[str, str]]:
    """Send everything that is pending to ``zalo``; returns it."""
    found = store.pending("zalo")
    for delivery in found:
        store.attempt(delivery.seq)
        store.settle(delivery.seq, "sent", T0)
    return [(d.outage.id, d.status) for d in found]


def test_a_page_goes_to_every_channel_once(store: Store) -> None:
    for _ in range(3):
        store.take(CHANNELS, T0, firing=[outage()])
    assert queued(store, "zalo") == queued(store, "mail") == [("f00d@1", "firing")]
    deliver(store)
    store.take(CHANNELS, T0, firing=[outage()])
    assert queued(store) == []


def test_a_resolution_follows_once_and_carries_the_end(store: Store) -> None:
    store.take(CHANNELS, T0, firing=[outage()])
    deliver(store)
    for _ in range(2):
        store.take(CHANNELS, T0 + 90, resolved=[outage(ends_at=T0 + 60)])
    (resolution,) = store.pending("zalo")
    assert (resolution.status, resolution.outage.ends_at) == ("resolved", T0 + 60)
    assert resolution.firing_state == "sent"
    assert store.standing() == ()


def test_a_resolution_without_a_page_is_nobodys_news(store: Store) -> None:
    store.take(CHANNELS, T0, resolved=[outage(ends_at=T0)])
    assert queued(store) == []


def test_an_end_is_never_before_the_start_nor_after_now(store: Store) -> None:
    store.take(CHANNELS, T0, firing=[outage(), outage(id="f01@1", fingerprint="f01")])
    ended = [outage(ends_at=T0 - 50), outage(id="f01@1", fingerprint="f01", ends_at=T0 + 500)]
    store.take(CHANNELS, T0 + 90, resolved=ended)
    assert [d.outage.ends_at for d in store.pending("zalo") if d.status == "resolved"] == [T0, T0 + 90]


def test_flapping_is_one_outage_after_the_other(store: Store) -> None:
    told: list[tuple[str, str]] = []
    for n in range(3):
        again = outage(id=f"f00d@{n}", starts_at=T0 + 100 * n)
        store.take(CHANNELS, T0 + 100 * n, firing=[again])
        told += deliver(store)
        store.take(CHANNELS, T0 + 100 * n + 50, resolved=[again])
        told += deliver(store)
    assert told == [(f"f00d@{n}", status) for n in range(3) for status in ("firing", "resolved")]


def test_an_open_alert_that_is_dated_anew_goes_on(store: Store) -> None:
    """After a restart of the whole hub Prometheus starts its alerts again."""
    store.take(CHANNELS, T0, firing=[outage()])
    deliver(store)
    store.take(CHANNELS, T0 + 500, firing=[outage(id="f00d@2", starts_at=T0 + 500)])
    assert queued(store) == []
    store.take(CHANNELS, T0 + 900, resolved=[outage(id="f00d@2", starts_at=T0 + 500, ends_at=T0 + 900)])
    assert queued(store) == [("f00d@1", "resolved")]


def test_the_start_that_was_told_first_stays(store: Store) -> None:
    store.take(CHANNELS, T0, firing=[outage(starts_at=T0 - 15, alerted_at=T0)])
    store.take(CHANNELS, T0 + 60, firing=[outage(starts_at=T0 - 3, alerted_at=T0)])
    store.take(CHANNELS, T0 + 90, resolved=[outage(starts_at=T0 + 80, alerted_at=T0, ends_at=T0 + 85)])
    told = [(d.status, d.outage.starts_at, d.outage.ends_at) for d in store.pending("zalo")]
    assert told == [("firing", T0 - 15, T0 + 85), ("resolved", T0 - 15, T0 + 85)]


def test_outages_of_an_earlier_version_are_still_read(tmp_path: Path) -> None:
    """Its records had one evidence, and no time of the alert beside the start."""
    path = tmp_path / "receiver.sqlite"
    Store(path).close()
    record = (
        b'{"id":"f00d@1","fingerprint":"f00d","alertname":"CommuneCutOff","evidence":"agent silent",'
        b'"starts_at":1795310000.0,"ends_at":null}'
    )
    with sqlite3.connect(path) as connection:
        connection.execute(
            "INSERT INTO outages VALUES ('f00d@1', 'f00d', ?, ?, NULL, 'open', NULL)", (record, T0)
        )
    connection.close()
    store = Store(path)
    (found,) = store.standing()
    store.close()
    assert (found.outage.starts_at, found.outage.fired_at) == (T0, T0)
    assert found.outage.evidence_in("vi") == "agent silent"


def test_another_name_from_the_sender_is_another_outage(store: Store) -> None:
    store.take(CHANNELS, T0, firing=[outage(id="loc-1")])
    deliver(store)
    store.take(CHANNELS, T0 + 50, firing=[outage(id="loc-2", starts_at=T0 + 40)])
    assert queued(store) == [("loc-1", "resolved"), ("loc-2", "firing")]


def test_a_doubtful_end_waits_and_may_be_taken_back(store: Store) -> None:
    store.take(CHANNELS, T0, firing=[outage()])
    deliver(store)
    store.take(CHANNELS, T0 + 60, held=[outage(ends_at=T0 + 60)])
    assert [(s.phase, s.outage.ends_at) for s in store.standing()] == [("ending", T0 + 60)]
    assert queued(store) == []
    store.take(CHANNELS, T0 + 70, firing=[outage()])
    assert [(s.phase, s.outage.ends_at) for s in store.standing()] == [("open", None)]
    store.take(CHANNELS, T0 + 80, held=[outage(ends_at=T0 + 80)])
    store.reopen("f00d@1")
    assert [s.phase for s in store.standing()] == ["open"]
    store.take(CHANNELS, T0 + 90, held=[outage(ends_at=T0 + 90)])
    store.finish("f00d@1", T0 + 90, T0 + 99, "open")
    assert queued(store) == [], "it is not in that phase any more"
    store.finish("f00d@1", T0 + 90, T0 + 99, "ending")
    assert queued(store) == [("f00d@1", "resolved")]


def test_a_resolution_goes_only_where_its_page_was_meant_to_go(store: Store) -> None:
    store.take(("zalo",), T0, firing=[outage()])
    store.take(CHANNELS, T0 + 9, resolved=[outage()])
    assert queued(store, "mail") == []


def test_the_least_tried_comes_first(store: Store) -> None:
    for n in range(3):
        store.take(CHANNELS, T0, firing=[outage(id=f"o{n}", fingerprint=f"f{n}")])
    store.attempt(store.pending("zalo")[0].seq)
    assert [d.outage.id for d in store.pending("zalo")] == ["o1", "o2", "o0"]


def test_everything_is_there_after_a_restart(store: Store, tmp_path: Path) -> None:
    store.take(CHANNELS, T0, firing=[outage()])
    store.remember("watchdog_seen", "1")
    again = Store(tmp_path / "hub" / "receiver.sqlite")
    assert queued(again) == [("f00d@1", "firing")]
    assert again.fact("watchdog_seen") == "1"
    assert again.fact("other") is None
    assert [s.outage for s in again.standing()] == [outage()]
    again.close()


def test_what_is_long_over_is_forgotten_unless_it_waits_to_be_sent(store: Store) -> None:
    for n in range(2):
        store.take(("zalo",), T0, firing=[outage(id=f"o{n}", fingerprint=f"f{n}")])
    deliver(store)
    store.finish("o0", T0, T0)
    deliver(store)
    store.finish("o1", T0, T0)
    store.prune(T0 + 1)
    assert queued(store) == [("o1", "resolved")]
    store.take(("zalo",), T0, firing=[outage(id="o0", fingerprint="f0")])
    assert ("o0", "firing") in queued(store)  # only what was forgotten can be told again


def test_a_full_file_refuses_the_whole_notification(store: Store) -> None:
    store._connection.execute("PRAGMA max_page_count = 1")
    many = [outage(id=f"o{n}", fingerprint=f"f{n}") for n in range(200)]
    with pytest.raises(StoreError, match="database or disk is full"):
        store.take(CHANNELS, T0, firing=many)
    assert queued(store) == []
    store._connection.execute("PRAGMA max_page_count = 100000")
    store.take(CHANNELS, T0, firing=many)
    assert len(queued(store)) == 200


def test_a_locked_file_is_said_so(store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store._connection.execute("PRAGMA busy_timeout = 1")
    other = sqlite3.connect(tmp_path / "hub" / "receiver.sqlite", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(StoreError, match="database is locked"):
        store.take(CHANNELS, T0, firing=[outage()])
    other.execute("ROLLBACK")
    other.close()
    store.take(CHANNELS, T0, firing=[outage()])


def test_a_damaged_file_is_put_aside(tmp_path: Path) -> None:
    path = tmp_path / "receiver.sqlite"
    path.write_bytes(b"this is no database" * 100)
    store = Store(path)
    assert store.standing() == ()
    store.close()
    assert len(list(tmp_path.glob("receiver.damaged-*"))) == 1


def test_a_file_of_a_later_program_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "receiver.sqlite"
    with sqlite3.connect(path) as connection:
        connection.execute("PRAGMA user_version = 9")
    connection.close()
    with pytest.raises(StoreError, match="the store has version 9, this program knows version 3"):
        Store(path)


def test_a_directory_that_cannot_be_made_is_said_so(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreError):
        Store(tmp_path / "file" / "receiver.sqlite")


STEP = st.tuples(
    st.sampled_from(["fire", "resolve", "hold", "finish", "reopen", "deliver"]),
    st.integers(0, 1),  # which alert
    st.integers(0, 2),  # which start of it
)


@settings(max_examples=60, deadline=None)
@given(st.lists(STEP, max_size=20))
def test_whatever_comes_each_page_and_each_resolution_goes_once(
    tmp_path_factory: pytest.TempPathFactory, steps: list[tuple[str, int, int]]
) -> None:
    store = Store(tmp_path_factory.mktemp("store") / "receiver.sqlite")
    told: list[tuple[str, str]] = []
    for position, (act, alert, start) in enumerate(steps):
        one = outage(id=f"f{alert}@{start}", fingerprint=f"f{alert}", starts_at=T0 + start)
        now = T0 + 10 + position
        if act == "fire":
            store.take(("zalo",), now, firing=[one])
        elif act == "resolve":
            store.take(("zalo",), now, resolved=[one])
        elif act == "hold":
            store.take(("zalo",), now, held=[one])
        elif act == "finish":
            store.finish(one.id, now, now)
        elif act == "reopen":
            store.reopen(one.id)
        else:
            told += deliver(store)
    for standing in store.standing():
        store.finish(standing.outage.id, T0 + 99, T0 + 99)
    told += deliver(store)
    store.close()
    assert len(told) == len(set(told))
    for identity, status in told:
        if status == "resolved":
            assert told.index((identity, "firing")) < told.index((identity, "resolved"))
        else:
            assert (identity, "resolved") in told


# --- years ---------------------------------------------------------------------------------------
def test_what_was_kept_long_enough_makes_room_for_what_comes(store: Store) -> None:
    store.change("PRAGMA synchronous = OFF")  # no power cut comes here
    day, sizes, now = 86400.0, [], T0
    for number in range(900):  # one a day, of which 200 days are kept
        now = T0 + number * day
        one = outage(
            id=f"f@{number}", fingerprint=f"f{number % 50}", starts_at=now, evidence_vi="im lặng " * 9
        )
        store.take(CHANNELS, now, firing=[one])
        store.take((), now + 600, resolved=[one])
        for delivery in (*store.pending("zalo"), *store.pending("mail")):
            store.settle(delivery.seq, "sent", now)
        if number % 30 == 29:
            while store.prune(now - 200 * day, 25):
                pass
            sizes.append(store.size_bytes())
    assert max(sizes[15:]) <= 1.1 * max(sizes[7:10]), "from then on it grows no more"
    kept = store.rows("SELECT count(*) FROM outages")[0][0]
    assert kept <= 231
    for table in ("deliveries", "handling", "witnesses"):
        assert store.rows(f"SELECT count(*) FROM {table}")[0][0] <= 4 * kept
    assert sizes[-1] / kept < 4096, "bytes of an outage and its four messages"
    while store.prune(now + day, 500):
        pass
    assert store.size_bytes() < 0.5 * sizes[-1], "what is forgotten is given back"
