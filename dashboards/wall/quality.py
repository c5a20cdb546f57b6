"""From what was measured to what the wall shows of lines and sites. Pure."""

from collections.abc import Mapping

from inventory import names
from inventory.names import DeadZone, LineVerdict, Metric, Recorded

from .answers import Answers
from .directory import Offer, Place
from .measured import OLDEST_SECONDS, LineKey
from .snapshot import LineView, SiteView, WayView

Values = Mapping[str, float]


def is_known(answers: Answers) -> bool:
    """Whether what was measured is young enough to be shown."""
    return answers.at - answers.measured.at <= OLDEST_SECONDS


def verdicts(answers: Answers, place: Place) -> tuple[LineVerdict, ...]:
    """Return what is wrong with any line of a commune, the gravest first."""
    found = {
        verdict
        for line in place.lines
        for verdict in answers.measured.verdicts.get(LineKey(place.code, line), ())
    }
    return tuple(verdict for verdict in LineVerdict if verdict in found)


def dead_zone(answers: Answers, code: str) -> tuple[DeadZone, ...]:
    """Return why a commune is a chronic dead zone; it is, or is not, whether it speaks just now or not."""
    return answers.measured.dead_zones.get(code, ()) if is_known(answers) else ()


def on_battery(answers: Answers, place: Place) -> bool:
    """Whether a site said that it runs on battery."""
    return answers.measured.sites.get(place.code, {}).get(names.POWER_ON_MAINS.name) == 0


def lines(answers: Answers, place: Place, *, speaks: bool) -> tuple[LineView, ...]:
    """Return every line of a commune; of one that is silent only what was contracted."""
    return tuple(_line(answers, place, offer, speaks) for offer in place.offers)


def _line(answers: Answers, place: Place, offer: Offer, speaks: bool) -> LineView:
    key = LineKey(place.code, offer.line)
    values = answers.measured.lines.get(key, {}) if speaks else {}
    carrying = values.get(Recorded.LINE_CARRYING) if len(place.lines) > 1 else None
    grade, hops = (values.get(metric.name) for metric in (names.THROUGHPUT_GRADE, names.TRACE_HOPS))
    return LineView(
        id=offer.line,
        carrier=offer.carrier,
        technology=offer.technology,
        shared=offer.shared,
        verdicts=answers.measured.verdicts.get(key, ()) if speaks else (),
        carrying=None if carrying is None else carrying > 0,
        rtt=values.get(Recorded.LINE_RTT_MEDIAN),
        loss=values.get(Recorded.LINE_LOSS),
        jitter=values.get(Recorded.LINE_JITTER_MEDIAN),
        down=_way(values, "down", offer.down),
        up=_way(values, "up", offer.up),
        tested_at=values.get(Recorded.LINE_GOODPUT_AT),
        grade=None if grade is None else round(grade),
        rtt_loaded=_loaded(values),
        hops=None if hops is None else round(hops),
        busy_percent=offer.busy_percent,
        busy_days=offer.busy_days,
        busy_limit=offer.busy_limit,
        signal_dbm=values.get(Recorded.LINE_SIGNAL_MEDIAN),
    )


def _way(values: Values, direction: str, contracted: float) -> WayView:
    return WayView(
        contracted=contracted,
        used=values.get(f"{Recorded.LINE_UTILISATION}/{direction}"),
        percentile=values.get(f"{Recorded.LINE_BUSY}/{direction}"),
        goodput=values.get(f"{Recorded.LINE_GOODPUT}/{direction}"),
        loss=values.get(f"{names.STAMP_LOSS.name}/{direction}"),
    )


def _loaded(values: Values) -> float | None:
    """The round trip while the line was full, the worse direction of the two."""
    found = (values.get(f"{names.THROUGHPUT_RTT.name}/{way}") for way in ("down", "up"))
    return max((value for value in found if value is not None), default=None)


def site(answers: Answers, code: str) -> SiteView:
    """Return power and machine of a site that speaks."""
    values = answers.measured.sites.get(code, {})
    on_mains = values.get(names.POWER_ON_MAINS.name)
    return SiteView(
        on_mains=None if on_mains is None else on_mains > 0,
        charge=values.get(names.POWER_CHARGE.name),
        runtime=values.get(names.POWER_RUNTIME.name),
        cpu=values.get(names.HOST_CPU.name),
        memory_free=_share(values, names.HOST_MEMORY_AVAILABLE, names.HOST_MEMORY_TOTAL),
        disk_free=_share(values, names.HOST_DISK_FREE, names.HOST_DISK_TOTAL),
        celsius=values.get(names.HOST_TEMPERATURE.name),
    )


def _share(values: Values, part: Metric, whole: Metric) -> float | None:
    some, every = values.get(part.name), values.get(whole.name)
    return some / every if some is not None and every else None
