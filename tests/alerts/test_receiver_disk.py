"""A disk that is really full: a small tmpfs in a mount namespace of the receiver's own."""

import io
import os
from pathlib import Path

import pytest

from tests.alerts.outages import alert, body, sink, told, with_channels
from tests.alerts.processes import call, receiver_process, started
from tests.alerts.servers import wait_until


def fill(stream: io.RawIOBase) -> None:
    while True:
        stream.write(b"x" * 4096)


def test_a_full_disk_answers_503_says_why_and_recovers(tmp_path: Path) -> None:
    state = tmp_path / "state"
    state.mkdir()

    def in_small_disk(argv: list[str]) -> list[str]:
        namespaces = ["--mount"] if os.geteuid() == 0 else ["--user", "--map-root-user", "--mount"]
        script = 'mount -t tmpfs -o size=1m tmpfs "$1" && shift && exec "$@"'
        return ["unshare", *namespaces, "--", "sh", "-c", script, "sh", str(state), *argv]

    path = tmp_path / "sink.jsonl"
    made = receiver_process(tmp_path, with_channels(sink(path)), "http://127.0.0.1:9", wrap=in_small_disk)
    with started(made) as receiver:
        assert receiver.process is not None
        filler = Path(f"/proc/{receiver.process.pid}/root{state}/filler")
        with filler.open("wb", buffering=0) as stream, pytest.raises(OSError, match="No space left"):
            fill(stream)
        # What is allocated already may take a few notifications; then the answer must be 503.
        statuses = [call(f"{receiver.url}/webhook", body(alert(fingerprint=f"f{n}"))) for n in range(60)]
        refused = [text for status, text in statuses if status == 503]
        accepted = sum(status == 200 for status, _ in statuses)
        assert len(refused) + accepted == 60
        assert refused
        assert refused[-1] == b"cannot store: database or disk is full\n"
        assert call(f"{receiver.url}/-/ready")[0] == 503
        filler.unlink()
        assert call(f"{receiver.url}/webhook", body(alert(fingerprint="beef")))[0] == 200
        assert call(f"{receiver.url}/-/ready")[0] == 200
        assert wait_until(lambda: len(told(path)) == accepted + 1)
    ids = [line["outage_id"] for line in told(path)]
    assert len(ids) == len(set(ids))
    said = "notifications are refused, Alertmanager will retry: database or disk is full"
    assert receiver.log().count(said) == 1
