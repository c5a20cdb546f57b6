"""The scenes of lines that carry badly, and of sites in trouble, and of what only looks like it. Pure."""

from collections.abc import Iterable, Iterator
from typing import Final

from alerts import rules_lines as lines
from alerts.rules_quality import HELD_SECONDS, NAMES
from alerts.rules_site import BATTERY_LOW, MAX_CELSIUS, ON_BATTERY
from alerts.rules_usual import HOURS_LEAST
from deploy.info import BYTES_PER_MEGABIT
from deploy.scene import Expected, Scene, Series, Span, series
from inventory import graph, names
from inventory.model import Commune, Inventory, Line
from inventory.names import LineVerdict, Metric, Recorded
from inventory.testable import is_testable

MINUTE: Final = 60
HOUR: Final = 3600
LENGTH_SECONDS: Final = 1800
SPARSE_SECONDS: Final = 120
"""Between two samples of a scene that lasts days: less would be none in the regulation's 5 minutes."""
_JUDGED_SECONDS: Final = 8 * MINUTE
"""From the first sample to the first evaluation that judges it, at most: rates are over 5 minutes, and loss
is judged by 5 minutes of them."""


def scenes(inventory: Inventory) -> Iterator[Scene]:
    """Yield the scenes; they play on the first line of the first commune."""
    at = _Place(inventory, inventory.communes[0])
    yield from _now(at)
    yield from _each_way(at)
    yield from _contract(at)
    yield _chronic(at)
    yield _within_limits(at)
    yield from _unusual(at)
    yield from _down(at)
    yield _comes_back(at)
    yield _gets_well(at)
    yield from _power(inventory.communes[0])
    yield _machine(inventory.communes[0])


class _Place:
    """The line of a scene, what is measured there, and how far it may go."""

    def __init__(self, inventory: Inventory, commune: Commune) -> None:
        self.inventory, self.quality = inventory, inventory.quality
        self.commune, self.line = commune, commune.lines[0]
        self.id = graph.line_id(commune, self.line)
        self.hub = f"hub:{inventory.hub.id}"

    def against_hub(self, metric: Metric, kind: str, values: Iterable[float], **labels: str) -> Series:
        return self._series(metric, self.hub, kind, values, labels)

    def itself(self, metric: Metric, kind: str, values: Iterable[float], **labels: str) -> Series:
        return self._series(metric, self.id, kind, values, labels)

    def _series(
        self, metric: Metric, target: str, kind: str, values: Iterable[float], labels: dict[str, str]
    ) -> Series:
        code = self.commune.code
        about = {"site": code, "commune": code, "line": self.line.id, "target": target, "probe": kind}
        return series(metric, {**about, **labels}, list(values))

    def rtt(self, values: Iterable[float]) -> Series:
        return self.against_hub(names.PROBE_ICMP_DURATION, "icmp", values, phase="rtt")

    def jitter(self, values: Iterable[float]) -> Series:
        return self.against_hub(names.ICMP_JITTER, "icmp", values, method="rfc3550")

    def signal(self, values: Iterable[float]) -> Series:
        return self.itself(names.CELLULAR_RSRP, "cellular", values)

    def packets(self, loss: Iterable[float]) -> tuple[Series, Series]:
        """120 packets a minute, of which this share is lost."""
        found = list(loss)
        lost = self.against_hub(names.ICMP_LOST, "icmp", _counted(120 * share for share in found))
        return lost, self.against_hub(names.ICMP_SENT, "icmp", _counted(120.0 for _ in found))

    def each_way(self, **lost: Iterable[float]) -> tuple[Series, ...]:
        """600 test packets a minute, of which these shares are lost by direction; none where none is said."""
        ways = {way: list(lost.get(way, _minutes(0))) for way in ("up", "down", "unknown")}
        counted = [
            self.against_hub(names.STAMP_LOST, "stamp", _counted(600 * v for v in found), direction=way)
            for way, found in ways.items()
        ]
        sent = self.against_hub(names.STAMP_SENT, "stamp", _counted(600.0 for _ in ways["up"]))
        return (sent, *counted)

    def traffic(self, used: Iterable[float], step_seconds: int = MINUTE) -> tuple[Series, Series]:
        """This share of the contracted rate downwards, and a tenth of it upwards."""
        found = list(used)
        return self._bytes("down", found, step_seconds), self._bytes(
            "up", [v / 10 for v in found], step_seconds
        )

    def _bytes(self, direction: str, used: list[float], step_seconds: int) -> Series:
        counted = _counted(share * _contracted(self.line, direction) * step_seconds for share in used)
        return self.itself(names.TRAFFIC_BYTES, "traffic", counted, direction=direction)


def _contracted(line: Line, direction: str) -> float:
    return (line.down_mbps if direction == "down" else line.up_mbps) * BYTES_PER_MEGABIT


