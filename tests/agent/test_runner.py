"""The harness of a target, in virtual time: schedule, deadlines, re-probes, gates, and every second."""

import asyncio
import itertools
import logging
from collections import Counter, defaultdict
from collections.abc import Awaitable, Callable

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from agent.build import Traits
from agent.config import AgentTarget
from agent.expose import Histogram, Site
from agent.measured import Measured
from agent.runner import MAX_IN_FLIGHT, Runner, Tools
from agent.state import StateBook
from exporters.base import Outcome, Sample, Target
from inventory.names import AGENT_SCHEDULE_DELAY, Reason, State
from tests.agent import virtual

Answer = Callable[[float], Awaitable[Reason]]


class Bench:
    """One or more runners in a virtual loop, with a diary of what they did."""

    def __init__(self, at_once: int = 64, site: str = "21040") -> None:
        self.site = Site(site, site)
        self.book = StateBook(None)
        self.sent: dict[str, list[float]] = {}
        self.bugs: Counter[str] = Counter()
        self.skipped = 0
        self.urgent: list[str] = []
        self.news: list[float] = []
        self.runners: dict[str, Runner] = {}
        self.states: list[tuple[float, str, State]] = []
        self.flying = self.most_flying = 0
        self.delays = Histogram(self.site, AGENT_SCHEDULE_DELAY, (0.1,))
        self.tools = Tools(
            site=site,
            now=virtual.now,
            limiter=asyncio.Semaphore(at_once),
            book=self.book,
            delays=self.delays,
            changed=self._changed,
            broken=lambda kind: self.bugs.update([kind]),
            skipped=self._skip,
            urgent=self.urgent.append,
            turns=defaultdict(asyncio.Lock),
        )

    def add(
        self,
        name: str,
        answer: Answer,
        *,
        interval: float = 5,
        timeout: float = 2,
        gate: str | None = None,
        traits: Traits = Traits(),  # noqa: B008 - frozen
        samples: tuple[Sample, ...] = (),
        urgent: Callable[[], bool] = lambda: False,
        partial: Callable[[], bool] = lambda: False,
    ) -> Runner:
        async def measure(_: Target) -> Outcome:
            self.sent.setdefault(name, []).append(virtual.now())
            self.flying += 1
            self.most_flying = max(self.flying, self.most_flying)
            began = virtual.now()
            try:
                reason = await answer(began)
            finally:
                self.flying -= 1
            seconds = virtual.now() - began
            return Outcome(
                reason=reason, duration_seconds=seconds, samples=samples, urgent=urgent(), partial=partial()
            )

        target = AgentTarget(
            name=name,
            target=name,
            probe="fake",
            address="x",
            interval_seconds=interval,
            timeout_seconds=timeout,
            gate=gate,
        )
        measured = Measured(self.site, target, self.book.shown_of, lambda at: at, traits)
        runner = Runner(target, measure, measured, self.tools, traits)
        runner.gate = self.runners[gate] if gate else None
        self.runners[name] = runner
        runner.start()
        return runner

    def _changed(self, key: str, confirmed: bool) -> None:
        self.news.append(virtual.now())
        if confirmed:
            name = key.split("|")[2]
            self.states.append((virtual.now(), name, self.runners[name].measured.state))

    def _skip(self, slots: int) -> None:
        self.skipped += slots

    def of(self, name: str) -> list[State]:
        return [state for _, who, state in self.states if who == name]

    async def stop(self) -> None:
        await asyncio.gather(*(runner.stop() for runner in self.runners.values()))

    def seconds(self, name: str) -> dict[State, float]:
        live = self.book.live[self.runners[name].measured.key]
        return {state: getattr(live, state.value) for state in State}


async def fine(_: float) -> Reason:
    await asyncio.sleep(0.02)
    return Reason.OK


def cut(*spans: tuple[float, float], timeout: float = 2.0, reason: Reason = Reason.TIMEOUT) -> Answer:
    """Answer within 20 ms, but nothing whose answer would be on its way during a span."""

    async def answer(began: float) -> Reason:
        if any(begin < began + 0.02 and began < end for begin, end in spans):
            await asyncio.sleep(timeout)
            return reason
        return await fine(began)

    return answer


