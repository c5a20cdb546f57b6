"""What is seen at one moment: reasons as evidence, silence, and the hub's own deafness."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alerts.pinpoint.events import Event
from alerts.pinpoint.sight import MOST_RESULTS, Heard, Sight, Span, as_sent, recent, sight
from alerts.pinpoint.watching import Aspect, Probe, watching
from deploy.lab import lab
from inventory.names import HUB_SITE, Reason
from tests.dashboards import province

NOW = 1_800_000_000.0
SEEN = watching(province.small())
SITES = (HUB_SITE, *SEEN.beats)
SYSTEM = next(probe for probe in SEEN.probes if probe.site == "21040" and probe.target == "system:ho-tich")


def heard(events: dict[Probe, list[Event]] | None = None, **more: Any) -> Heard:
    beats = dict.fromkeys(SITES, NOW - 1) | more.pop("beats", {})
    found = {"at": NOW, "beats": beats, "known": frozenset(SITES), "listening_since": NOW - 100, **more}
    return Heard(events=events or {}, **found)


def of(found: Sight, aspect: Aspect, probe: Probe = SYSTEM) -> tuple[int, int]:
    route = SEEN.probes[probe].paths[aspect]
    return found.sent[route], found.failed[route]


@pytest.mark.parametrize(
    ("reason", "said"),
    [
        (Reason.OK, {Aspect.WHOLE: (3, 0), Aspect.NETWORK: (0, 0), Aspect.FAR_END: (0, 0)}),
        (Reason.TIMEOUT, {Aspect.WHOLE: (3, 3), Aspect.NETWORK: (0, 0), Aspect.FAR_END: (0, 0)}),
        (Reason.STATUS, {Aspect.WHOLE: (0, 0), Aspect.NETWORK: (3, 0), Aspect.FAR_END: (3, 3)}),
        (Reason.LOCAL, {Aspect.WHOLE: (0, 0), Aspect.NETWORK: (0, 0), Aspect.FAR_END: (0, 0)}),
    ],
)
def test_the_reason_is_evidence(reason: Reason, said: dict[Aspect, tuple[int, int]]) -> None:
    found = sight(SEEN, heard({SYSTEM: [Event(NOW - 2, reason, 3)]}))
    assert {aspect: of(found, aspect) for aspect in said} == said


def test_names_that_do_not_resolve_speak_about_names_alone() -> None:
    found = sight(SEEN, heard({SYSTEM: [Event(NOW - 2, Reason.DNS, 2)]}))
    assert [of(found, aspect) for aspect in (Aspect.WHOLE, Aspect.NAMED)] == [(0, 0), (2, 2)]
    for aspect in (Aspect.NAMES, Aspect.NAMED):
        names = SEEN.routes[SEEN.probes[SYSTEM].paths[aspect]].path
        assert {name.partition(":")[0] for name in names} == {"dns"}


def test_nothing_from_before_a_fault_softens_it() -> None:
    before, after = Event(NOW - 8, Reason.OK, 4), Event(NOW - 2, Reason.TIMEOUT, 2)
    assert of(sight(SEEN, heard({SYSTEM: [before, after]})), Aspect.WHOLE) == (2, 2)
    one = Event(NOW - 2, Reason.TIMEOUT, 1)
    assert of(sight(SEEN, heard({SYSTEM: [before, one]})), Aspect.WHOLE) == (1, 1)
    again = Event(NOW - 1, Reason.OK, 1)
    assert of(sight(SEEN, heard({SYSTEM: [before, one, again]})), Aspect.WHOLE) == (6, 1), "it was stray"


def test_nothing_from_a_fault_outlasts_it() -> None:
    failed, well = Event(NOW - 6, Reason.TIMEOUT, 3), Event(NOW - 1, Reason.OK, 2)
    assert of(sight(SEEN, heard({SYSTEM: [failed, well]})), Aspect.WHOLE) == (2, 0)
    in_flight = [failed, Event(NOW - 4, Reason.OK, 1), Event(NOW - 3, Reason.TIMEOUT, 1), well]
    found = sight(SEEN, heard({SYSTEM: in_flight}))
    assert of(found, Aspect.WHOLE) == (3, 0), "what was sent before the end failed after it"
    assert found.well[SEEN.probes[SYSTEM].paths[Aspect.WHOLE]] == NOW - 4
    stray = [Event(NOW - 6, Reason.TIMEOUT, 1), well]
    assert of(sight(SEEN, heard({SYSTEM: stray})), Aspect.WHOLE) == (3, 1), "one failure is no outage"


PING = next(p for p in SEEN.probes if p.site == "21040" and p.target == "hub:main")


def test_a_burst_weighs_by_what_it_lost_and_never_more_than_one_failure() -> None:
    for loss, counted in ((0.3, (3, 1)), (0.5, (2, 1)), (0.9, (1, 1)), (0.1, (4, 0))):
        found = sight(SEEN, heard({PING: [Event(NOW - 2, Reason.OK, 1, loss)]}))
        assert of(found, Aspect.WHOLE, PING) == counted
    twice = [Event(NOW - 7, Reason.OK, 1, 0.1), Event(NOW - 2, Reason.OK, 1, 0.1)]
    assert of(sight(SEEN, heard({PING: twice})), Aspect.WHOLE, PING) == (8, 1)


def test_what_repeats_lost_packets_says_nothing_while_some_are_lost() -> None:
    losing = [Event(NOW - 7, Reason.OK, 1, 0.3), Event(NOW - 2, Reason.OK, 1, 0.5)]
    answers = {SYSTEM: [Event(NOW - 2, Reason.OK, 3)]}
    found = sight(SEEN, heard({PING: losing, **answers}))
    assert of(found, Aspect.WHOLE) == (0, 0)
    assert found.sent[SEEN.beats["21040"].path] == 0
    refused = sight(SEEN, heard({PING: losing, SYSTEM: [Event(NOW - 2, Reason.REFUSED, 3)]}))
    assert of(refused, Aspect.FAR_END) == (3, 3), "who answers is there"
    once = sight(SEEN, heard({PING: losing[:1], **answers}))
    assert of(once, Aspect.WHOLE) == (3, 0)


def test_nobody_outvotes_others() -> None:
    found = sight(SEEN, heard({SYSTEM: [Event(NOW - 2, Reason.TIMEOUT, 900)]}))
    assert of(found, Aspect.WHOLE) == (MOST_RESULTS, MOST_RESULTS)


def test_a_silent_commune_says_nothing_but_its_silence() -> None:
    found = sight(SEEN, heard({SYSTEM: [Event(NOW - 8, Reason.OK, 4)]}, beats={"21040": NOW - 9}))
    beat = SEEN.beats["21040"].path
    assert found.silent == {"21040"}
    assert of(found, Aspect.WHOLE) == (0, 0)
    assert (found.sent[beat], found.failed[beat]) == (4, 4)
    assert found.spans[beat] == Span(NOW - 7, NOW)


def test_a_late_heartbeat_does_not_say_any_longer_that_all_is_well() -> None:
    beat = SEEN.beats["21040"]
    for late, counted in ((2.4, (5, 0)), (2.6, (0, 0)), (6.4, (0, 0)), (6.6, (3, 3))):
        found = sight(SEEN, heard(beats={"21040": NOW - late}))
        assert (found.sent[beat.path], found.failed[beat.path]) == counted, late


def test_what_passed_before_a_heartbeat_is_late_is_of_the_past() -> None:
    well, failed = Event(NOW - 8, Reason.OK, 4), Event(NOW - 2, Reason.TIMEOUT, 1)
    late = {"21040": NOW - 3}
    assert of(sight(SEEN, heard({SYSTEM: [well]}, beats=late)), Aspect.WHOLE) == (0, 0)
    assert of(sight(SEEN, heard({SYSTEM: [well, failed]}, beats=late)), Aspect.WHOLE) == (1, 1)
    lossy = Event(NOW - 2, Reason.OK, 1, 0.5)
    assert of(sight(SEEN, heard({PING: [well, lossy]}, beats=late)), Aspect.WHOLE, PING) == (6, 1)


def test_who_never_reported_is_not_missed() -> None:
    beats = {site: NOW - 1 for site in SITES if site != "21040"}
    found = sight(SEEN, Heard(NOW, {}, beats, frozenset(beats), NOW - 100))
    assert found.failed[SEEN.beats["21040"].path] == 0


def test_while_the_hub_has_just_begun_to_listen_silence_proves_nothing() -> None:
    found = sight(SEEN, heard(beats={"21040": NOW - 20}, listening_since=NOW - 5))
    assert sum(found.failed) == 0


def test_a_deaf_hub_accuses_nobody() -> None:
    events = {SYSTEM: [Event(NOW - 8, Reason.TIMEOUT, 3)]}
    found = sight(SEEN, heard(events, beats=dict.fromkeys(SITES, NOW - 9)))
    assert found.deaf
    assert sum(found.sent) == 0


EVENT = st.builds(Event, st.floats(NOW - 10, NOW), st.sampled_from(list(Reason)), st.integers(1, 20))


@given(
    st.dictionaries(st.sampled_from(sorted(SEEN.probes)), st.lists(EVENT, max_size=5), max_size=20),
    st.dictionaries(st.sampled_from(SITES), st.floats(NOW - 40, NOW)),
    st.floats(NOW - 60, NOW),
)
def test_counts_are_counts(events: dict[Probe, list[Event]], beats: dict[str, float], since: float) -> None:
    found = sight(SEEN, heard(events, beats=beats, listening_since=since))
    assert len(found.sent) == len(found.failed) == len(SEEN.routes)
    assert all(0 <= failed <= sent for sent, failed in zip(found.sent, found.failed, strict=True))
    assert set(found.spans) == {route for route, failed in enumerate(found.failed) if failed}
    assert all(span.first <= span.last <= NOW for span in found.spans.values())


@given(st.lists(EVENT, max_size=8))
def test_the_present_is_an_end_of_what_was_seen(found: list[Event]) -> None:
    kept = recent(found)
    telling = [one for one in as_sent(found) if one.reason not in (Reason.LOCAL, Reason.DEFERRED)]
    assert telling[len(telling) - len(kept) :] == kept
    assert bool(kept) == bool(telling)


def test_one_wrong_answer_ends_nothing_and_what_is_our_own_says_nothing() -> None:
    well = [Event(NOW - 9 + 2 * n, Reason.OK, 1) for n in range(4)]
    for reason in Reason:
        kept = recent([*well, Event(NOW - 1, reason, 1)])
        if reason in (Reason.TIMEOUT, Reason.UNREACHABLE):
            assert [one.reason for one in kept] == [reason]
        elif reason in (Reason.LOCAL, Reason.DEFERRED):
            assert kept == well
        else:
            assert len(kept) == len(well) + 1


def test_a_maintenance_page_is_seen_where_most_sites_or_the_hub_say_so() -> None:
    page, dead = [Event(NOW - 2, Reason.MAINTENANCE, 1000)], [Event(NOW - 2, Reason.TIMEOUT, 3)]
    same = [probe for probe in SEEN.probes if probe.target == SYSTEM.target]
    hub = next(probe for probe in same if probe.site == HUB_SITE)
    one, two, three = [probe for probe in same if probe.site != HUB_SITE][:3]
    assert sight(SEEN, heard({one: page})).maintained == frozenset(), "one alone may lie"
    for told in ({one: page, two: page}, {hub: page}, {one: page, two: page, three: dead}):
        assert sight(SEEN, heard(told)).maintained == {SYSTEM.target}
    for told in ({one: page, hub: dead}, {one: page, two: page, three: dead, hub: dead}):
        assert sight(SEEN, heard(told)).maintained == frozenset()


def test_a_resolver_that_is_asked_itself_is_judged_by_what_it_answers() -> None:
    """A check of a system that succeeds may have remembered the name; one that finds no name may be wrong."""
    seen = watching(lab.province("twelve"))
    asked = next(probe for probe in seen.probes if probe.kind == "dns" and probe.commune)
    system = next(p for p in seen.probes if p.target.startswith("system:") and p.commune == asked.commune)

    def through_dns(probe: Probe, reason: Reason) -> set[tuple[int, int]]:
        beats = dict.fromkeys((HUB_SITE, *seen.beats), NOW - 1)
        found = sight(seen, heard({probe: [Event(NOW - 2, reason, 2)]}, beats=beats))
        routes = [(path, seen.routes[path].path) for path in seen.probes[probe].paths.values()]
        hit = {(found.sent[path], found.failed[path]) for path, route in routes if asked.target in route}
        return hit - {(0, 0)}

    assert through_dns(system, Reason.OK) == through_dns(system, Reason.TIMEOUT) == set()
    assert through_dns(system, Reason.DNS) == {(2, 2)}
    assert through_dns(asked, Reason.OK) == through_dns(asked, Reason.DNS) == {(2, 0)}
    assert through_dns(asked, Reason.TIMEOUT) == through_dns(asked, Reason.REFUSED) == {(2, 2)}
    named = seen.routes[seen.probes[system].paths[Aspect.NAMED]].path
    assert {system.target, asked.target} <= set(named), "no such name: the system's own fault, if anybody's"
