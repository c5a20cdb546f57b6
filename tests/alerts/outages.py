"""What the receiver's tests are made of: an inventory, alerts as Alertmanager sends them, channels."""

import json
from collections.abc import Iterable
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any

import msgspec

from alerts.outage import Outage
from inventory.load import load
from inventory.model import Channel, Inventory

HERE = Path(__file__).parent
T0 = 1_795_310_000.0  # 2026-11-22 08:13:20 in Asia/Ho_Chi_Minh
NEVER = "0001-01-01T00:00:00Z"
CLASS = "power|lan|line|agent:21040"


@cache
def province() -> Inventory:
    return load(HERE / "receiver_province.yml").inventory


def with_channels(*channels: Channel, **changes: Any) -> Inventory:
    return msgspec.structs.replace(province(), channels=channels, **changes)


def sink(path: Path, identity: str = "local") -> Channel:
    return Channel(id=identity, kind="sink", options={"path": str(path)})


def outage(**changes: Any) -> Outage:
    values: dict[str, Any] = {
        "id": "f00d@1",
        "fingerprint": "f00d",
        "alertname": "CommuneCutOff",
        "component": CLASS,
        "kind": "power|lan|line|agent",
        "source": "rules",
        "communes": ("21040",),
        "labels": {"alertname": "CommuneCutOff", "component": CLASS},
        "starts_at": T0,
    }
    return Outage(**values | changes)


def rfc3339(unix: float) -> str:
    return datetime.fromtimestamp(unix, UTC).isoformat()


def alert(
    status: str = "firing", *, starts: float = T0, ends: float | None = None, fingerprint: str = "f00d",
    annotations: dict[str, str] | None = None, **labels: str,
) -> dict[str, Any]:  # fmt: skip
    named = {
        "alertname": "CommuneCutOff", "component": CLASS, "kind": "power|lan|line|agent",
        "severity": "page", "commune": "21040", "source": "rules",
    }  # fmt: skip
    return {
        "status": status,
        "labels": named | labels,
        "annotations": annotations
        if annotations is not None
        else {"communes": "21040", "evidence_vi": "im lặng", "evidence_en": "silent"},
        "startsAt": rfc3339(starts),
        "endsAt": NEVER if ends is None else rfc3339(ends),
        "generatorURL": "http://prometheus.example/graph",
        "fingerprint": fingerprint,
    }


def hook(*alerts: dict[str, Any], **changes: Any) -> dict[str, Any]:
    return {
        "version": "4",
        "groupKey": '{}:{alertname="CommuneCutOff"}',
        "truncatedAlerts": 0,
        "status": alerts[0]["status"] if alerts else "firing",
        "receiver": "thongsuot",
        "groupLabels": {},
        "commonLabels": {},
        "commonAnnotations": {},
        "externalURL": "http://alertmanager.example",
        "alerts": list(alerts),
    } | changes


def body(*alerts: dict[str, Any], **changes: Any) -> bytes:
    return json.dumps(hook(*alerts, **changes)).encode()


def told(path: Path) -> list[dict[str, Any]]:
    """The lines of a sink so far."""
    lines: Iterable[str] = path.read_text(encoding="utf-8").splitlines() if path.exists() else ()
    return [json.loads(line) for line in lines]
