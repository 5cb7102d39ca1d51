"""One account trades along the ticks: the ledger's own decisions, the paper venue's own fills. Pure, in Decimal.

    close of bar t ─► signal ─► the strategy's rule ─► SubmitOrder ─► domain.ledger: accepted, cash set aside | rejected
    every later tick of the symbol ─► domain.paper_costs: what the order gets ─► domain.ledger: cash, lots, fees, P&L

So an order that the cash does not cover is rejected with the ledger's code, a purchase sets aside its protection price,
an order waits for volume and is filled in parts, and cash and units are shared between symbols as they are in the live
account. The order of what happens is that of a feed in lockstep: by market time, then symbol; on one tick first the
orders that were there, then the order that the tick's own signal causes.

Boundaries: market orders good till cancelled (the strategies make no others), each alone with a tick's volume; a cash
account without fee schedule and without limits. Prices are split-adjusted: no corporate actions.
Verification: tests/models/backtest/test_desk.py against a hand-worked book and against the paper venue itself.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from decimal import Decimal
from heapq import heappop, heappush
from typing import Any

from domain import ids, paper_costs
from domain.catalog import catalog
from domain.commands import Command, Deposit, OpenAccount, SubmitOrder, Withdraw
from domain.decide_orders import terms_of
from domain.errors import BooksError, InvalidValue
from domain.events import CommandRejected, OrderAccepted, OrderFilled, OrderRejected
from domain.follower import Follower
from domain.ledger import Ledger
from domain.market import TickAt
from domain.numbers import ZERO
from domain.reports import ReportCanceled, ReportFilled
from domain.signals import SignalGenerated
from domain.terms import OrderTerms
from models.backtest.market import Market
from models.backtest.trading import Fill, House, Rejection, Trading, Working

_WORKER = "backtest"
_VENUE = "PAPER"
_STEP_EVENTS = 64


def trade(
    market: Market,
    signals: Sequence[SignalGenerated],
    rule: Follower,
    house: House,
    step: Callable[[float], None] = lambda share: None,
) -> Trading:
    """Trade on signals, which are in the order of market time and symbol.

    step: called now and then with the share of the signals that is done; may raise to end it.
    Raises InvalidValue when the account cannot be opened with these terms.
    """
    desk = _Desk(market, house)
    for number, signal in enumerate(signals):
        if number % _STEP_EVENTS == 0:
            step(number / len(signals))
        desk.run_until(signal.market_time_us, signal.symbol)
        command = rule.decide(signal)
        if command is not None:
            desk.submit(command)
    desk.run_until(None, "")
    return desk.result()


class _Open:
    """An order at the venue. next_tick: the position in its series of the tick that it meets next. number: counts
    orders as they were made.
    """

    def __init__(self, command: SubmitOrder, terms: OrderTerms, next_tick: int, number: int) -> None:
        self.command = command
        self.terms = terms
        self.leaves = terms.quantity
        self.next_tick = next_tick
        self.number = number


class _Desk:
    def __init__(self, market: Market, house: House) -> None:
        self._house = house
        self._series = {series.symbol: series for series in market.series}
        self._place = {
            series.symbol: {at.ref.offset: place for place, at in enumerate(series.ticks)} for series in market.series
        }
        self._ledger = Ledger(catalog(self._series))
        self._open: list[tuple[int, str, int, _Open]] = []  # a heap: market time, symbol, number, order
        self._working: dict[str, _Open] = {}
        self._orders: list[SubmitOrder] = []
        self._fills: list[Fill] = []
        self._rejections: list[Rejection] = []
        self._now_us = 0
        start_us = min((series.ticks[0].ref.market_time_us for series in market.series), default=0)
        self._fund(start_us)

    def _fund(self, now_us: int) -> None:
        """Open the account and pay the cash in."""
        account = self._house.account_id
        opening = OpenAccount(
            command_id=ids.derive("cmd", _WORKER, "open"),
            account_id=account,
            issued_at_us=now_us,
            owner=_WORKER,
            fee_bps=self._house.hold_fee_bps,
        )
        deposit = Deposit(
            command_id=ids.derive("cmd", _WORKER, "deposit"),
            account_id=account,
            issued_at_us=now_us,
            amount=self._house.cash,
        )
        self._carry_out(opening, now_us)
        self._carry_out(deposit, now_us)

    def _carry_out(self, command: Command, now_us: int) -> None:
        event = self._ledger.decide(command, now_us)
        if isinstance(event, CommandRejected):
            raise InvalidValue(event.code, f"no account for this backtest: {event.text}", **event.details)

    def submit(self, command: SubmitOrder) -> None:
        """The ledger's verdict on an order, at the market time of its signal."""
        self._orders.append(command)
        now_us = _signalled_us(command)
        self._pay(command.order_id, self._house.paid_in.get(command.order_id, ZERO), now_us)
        imposed = self._house.refused.get(command.order_id)
        if imposed is not None:
            self._reject(command, now_us, imposed.code, imposed.text)
            return
        event = self._ledger.decide(command, now_us)
        if isinstance(event, OrderRejected | CommandRejected):
            self._reject(command, now_us, event.code, event.text)
            return
        if not isinstance(event, OrderAccepted):
            raise BooksError(f"order {command.order_id}: expected a verdict, it was {type(event).__name__}")
        assert command.active_after is not None, "the rule's orders name their tick"
        place = self._place[command.symbol][command.active_after.offset]
        order = _Open(command, terms_of(command), place + 1, len(self._orders))
        self._working[command.order_id] = order
        if not self._ends(order, now_us):
            self._queue(order)

    def _pay(self, before: str, amount: Decimal, now_us: int) -> None:
        """Put cash into the account, or take it out."""
        if not amount:
            return
        kind = Deposit if amount > 0 else Withdraw
        id_ = ids.derive("cmd", _WORKER, "paid", before)
        account = self._house.account_id
        self._carry_out(kind(command_id=id_, account_id=account, issued_at_us=now_us, amount=abs(amount)), now_us)

    def _ends(self, order: _Open, now_us: int) -> bool:
        """Whether an order is over: filled, or cancelled where it was cancelled when it had filled as much."""
        if order.leaves:
            order_id = order.terms.order_id
            if self._house.ended.get(order_id) != order.terms.quantity - order.leaves:
                return False
            report = ReportCanceled(
                report_id=ids.report_id("canceled", order_id, 1),
                account_id=self._house.account_id,
                order_id=order_id,
                dispatch_epoch=1,
                worker_id=_WORKER,
                reported_at_us=now_us,
                reason="requested",
            )
            self._ledger.decide(report, now_us)
        del self._working[order.terms.order_id]
        return True

    def run_until(self, time_us: int | None, symbol: str) -> None:
        """Let working orders meet their ticks up to this one, included; None: all there are."""
        while self._open and (time_us is None or self._open[0][:2] <= (time_us, symbol)):
            order = heappop(self._open)[3]
            self._meet(order, self._series[order.terms.symbol].ticks[order.next_tick])
            order.next_tick += 1
            if not self._ends(order, self._now_us):
                self._queue(order)

    def result(self) -> Trading:
        account = self._ledger.accounts[self._house.account_id]
        working = tuple(
            Working(**_named(order.command), leaves=order.leaves, time_us=_signalled_us(order.command))
            for order in self._working.values()
        )
        positions = {symbol: account.position(symbol).quantity for symbol in self._series}
        return Trading(
            tuple(self._orders),
            tuple(self._fills),
            tuple(self._rejections),
            working,
            account.cash + account.held_cash,
            {symbol: quantity for symbol, quantity in positions.items() if quantity},
        )

    def _queue(self, order: _Open) -> None:
        """Put an order where its next tick is; one that no tick is left for just goes on working."""
        ticks, active_from_us = self._series[order.terms.symbol].ticks, order.terms.active_from_us
        assert active_from_us is not None, "the rule's orders say from when they are active"
        while order.next_tick < len(ticks) and ticks[order.next_tick].ref.market_time_us <= active_from_us:
            order.next_tick += 1
        if order.next_tick < len(ticks):
            time_us = ticks[order.next_tick].ref.market_time_us
            heappush(self._open, (time_us, order.terms.symbol, order.number, order))

    def _meet(self, order: _Open, at: TickAt) -> None:
        """What the paper venue says of a market order on a tick, and what the ledger makes of it."""
        self._now_us = at.ref.market_time_us
        if not paper_costs.is_print(at.tick):
            return
        got = paper_costs.take(order.terms, order.leaves, at, self._house.venue)
        if got is None:
            return
        order.leaves -= got.quantity
        order_id, time_us = order.terms.order_id, at.ref.market_time_us
        execution_id = ids.execution_id(order_id, at.ref.partition, at.ref.offset)
        event = self._ledger.decide(
            ReportFilled(
                report_id=ids.report_id("filled", order_id, 1, execution_id),
                account_id=self._house.account_id,
                order_id=order_id,
                dispatch_epoch=1,
                worker_id=_WORKER,
                reported_at_us=time_us,
                execution_id=execution_id,
                venue=_VENUE,
                quantity=got.quantity,
                price=got.price,
                fee=got.fee,
                market_time_us=time_us,
                liquidity="TAKER",
            ),
            time_us,
        )
        if not isinstance(event, OrderFilled):
            raise BooksError(f"order {order_id}: expected a fill to be taken, it was {event!r}")
        self._fills.append(
            Fill(
                execution_id=execution_id,
                order_id=order_id,
                signal_id=order.command.signal_id or "",
                symbol=order.terms.symbol,
                side=order.terms.side,
                quantity=got.quantity,
                price=got.price,
                fee=got.fee,
                time_us=time_us,
                tick_price=at.tick.price,
                realized_pnl=event.realized_pnl,
            )
        )

    def _reject(self, command: SubmitOrder, now_us: int, code: str, text: str) -> None:
        self._rejections.append(Rejection(**_named(command), time_us=now_us, code=code, text=text))


def _signalled_us(command: SubmitOrder) -> int:
    assert command.active_after is not None, "the rule's orders name their tick"
    return command.active_after.market_time_us


def _named(command: SubmitOrder) -> dict[str, Any]:
    return {
        "order_id": command.order_id,
        "signal_id": command.signal_id or "",
        "symbol": command.symbol,
        "side": command.side,
        "quantity": command.quantity,
    }
