"""A random trader among operators: fills are corrected and busted, shares split, listings end, dividends are paid.

After each step the ledger must be where a model is that goes through the whole history again (restated_model).
Time runs for weeks, so fills are forgotten along the way and their lots become the base.
"""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction
from typing import Any

from hypothesis import strategies as st
from hypothesis.stateful import invariant, precondition, rule

from domain import commands, events, reports
from domain.account import IDS_KEPT_US
from domain.checks import CLOCK_AHEAD_US_MAX
from tests.domain.desk import DAY_US
from tests.domain.machine import (
    ACCOUNTS,
    FEE_BPS,
    Trader,
    accounts,
    cents,
    code_of,
    fees,
    fill_prices,
    quantities,
    symbols,
)
from tests.domain.model import ModelAccount
from tests.domain.operators import WHO
from tests.domain.restated_model import ModelDelisting, ModelFill, ModelSplit, RestatedAccount

RATIOS = ((2, 1), (3, 1), (3, 2), (1, 2), (1, 3), (2, 3), (1, 4), (1, 10))
HORIZON_US = IDS_KEPT_US + CLOCK_AHEAD_US_MAX


class RestatingTrader(Trader):
    """A Trader whose history is re-stated. Invariants of Trader that a re-stated history breaks are stated anew."""

    model: dict[str, RestatedAccount]  # type: ignore[assignment]

    def model_of(self, account: str) -> ModelAccount:
        return RestatedAccount(fee_bps=Fraction(FEE_BPS), is_pooled=ACCOUNTS[account] == "AVERAGE")

    def send(self, message: Any) -> Any:
        event = super().send(message)
        self.last = event
        return event

    def operate(self, command_class: Any, account: str, **fields: Any) -> Any:
        reference = f"ref-{next(self.numbers)}"
        return self.send(command_class(**self.envelope(account), **WHO, reference=reference, **fields))

    def fill_now(self, account: str, *rest: Any, **named: Any) -> None:
        super().fill_now(account, *rest, **named)
        if isinstance(self.last, events.OrderFilled):
            newest = self.model[account].log[-1]
            assert isinstance(newest, ModelFill)
            newest.execution_id, newest.recorded_at_us = self.last.execution_id, self.last.timestamp

    # What operators and venues do

    def all_fills(self) -> list[tuple[str, ModelFill]]:
        return [(account, fill) for account, model in self.model.items() for fill in model.fills()]

    @precondition(lambda self: self.all_fills())
    @rule(data=st.data(), quantity=quantities, price=fill_prices, fee=fees, by_venue=st.booleans())
    def correct(self, data: st.DataObject, quantity: int, price: Decimal, fee: Decimal, by_venue: bool) -> None:
        """Any fill, of other figures than it is taken for."""
        account, fill = data.draw(st.sampled_from(self.all_fills()), label="fill")
        figures = {"quantity": Decimal(quantity), "price": price, "fee": fee}

        event = self.restate(account, fill, by_venue, reports.ReportCorrected, commands.CorrectFill, figures)

        excess = quantity - fill.quantity > fill.order.leaves
        if self.may_be_restated(event, fill):
            if excess:
                assert code_of(event) == "FILL_EXCEEDS_LEAVES"
            else:
                assert isinstance(event, events.FillCorrected)
                fill.order.filled += quantity - fill.quantity
                fill.order.done = fill.order.done or fill.order.leaves == 0
                fill.quantity, fill.price, fill.fee = quantity, Fraction(price), Fraction(fee)

    @precondition(lambda self: self.all_fills())
    @rule(data=st.data(), by_venue=st.booleans())
    def bust(self, data: st.DataObject, by_venue: bool) -> None:
        account, fill = data.draw(st.sampled_from(self.all_fills()), label="fill")

        event = self.restate(account, fill, by_venue, reports.ReportBusted, commands.BustFill, {})

        if self.may_be_restated(event, fill):
            assert isinstance(event, events.FillBusted)
            fill.order.filled -= fill.quantity
            fill.is_busted = True

    def restate(
        self, account: str, fill: ModelFill, by_venue: bool, report: Any, command: Any, figures: dict[str, Any]
    ) -> Any:
        own = self.ledger.accounts[account]
        self.was_known = own.execution(fill.execution_id) is not None and bool(own.order(self.order_of(account, fill)))
        if not by_venue:
            return self.operate(command, account, execution_id=fill.execution_id, **figures)
        order_id = self.order_of(account, fill)
        fields = {"execution_id": fill.execution_id, "reason": "erroneous", **figures}
        return self.send(self.report(report, account, order_id, 0, "anybody", **fields))

    def order_of(self, account: str, fill: ModelFill) -> str:
        return next(name for name, order in self.model[account].orders.items() if order is fill.order)

    def may_be_restated(self, event: Any, fill: ModelFill) -> bool:
        """Whether it stood and was remembered; if not, that it was refused for that, and not forgotten too early."""
        if not self.was_known:
            assert code_of(event) == "FILL_UNKNOWN"
            assert fill.recorded_at_us + HORIZON_US < self.now_us
            return False
        if fill.is_busted:
            assert code_of(event) == "FILL_ALREADY_BUSTED"
            return False
        return True

    @precondition(lambda self: any(isinstance(m, RESTATING) for m in self.effective))
    @rule(data=st.data())
    def restate_again(self, data: st.DataObject) -> None:
        """A correction or a bust that changed something never changes anything again, whatever came between."""
        known = [message for message in self.effective if isinstance(message, RESTATING)]
        message = data.draw(st.sampled_from(known), label="again")
        before = self.ledger.digest()

        event = self.send(message)

        assert event is None or code_of(event) in {"FILL_UNKNOWN", "COMMAND_EXPIRED"}
        assert self.ledger.digest() == before

    @rule(account=accounts, symbol=symbols, ratio=st.sampled_from(RATIOS), price=st.integers(min_value=1, max_value=90))
    def split(self, account: str, symbol: str, ratio: tuple[int, int], price: int) -> None:
        """Prices are multiples of three, so that thirds are paid in whole cents."""
        fields: Any = {"symbol": symbol, "numerator": ratio[0], "denominator": ratio[1], "market_time_us": self.now_us}

        event = self.operate(commands.SplitShares, account, cash_in_lieu_price=Decimal(3 * price), **fields)

        if self.is_there(account, symbol, event):
            assert isinstance(event, events.SharesSplit)
            self.model[account].log.append(ModelSplit(symbol, *ratio, Fraction(3 * price)))

    @rule(account=accounts, symbol=symbols, price=cents)
    def delist(self, account: str, symbol: str, price: Decimal) -> None:
        event = self.operate(commands.DelistInstrument, account, symbol=symbol, price=price, market_time_us=self.now_us)

        if self.is_there(account, symbol, event):
            assert isinstance(event, events.InstrumentDelisted)
            self.model[account].log.append(ModelDelisting(symbol, Fraction(price)))

    def is_there(self, account: str, symbol: str, event: Any) -> bool:
        model = self.model[account]
        working = any(order.symbol == symbol and not order.done for order in model.orders.values())
        if model.holding(symbol).units or working:
            return True
        assert code_of(event) == "POSITION_EMPTY"
        return False

    @rule(account=accounts, symbol=symbols, per_unit=cents)
    def dividend(self, account: str, symbol: str, per_unit: Decimal) -> None:
        """In whole cents a unit, with no tax."""
        event = self.operate(
            commands.PayDividend, account, symbol=symbol, per_unit=per_unit, market_time_us=self.now_us
        )

        units = self.model[account].holding(symbol).units
        if units:
            assert isinstance(event, events.DividendPaid)
            self.model[account].movements.append(units * Fraction(per_unit))
        else:
            assert code_of(event) == "POSITION_EMPTY"

    @rule(account=accounts, amount=cents, kind=st.sampled_from(["INTEREST", "FEE", "REBATE", "CORRECTION"]))
    def adjust(self, account: str, amount: Decimal, kind: Any) -> None:
        assert isinstance(self.operate(commands.AdjustCash, account, kind=kind, amount=-amount), events.CashAdjusted)
        self.model[account].movements.append(-Fraction(amount))

    @rule(days=st.integers(min_value=1, max_value=5))
    def wait_for_days(self, days: int) -> None:
        self.now_us += days * DAY_US

    # What holds after every step

    @invariant()
    def cash_is_what_came_in_less_what_went_out(self) -> None:
        for account, model in self.model.items():
            actual = self.ledger.accounts[account]
            assert Fraction(actual.cash) == model.free
            assert Fraction(actual.held_cash) == model.held
            assert Fraction(actual.fees) == sum(model.holding(symbol).fees for symbol in model.symbols())

    @invariant()
    def positions_are_what_was_bought_less_what_was_sold(self) -> None:
        for account, model in self.model.items():
            for symbol, position in self.ledger.accounts[account].positions.items():
                holding = model.holding(symbol)
                assert Fraction(position.quantity) == holding.units
                assert position.free == model.free_units(symbol)
                assert position.held == model.held_units(symbol)
                assert sum(lot.quantity for lot in position.lots) == position.quantity
                assert sum(lot.cost for lot in position.lots) == position.cost
                assert Fraction(position.fees) == holding.fees
                assert len(position.lots) == len(holding.lots)
                for lot, (units, _) in zip(position.lots, holding.lots, strict=True):
                    assert abs(Fraction(lot.quantity) - units) < Fraction(1, 10**15)

    @invariant()
    def profit_and_cost_are_the_models(self) -> None:
        """Exact for lots whose units all cost the same price; a pool, or a lot after a split, rounds each share."""
        for account, model in self.model.items():
            actual = self.ledger.accounts[account]
            total = Fraction(0)
            for symbol, position in actual.positions.items():
                holding = model.holding(symbol)
                log = [item for item in model.log if item.symbol == symbol]
                is_rounded = model.is_pooled or any(isinstance(item, ModelSplit) for item in log)
                tolerance = Fraction(len(log), 10_000) if is_rounded else Fraction(0)
                assert abs(Fraction(position.realized_pnl) - holding.pnl) <= tolerance
                assert abs(Fraction(position.cost) - holding.cost) <= tolerance
                total += Fraction(position.realized_pnl)
            assert Fraction(actual.realized_pnl) == total


RESTATING = (reports.ReportCorrected, reports.ReportBusted, commands.CorrectFill, commands.BustFill)
