"""A random trader against a ledger and the model: what each step should give, and what must hold after each.

The accounts are those of tests.domain.treasury. What disturbs the trading is in tests.domain.disturbances.
"""

from __future__ import annotations

from collections import defaultdict
from decimal import Decimal
from fractions import Fraction
from typing import Any

from hypothesis import strategies as st
from hypothesis.stateful import invariant, precondition, rule

from domain import commands, events, ids, reports, schema
from domain.ledger import Ledger
from tests.domain.model import CURRENCIES, ModelOrder
from tests.domain.treasury import Treasury, accounts, code_of, prices, quantities

symbols = st.sampled_from(sorted(CURRENCIES))
fill_prices = st.integers(min_value=1, max_value=50_0000).map(lambda n: Decimal(n) / 10_000)
fees = st.integers(min_value=0, max_value=1_000).map(lambda n: Decimal(n) / 1_000)
sides = st.sampled_from(["BUY", "BUY", "SELL", "SELL_SHORT"])
long_sides = st.sampled_from(["BUY", "BUY", "SELL"])
modest_prices = st.integers(min_value=1, max_value=15_00).map(lambda n: Decimal(n) / 100)
liquidities = st.sampled_from(["MAKER", "TAKER", None])
workers = st.sampled_from(["w1", "w2"])


