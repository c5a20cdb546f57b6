"""Recording rules: since when something fails, and until when. Pure.

An alert fires some seconds after the last sign of life: silence has to last, probes have to agree. That
of a component lasts on while its members come back. Who argues about minutes needs the moments in
between, so they are recorded and the alerts carry them.
"""

from alerts.rules_evidence import FIELD, HUB, line_member, speaking, system_member
from alerts.rules_model import Rule, selector
from inventory import names
from inventory.names import Recorded


def rules() -> tuple[Rule, ...]:
    """Return the rules; they read what ``rules_evidence`` recorded in the same evaluation."""
    members = f"{line_member(_lines())} or {system_member(_systems())}"
    return (
        Rule(Recorded.FAILED_SINCE, f"({members}) and on (member) {Recorded.FAILED} == 1"),
        Rule(Recorded.DOWN_SINCE, _components()),
        Rule(Recorded.DOWN_UNTIL, _healed()),
    )


def first_failure(matchers: str) -> str:
    """Return when the targets that an agent confirmed as down failed first: it dates a change back to
    the first probe that spoke for it."""
    changed, up = selector(names.TARGET_STATE_CHANGED, matchers), selector(names.TARGET_UP, matchers)
    return f"({changed} and {up} == 0)"


def _lines() -> str:
    """All lines of a silent commune since its last heartbeat; a lost one since its own probe failed."""
    every = f"max by (commune, line) ({names.LINE_INFO.name})"
    dead = f"({every} * 0 + on (commune) group_left () {Recorded.LAST_HEARD})"
    lost = first_failure(f'{FIELD}, target=~"hub:.+", line!=""')
    silent = f"({dead} and on (commune) {Recorded.SILENT} == 1)"
    return f"({silent} or {speaking(f'max by (commune, line) ({lost})')})"


def _systems() -> str:
    """As the hub saw it; without the hub's view the latest of the communes, as for components."""
    systems = 'target=~"system:.+"'
    hub = f"max by (target) ({first_failure(f'{HUB}, {systems}')})"
    changed = selector(names.TARGET_STATE_CHANGED, f"{FIELD}, {systems}")
    field = f"max by (target) ({changed} and on (commune, target) {Recorded.SYSTEM_LOST})"
    return f"(({hub} and on (target) {Recorded.SYSTEM_HUB_UP} == 0) or {field})"


def _components() -> str:
    """The latest of its failed members, as found when it began to count; then it stays.

    Whatever took all of them down, the last sign of life of any of them came through before. A commune
    that was dead for days before does not date it back, and no average of two times is invented.
    """
    member = f"{Recorded.FAILED_MEMBER} * on (member) group_left () {Recorded.FAILED_SINCE}"
    latest = f"(max by (component, kind) ({member}) and on (component) {Recorded.DOWN})"
    return f"({Recorded.DOWN_SINCE} and on (component) {Recorded.DOWN}) or on (component) {latest}"


def _healed() -> str:
    """The first evaluation that suspects it no more, while it is held on; gone when it is suspected again."""
    first = f"({Recorded.DOWN} * 0 + time())"
    held = f"{Recorded.DOWN} unless on (component) {Recorded.SUSPECT}"
    return f"({Recorded.DOWN_UNTIL} or on (component) {first}) and on (component) ({held})"
