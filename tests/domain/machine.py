"""A random trader against a ledger and the model: what each step should give, and what must hold after each.

Two accounts, one FIFO and one AVERAGE. What disturbs the trading is in tests.domain.disturbances.
"""

from __future__ import annotations

import itertools
from collections import defaultdict
from decimal import Decimal
from fractions import Fraction
from typing import Any

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from domain import commands, events, ids, reports, schema
from domain.catalog import catalog
from domain.events import LedgerEvent
from domain.ledger import Ledger
from tests.domain.desk import START_US, SYMBOLS
from tests.domain.model import ModelAccount, ModelOrder

ACCOUNTS = {"fifo": "FIFO", "average": "AVERAGE"}
FEE_BPS = Decimal("2.5")

accounts = st.sampled_from(sorted(ACCOUNTS))
symbols = st.sampled_from(SYMBOLS)
cents = st.integers(min_value=1, max_value=5_000_00).map(lambda n: Decimal(n) / 100)
prices = st.integers(min_value=1, max_value=50_00).map(lambda n: Decimal(n) / 100)
fill_prices = st.integers(min_value=1, max_value=50_0000).map(lambda n: Decimal(n) / 10_000)
fees = st.integers(min_value=0, max_value=1_000).map(lambda n: Decimal(n) / 1_000)
quantities = st.integers(min_value=1, max_value=6)
workers = st.sampled_from(["w1", "w2"])


def code_of(event: Any) -> str:
    """A refusal's code; for any other answer its name."""
    return getattr(event, "code", type(event).__name__)


