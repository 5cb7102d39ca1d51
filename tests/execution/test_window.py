"""The ticks in memory: what is kept, what is given, what is forgotten."""

from __future__ import annotations

import pytest

from execution.epochs import Epochs
from execution.window import TickWindow
from tests.execution.examples import ref, tick_at


@pytest.fixture
def window() -> TickWindow:
    """Room for three ticks of each of two partitions, which begin at offsets 10 and 0."""
    made = TickWindow(3)
    made.open(0, 10)
    made.open(1, 0)
    return made


def test_ticks_after_a_position_come_in_order(window: TickWindow) -> None:
    """Only the symbol's own ticks after the position are given, oldest first."""
    ticks = [tick_at(10), tick_at(11, symbol="MSFT"), tick_at(12)]
    for tick in ticks:
        window.add(tick)

    assert [ticks[0], ticks[2]] == window.after("AAPL", ref(9))
    assert [ticks[2]] == window.after("AAPL", ref(10))
    assert window.after("AAPL", ref(12)) == []
    assert window.after("IBM", ref(9)) == []


def test_the_oldest_goes_and_is_known_to_be_gone(window: TickWindow) -> None:
    """A position just before the window is covered, one before that is not."""
    for offset in range(10, 15):
        window.add(tick_at(offset))

    assert window.start(0) == 12
    assert window.covers(ref(11))
    assert not window.covers(ref(10))
    assert window.covers(None)
    assert [tick.ref.offset for tick in window.after("AAPL", ref(9))] == [12, 13, 14]


def test_the_newest_tick_is_known_by_symbol(window: TickWindow) -> None:
    """The newest is the one with the latest market time; a symbol without ticks has none."""
    window.add(tick_at(10))
    window.add(tick_at(3, symbol="MSFT", partition=1))
    window.add(tick_at(11))

    assert ref(11) == window.newest("AAPL")
    assert ref(3, partition=1) == window.newest("MSFT")
    assert window.newest("IBM") is None
    assert window.knows(1)
    assert not window.knows(2)


def test_a_tick_out_of_order_is_a_mistake(window: TickWindow) -> None:
    """Offsets of a partition only rise; anything else would break the order of evaluation."""
    window.add(tick_at(11))

    with pytest.raises(AssertionError):
        window.add(tick_at(11))


def test_epochs_only_rise() -> None:
    """An entry under a lower epoch than one seen is void, an equal one is not."""
    epochs = Epochs()

    assert [epochs.see("a", epoch) for epoch in (2, 2, 1, 3)] == [True, True, False, True]


def test_a_cancel_orphans_higher_epochs_only() -> None:
    """Nobody executes under an epoch above that of a CANCEL; under its own somebody may."""
    epochs = Epochs()
    for epoch in (2, 3):
        epochs.see("a", epoch)
        epochs.see_cancel("a", epoch)

    assert [epochs.is_orphan("a", epoch) for epoch in (2, 3, 4)] == [False, True, True]
    assert not epochs.is_orphan("b", 9)


def test_the_memory_of_epochs_is_bounded() -> None:
    """The order longest unheard of is forgotten first."""
    epochs = Epochs(orders_max=2)
    epochs.see("a", 5)
    epochs.see("b", 5)
    epochs.see("a", 5)
    epochs.see("c", 5)

    assert not epochs.see("a", 4)
    assert epochs.see("b", 4)