def test_probes_keep_their_grid_and_each_target_its_own() -> None:
    async def main() -> None:
        bench = Bench()
        bench.add("a", fine)
        bench.add("b", fine)
        await asyncio.sleep(600)
        await bench.stop()
        for sent in bench.sent.values():
            late = sent[20:]
            steps = {round(after - before, 6) for before, after in itertools.pairwise(late)}
            assert steps == {5.0}
            assert 120 <= len(sent) <= 127
        assert bench.skipped == 0

    virtual.run(main)


def test_sites_that_start_together_do_not_visit_a_system_together() -> None:
    async def main() -> None:
        benches = [Bench(site=str(21000 + number)) for number in range(20)]
        for bench in benches:
            bench.add("system:x", fine, interval=5)
        await asyncio.sleep(60)
        moments = {round(bench.sent["system:x"][-1], 3) for bench in benches}
        assert len(moments) == 20
        assert max(moments) - min(moments) > 3
        await asyncio.gather(*(bench.stop() for bench in benches))

    virtual.run(main)


def test_hanging_target_delays_no_other() -> None:
    async def main() -> None:
        bench = Bench()

        async def hang(_: float) -> Reason:
            await asyncio.sleep(3600)
            return Reason.OK

        bench.add("hanging", hang)
        bench.add("b", fine, interval=1)
        await asyncio.sleep(60)
        assert len(bench.sent["b"]) >= 60
        assert bench.bugs["fake"] >= 10  # a probe that does not keep its deadline is a bug, counted apart
        await bench.stop()

    logging.disable(logging.ERROR)
    virtual.run(main)
    logging.disable(logging.NOTSET)


def test_first_round_of_slow_targets_comes_soon() -> None:
    async def main() -> None:
        bench = Bench()
        runner = bench.add("a", fine, interval=3600)
        await asyncio.sleep(5.1)
        assert runner.ready
        await bench.stop()

    virtual.run(main)


def test_concurrency_is_bounded_and_a_starved_slot_is_counted() -> None:
    async def slow(_: float) -> Reason:
        await asyncio.sleep(2)
        return Reason.OK

    async def main() -> None:
        bench = Bench(at_once=2)
        for number in range(10):
            bench.add(f"t{number}", slow, interval=5)
        await asyncio.sleep(120)
        await bench.stop()
        assert bench.most_flying == 2
        assert bench.skipped > 0
        assert all(sent for sent in bench.sent.values())

    virtual.run(main)


def test_slow_system_is_not_stormed() -> None:
    async def main() -> None:
        bench = Bench()
        bench.add("slow", cut((1010, 2000), timeout=10), interval=5, timeout=10)
        await asyncio.sleep(120)
        assert bench.of("slow") == [State.UP, State.DOWN]
        assert bench.most_flying <= MAX_IN_FLIGHT
        await bench.stop()

    virtual.run(main)


def test_system_that_hangs_for_a_whole_minute_each_time_is_down_nevertheless() -> None:
    async def main() -> None:
        bench = Bench()
        runner = bench.add("slow", cut((1010, 5000), timeout=60), interval=5, timeout=60)
        for _ in range(600):
            await asyncio.sleep(1)
            runner.check_silence()
        assert bench.of("slow") == [State.UP, State.DOWN]
        assert bench.seconds("slow")[State.UNKNOWN] <= 5  # until the first send
        await bench.stop()

    virtual.run(main)


def test_machine_that_was_paused_is_no_bug_of_its_probes() -> None:
    async def main() -> None:
        bench, sent = Bench(), asyncio.Event()

        async def patient(began: float) -> Reason:
            if began >= 1030:
                sent.set()
            try:
                async with asyncio.timeout(2):
                    await asyncio.sleep(1.5 if began < 1030 else 60)
            except TimeoutError:
                return Reason.TIMEOUT
            return Reason.OK

        bench.add("a", patient)
        await asyncio.sleep(30)
        loop = asyncio.get_running_loop()
        assert isinstance(loop, virtual.VirtualLoop)
        await sent.wait()
        loop.seconds += 20
        await asyncio.sleep(10)
        assert not bench.bugs
        await bench.stop()

    virtual.run(main)