class Trader(RuleBasedStateMachine):
    """Sends commands and reports, and compares the answers with the model's."""

    def __init__(self) -> None:
        super().__init__()
        self.ledger = Ledger(catalog(SYMBOLS))
        self.model: dict[str, ModelAccount] = {}
        self.now_us = START_US
        self.numbers = itertools.count()
        self.records: list[tuple[str, bytes]] = []
        self.effective: list[Any] = []  # messages that changed an account
        self.recorded_us: dict[str, int] = defaultdict(int)
        self.balances: dict[str, dict[tuple[str, str], Decimal]] = defaultdict(lambda: defaultdict(Decimal))

    def send(self, message: Any) -> Any:
        self.now_us += 1
        event: LedgerEvent | None = self.ledger.decide(message, self.now_us)
        if event is not None:
            if event.originator_version:
                assert event.timestamp >= self.recorded_us[event.originator_id], "record time fell"
                self.recorded_us[event.originator_id] = event.timestamp
            self.records.append(schema.encode(event))
            for leg in event.postings:
                self.balances[event.originator_id][leg.account, leg.commodity] += leg.amount
            if event.originator_version:
                self.effective.append(message)
        return event

    def envelope(self, account: str) -> dict[str, Any]:
        return {"command_id": f"cmd_{next(self.numbers)}", "account_id": account, "issued_at_us": self.now_us}

    def model_of(self, account: str) -> ModelAccount:
        del account
        return ModelAccount(fee_bps=Fraction(FEE_BPS))

    @initialize()
    def open(self) -> None:
        for account, method in ACCOUNTS.items():
            fields: Any = {"owner": "x", "lot_method": method, "fee_bps": FEE_BPS}
            assert isinstance(self.send(commands.OpenAccount(**self.envelope(account), **fields)), events.AccountOpened)
            self.model[account] = self.model_of(account)
            self.deposit(account, Decimal("500.00"))

    # Commands

    @rule(account=accounts, amount=cents)
    def deposit(self, account: str, amount: Decimal) -> None:
        event = self.send(commands.Deposit(**self.envelope(account), amount=amount))

        assert isinstance(event, events.CashDeposited)
        self.model[account].transfer(Fraction(amount))

    @rule(account=accounts, amount=cents)
    def withdraw(self, account: str, amount: Decimal) -> None:
        event = self.send(commands.Withdraw(**self.envelope(account), amount=amount))

        if Fraction(amount) <= self.model[account].free:
            assert isinstance(event, events.CashWithdrawn)
            self.model[account].transfer(-Fraction(amount))
        else:
            assert code_of(event) == "CASH_INSUFFICIENT"

    @rule(
        account=accounts,
        symbol=symbols,
        side=st.sampled_from(["BUY", "SELL"]),
        kind=st.sampled_from(["LIMIT", "MARKET"]),
        quantity=quantities,
        price=prices,
    )
    def submit(self, account: str, symbol: str, side: Any, kind: Any, quantity: int, price: Decimal) -> None:
        client_id = f"client-{next(self.numbers)}"
        order_id = ids.order_id(account, client_id)
        priced: Any = {"limit_price" if kind == "LIMIT" else "protection_price": price}
        if kind == "MARKET" and side == "SELL":
            priced = {}
        order = ModelOrder(symbol=symbol, side=side, quantity=quantity, price=Fraction(price) if priced else None)
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
                **priced,
            )
        )

        if verdict:
            assert isinstance(event, events.OrderRejected)
            assert code_of(event) == verdict
        else:
            assert isinstance(event, events.OrderAccepted)
            self.model[account].orders[order_id] = order

    @rule(account=accounts, symbol=symbols, side=st.sampled_from(["BUY", "SELL"]), quantity=quantities, price=prices)
    def trade(self, account: str, symbol: str, side: Any, quantity: int, price: Decimal) -> None:
        """An order that is filled whole at once, if it is accepted, so that lots pile up and are sold."""
        self.submit(account, symbol, side, "LIMIT", quantity, price)
        order_id, order = next(reversed(self.model[account].orders.items()), ("", None))
        if order is not None and not order.done and order.price == price and order.quantity == order.leaves == quantity:
            self.fill_now(account, order_id, order, order.epoch, quantity, price, Decimal("0.01"))

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
        worker=st.sampled_from([None, None, None, "w1", "w2"]),
    )
    def fill(
        self, data: st.DataObject, quantity: int, price: Decimal, fee: Decimal, late: int, worker: str | None
    ) -> None:
        account, order_id, order = self.choose(data)
        self.fill_now(account, order_id, order, order.epoch + late, quantity, price, fee, worker)

    def fill_now(
        self,
        account: str,
        order_id: str,
        order: ModelOrder,
        epoch: int,
        quantity: int,
        price: Decimal,
        fee: Decimal,
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
            self.model[account].fill(order, quantity, Fraction(price), Fraction(fee))
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
        account, order_id, order = self.choose(data)
        if refuse:
            message = self.report(reports.ReportRefused, account, order_id, order.epoch, code="C_D", text="t")
        else:
            message = self.report(reports.ReportCanceled, account, order_id, order.epoch, reason="r")

        assert isinstance(self.send(message), events.OrderRefusedByVenue if refuse else events.OrderCanceled)
        order.done = True

    def refolded(self) -> Ledger:
        other = Ledger(catalog(SYMBOLS))
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
            actual = self.ledger.accounts[account]
            assert Fraction(actual.cash) == model.free
            assert Fraction(actual.held_cash) == model.held
            assert Fraction(actual.fees) == model.fees
            assert Fraction(-self.balances[account]["external", "USD"]) == sum(model.outside)

    @invariant()
    def holds_are_those_of_the_open_orders(self) -> None:
        for account, model in self.model.items():
            actual = self.ledger.accounts[account]
            assert actual.orders.keys() == {name for name, order in model.orders.items() if not order.done}
            assert actual.held_cash == sum(order.hold_cash for order in actual.orders.values())
            for order_id, order in actual.orders.items():
                assert order.leaves_quantity == model.orders[order_id].leaves > 0

    @invariant()
    def positions_are_what_was_bought_less_what_was_sold(self) -> None:
        for account, model in self.model.items():
            for symbol, position in self.ledger.accounts[account].positions.items():
                assert position.quantity == len(model.units.get(symbol, ()))
                assert position.free == model.free_units(symbol) >= 0
                assert position.held == model.held_units(symbol) >= 0
                assert sum(lot.quantity for lot in position.lots) == position.quantity
                assert sum(lot.cost for lot in position.lots) == position.cost >= 0

    @invariant()
    def profit_and_cost_are_the_models(self) -> None:
        if not self.model:
            return
        fifo, average = self.model["fifo"], self.model["average"]
        own = self.ledger.accounts["fifo"]
        assert Fraction(own.realized_pnl) == fifo.fifo_pnl
        for symbol, position in own.positions.items():
            assert Fraction(position.cost) == sum(fifo.units.get(symbol, ()))
        own = self.ledger.accounts["average"]
        # Each sale rounds its cost to 0.0001, and an error carries over to the next share at most in full.
        assert abs(Fraction(own.realized_pnl) - average.average_pnl) <= Fraction(average.sales, 10_000)
        for position in own.positions.values():
            assert position.quantity or not position.cost

    @invariant()
    def the_books_are_the_sum_of_all_postings(self) -> None:
        for account, balances in self.balances.items():
            own = self.ledger.accounts[account]
            assert own.books == {key: amount for key, amount in balances.items() if amount}
            for name, amount in own.trial_balance().items():
                commodity = name.partition(":")[2] if name.startswith("position") else "USD"
                assert amount == balances[name, commodity]

    @invariant()
    def the_fold_of_the_bytes_is_the_state(self) -> None:
        assert self.refolded().digest() == self.ledger.digest()
