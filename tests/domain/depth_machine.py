"""A random trader with every type of order, groups and replacements, and what must hold after each step.

What should be held, and what the legs of a group may still ask for, is written down here another way: from the orders'
terms and from the fills that the trader has seen, in fractions. The venue never fills beyond a worst price, nor charges
more than the account's rate, nor sells units that are not held; so free cash and free units never fall below zero.
"""

from __future__ import annotations

import itertools
import math
from collections import defaultdict
from decimal import Decimal
from fractions import Fraction
from typing import Any

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from domain import account_state, commands, events, ids, reports, schema
from domain.catalog import catalog
from domain.ledger import Ledger
from domain.orders import Group, Order
from domain.terms import TERMINAL, OrderTerms
from tests.domain.desk import START_US, SYMBOLS

FEE_BPS = Decimal("2.5")
ACCOUNT = "acc"

prices = st.integers(min_value=5, max_value=30).map(Decimal)
quantities = st.integers(min_value=1, max_value=6).map(Decimal)
sides = st.sampled_from(["BUY", "SELL"])
symbols = st.sampled_from(SYMBOLS)
kinds = st.sampled_from(["MARKET", "LIMIT", "STOP", "STOP_LIMIT", "TRAILING_STOP"])


class DepthTrader(RuleBasedStateMachine):
    """One account. seen: what was filled of each order, by the trader's own count."""

    def __init__(self) -> None:
        super().__init__()
        self.ledger = Ledger(catalog(SYMBOLS))
        self.now_us = START_US
        self.numbers = itertools.count()
        self.records: list[tuple[str, bytes]] = []
        self.cash = Fraction(0)
        self.units: dict[str, Fraction] = defaultdict(Fraction)
        self.seen: dict[str, Fraction] = defaultdict(Fraction)
        self.placed: dict[str, OrderTerms] = {}
        self.kinds: dict[str, tuple[str, tuple[str, ...]]] = {}
        self.done: set[str] = set()

    @property
    def account(self) -> Any:
        return self.ledger.accounts[ACCOUNT]

    def send(self, message: Any) -> Any:
        self.now_us += 1
        event = self.ledger.decide(message, self.now_us)
        if event is not None:
            self.records.append(schema.encode(event))
        return event

    def envelope(self) -> dict[str, Any]:
        return {"command_id": f"cmd_{next(self.numbers)}", "account_id": ACCOUNT, "issued_at_us": self.now_us}

    @initialize()
    def open(self) -> None:
        self.send(commands.OpenAccount(**self.envelope(), owner="x", fee_bps=FEE_BPS))
        self.send(commands.Deposit(**self.envelope(), amount=Decimal(1000)))
        self.cash = Fraction(1000)
        for symbol in SYMBOLS:
            self.trade(symbol, Decimal(6), Decimal(20))

    @rule(symbol=symbols, quantity=quantities, price=prices)
    def trade(self, symbol: str, quantity: Decimal, price: Decimal) -> None:
        """A purchase that fills at once, if it can be paid for, so that there is something to sell."""
        order_id = self.place(self.terms(symbol, "BUY", "LIMIT", quantity, price, Decimal(0)))
        if order_id in self.account.orders:
            self.fill_of(order_id, quantity, Decimal(0))

    # Commands

    def terms(
        self, symbol: str, side: Any, kind: Any, quantity: Decimal, price: Decimal, spread: Decimal
    ) -> OrderTerms:
        """price: the worst; spread: how far before it a stop lies, or a trailing one trails."""
        client_id = f"client-{next(self.numbers)}"
        away = -spread if side == "BUY" else spread
        prices_of: dict[str, dict[str, Any]] = {
            "MARKET": {"protection_price": price},
            "LIMIT": {"limit_price": price},
            "STOP": {"stop_price": price + away, "protection_price": price},
            "STOP_LIMIT": {"stop_price": price + away, "limit_price": price},
            "TRAILING_STOP": {"trail_amount": spread + 1, "protection_price": price},
        }
        return OrderTerms(
            order_id=ids.order_id(ACCOUNT, client_id),
            client_order_id=client_id,
            symbol=symbol,
            side=side,
            order_type=kind,
            quantity=quantity,
            **prices_of[kind],
        )

    @rule(symbol=symbols, side=sides, kind=kinds, quantity=quantities, price=prices, spread=st.sampled_from([0, 1, 4]))
    def submit(self, symbol: str, side: Any, kind: Any, quantity: Decimal, price: Decimal, spread: Any) -> None:
        self.place(self.terms(symbol, side, kind, quantity, price, Decimal(spread)))

    def place(self, terms: OrderTerms) -> str:
        own = {name: getattr(terms, name) for name in commands.SubmitOrder.__struct_fields__ if hasattr(terms, name)}
        event = self.send(commands.SubmitOrder(**self.envelope(), **own))

        assert isinstance(event, events.OrderAccepted | events.OrderRejected)
        self.placed[terms.order_id] = terms
        return terms.order_id

    @rule(
        kind=st.sampled_from(["OCO", "OTO", "BRACKET"]), symbol=symbols, side=sides, quantity=quantities, price=prices
    )
    def group(self, kind: Any, symbol: str, side: Any, quantity: Decimal, price: Decimal) -> None:
        other = "SELL" if side == "BUY" else "BUY"
        gain = Decimal(4 if side == "BUY" else -4)
        if kind == "OCO":
            gain = -gain
            legs = [
                self.terms(symbol, side, "LIMIT", quantity, price + gain, Decimal(0)),
                self.terms(symbol, side, "STOP", quantity, price - gain, Decimal(1)),
            ]
        else:
            legs = [
                self.terms(symbol, side, "LIMIT", quantity, price, Decimal(0)),
                self.terms(symbol, other, "LIMIT", quantity, price + gain, Decimal(0)),
                self.terms(symbol, other, "STOP", quantity, max(Decimal(1), price - gain), Decimal(0)),
            ]
        name = f"group-{next(self.numbers)}"
        fields: Any = {"group_id": ids.group_id(ACCOUNT, name), "client_group_id": name}
        event = self.send(commands.SubmitOrderGroup(**self.envelope(), **fields, kind=kind, orders=tuple(legs)))

        assert isinstance(event, events.OrderGroupAccepted | events.OrderGroupRejected)
        for terms in legs:
            self.placed[terms.order_id] = terms
        if isinstance(event, events.OrderGroupAccepted):
            self.kinds[event.group_id] = (kind, tuple(terms.order_id for terms in legs))

    @precondition(lambda self: self.brackets())
    @rule(data=st.data(), which=st.sampled_from([1, 2]), taken=quantities)
    def leave_in_part(self, data: st.DataObject, which: int, taken: Decimal) -> None:
        """The entry of a bracket is done, and one of its exits is filled, in part more often than not."""
        order_ids = self.kinds[data.draw(st.sampled_from(self.brackets()))][1]
        entry = self.account.orders.get(order_ids[0])
        if entry is not None:
            self.fill_of(order_ids[0], entry.leaves_quantity, Decimal(0))
        leg = self.account.orders.get(order_ids[which])
        if leg is not None and leg.status != "SUSPENDED":
            self.fill_of(order_ids[which], taken, Decimal(0))

    def brackets(self) -> list[str]:
        return [group_id for group_id in self.account.groups if self.kinds[group_id][0] == "BRACKET"]

    # What happens to an open order

    def choose(self, data: st.DataObject) -> str:
        return data.draw(st.sampled_from(list(self.account.orders)), label="order")

    def report(self, kind: Any, order_id: str, **fields: Any) -> Any:
        order = self.account.orders[order_id]
        return self.send(
            kind(
                report_id=f"rep_{next(self.numbers)}",
                account_id=ACCOUNT,
                order_id=order_id,
                dispatch_epoch=order.dispatch_epoch,
                worker_id=order.worker_id or "w1",
                reported_at_us=self.now_us,
                **fields,
            )
        )

    def at_venue(self, data: st.DataObject) -> str | None:
        order_id = self.choose(data)
        return None if self.account.orders[order_id].status == "SUSPENDED" else order_id

    @precondition(lambda self: self.account.orders)
    @rule(data=st.data(), quantity=quantities, better=st.integers(min_value=0, max_value=4).map(Decimal))
    def fill(self, data: st.DataObject, quantity: Decimal, better: Decimal) -> None:
        order_id = self.at_venue(data)
        if order_id is not None:
            self.fill_of(order_id, quantity, better)

    def fill_of(self, order_id: str, quantity: Decimal, better: Decimal) -> None:
        """At the worst price or better. Of a sale no more than is held for it."""
        order = self.account.orders[order_id]
        terms = order.terms
        most = order.leaves_quantity
        if terms.side == "SELL":
            most = min(most, self.account.holder(order).hold_quantity)
        elif terms.group_id is not None and terms.is_exclusive:
            most = min(most, Decimal(int(self.rest_of(terms))))
        quantity = min(quantity, most)
        if quantity <= 0:
            return
        price = terms.worst_price - better if terms.side == "BUY" else terms.worst_price + better
        price = max(price, Decimal("0.5"))
        others = self.others_of(terms)
        fee = (quantity * price * FEE_BPS / 10_000).quantize(Decimal("0.0001"), rounding="ROUND_FLOOR")
        event = self.report(
            reports.ReportFilled,
            order_id,
            execution_id=f"exe_{next(self.numbers)}",
            venue="v",
            quantity=quantity,
            price=price,
            fee=fee,
            market_time_us=self.now_us,
        )

        assert isinstance(event, events.OrderFilled)
        value = Fraction(quantity) * Fraction(price)
        self.cash += (value if terms.side == "SELL" else -value) - Fraction(fee)
        self.units[terms.symbol] += Fraction(quantity) * (1 if terms.side == "BUY" else -1)
        self.seen[order_id] += Fraction(quantity)
        for other, asked in others.items():
            self.check_less_is_asked(other, asked, quantity)

    def others_of(self, terms: OrderTerms) -> dict[str, Decimal]:
        """The legs that this one excludes and that nobody cancels, with the quantity that is asked for of each."""
        if terms.group_id is None or not terms.is_exclusive:
            return {}
        asked = {}
        for order_id in self.exclusive_legs(terms.group_id):
            order = self.account.orders.get(order_id)
            if order is not None and order_id != terms.order_id and order.status != "PENDING_CANCEL":
                asked[order_id] = (order.replacement or order.terms).quantity
        return asked

    def exclusive_legs(self, group_id: str) -> tuple[str, ...]:
        kind, order_ids = self.kinds[group_id]
        return {"OCO": order_ids, "OTO": (), "BRACKET": order_ids[1:]}[kind]

    def check_less_is_asked(self, order_id: str, asked: Decimal, filled: Decimal) -> None:
        """Another leg filled: an OCO leg is to end, an exit gets smaller by as much, or ends if nothing is left."""
        order = self.account.orders[order_id]
        rest = asked - filled
        if self.kinds[order.terms.group_id][0] == "OCO" or rest <= self.seen[order_id]:
            assert order.status == "PENDING_CANCEL"
        else:
            assert order.status == "PENDING_REPLACE"
            assert order.replacement.quantity == rest

    def rest_of(self, terms: OrderTerms) -> Fraction:
        """What the legs of an exclusive group may still fill together, at least.

        Of the size in which they were sent, or of the entry's fill where that is less, what none of them has filled.
        """
        kind, order_ids = self.kinds[terms.group_id or ""]
        legs = self.exclusive_legs(terms.group_id or "")
        whole = Fraction(self.placed[legs[0]].quantity)
        if kind == "BRACKET":
            whole = min(whole, self.seen[order_ids[0]])
        return whole - sum(self.seen[order_id] for order_id in legs)

    @precondition(lambda self: self.account.orders)
    @rule(data=st.data())
    def acknowledge(self, data: st.DataObject) -> None:
        order_id = self.at_venue(data)
        if order_id is not None:
            self.report(reports.ReportAcknowledged, order_id, venue="v")

    @precondition(lambda self: self.account.orders)
    @rule(data=st.data())
    def trigger(self, data: st.DataObject) -> None:
        order_id = self.at_venue(data)
        if order_id is not None:
            event = self.report(
                reports.ReportTriggered, order_id, venue="v", price=Decimal(9), market_time_us=self.now_us
            )
            has_stop = "STOP" in self.placed[order_id].order_type
            assert event is None or isinstance(event, events.OrderTriggered) == has_stop

    @precondition(lambda self: self.account.orders)
    @rule(data=st.data())
    def cancel(self, data: st.DataObject) -> None:
        order_id = self.choose(data)
        event = self.send(commands.CancelOrder(**self.envelope(), order_id=order_id))
        assert event is None or isinstance(event, events.OrderCancelRequested)

    @precondition(lambda self: self.account.orders)
    @rule(data=st.data(), how=st.sampled_from(["cancel", "expire", "refuse"]))
    def end(self, data: st.DataObject, how: str) -> None:
        order_id = self.at_venue(data)
        if order_id is None:
            return
        if how == "cancel":
            self.report(reports.ReportCanceled, order_id, reason="r")
        elif how == "expire":
            self.report(reports.ReportExpired, order_id, reason="day_over", market_time_us=self.now_us)
        else:
            self.report(reports.ReportRefused, order_id, code="C_D", text="t")
        assert order_id not in self.account.orders

    @precondition(lambda self: self.account.orders)
    @rule(data=st.data(), quantity=st.none() | quantities, price=st.none() | prices)
    def replace(self, data: st.DataObject, quantity: Decimal | None, price: Decimal | None) -> None:
        order_id = self.choose(data)
        name = "limit_price" if self.placed[order_id].limit_price is not None else "protection_price"
        fields: Any = {"quantity": quantity, name: price}
        event = self.send(commands.ReplaceOrder(**self.envelope(), order_id=order_id, **fields))
        assert isinstance(event, events.OrderReplaceRequested | events.CommandRejected)

    @precondition(lambda self: any(order.replacement for order in self.account.orders.values()))
    @rule(data=st.data(), refuse=st.booleans(), late=st.sampled_from([0, 0, 0, -1, 1]))
    def answer(self, data: st.DataObject, refuse: bool, late: int) -> None:
        asked = [order_id for order_id, order in self.account.orders.items() if order.replacement]
        self.answer_of(data.draw(st.sampled_from(asked)), refuse, late)

    def answer_of(self, order_id: str, refuse: bool, late: int) -> None:
        """late: how far beside the newest wish the answer is."""
        revision = self.account.orders[order_id].revision + late
        if refuse:
            event = self.report(reports.ReportReplaceRefused, order_id, revision=revision, code="C_D", text="t")
        else:
            event = self.report(reports.ReportReplaced, order_id, revision=revision, keeps_priority=False)
        assert isinstance(event, events.ReportRejected) == bool(late)

    @precondition(lambda self: self.account.orders)
    @rule(
        data=st.data(),
        more=st.integers(min_value=1, max_value=3).map(Decimal),
        filled=st.integers(min_value=0, max_value=2).map(Decimal),
        refuse=st.booleans(),
        late=st.sampled_from([0, -1, None]),
    )
    def ask_for_more(self, data: st.DataObject, more: Decimal, filled: Decimal, refuse: bool, late: int | None) -> None:
        """A larger order is asked for, some of the old one is filled meanwhile, and the venue answers, or not yet."""
        order_id = self.at_venue(data)
        if order_id is not None:
            self.resize(order_id, self.account.orders[order_id].terms.quantity + more, filled, refuse, late)

    @precondition(lambda self: self.account.orders)
    @rule(data=st.data(), filled=st.integers(min_value=1, max_value=3).map(Decimal), refuse=st.booleans())
    def ask_for_less(self, data: st.DataObject, filled: Decimal, refuse: bool) -> None:
        """An order is to be as small as it is filled when the venue answers."""
        order_id = self.at_venue(data)
        if order_id is not None:
            self.resize(order_id, self.account.orders[order_id].cumulative_quantity + filled, filled, refuse, 0)

    def resize(self, order_id: str, quantity: Decimal, filled: Decimal, refuse: bool, late: int | None) -> None:
        event = self.send(commands.ReplaceOrder(**self.envelope(), order_id=order_id, quantity=quantity))
        if not isinstance(event, events.OrderReplaceRequested):
            return
        self.fill_of(order_id, filled, Decimal(0))
        order = self.account.orders.get(order_id)
        if late is not None and order is not None and order.replacement is not None:
            self.answer_of(order_id, refuse, late)

    @precondition(lambda self: self.account.orders)
    @rule(data=st.data())
    def redispatch(self, data: st.DataObject) -> None:
        order_id = self.at_venue(data)
        if order_id is not None:
            event = self.report(reports.RequestRedispatch, order_id, reason="r")
            (dispatch,) = self.ledger.dispatches_of(event)
            assert dispatch.replacement == self.account.orders[order_id].replacement

    # What must hold

    @invariant()
    def money_and_units_are_what_came_and_went(self) -> None:
        if not self.placed:
            return
        assert Fraction(self.account.cash + self.account.held_cash) == self.cash
        assert self.account.cash >= 0
        for symbol, position in self.account.positions.items():
            assert Fraction(position.quantity) == self.units[symbol]
            assert position.free >= 0
            assert position.held >= 0

    @invariant()
    def holds_cover_every_order_and_nothing_else_is_held(self) -> None:
        if not self.placed:
            return
        holders: dict[int, Order | Group] = {}
        for order in self.account.orders.values():
            holder = self.account.holder(order)
            holders[id(holder)] = holder
            self.check_covered(order, holder)
        assert self.account.held_cash == sum((holder.hold_cash for holder in holders.values()), Decimal(0))
        held = sum((position.held for position in self.account.positions.values()), Decimal(0))
        assert held == sum((holder.hold_quantity for holder in holders.values()), Decimal(0))

    @invariant()
    def nothing_is_held_for_nothing(self) -> None:
        """An order of its own holds what it needs to the cent; legs that share hold for the one that needs most."""
        if not self.placed:
            return
        for order in self.account.orders.values():
            holder = self.account.holder(order)
            asked = [order.terms] if order.replacement is None else [order.terms, order.replacement]
            if isinstance(holder, Group):
                legs = [leg for name in holder.order_ids if (leg := self.account.orders.get(name)) and leg.exclusive]
                asked = [terms for leg in legs for terms in (leg.terms, leg.replacement) if terms is not None]
            most = max(self.need(terms) for terms in asked)
            assert holder.hold_quantity + holder.hold_cash <= most
            if not isinstance(holder, Group) and order.replacement is None and order.status != "SUSPENDED":
                assert holder.hold_quantity + holder.hold_cash == most

    def need(self, terms: OrderTerms) -> Fraction:
        """Units for a sale, cash for a purchase, of what is left of an order under these terms."""
        leaves = max(Fraction(0), Fraction(terms.quantity) - self.seen[terms.order_id])
        if terms.side == "SELL":
            return leaves
        rate = 1 + Fraction(FEE_BPS) / 10_000
        return Fraction(math.ceil(leaves * Fraction(terms.worst_price or 0) * rate * 100), 100)

    def check_covered(self, order: Order, holder: Order | Group) -> None:
        """What may still be filled is held for, under the old and under the new terms."""
        if order.status == "SUSPENDED":
            assert (order.hold_cash, order.hold_quantity) == (0, 0)
            return
        for terms in filter(None, (order.terms, order.replacement)):
            leaves = Fraction(terms.quantity) - self.seen[order.terms.order_id]
            if isinstance(holder, Group):
                leaves = min(leaves, self.rest_of(order.terms))
            if leaves <= 0:
                continue
            if terms.side == "SELL":
                assert holder.hold_quantity >= leaves
            elif not (isinstance(holder, Group) and self.kinds[holder.group_id][0] == "OCO" and self.filled(order)):
                cost = leaves * Fraction(terms.worst_price or 0) * (1 + Fraction(FEE_BPS) / 10_000)
                assert Fraction(holder.hold_cash) >= Fraction(math.floor(cost * 100), 100)

    def filled(self, order: Order) -> bool:
        """Whether a leg of its group was filled, so that the others are on their way out."""
        return any(self.seen[order_id] for order_id in self.kinds[order.terms.group_id or ""][1])

    @invariant()
    def groups_are_those_with_an_open_order(self) -> None:
        if not self.placed:
            return
        assert self.account.groups.keys() == {
            order.terms.group_id for order in self.account.orders.values() if order.terms.group_id
        }
        for group_id, group in self.account.groups.items():
            kind, order_ids = self.kinds[group_id]
            assert group.order_ids == order_ids
            is_waiting = kind != "OCO" and order_ids[0] in self.account.orders
            for order_id in order_ids[1:]:
                order = self.account.orders.get(order_id)
                assert order is None or (order.status == "SUSPENDED") == is_waiting

    @invariant()
    def one_leg_of_an_oco_fills(self) -> None:
        """Once one was filled nobody wants the others; a venue may still fill them before it hears of it."""
        if not self.placed:
            return
        for group_id in self.account.groups:
            kind, order_ids = self.kinds[group_id]
            for order_id in order_ids if kind == "OCO" else ():
                order = self.account.orders.get(order_id)
                if order is not None and order.status != "PENDING_CANCEL":
                    assert not any(self.seen[other] for other in order_ids if other != order_id)

    @invariant()
    def what_is_done_stays_done(self) -> None:
        if not self.placed:
            return
        for order_id in self.done:
            assert order_id not in self.account.orders
        for order_id, closed in self.account.closed.items():
            assert closed.status in TERMINAL
            self.done.add(order_id)

    @invariant()
    def the_fold_of_the_bytes_is_the_state(self) -> None:
        if not self.placed:
            return
        other = Ledger(catalog(SYMBOLS))
        for type_, value in self.records:
            other.fold(schema.decode(type_, value))
        assert other.digest() == self.ledger.digest()
        raw = account_state.dump(self.account)
        assert account_state.dump(account_state.restore(raw)) == raw