class Trader(Treasury):
    """Sends orders and reports besides, and compares the answers with the model's."""

    # Orders

    @rule(
        account=accounts,
        symbol=symbols,
        side=sides,
        kind=st.sampled_from(["LIMIT", "MARKET"]),
        quantity=quantities,
        price=prices,
        reduce=st.sampled_from([False, False, False, True]),
    )
    def submit(
        self, account: str, symbol: str, side: Any, kind: Any, quantity: int, price: Decimal, reduce: bool = False
    ) -> None:
        client_id = f"client-{next(self.numbers)}"
        order_id = ids.order_id(account, client_id)
        priced: Any = {"limit_price" if kind == "LIMIT" else "protection_price": price}
        if kind == "MARKET" and side != "BUY":
            priced = {}
        worst = Fraction(price) if priced else None
        order = ModelOrder(symbol=symbol, side=side, quantity=quantity, price=worst, reduce_only=reduce)
        verdict = self.model[account].verdict(order)

        event = self.send(
            commands.SubmitOrder(
                **self.envelope(account),
                order_id=order_id,
                client_order_id=client_id,
                symbol=symbol,
                side=side,
                order_type=kind,
                quantity=Decimal(quantity),
                reduce_only=reduce,
                **priced,
            )
        )

        assert code_of(event) == (verdict or "OrderAccepted")
        if not verdict:
            assert Fraction(event.hold_cash) == order.hold
            self.model[account].orders[order_id] = order

    def trade(
        self, account: str, symbol: str, side: Any, quantity: int, price: Decimal, liquidities: tuple[Any, Any]
    ) -> None:
        """An order that, if it is accepted, is filled at its price at once: one unit first, then what is left."""
        for order_id, order in self.submitted(account, symbol, side, quantity, price):
            for part, liquidity in zip((1, quantity - 1), liquidities, strict=True):
                if part:
                    self.fill_now(account, order_id, order, order.epoch, part, price, Decimal("0.01"), liquidity)

    @rule(
        account=accounts,
        symbol=symbols,
        trades=st.lists(st.tuples(long_sides, quantities, modest_prices), min_size=3, max_size=6),
        made=st.tuples(liquidities, liquidities),
    )
    def trade_often(self, account: str, symbol: str, trades: list[tuple[Any, int, Decimal]], made: Any) -> None:
        """Lots of one symbol that pile up and are used up, in few steps."""
        for side, quantity, price in trades:
            self.trade(account, symbol, side, quantity, price, made)

    @rule(
        account=st.sampled_from(["average", "hifo"]),
        symbol=symbols,
        sales=st.lists(st.tuples(quantities, modest_prices), min_size=1, max_size=3),
        lasts_us=st.sampled_from([0, 1_000, 1_000]),
        covered=quantities,
        price=modest_prices,
    )
    def sell_short_and_cover(
        self,
        account: str,
        symbol: str,
        sales: list[tuple[int, Decimal]],
        lasts_us: int,
        covered: int,
        price: Decimal,
    ) -> None:
        """Short lots that pile up on borrowed units, an order that ends, two that want to cover, and a part of one."""
        self.locate(account, 10, lasts_us)
        for quantity, sold_at in sales:
            self.trade(account, symbol, "SELL_SHORT", quantity, sold_at, ("TAKER", "MAKER"))
        for order_id, order in self.submitted(account, symbol, "SELL_SHORT", covered, price):
            self.end_now(account, order_id, order, refuse=False)
        first = self.submitted(account, symbol, "BUY", covered, price)
        self.submit(account, symbol, "BUY", "LIMIT", covered, price)
        for order_id, order in first:
            self.fill_now(account, order_id, order, order.epoch, 1, price, Decimal("0.01"), "MAKER")

    def submitted(
        self, account: str, symbol: str, side: Any, quantity: int, price: Decimal
    ) -> list[tuple[str, ModelOrder]]:
        """A limit order, if it was accepted."""
        before = len(self.model[account].orders)
        self.submit(account, symbol, side, "LIMIT", quantity, price)
        return list(self.model[account].orders.items())[before:]

    # Reports and cancellations on an open order

    def open_orders(self) -> list[tuple[str, str, ModelOrder]]:
        return [
            (account, order_id, order)
            for account, model in self.model.items()
            for order_id, order in model.orders.items()
            if not order.done
        ]

    def choose(self, data: st.DataObject) -> tuple[str, str, ModelOrder]:
        return data.draw(st.sampled_from(self.open_orders()), label="order")

    def report(self, kind: Any, account: str, order_id: str, epoch: int, worker: str = "w1", **fields: Any) -> Any:
        return kind(
            report_id=f"rep_{next(self.numbers)}",
            account_id=account,
            order_id=order_id,
            dispatch_epoch=epoch,
            worker_id=worker,
            reported_at_us=self.now_us,
            **fields,
        )

    @precondition(lambda self: self.open_orders())
    @rule(
        data=st.data(),
        quantity=quantities,
        price=fill_prices,
        fee=fees,
        late=st.sampled_from([0, 0, 0, -1, 1]),
        liquidity=liquidities,
        worker=st.sampled_from([None, None, None, "w1", "w2"]),
    )
    def fill(
        self,
        data: st.DataObject,
        quantity: int,
        price: Decimal,
        fee: Decimal,
        late: int,
        liquidity: str | None,
        worker: str | None,
    ) -> None:
        account, order_id, order = self.choose(data)
        self.fill_now(account, order_id, order, order.epoch + late, quantity, price, fee, liquidity, worker)

    def fill_now(
        self,
        account: str,
        order_id: str,
        order: ModelOrder,
        epoch: int,
        quantity: int,
        price: Decimal,
        fee: Decimal,
        liquidity: str | None,
        worker: str | None = None,
    ) -> None:
        """worker: who reports it; None: whoever holds the order."""
        worker = worker or order.worker or "w1"
        message = self.report(
            reports.ReportFilled,
            account,
            order_id,
            epoch,
            worker,
            execution_id=f"exe_{next(self.numbers)}",
            venue="v",
            quantity=Decimal(quantity),
            price=price,
            fee=fee,
            liquidity=liquidity,
            market_time_us=self.now_us,
        )

        event = self.send(message)

        if epoch != order.epoch:
            assert code_of(event) == ("EPOCH_STALE" if epoch < order.epoch else "EPOCH_UNKNOWN")
        elif order.worker not in (None, worker):
            assert code_of(event) == "EPOCH_STALE"
        elif quantity > order.leaves:
            assert code_of(event) == "FILL_EXCEEDS_LEAVES"
        else:
            assert isinstance(event, events.OrderFilled)
            commission, covered = self.model[account].fill(order, quantity, Fraction(price), Fraction(fee), liquidity)
            assert (Fraction(event.commission), event.covered_quantity) == (commission, covered)
            assert (event.status == "FILLED") == order.done

    @precondition(lambda self: self.open_orders())
    @rule(data=st.data(), worker=workers)
    def acknowledge(self, data: st.DataObject, worker: str) -> None:
        account, order_id, order = self.choose(data)

        event = self.send(self.report(reports.ReportAcknowledged, account, order_id, order.epoch, worker, venue="v"))

        if order.worker is None:
            assert isinstance(event, events.OrderAcknowledged)
            order.worker = worker
        elif order.worker == worker:
            assert event is None
        else:
            assert code_of(event) == "EPOCH_STALE"

    @precondition(lambda self: self.open_orders())
    @rule(data=st.data())
    def redispatch(self, data: st.DataObject) -> None:
        account, order_id, order = self.choose(data)

        event = self.send(self.report(reports.RequestRedispatch, account, order_id, order.epoch, reason="r"))

        assert isinstance(event, events.OrderRedispatched)
        order.epoch += 1
        order.worker = None
        (dispatch,) = self.ledger.dispatches_of(event)
        assert (dispatch.dispatch_epoch, dispatch.cumulative_quantity) == (order.epoch, order.filled)

    @precondition(lambda self: self.open_orders())
    @rule(data=st.data())
    def cancel(self, data: st.DataObject) -> None:
        account, order_id, _ = self.choose(data)
        event = self.send(commands.CancelOrder(**self.envelope(account), order_id=order_id))

        assert event is None or isinstance(event, events.OrderCancelRequested)
        assert self.ledger.accounts[account].orders[order_id].status == "PENDING_CANCEL"

    @precondition(lambda self: self.open_orders())
    @rule(data=st.data(), refuse=st.booleans())
    def end(self, data: st.DataObject, refuse: bool) -> None:
        self.end_now(*self.choose(data), refuse)

    def end_now(self, account: str, order_id: str, order: ModelOrder, refuse: bool) -> None:
        if refuse:
            message = self.report(reports.ReportRefused, account, order_id, order.epoch, code="C_D", text="t")
        else:
            message = self.report(reports.ReportCanceled, account, order_id, order.epoch, reason="r")

        assert isinstance(self.send(message), events.OrderRefusedByVenue if refuse else events.OrderCanceled)
        order.end()

    def refolded(self) -> Ledger:
        other = self.successor()
        for type_, value in self.records:
            other.fold(schema.decode(type_, value))
        return other

    # What holds after every step

    @invariant()
    def every_tape_record_balances(self) -> None:
        for account, balances in self.balances.items():
            per_commodity: dict[str, Decimal] = defaultdict(Decimal)
            for (_, commodity), amount in balances.items():
                per_commodity[commodity] += amount
            assert not any(per_commodity.values()), account

    @invariant()
    def cash_is_what_came_in_less_what_went_out(self) -> None:
        for account, model in self.model.items():
            own = self.ledger.accounts[account]
            assert tuple(own.funds) == model.currencies
            for currency, funds in own.funds.items():
                assert Fraction(funds.free) == model.free(currency)
                assert Fraction(funds.held) == model.held(currency) >= 0
                assert Fraction(funds.fees) == model.venue_fees[currency]
                assert Fraction(funds.commissions) == model.commissions[currency]
                assert Fraction(-self.balances[account]["external", currency]) == model.outside[currency]

    @invariant()
    def holds_are_those_of_the_open_orders(self) -> None:
        for account, model in self.model.items():
            actual = self.ledger.accounts[account]
            assert actual.orders.keys() == {name for name, order in model.orders.items() if not order.done}
            for order_id, order in actual.orders.items():
                assert order.leaves_quantity == model.orders[order_id].leaves > 0
                assert Fraction(order.hold_cash) == model.orders[order_id].hold

    @invariant()
    def units_are_borrowed_as_far_as_they_are_located(self) -> None:
        for account, model in self.model.items():
            own = self.ledger.accounts[account]
            for locate in own.locates.values():
                assert locate.free + locate.pending + locate.used == locate.quantity
                assert min(locate.free, locate.pending, locate.used) >= 0
            pending = sum(len(order.borrows) for order in model.orders.values() if not order.done)
            assert sum(locate.pending for locate in own.locates.values()) == pending

    @invariant()
    def positions_are_what_was_bought_less_what_was_sold(self) -> None:
        for account, model in self.model.items():
            for symbol, position in self.ledger.accounts[account].positions.items():
                assert position.quantity == len(model.long(symbol))
                assert position.free == model.free_units(symbol) >= 0
                assert position.held == model.held_units(symbol) >= 0
                assert position.short_quantity == len(model.short(symbol)) >= 0
                assert sum(lot.quantity for lot in position.lots) == position.quantity
                assert sum(lot.cost for lot in position.lots) == position.cost >= 0
                assert sum(lot.quantity for lot in position.short_lots) == position.short_quantity
                assert sum(lot.cost for lot in position.short_lots) == position.short_proceeds >= 0

    @invariant()
    def profit_and_cost_are_the_models(self) -> None:
        for account, model in self.model.items():
            own = self.ledger.accounts[account]
            # A pool rounds what it gives away to 0.0001, and an error carries over to the next share at most in full.
            slack = Fraction(model.closings, 10_000) if model.method == "AVERAGE" else Fraction(0)
            for currency, funds in own.funds.items():
                assert abs(Fraction(funds.realized_pnl) - model.pnl[currency]) <= slack
            for symbol, position in own.positions.items():
                assert abs(Fraction(position.cost) - model.long(symbol).cost) <= slack
                assert abs(Fraction(position.short_proceeds) - model.short(symbol).cost) <= slack
                assert position.quantity or not position.cost
                assert position.short_quantity or not position.short_proceeds

    @invariant()
    def the_books_are_the_sum_of_all_postings(self) -> None:
        for account, balances in self.balances.items():
            own = self.ledger.accounts[account]
            assert own.books == {key: amount for key, amount in balances.items() if amount}
            for key, amount in own.trial_balance().items():
                assert amount == balances[key]

    @invariant()
    def the_fold_of_the_bytes_is_the_state(self) -> None:
        assert self.refolded().digest() == self.ledger.digest()
