"""The ledger against an independent model, under random trading; and that the comparison finds planted defects."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import run_state_machine_as_test

from domain import account, checks, decide_orders, decide_reports, holds, lots, report_checks
from domain.errors import BooksError
from tests.domain.disturbances import DisturbedTrader

QUIET = [HealthCheck.too_slow, HealthCheck.filter_too_much]
RANDOM_TRADING = settings(max_examples=60, stateful_step_count=40, deadline=None, suppress_health_check=QUIET)
DEFECT_HUNT = settings(
    max_examples=600,  # it ends with the first example that finds the defect
    stateful_step_count=40,
    deadline=None,
    suppress_health_check=QUIET,
    phases=[Phase.generate],
    database=None,
    derandomize=True,
    report_multiple_bugs=False,
)


def test_the_ledger_does_what_the_model_does() -> None:
    """Whatever is traded, sent again and redispatched: balanced books, no money from nowhere, equal state after a
    fold of the bytes, no overfill, nothing twice."""
    run_state_machine_as_test(DisturbedTrader, settings=RANDOM_TRADING)


def _hold_without_fee(self: Any, quantity: Decimal, price: Decimal) -> Decimal:
    del self
    return (quantity * price).quantize(Decimal("0.01"))


def _newest_lot_first(position_lots: Any, quantity: Decimal) -> Any:
    return _plan_sale(reversed(position_lots), quantity)


def _no_report_is_a_repeat(order: Any, message: Any) -> bool:
    del order, message
    return False


def _no_fence(order: Any, message: Any) -> None:
    del order, message


def _nothing_released(own: Any, order: Any, leaves: Decimal, **_: Any) -> holds.Hold:
    del own
    return holds.NO_HOLD if leaves else holds.Hold(order.hold_cash, order.hold_quantity)


def _conflicts_are_repeats(own: Any, command: Any, forgotten_before_us: int) -> bool:
    del forgotten_before_us
    return own.order(command.order_id) is not None


def _overfills(report: Any, leaves: Decimal, instrument: Any) -> None:
    del report, leaves, instrument


_plan_sale = lots.plan_sale

DEFECTS = {
    "holds forget the fee": (account.Account, "hold_for", _hold_without_fee),
    "sales take the newest lot first": (lots, "plan_sale", _newest_lot_first),
    "a fill counts twice": (report_checks, "is_repeat", _no_report_is_a_repeat),
    "stale epochs are taken": (report_checks, "fence", _no_fence),
    "partial fills release nothing": (holds, "surplus", _nothing_released),
    "an end releases no hold": (decide_reports, "_void", lambda *_: decide_reports._End(holds.NO_HOLD, (), ())),
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
