"""The ledger against an independent model, under random trading; and that the comparison finds planted defects."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from hypothesis.stateful import run_state_machine_as_test

from domain import (
    account,
    borrow,
    checks,
    decide_cash,
    decide_orders,
    decide_reports,
    fees,
    holds,
    lots,
    margin,
    report_checks,
    surplus,
    trades,
    valuation,
)
from domain.errors import BooksError
from tests.domain.disturbances import DisturbedTrader
from tests.hunting import DEFECT_HUNT, RANDOM_TRADING


def test_the_ledger_does_what_the_model_does() -> None:
    """Whatever is traded, sent again and redispatched: balanced books, no money from nowhere, equal state after a
    fold of the bytes, no overfill, nothing twice."""
    run_state_machine_as_test(DisturbedTrader, settings=RANDOM_TRADING)


def _hold_without_fee(self: Any, quantity: Decimal, price: Decimal, unit: Decimal) -> Decimal:
    del self, unit
    return (quantity * price).quantize(Decimal("0.01"))


def _other_end_first(position_lots: Any, quantity: Decimal) -> Any:
    return _plan_uses(reversed(position_lots), quantity)


def _methods_mixed_up(given: str, taken: str) -> Any:
    """Lots are opened by another method than the account's."""

    def opened(position_lots: Any, method: str, lot: Any, pooled_id: str) -> None:
        _open_lot(position_lots, taken if method == given else method, lot, pooled_id)  # type: ignore[arg-type]

    return opened


def _no_report_is_a_repeat(order: Any, message: Any) -> bool:
    del order, message
    return False


def _no_fence(order: Any, message: Any) -> None:
    del order, message


def _nothing_released(own: Any, order: Any, leaves: Decimal, *_: Any, **__: Any) -> holds.Hold:
    del own
    if leaves:
        return holds.NO_HOLD
    return holds.Hold(order.hold_cash, order.hold_quantity, order.currency)


def _conflicts_are_repeats(own: Any, command: Any, forgotten_before_us: int) -> bool:
    del forgotten_before_us
    return own.order(command.order_id) is not None


def _overfills(report: Any, leaves: Decimal, instrument: Any) -> None:
    del report, leaves, instrument


def _charged_anew(tally: Any, *fill: Any) -> Any:
    """Each fill pays as if it were the order's first."""
    return _due(fees.Tally(schedule=tally.schedule), *fill)


def _opens_before_it_covers(own: Any, side: Any, *trade: Any) -> Any:
    return _plan(lots.Position() if side == "BUY" else own, side, *trade)


def _never_expires(locates: Any, symbol: str, quantity: Decimal, market_time_us: int, *taken: Any) -> Any:
    del market_time_us
    return _choose(locates, symbol, quantity, 0, *taken)


def _no_debt(*arguments: Any) -> Any:
    valued = _value(*arguments)
    return valued if isinstance(valued, valuation.MissingMark) else valued._replace(short_value=Decimal(0))


def _no_working_orders(terms: Any, valued: Any) -> Any:
    return _standing(terms, valued)._replace(held=Decimal(0))


def _others_do_not_count(own: Any, terms: Any, *_: Any) -> Decimal:
    found: Decimal = own.position(terms.symbol).short_quantity
    return found


def _rounded_down(amount: Decimal, unit: Decimal) -> Decimal:
    return amount // unit * unit


_due = fees.due
_plan = trades.plan
_choose = borrow.choose
_value = valuation.value
_standing = margin.standing
_plan_uses = lots.plan_uses
_open_lot = lots.open_lot

DEFECTS = {
    "holds forget the fee": (account.Account, "hold_for", _hold_without_fee),
    "sales take the last lot first": (lots, "plan_uses", _other_end_first),
    "LIFO is taken for FIFO": (lots, "open_lot", _methods_mixed_up("LIFO", "FIFO")),
    "HIFO is taken for LIFO": (lots, "open_lot", _methods_mixed_up("HIFO", "LIFO")),
    "HIFO is taken for AVERAGE": (lots, "open_lot", _methods_mixed_up("HIFO", "AVERAGE")),
    "holds forget commissions": (fees, "most_of_purchase", lambda *_: Decimal(0)),
    "holds of sales forget commissions": (fees, "most_beyond_proceeds", lambda *_: Decimal(0)),
    "each fill pays the whole commission": (fees, "due", _charged_anew),
    "all fills take liquidity": (fees, "rate", lambda schedule, _: (schedule.bps + schedule.taker_bps).scaleb(-4)),
    "a purchase opens before it covers": (trades, "plan", _opens_before_it_covers),
    "locates never expire": (borrow, "choose", _never_expires),
    "locates do not come back": (borrow, "make_free", lambda *_: None),
    "short units are no debt": (valuation, "value", _no_debt),
    "working orders need no margin": (margin, "standing", _no_working_orders),
    "several orders cover the same units": (holds, "coverable", _others_do_not_count),
    "a partial fill releases all margin": (surplus, "part_up", lambda *_: Decimal(0)),
    "conversions are rounded down": (decide_cash, "nearest", _rounded_down),
    "a fill counts twice": (report_checks, "is_repeat", _no_report_is_a_repeat),
    "stale epochs are taken": (report_checks, "fence", _no_fence),
    "partial fills release nothing": (surplus, "after", _nothing_released),
    "an end releases no hold": (
        decide_reports,
        "_void",
        lambda *_: decide_reports._End(holds.NO_HOLD, (), ()),
    ),
    "more is filled than was ordered": (checks, "fill", _overfills),
    "a conflict is taken for a repeat": (decide_orders, "repeat", _conflicts_are_repeats),
    "a clock that is set back is believed": (account.Account, "clock", lambda _, now_us: now_us),
    "ids are forgotten at once": (account.Account, "remember_command", lambda *_: None),
}


@pytest.mark.parametrize("defect", DEFECTS)
def test_the_comparison_finds_a_planted_defect(defect: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """With this defect planted, the same random trading fails."""
    owner, name, broken = DEFECTS[defect]
    monkeypatch.setattr(owner, name, broken)

    with pytest.raises((AssertionError, BooksError)):
        run_state_machine_as_test(DisturbedTrader, settings=DEFECT_HUNT)
