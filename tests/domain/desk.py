"""A desk: a ledger of one partition with short ways to send it commands and reports. Prices and sizes as texts."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from domain import commands, ids, reports, schema
from domain.account import IDS_KEPT_US, Account
from domain.account_terms import FeeSchedule
from domain.catalog import catalog
from domain.events import LedgerEvent
from domain.ledger import Ledger
from domain.market import Instrument, TickRef
from domain.terms import OrderTerms
from domain.world import Mark, MarkedPrice, PlainDesk

DAY_US = 24 * 3600 * 1_000_000
START_US = 1_300_000_000_000_000
SYMBOLS = ("AAPL", "IBM")
PRICED = {"quantity", "limit_price", "protection_price", "stop_price", "trail_amount", "trail_bps"}


class Desk:
    """Sends messages to `ledger` for account `acc` and keeps the events they gave. `now_us` is its clock."""

    def __init__(
        self,
        *,
        lot_method: Any = "FIFO",
        fee_bps: str = "0",
        cash: str | None = "10000",
        instruments: tuple[Instrument, ...] = (),
        **opening: Any,
    ) -> None:
        """instruments: besides SYMBOLS, or instead of one of them. opening: further fields of OpenAccount."""
        self.ledger = Ledger({**catalog(SYMBOLS), **{own.symbol: own for own in instruments}})
        self.now_us = START_US
        self.events: list[LedgerEvent] = []
        self.sent = 0
        self.open(lot_method=lot_method, fee_bps=fee_bps, **opening)
        if cash is not None:
            self.deposit(cash)

    @property
    def account(self) -> Account:
        return self.ledger.accounts["acc"]

    def send(self, message: Any, kept_us: int = IDS_KEPT_US) -> Any:
        event = self.ledger.decide(message, self.now_us, kept_us)
        if event is not None:
            self.events.append(event)
        return event

    def refolded(self) -> Ledger:
        """Another ledger that has read all events from their bytes."""
        other = Ledger(self.ledger.catalog)
        for event in self.events:
            other.fold(schema.decode(*schema.encode(event)))
        other.marks.update(self.ledger.marks)  # those that `mark` has put in by hand
        return other

    def mark(self, name: str, price: str, market_time_us: int = START_US) -> None:
        """The market as the ledger knows it from here on: a symbol's price, or a currency pair's rate."""
        self.ledger.marks[name] = Mark(price=Decimal(price), market_time_us=market_time_us)

    def _envelope(self, fields: dict[str, Any]) -> dict[str, Any]:
        self.sent += 1
        return {"command_id": f"cmd_{self.sent}", "account_id": "acc", "issued_at_us": self.now_us} | fields

    # Commands

    def open(self, **fields: Any) -> Any:
        fee_bps = Decimal(fields.pop("fee_bps", "0"))
        return self.send(commands.OpenAccount(**self._envelope({"owner": "Luca Pacioli", "fee_bps": fee_bps} | fields)))

    def deposit(self, amount: str, **fields: Any) -> Any:
        return self.send(commands.Deposit(amount=Decimal(amount), **self._envelope(fields)))

    def withdraw(self, amount: str, **fields: Any) -> Any:
        return self.send(commands.Withdraw(amount=Decimal(amount), **self._envelope(fields)))

    def convert(self, amount: str, from_currency: str, to_currency: str, rate: str, **fields: Any) -> Any:
        own = {"amount": Decimal(amount), "rate": Decimal(rate), "source": "bank"}
        own |= {"from_currency": from_currency, "to_currency": to_currency}
        return self.send(commands.ConvertCash(**self._envelope(own | fields)))

    def set_fees(self, schedule: FeeSchedule | None, **fields: Any) -> Any:
        own = {"fee_schedule": schedule, "changed_by": "Benedetto Cotrugli", "reason": "agreed anew"}
        return self.send(commands.SetFeeSchedule(**self._envelope(own | fields)))

    def locate(self, quantity: str, symbol: str = "AAPL", **fields: Any) -> Any:
        own = {"symbol": symbol, "quantity": Decimal(quantity), "expires_at_us": START_US + DAY_US}
        own |= {"granted_by": "prime broker", "reason": "asked for"}
        return self.send(commands.GrantLocate(**self._envelope(own | fields)))

    def order(self, side: Any, quantity: str, price: str | None = None, **fields: Any) -> commands.SubmitOrder:
        """An order command: LIMIT at `price`, or MARKET when the price is None."""
        fields = self._envelope(fields)
        client_id = fields.pop("client_order_id", f"client-{self.sent}")
        own = {
            "client_order_id": client_id,
            "order_id": ids.order_id(fields["account_id"], client_id),
            "symbol": "AAPL",
            "side": side,
            "order_type": "MARKET" if price is None else "LIMIT",
            "quantity": Decimal(quantity),
            "limit_price": None if price is None else Decimal(price),
        }
        return commands.SubmitOrder(**(own | fields))

    def submit(self, side: Any, quantity: str, price: str | None = None, **fields: Any) -> Any:
        return self.send(self.order(side, quantity, price, **fields))

    def cancel(self, order_id: str, **fields: Any) -> Any:
        return self.send(commands.CancelOrder(order_id=order_id, **self._envelope(fields)))

    def replace(self, order_id: str, **fields: Any) -> Any:
        """Prices and quantities as texts."""
        own = {
            name: Decimal(value) if isinstance(value, str) and name in PRICED else value
            for name, value in fields.items()
        }
        return self.send(commands.ReplaceOrder(order_id=order_id, **self._envelope(own)))

    def terms(
        self, client_order_id: str, side: Any, quantity: str, order_type: Any = "LIMIT", **fields: Any
    ) -> OrderTerms:
        """An order for a group. Prices as texts."""
        own = {
            name: Decimal(value) if isinstance(value, str) and name in PRICED else value
            for name, value in fields.items()
        }
        return OrderTerms(
            order_id=ids.order_id("acc", client_order_id),
            client_order_id=client_order_id,
            symbol=own.pop("symbol", "AAPL"),
            side=side,
            order_type=order_type,
            quantity=Decimal(quantity),
            **own,
        )

    def group(self, kind: Any, *orders: OrderTerms, **fields: Any) -> Any:
        fields = self._envelope(fields)
        name = fields.pop("client_group_id", f"group-{self.sent}")
        own = {"client_group_id": name, "group_id": ids.group_id("acc", name), "kind": kind, "orders": orders}
        return self.send(commands.SubmitOrderGroup(**(own | fields)))

    def prices(self, **prices: str) -> None:
        """Let the ledger know prices by symbol, later ones than before."""
        own = self._envelope({"account_id": self.ledger.desk.id})
        at_us = self.now_us + self.sent
        marks = [
            MarkedPrice(symbol=symbol, price=Decimal(price), market_time_us=at_us) for symbol, price in prices.items()
        ]
        self.send(commands.MarkPrices(**own, marks=tuple(marks)))

    def rebalance(self, weights: dict[str, str], **fields: Any) -> Any:
        """Weights and shares as texts; what they lack to one is the weight of cash."""
        own = self._envelope(fields)
        shares = {name: Decimal(weight) for name, weight in weights.items()}
        own["plan_id"] = own.get("plan_id", ids.plan_id(own["account_id"], own["command_id"]))
        for name in ("cash_weight", "drift_band", "allowance"):
            if name in own:
                own[name] = Decimal(own[name])
        if "cash_weight" not in own:
            own["cash_weight"] = 1 - sum(shares.values(), Decimal(0))
        return self.send(commands.PlanRebalance(weights=shares, **own))

    def cancel_rebalance(self, plan_id: str, **fields: Any) -> Any:
        return self.send(commands.CancelRebalance(plan_id=plan_id, **self._envelope(fields)))

    # Reports

    def triggered(self, order_id: str, price: str = "10", **fields: Any) -> Any:
        own = {"venue": "paper", "price": Decimal(price), "market_time_us": self.now_us, "tick": None}
        return self.send(self.report(reports.ReportTriggered, order_id, **(own | fields)))

    def expired(self, order_id: str, **fields: Any) -> Any:
        own = {"reason": "day_over", "market_time_us": self.now_us}
        return self.send(self.report(reports.ReportExpired, order_id, **(own | fields)))

    def replaced(self, order_id: str, revision: int = 1, **fields: Any) -> Any:
        own = {"revision": revision, "keeps_priority": False}
        return self.send(self.report(reports.ReportReplaced, order_id, **(own | fields)))

    def replace_refused(self, order_id: str, revision: int = 1, **fields: Any) -> Any:
        own = {"revision": revision, "code": "VENUE_TOO_LATE", "text": "too late"}
        return self.send(self.report(reports.ReportReplaceRefused, order_id, **(own | fields)))

    def status(self, order_id: str) -> str:
        order = self.account.order(order_id)
        assert order is not None
        return order.status

    def report(self, kind: Any, order_id: str, **fields: Any) -> Any:
        self.sent += 1
        own = {
            "report_id": f"rep_{self.sent}",
            "account_id": "acc",
            "order_id": order_id,
            "dispatch_epoch": 1,
            "worker_id": "w1",
            "reported_at_us": self.now_us,
        }
        return kind(**(own | fields))

    def acknowledge(self, order_id: str, **fields: Any) -> Any:
        return self.send(self.report(reports.ReportAcknowledged, order_id, **({"venue": "paper"} | fields)))

    def filling(self, order_id: str, quantity: str, price: str, fee: str = "0", **fields: Any) -> Any:
        own = {
            "execution_id": f"exe_{self.sent + 1}",
            "venue": "paper",
            "quantity": Decimal(quantity),
            "price": Decimal(price),
            "fee": Decimal(fee),
            "market_time_us": self.now_us,
        }
        return self.report(reports.ReportFilled, order_id, **(own | fields))

    def fill(self, order_id: str, quantity: str, price: str, fee: str = "0", **fields: Any) -> Any:
        return self.send(self.filling(order_id, quantity, price, fee, **fields))

    def canceled(self, order_id: str, **fields: Any) -> Any:
        return self.send(self.report(reports.ReportCanceled, order_id, **({"reason": "asked"} | fields)))

    def refused(self, order_id: str, **fields: Any) -> Any:
        own = {"code": "VENUE_CLOSED", "text": "the venue is closed"}
        return self.send(self.report(reports.ReportRefused, order_id, **(own | fields)))

    def redispatch(self, order_id: str, **fields: Any) -> Any:
        return self.send(self.report(reports.RequestRedispatch, order_id, **({"reason": "worker_lost"} | fields)))

    def found(self, kind: Any, order_id: str, execution_id: str | None = None, **fields: Any) -> Any:
        """Somebody has compared the venue's records with the ledger's, and found a break."""
        self.sent += 1
        own = {
            "report_id": f"rep_{self.sent}",
            "account_id": "acc",
            "worker_id": "w1",
            "reported_at_us": self.now_us,
            "break_id": ids.break_id(kind, order_id, execution_id),
            "venue": "paper",
            "symbol": "AAPL",
            "expected": "one thing",
            "actual": "another",
            "first_seen_at_us": self.now_us - 10_000_000,
        }
        return self.send(
            reports.ReportBreak(**({**own, "kind": kind, "order_id": order_id, "execution_id": execution_id} | fields))
        )

    def resolved(self, break_id: str, **fields: Any) -> Any:
        self.sent += 1
        own = {
            "report_id": f"rep_{self.sent}",
            "account_id": "acc",
            "order_id": "ord_1",
            "worker_id": "w1",
            "reported_at_us": self.now_us,
            "break_id": break_id,
            "reason": "both have it",
        }
        return self.send(reports.ReportBreakResolved(**(own | fields)))

    # Short cuts

    def trade(
        self, side: Any, quantity: str, price: str, fee: str = "0", *, liquidity: Any = None, **fields: Any
    ) -> Any:
        """A limit order that fills at once and whole at its price; gives the fill."""
        accepted = self.submit(side, quantity, price, **fields)
        return self.fill(accepted.order.order_id, quantity, price, fee, liquidity=liquidity)


def lay_down(ledger: Ledger, view: PlainDesk) -> None:
    """What a desk has laid down, put in by hand: no event says so."""
    ledger.desk.version, ledger.desk.limits, ledger.desk.halted = view.version, view.limits, view.halted
    ledger.desk.strategy_limits = dict(view.strategy_limits)
    ledger.desk.halted_strategies = dict(view.halted_strategies)


def tick(offset: int) -> TickRef:
    return TickRef(partition=0, offset=offset, market_time_us=START_US + offset)


def legs(event: LedgerEvent) -> set[tuple[str, str, Decimal]]:
    """The postings of an event as (book account, commodity, amount)."""
    return {(leg.account, leg.commodity, leg.amount) for leg in event.postings}


def expected(*rows: tuple[str, str, str]) -> set[tuple[str, str, Decimal]]:
    return {(account, commodity, Decimal(amount)) for account, commodity, amount in rows}
