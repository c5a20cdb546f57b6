"""Series that exist only while something is wrong are read with an eye on their age."""

from alerts.rules import AlertRule, Rule, Tuning
from alerts.rules_fresh import ONLY_WHILE_WRONG, fresh
from inventory.names import Recorded

TUNED = Tuning(evaluation_seconds=2)


def read(expression: str, record: str = "some:record") -> str:
    return fresh(Rule(record, expression), TUNED).expr


def test_an_instant_is_read_only_while_it_is_new() -> None:
    name = Recorded.OUTAGE
    assert read(f"count({name}) or vector(0)") == (
        f"count(({name} and timestamp({name}) > time() - 7)) or vector(0)"
    )


def test_matchers_stay_with_their_series() -> None:
    series = f'{Recorded.DOWN}{{kind="pop"}}'
    assert read(series) == f"({series} and timestamp({series}) > time() - 7)"


def test_a_range_says_itself_how_far_it_looks_back() -> None:
    expression = f'max_over_time({Recorded.SUSPECT}{{kind!="area"}}[20s])'
    assert read(expression) == expression


def test_what_a_rule_said_last_it_may_hold_on_to() -> None:
    assert read(f"{Recorded.DOWN} or x", record=Recorded.DOWN) == f"{Recorded.DOWN} or x"


def test_a_name_that_begins_another_is_not_mistaken_for_it() -> None:
    assert read(str(Recorded.SUSPECT)).count(Recorded.SUSPECT) == 2
    assert read(str(Recorded.FAILED)) == Recorded.FAILED
    for name in ONLY_WHILE_WRONG:
        assert read(str(name)) == f"({name} and timestamp({name}) > time() - 7)"


def test_alerts_read_so_too() -> None:
    alert = AlertRule(name="X", expr=f"{Recorded.SYSTEM_LOST} == 1")
    assert "timestamp(" in fresh(alert, TUNED).expr