def _counted(increments: Iterable[float]) -> list[float]:
    """Return a counter of whole numbers, as agents keep them."""
    total, found = 0.0, []
    for increment in increments:
        total += increment
        found.append(float(round(total)))
    return found


def _minutes(value: float, bad: float | None = None, span: Span = (0, 0)) -> list[float]:
    """Return a value a minute, another one within the span (minutes)."""
    return [
        value if bad is None or not span[0] <= minute < span[1] else bad
        for minute in range(LENGTH_SECONDS // MINUTE + 1)
    ]


def _now(at: _Place) -> Iterator[Scene]:
    """What is judged by the last minutes: it lasts, or it is but a blip, or a throughput test."""
    quality = at.quality
    slow, jitter = _rtt_limit(at), quality.jitter_ms_max / 1000
    yield _lasting(at, LineVerdict.SLOW, at.rtt(_minutes(1.6 * slow)))
    yield _lasting(at, LineVerdict.JITTERY, at.jitter(_minutes(1.6 * jitter)))
    yield _lasting(at, LineVerdict.LOSSY, *at.packets(_minutes(min(1, 2.5 * _loss_limit(at)))))
    yield _lasting(at, LineVerdict.CONGESTED, *at.traffic(_minutes((1 + quality.congested_now_ratio) / 2)))
    yield _lasting(at, LineVerdict.WEAK_SIGNAL, at.signal(_minutes(quality.weak_rsrp_dbm - 8)))
    blip = (15, 18)
    yield Scene(
        name=f"three bad minutes of {at.id}, such as a throughput test makes, raise nothing",
        seconds=LENGTH_SECONDS,
        step_seconds=MINUTE,
        measured=(
            at.rtt(_minutes(slow / 4, 9 * slow, blip)),
            at.jitter(_minutes(jitter / 4, 9 * jitter, blip)),
            *at.packets(_minutes(0, 0.5, (15, 16))),
            *at.traffic(_minutes(quality.congested_now_ratio / 4, 1, blip)),
        ),
        expected=tuple((second, ()) for second in range(300, LENGTH_SECONDS, 300)),
    )


def _each_way(at: _Place) -> Iterator[Scene]:
    """Directions count where they are told apart, and only there."""
    most = _loss_limit(at)
    lossy, sound = _minutes(min(0.5, 1.5 * most)), _minutes(0)
    yield _lasting(at, LineVerdict.LOSSY, *at.packets(_minutes(most / 2)), *at.each_way(up=lossy))
    for said, measured in (
        ("a reflector that does not answer", at.each_way(unknown=_minutes(1))),
        ("less lost than is expected, each way", at.each_way(up=_minutes(most / 2), down=_minutes(most / 2))),
    ):
        yield Scene(
            name=f"{at.id} has {said}: no loss",
            seconds=LENGTH_SECONDS,
            step_seconds=MINUTE,
            measured=(*at.packets(sound), *measured),
            expected=tuple((second, ()) for second in range(600, LENGTH_SECONDS, 300)),
        )


def _lasting(at: _Place, name: LineVerdict, *measured: Series) -> Scene:
    ticket = (Expected(NAMES[name], at.id, "ticket"),)
    held = HELD_SECONDS[name]
    return Scene(
        name=f"{at.id} is {name.replace('_', ' ')} for as long as it is held",
        seconds=LENGTH_SECONDS,
        step_seconds=MINUTE,
        measured=measured,
        expected=((held - MINUTE, ()), (held + _JUDGED_SECONDS, ticket), (LENGTH_SECONDS, ticket)),
    )


def _contract(at: _Place) -> Iterator[Scene]:
    """A test far below the contract, unless the hub held it back, and one of which that is not certain."""
    least = at.quality.contracted_ratio_min
    under = (Expected(NAMES[LineVerdict.UNDER_CONTRACT], at.id, "ticket"),)
    ticket = under if is_testable(at.inventory, at.line.down_mbps) else ()
    for said, share, high, expected in (
        ("far below", 0.6, 0.7, ticket),
        ("perhaps below", 0.98, 1.02, ()),
    ):
        contracted = _contracted(at.line, "down")
        kind = "throughput"
        yield Scene(
            name=f"the last test of {at.id} lies {said} what is expected",
            seconds=10 * MINUTE,
            step_seconds=MINUTE,
            measured=(
                at.against_hub(
                    names.THROUGHPUT_GOODPUT, kind, [share * least * contracted] * 11, direction="down"
                ),
                at.against_hub(
                    names.THROUGHPUT_BOUND, kind, [high * least * contracted] * 11, direction="down",
                    bound="high",
                ),
                at.against_hub(names.THROUGHPUT_MEASURED, kind, [0.0] * 11),
            ),
            expected=((5 * MINUTE, expected), (10 * MINUTE, expected)),
        )  # fmt: skip


def _chronic(at: _Place) -> Scene:
    """Busy for a third of every hour: over the days that is far above the percentile; never at full hours,
    when this scene is evaluated, so that it is not congested now."""
    days = at.quality.congestion_days
    enough = round(days * 86400 * lines.MIN_KNOWN_RATIO / HOUR) * HOUR
    seconds = enough + 3 * HOUR
    busy = (1 + at.quality.congestion_ratio_max) / 2
    used = [
        busy if 20 * MINUTE <= second % HOUR < 40 * MINUTE else 0.1
        for second in range(0, seconds + 1, SPARSE_SECONDS)
    ]
    ticket = (Expected(NAMES[LineVerdict.CHRONIC], at.id, "ticket"),)
    return Scene(
        name=f"{at.id} is busy every hour: congested once enough of the days is known",
        seconds=seconds,
        step_seconds=SPARSE_SECONDS,
        evaluation_seconds=HOUR,
        measured=at.traffic(used, SPARSE_SECONDS),
        expected=((enough - 2 * HOUR, ()), (enough + 2 * HOUR, ticket)),
    )


def _within_limits(at: _Place) -> Scene:
    """A little better than each limit: nothing is told."""
    quality = at.quality
    return Scene(
        name=f"{at.id} stays just within its limits",
        seconds=LENGTH_SECONDS,
        step_seconds=MINUTE,
        measured=(
            at.rtt(_minutes(0.95 * _rtt_limit(at))),
            at.jitter(_minutes(0.95 * quality.jitter_ms_max / 1000)),
            at.signal(_minutes(quality.weak_rsrp_dbm + 1)),
            *at.packets(_minutes(0.8 * _loss_limit(at))),
            *at.traffic(_minutes(0.97 * quality.congested_now_ratio)),
        ),
        expected=tuple((second, ()) for second in range(600, LENGTH_SECONDS + 1, 300)),
    )


def _rtt_limit(at: _Place) -> float:
    return (at.line.rtt_ms_max or at.quality.rtt_ms_max) / 1000


def _loss_limit(at: _Place) -> float:
    return at.line.loss_ratio_max or at.quality.loss_ratio_max


def _unusual(at: _Place) -> Iterator[Scene]:
    """Within its limit, but far above what the line itself does on other days."""
    quality, limit = at.quality, _rtt_limit(at)
    usual = min(limit / (quality.rtt_times_usual + 1), limit - quality.rtt_ms_above_usual / 1000) / 2
    bad, good = 0.95 * limit, max(usual, 0.0)
    begins, length = (HOURS_LEAST + 2) * HOUR, (HOURS_LEAST + 4) * HOUR
    rtt = [bad if second >= begins else good for second in range(0, length + 1, SPARSE_SECONDS)]
    slow = (Expected(NAMES[LineVerdict.SLOW], at.id, "ticket"),)
    yield Scene(
        name=f"{at.id} is within its limit, but slow beside its own days",
        seconds=length,
        step_seconds=SPARSE_SECONDS,
        evaluation_seconds=HOUR,
        measured=(at.rtt(rtt),),
        expected=((begins - HOUR, ()), (begins, ()), (begins + 2 * HOUR, slow)),
    )
    yield _unusual_loss(at)


def _unusual_loss(at: _Place) -> Scene:
    """What is usual is given here: losses are rates, so days of them would take promtool minutes."""
    about = f'{{commune="{at.commune.code}", line="{at.line.id}"}}'
    past = Series(f"{Recorded.LINE_LOSS_USUAL}{about}", f"0x{LENGTH_SECONDS // MINUTE + 1}")
    ticket = (Expected(NAMES[LineVerdict.LOSSY], at.id, "ticket"),)
    held = HELD_SECONDS[LineVerdict.LOSSY]
    return Scene(
        name=f"{at.id} is within its limit, but lossy beside its own days",
        seconds=LENGTH_SECONDS,
        step_seconds=MINUTE,
        left=(past,),
        measured=at.packets(_minutes((_loss_limit(at) + at.quality.loss_ratio_above_usual) / 2)),
        expected=((held - MINUTE, ()), (held + _JUDGED_SECONDS, ticket), (LENGTH_SECONDS, ticket)),
    )


def _down(at: _Place) -> Iterator[Scene]:
    """A line that does not reach the hub is not judged; what was said of it before it went down stays."""
    length, bad = LENGTH_SECONDS // MINUTE + 1, 9 * _rtt_limit(at)
    ticket = (Expected(NAMES[LineVerdict.SLOW], at.id, "ticket"),)
    for said, minute, measured, expected in (
        ("is down: it is not judged", 0, (3, length), ((600, ()), (LENGTH_SECONDS, ()))),
        ("was slow and goes down: it is not judged better", 15, (0, length),
         ((840, ticket), (1140, ticket), (LENGTH_SECONDS, ticket))),
    ):  # fmt: skip
        yield Scene(
            name=f"{at.id} {said}",
            seconds=LENGTH_SECONDS,
            step_seconds=MINUTE,
            unseen={(at.commune.code, f"hub/{at.line.id}"): (minute * MINUTE, LENGTH_SECONDS + MINUTE)},
            measured=(at.rtt(_minutes(bad / 50, bad, measured)),),
            expected=expected,
        )


def _comes_back(at: _Place) -> Scene:
    """Down for seven minutes, then some loss for as long: that belongs to its outage."""
    down, after = (5, 12), (12, 19)
    lost = [
        1.0 if down[0] <= minute < down[1] else share
        for minute, share in enumerate(_minutes(0, min(0.5, 3 * _loss_limit(at)), after))
    ]
    return Scene(
        name=f"{at.id} comes back and loses packets for some minutes",
        seconds=LENGTH_SECONDS,
        step_seconds=MINUTE,
        unseen={(at.commune.code, f"hub/{at.line.id}"): (down[0] * MINUTE, down[1] * MINUTE)},
        measured=(*at.packets(lost), *at.each_way(unknown=lost)),
        expected=tuple((second, ()) for second in range(300, LENGTH_SECONDS, MINUTE)),
    )


def _gets_well(at: _Place) -> Scene:
    """Slow, well for a few minutes, slow again: one ticket, which ends when the line has been well for
    long."""
    bad, good = 1.6 * _rtt_limit(at), _rtt_limit(at) / 4
    length = 2 * LENGTH_SECONDS // MINUTE
    rtt = [good if 15 <= minute < 22 or minute >= 30 else bad for minute in range(length + 1)]
    ticket = (Expected(NAMES[LineVerdict.SLOW], at.id, "ticket"),)
    return Scene(
        name=f"{at.id} is slow, with some good minutes, and gets well",
        seconds=length * MINUTE,
        step_seconds=MINUTE,
        measured=(at.rtt(rtt),),
        expected=(
            *((minute * MINUTE, ticket) for minute in range(10, 40, 2)),
            *((minute * MINUTE, ()) for minute in (50, 55, 60)),
        ),
    )


# --- the site --------------------------------------------------------------------------------------
def _power(commune: Commune) -> Iterator[Scene]:
    """Mains fail, the battery runs down, the commune goes dark: each is told, and stays while it is dark."""
    code = commune.code
    steps, failed, dark = 241, 40, 240
    about = {"site": code, "commune": code, "target": f"power:{code}", "probe": "power"}
    heard = [second < dark for second in range(0, 2 * steps, 2)]
    mains = [None if not heard[i] else float(2 * i < failed) for i in range(steps)]
    left = [None if not heard[i] else float(1500 - 10 * i) for i in range(steps)]
    component = f"power:{code}"
    ticket, page = Expected(ON_BATTERY, component, "ticket"), Expected(BATTERY_LOW, component)
    line = f"power|{'' if commune.lines[0].router else 'lan|'}line"
    cut = Expected("CommuneCutOff", f"{line}{'' if commune.lines[0].router else '|agent'}:{code}")
    yield Scene(
        name=f"mains fail at commune {code} and its battery runs out",
        seconds=2 * (steps - 1),
        silent={code: (dark, 2 * steps)},
        down={graph.line_id(commune, each): (dark, 2 * steps) for each in commune.lines},
        measured=(series(names.POWER_ON_MAINS, about, mains), series(names.POWER_RUNTIME, about, left)),
        expected=(
            (failed + 50, ()),
            (failed + 70, (ticket,)),
            (dark - 10, (page, ticket)),
            (dark + 40, (page, cut, ticket)),
        ),
    )


def _machine(commune: Commune) -> Scene:
    """A machine nearly full, and too hot."""
    code, steps = commune.code, LENGTH_SECONDS // MINUTE + 1
    about = {"site": code, "commune": code, "target": f"agent:{code}", "probe": "host"}
    values = {
        names.HOST_DISK_FREE: 2e8, names.HOST_DISK_TOTAL: 1e10, names.HOST_TEMPERATURE: MAX_CELSIUS + 4,
    }  # fmt: skip
    hot, full = (Expected(name, f"agent:{code}", "ticket") for name in ("AgentHot", "AgentDiskFull"))
    return Scene(
        name=f"the machine of commune {code} is nearly full and too hot",
        seconds=LENGTH_SECONDS,
        step_seconds=MINUTE,
        measured=tuple(series(metric, about, [value] * steps) for metric, value in values.items()),
        expected=((540, ()), (780, (hot,)), (1080, (full, hot))),
    )
