"""What makes no sense about on-call, channels and notifying. Pure.

Like :mod:`inventory.references` it works on plain data with refused values missing.
"""

from datetime import date
from typing import Any

from common.yaml.plain import Data, records
from common.yaml.report import Reporter
from inventory.addresses import is_http_url


def judge_telling(data: Data, report: Reporter) -> None:
    """Report values of ``oncall``, ``channels`` and ``notify`` that make no sense beside each other."""
    oncall = data.get("oncall") or {}
    _covers(oncall, report)
    _days_off(oncall, report)
    _escalation(oncall, report)
    _somebody(data, report)
    _damping(data.get("notify") or {}, report)
    _answer_url((data.get("notify") or {}).get("answer_url"), report)


def _covers(oncall: Data, report: Reporter) -> None:
    for at, cover in records(oncall, "cover", ("oncall",)):
        starts, ends = cover.get("starts"), cover.get("ends")
        if isinstance(starts, date) and isinstance(ends, date) and ends < starts:
            report.add((*at, "ends"), "inventory.backwards", start=str(starts), end=str(ends))


def _days_off(oncall: Data, report: Reporter) -> None:
    """Which days are off is what a calendar says."""
    if oncall.get("days_off") and "calendar" not in oncall and ("oncall", "calendar") not in report.lines:
        report.add(("oncall", "days_off"), "inventory.days_off_calendar")


def _escalation(oncall: Data, report: Reporter) -> None:
    if oncall.get("escalate_to") is not None and oncall.get("escalation"):
        report.add(("oncall", "escalate_to"), "inventory.escalation_twice")


def _somebody(data: Data, report: Reporter) -> None:
    """Channels of which none takes a first page are a mistake; no channel at all is one to grow from."""
    found = [channel for _, channel in records(data, "channels")]
    if found and all(channel.get("escalation_only") is True for channel in found):
        report.add(("channels", 0, "escalation_only"), "inventory.escalation_only")


def _damping(notify: Data, report: Reporter) -> None:
    """Both thresholds: what is over the one must be able to fall below the other."""
    damping = notify.get("damping") or {}
    reuse, suppress = damping.get("reuse", 1), damping.get("suppress", 2.5)
    key = "reuse" if "reuse" in damping else "suppress"
    if reuse >= suppress:
        at = ("notify", "damping", key)
        report.add(at, "inventory.damping", suppress=f"{suppress:g}", reuse=f"{reuse:g}")


def _answer_url(value: Any, report: Reporter) -> None:
    if isinstance(value, str) and not is_http_url(value):
        report.add(("notify", "answer_url"), "yaml.value", ("inventory.expected_url", ()), found=value)