def test_probe_that_outstays_its_grace_is_a_bug_and_is_ended() -> None:
    async def deaf(_: float) -> Reason:
        await asyncio.sleep(60)
        return Reason.OK

    async def main() -> None:
        bench = Bench()
        bench.add("a", deaf, timeout=2)
        await asyncio.sleep(58)
        assert bench.bugs["fake"] >= 9
        assert bench.most_flying == 1
        await bench.stop()

    virtual.run(main)


def test_exceptions_are_counted_apart_and_make_the_state_unknown(caplog: pytest.LogCaptureFixture) -> None:
    async def main() -> None:
        bench = Bench()

        async def buggy(began: float) -> Reason:
            if began > 1030:
                raise RuntimeError("a bug")
            return Reason.OK

        runner = bench.add("a", buggy)
        await asyncio.sleep(30)
        assert bench.of("a") == [State.UP]
        for _ in range(10):
            await asyncio.sleep(5)
            runner.check_silence()
        assert bench.of("a") == [State.UP, State.UNKNOWN]
        assert bench.bugs["fake"] >= 9
        await bench.stop()

    virtual.run(main)
    assert 3 <= sum(record.exc_info is not None for record in caplog.records) <= 5


@settings(max_examples=150, deadline=None)
@given(st.floats(1030, 1040), st.floats(0, 3), st.floats(0.2, 2), st.sampled_from([1.0, 2.0, 5.0, 30.0]))
def test_blip_up_to_three_seconds_is_never_an_outage(
    begin: float, length: float, timeout: float, interval: float
) -> None:
    async def main() -> None:
        bench = Bench()
        bench.add("a", cut((begin, begin + length), timeout=timeout), interval=interval, timeout=timeout)
        await asyncio.sleep(120)
        assert bench.of("a") == [State.UP]
        await bench.stop()
        assert bench.seconds("a")[State.DOWN] == 0

    virtual.run(main)


@settings(max_examples=150, deadline=None)
@given(st.floats(1030, 1040), st.floats(0.01, 2), st.sampled_from([1.0, 2.0, 5.0, 30.0]), st.floats(0, 100))
@example(1030.0, 2.0, 5.0, 0.0)
@example(1030.0, 1.5, 5.0, 0.0)
def test_cut_is_known_within_interval_plus_four_plus_deadline(
    begin: float, timeout: float, interval: float, longer: float
) -> None:
    known = interval + 4 + timeout
    end = begin + known + 0.05 + longer

    async def main() -> None:
        bench = Bench()
        bench.add("a", cut((begin, end), timeout=timeout), interval=interval, timeout=timeout)
        await asyncio.sleep(end - 1000 + interval + 10)
        await bench.stop()
        assert bench.of("a") == [State.UP, State.DOWN, State.UP]
        assert bench.states[1][0] <= begin + known + 0.05
        down = bench.seconds("a")[State.DOWN]
        assert abs(down - (end - begin)) <= interval + 0.05

    virtual.run(main)


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.tuples(st.floats(0, 300), st.floats(0, 40)), max_size=6),
    st.floats(0.1, 2),
    st.sampled_from([1.0, 5.0, 20.0]),
)
def test_credited_seconds_equal_what_elapsed(
    spans: list[tuple[float, float]], timeout: float, interval: float
) -> None:
    async def main() -> None:
        bench = Bench()
        cuts = cut(*((1000 + begin, 1000 + begin + length) for begin, length in spans), timeout=timeout)
        runner = bench.add("a", cuts, interval=interval, timeout=timeout)
        before = dict.fromkeys(State, 0.0)
        for _ in range(40):
            await asyncio.sleep(10)
            if runner.measured.key in bench.book.live:
                after = bench.seconds("a")
                assert all(after[state] >= before[state] for state in State)
                before = after
        await bench.stop()
        total = sum(bench.seconds("a").values())
        assert 400 - interval - timeout - 2 <= total <= 400 + 1e-6

    virtual.run(main)


