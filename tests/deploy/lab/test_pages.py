"""The sink's file is read line by line while it grows."""

from pathlib import Path

import msgspec

from alerts.channels import sink
from deploy.lab.pages import Page, Sink


def line(component: str) -> bytes:
    written = sink.Line(
        time=1.5, id="i", outage_id="o", status="firing", alertname="A", component=component, kind="pop",
        severity="page", communes=("21040",), starts_at=1.0, ends_at=None, text_vi="vi", text_en="en",
    )  # fmt: skip
    return msgspec.json.encode(written) + b"\n"


def test_what_the_channel_writes_is_read_once(tmp_path: Path) -> None:
    path = tmp_path / "notifications.jsonl"
    reader = Sink(path)
    assert reader.new() == ()
    path.write_bytes(line("pop:a") + line("pop:b")[:20])
    assert [page.component for page in reader.new()] == ["pop:a"]
    assert reader.new() == ()
    path.write_bytes(line("pop:a") + line("pop:b"))
    assert reader.new() == (
        Page(
            time=1.5, status="firing", component="pop:b", severity="page", communes=("21040",), text_vi="vi",
            text_en="en", alertname="A", outage_id="o", starts_at=1.0,
        ),
    )  # fmt: skip
