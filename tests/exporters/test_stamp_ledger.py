"""Losses told apart: against a line and a reflector of which everything is known."""

import random
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporters.stampio.ledger import Fate, Ledger, Losses


class Line:
    """Sends trains over a line that loses by order, to a reflector that counts or does not."""

    def __init__(self, *, stateful: bool = True, first: int = 0) -> None:
        self.ledger = Ledger()
        self.stateful, self.count = stateful, first
        self.next = 0
        self.truth: Counter[str] = Counter()
        self.told: Counter[str] = Counter()
        self.waiting = 0

    def train(self, orders: str) -> Losses:
        """One letter a packet: ``.`` answered, ``u`` and ``d`` lost up or down."""
        fates = [
            self.send(order, 2 if number == 0 and self.ledger.asks else 1)
            for number, order in enumerate(orders)
        ]
        losses = self.ledger.settle(fates)
        self.note(losses)
        return losses

    def send(self, order: str, copies: int) -> Fate:
        answers: list[int] = []
        for _ in range(copies):
            if order == "u":
                self.truth["up"] += 1
                continue
            number = self.count if self.stateful else self.next
            self.count += 1
            if order == "d":
                self.truth["down"] += 1
            else:
                answers.append(number)
        self.next += 1
        return Fate(self.next - 1, copies, tuple(answers))

    def note(self, losses: Losses) -> None:
        self.told.update(up=losses.up, down=losses.down, unknown=losses.unknown)
        self.waiting = losses.waiting


def told(line: Line) -> tuple[int, int, int]:
    return line.told["up"], line.told["down"], line.told["unknown"]


def test_losses_both_ways_in_one_train() -> None:
    line = Line()
    losses = line.train("..u..dd.u.")
    assert (losses.up, losses.down, losses.unknown, losses.waiting) == (2, 2, 0, 0)
    assert (losses.share("up"), losses.share("down"), losses.share("unknown")) == (0.2, 0.25, 0.0)


def test_the_end_of_a_train_is_told_by_the_next() -> None:
    line = Line()
    assert line.train("..u.......ud").waiting == 2
    assert line.train("..........").up == 1
    assert told(line) == (2, 1, 0)


def test_the_first_packets_of_a_session_are_told_too() -> None:
    line = Line()
    line.train("uud..")
    assert told(line) == (2, 1, 0)


def test_losses_on_the_way_down_alone_ask_for_a_sign_and_are_then_told() -> None:
    """Until then a stateful reflector's numbers are those of one that merely repeats the sender's."""
    line = Line()
    assert line.train("..d.d.....").waiting == 2
    assert line.ledger.asks
    line.train("..........")
    assert told(line) == (0, 2, 0)
    assert not line.ledger.asks


def test_a_reflector_that_repeats_our_numbers_tells_nothing() -> None:
    line = Line(stateful=False)
    line.train("..d.d..u..")
    assert told(line) == (0, 0, 0)
    line.train("..........")
    line.train("....u.d...")
    assert told(line) == (0, 0, 5)


def test_asking_in_vain_ends() -> None:
    line = Line()
    for _ in range(5):
        line.train("d....")
    assert line.told["unknown"] + line.told["down"] == line.truth["down"]
    assert line.waiting == 0


def test_silence_is_unknown_one_train_later() -> None:
    line = Line()
    line.train("..u..")
    assert line.train("uuuuu").unknown == 0
    assert line.train("uuuuu").unknown == 5
    assert line.waiting == 5
    line.train("..u..")
    assert told(line) == (2 + 5, 0, 5)  # what was not told of yet is clear: nothing was lost down


def test_after_silence_both_ways_nothing_is_guessed() -> None:
    line = Line()
    line.train("..u..")
    line.train("uudduu")
    line.train("uuuddd")
    line.train("u....")
    assert told(line) == (1, 0, 6 + 6 + 1)
    line.train("..u..d.")
    assert told(line) == (2, 1, 13)


def test_a_reflector_that_counts_anew() -> None:
    line = Line()
    line.train("." * 30 + "u.")
    line.count = 0
    line.train("u..d.")
    assert told(line) == (1, 1, 1)  # lost before its first answer: nobody knows


def test_a_reflector_that_counts_anew_in_the_midst_of_a_train() -> None:
    line = Line()
    first = [line.send(order, 1) for order in "." * 30 + "u."]
    line.count = 0
    line.note(line.ledger.settle(first + [line.send(order, 1) for order in "..u.d."]))
    assert told(line) == (2, 1, 0)


def test_a_reflector_that_counted_before_we_came() -> None:
    line = Line(first=1000)
    line.train("u.u.d.")
    assert told(line) == (1, 1, 1)


def test_packets_that_overtake_each_other_are_not_lost() -> None:
    ledger = Ledger()
    losses = ledger.settle([Fate(0, 1, (0,)), Fate(1, 1, (2,)), Fate(2, 1, (1,)), Fate(3, 1, (3,))])
    assert (losses.up, losses.down, losses.unknown) == (0, 0, 0)


def test_packets_that_the_network_repeats_are_not_lost() -> None:
    ledger = Ledger()
    fates = [Fate(0, 1, (0,)), Fate(1, 1, (1, 2)), Fate(2, 1, ()), Fate(3, 1, (3, 3)), Fate(4, 1, (5,))]
    losses = ledger.settle(fates)
    assert (losses.up, losses.down, losses.unknown) == (0, 1, 0)


def test_what_is_left_at_the_end_is_unknown() -> None:
    line = Line()
    line.train("...u.uu")
    left = line.ledger.close()
    assert (left.unknown, left.sent) == (2, 2)


@given(
    orders=st.lists(st.text("....ud", min_size=1, max_size=60), min_size=1, max_size=8),
    stateful=st.booleans(),
)
def test_every_lost_packet_is_told_of_once(orders: list[str], stateful: bool) -> None:
    line = Line(stateful=stateful)
    for train in orders:
        line.train(train)
    left = line.ledger.close()
    assert sum(told(line)) + left.unknown == line.truth.total()
    if not stateful:
        assert (line.told["up"], line.told["down"]) == (0, 0)
    assert line.told["up"] <= line.truth["up"]
    assert line.told["down"] <= line.truth["down"]


@pytest.mark.parametrize("share", [0.01, 0.1, 0.3])
def test_on_a_line_that_is_not_silent_every_loss_is_told_apart(share: float) -> None:
    chance = random.Random(7)
    line = Line()
    for _ in range(200):
        line.train(
            "".join(
                "u" if chance.random() < share else "d" if chance.random() < share else "." for _ in range(50)
            )
        )
    line.train("." * 50)
    line.train("." * 50)
    assert told(line) == (line.truth["up"], line.truth["down"], 0)


@given(
    st.lists(
        st.lists(
            st.tuples(
                st.integers(0, 2), st.lists(st.integers(0, 2**32 - 1) | st.integers(0, 40), max_size=4)
            ),
            max_size=20,
        ),
        max_size=6,
    )
)
def test_a_lying_reflector_makes_no_loss_and_hides_none(trains: list[list[tuple[int, list[int]]]]) -> None:
    ledger, number, sent, silent, told_of = Ledger(), 0, 0, 0, 0
    for train in trains:
        fates = []
        for copies, answers in train:
            fates.append(Fate(number, copies, tuple(answers)))
            number, sent, silent = number + 1, sent + copies, silent + (0 if answers else copies)
        losses = ledger.settle(fates)
        assert min(losses.up, losses.down, losses.unknown, losses.waiting) >= 0
        told_of += losses.up + losses.down + losses.unknown
    assert silent <= told_of + ledger.close().unknown <= sent