def test_gate_down_makes_what_is_behind_it_unknown_not_down() -> None:
    """The gateway is probed at once when something behind it fails first, so it is never blamed late."""

    async def main() -> None:
        for phase in (0.0, 0.4, 0.7, 1.3, 1.9, 2.5, 3.3, 3.9, 4.6):
            bench = Bench()
            dark = (virtual.now() + 40 + phase, virtual.now() + 100 + phase)
            bench.add("lan", cut(dark))
            bench.add("hub", cut(dark), gate="lan")
            bench.add("quick", cut(dark, timeout=0.1, reason=Reason.UNREACHABLE), gate="lan")
            await asyncio.sleep(200)
            assert bench.of("lan") == [State.UP, State.DOWN, State.UP]
            for name in ("hub", "quick"):
                assert bench.of(name) == [State.UP, State.UNKNOWN, State.UP]
                assert bench.seconds(name)[State.DOWN] == 0
                assert bench.seconds(name)[State.UNKNOWN] >= 50
            await bench.stop()

    virtual.run(main)


def test_line_down_behind_a_gate_that_is_up_is_down() -> None:
    async def main() -> None:
        bench = Bench()
        bench.add("lan", fine)
        bench.add("hub", cut((1040, 1100)), gate="lan")
        await asyncio.sleep(200)
        assert bench.of("hub") == [State.UP, State.DOWN, State.UP]
        await bench.stop()

    virtual.run(main)


def test_reason_that_proves_the_path_counts_whatever_the_gate_says() -> None:
    async def main() -> None:
        bench = Bench()
        bench.add("lan", cut((0, 9999)))
        bench.add("system", cut((1040, 1100), timeout=0.1, reason=Reason.BODY), gate="lan")
        await asyncio.sleep(90)
        assert bench.of("system") == [State.UP, State.DOWN]
        await bench.stop()

    virtual.run(main)


def test_each_new_kind_of_failure_is_logged_once(caplog: pytest.LogCaptureFixture) -> None:
    async def main() -> None:
        bench = Bench()
        bench.add("a", cut((1010, 1011), timeout=0.0, reason=Reason.STATUS))  # a blip: never an outage
        bench.add("b", cut((1010, 1060), timeout=0.0, reason=Reason.TLS))
        bench.add("c", cut((1010, 1060), timeout=0.0, reason=Reason.DEFERRED))
        await asyncio.sleep(90)
        await bench.stop()

    with caplog.at_level(logging.INFO):
        virtual.run(main)
    logged = [vars(record) for record in caplog.records if record.message == "probe failed"]
    assert Counter(record["target"] for record in logged)["b"] == 1
    assert {record["reason"] for record in logged} <= {"status", "tls"}
    assert all("evidence" in record for record in logged)


def test_own_machines_fault_is_unknown() -> None:
    async def main() -> None:
        bench = Bench()
        bench.add("a", cut((1040, 1100), timeout=0.0, reason=Reason.LOCAL))
        await asyncio.sleep(80)
        assert bench.of("a") == [State.UP, State.UNKNOWN]
        await bench.stop()
        assert bench.seconds("a")[State.DOWN] == 0

    virtual.run(main)


def test_suspension_is_unknown_and_not_made_up() -> None:
    async def main() -> None:
        bench = Bench()
        runner = bench.add("a", fine)
        await asyncio.sleep(30)
        probes = len(bench.sent["a"])
        loop = asyncio.get_running_loop()
        assert isinstance(loop, virtual.VirtualLoop)
        loop.seconds += 3600
        await asyncio.sleep(0.5)
        assert len(bench.sent["a"]) <= probes + 1
        await asyncio.sleep(30)
        assert bench.of("a") == [State.UP, State.UNKNOWN, State.UP]
        assert bench.skipped >= 718
        assert 3590 <= bench.seconds("a")[State.UNKNOWN] <= 3615
        assert runner.measured.state is State.UP
        await bench.stop()

    virtual.run(main)


def test_stop_leaves_nothing_running_and_gives_up_what_is_undecided() -> None:
    async def main() -> None:
        bench = Bench()
        bench.add("a", cut((1040, 1100)))
        await asyncio.sleep(45)
        await bench.stop()
        assert bench.flying == 0
        sent = len(bench.sent["a"])
        await asyncio.sleep(60)
        assert len(bench.sent["a"]) == sent
        assert bench.seconds("a")[State.DOWN] == 0

    virtual.run(main)
