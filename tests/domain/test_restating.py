"""Corrections, busts and corporate actions against a model that computes the whole history again."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import msgspec
import pytest
from hypothesis import settings
from hypothesis.stateful import run_state_machine_as_test

from domain import account, decide_corrections, events, holds, journal_corporate, trades
from domain.errors import BooksError
from domain.folds import corrections
from domain.history import Effect, Execution, Split
from tests.domain.desk import DAY_US
from tests.domain.operators import OperatorDesk
from tests.domain.restating import RestatingTrader
from tests.domain.test_account_state import Restorer
from tests.hunting import DEFECT_HUNT, RANDOM_TRADING

RANDOM_HISTORY = settings(RANDOM_TRADING, max_examples=40, stateful_step_count=30)


class RestatingRestorer(Restorer, RestatingTrader):
    """A re-stated history whose ledger is restored from bytes now and then."""


def test_a_restated_history_is_the_history_as_it_should_have_been() -> None:
    """Cash, units, lots, cost, profit and fees, after any trading with any corrections, busts, splits, delistings."""
    run_state_machine_as_test(RestatingTrader, settings=RANDOM_HISTORY)


def test_a_restored_ledger_can_restate_as_well() -> None:
    """What a correction needs is in the snapshot: equal bytes of every later event."""
    run_state_machine_as_test(RestatingRestorer, settings=settings(RANDOM_HISTORY, max_examples=15))


_apply = Execution.apply
_split = trades.split
_of_order = decide_corrections._of_order


def _without_fee(self: Any, stock: Any, method: Any) -> Any:
    effect = _apply(self, stock, method)
    effect.cash += effect.fees
    return effect


def _busts_count(self: Any, stock: Any, method: Any) -> Any:
    return _apply(msgspec.structs.replace(self, is_busted=False), stock, method)


def _nothing_paid_for_fractions(*rest: Any) -> Any:
    return _split(*rest)._replace(cash=Decimal(0))


def _leaves_stay(own: Any, order: Any, cumulative: Decimal, *rest: Any) -> Any:
    leaves, status, _ = _of_order(own, order, cumulative, *rest)
    return leaves, status, holds.NO_HOLD


def _all_stays(own: Any, order: Any, cumulative: Decimal, *rest: Any) -> Any:
    del cumulative
    return _of_order(own, order, order.cumulative_quantity, *rest)


def _forgets_who_said_so(own: Any, event: Any) -> Any:
    return own.execution(event.execution_id)


DEFECTS: dict[str, tuple[Any, str, Any]] = {
    "a restatement forgets the fee": (Execution, "apply", _without_fee),
    "a busted fill counts on": (Execution, "apply", _busts_count),
    "fractions of a split are lost": (trades, "split", _nothing_paid_for_fractions),
    "a split is not replayed": (Split, "apply", lambda *_: Effect()),
    "a bust sets nothing aside": (decide_corrections, "_of_order", _leaves_stay),
    "a bust gives no leaves back": (decide_corrections, "_of_order", _all_stays),
    "a repeated report counts again": (corrections, "_fill", _forgets_who_said_so),
    "the postings forget the profit": (journal_corporate.Change, "cost", property(lambda self: -self.cash - self.fees)),
}


@pytest.mark.parametrize("defect", DEFECTS)
def test_the_comparison_finds_a_planted_defect(defect: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """With this defect planted, the same random history fails."""
    owner, name, broken = DEFECTS[defect]
    monkeypatch.setattr(owner, name, broken)

    with pytest.raises((AssertionError, BooksError)):
        run_state_machine_as_test(RestatingTrader, settings=DEFECT_HUNT)


@pytest.mark.parametrize("is_planted", [False, True])
def test_forgotten_fills_are_the_base_of_a_restatement(is_planted: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """Five units of weeks ago and two of today, which are busted: five stay. Without a base it would not add up.

    A hunt would find it, too, but late: weeks must pass between two trades of the same symbol.
    """
    if is_planted:
        monkeypatch.setattr(account, "forget", lambda *_: None)
    desk = OperatorDesk()
    desk.trade("BUY", "5", "10.00")
    desk.now_us += 21 * DAY_US
    for _ in range(3):
        desk.deposit("1.00")
    busted = desk.busting(desk.trade("BUY", "2", "11.00"))

    if is_planted:
        with pytest.raises(BooksError):
            desk.send(busted)
    else:
        assert isinstance(desk.send(busted), events.FillBusted)
        assert desk.account.position("AAPL").quantity == 5
