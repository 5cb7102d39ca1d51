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
from domain.world import Mark

DAY_US = 24 * 3600 * 1_000_000
START_US = 1_300_000_000_000_000
SYMBOLS = ("AAPL", "IBM")


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

    # Reports

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

    # Short cuts

    def trade(
        self, side: Any, quantity: str, price: str, fee: str = "0", *, liquidity: Any = None, **fields: Any
    ) -> Any:
        """A limit order that fills at once and whole at its price; gives the fill."""
        accepted = self.submit(side, quantity, price, **fields)
        return self.fill(accepted.order.order_id, quantity, price, fee, liquidity=liquidity)


def tick(offset: int) -> TickRef:
    return TickRef(partition=0, offset=offset, market_time_us=START_US + offset)


def legs(event: LedgerEvent) -> set[tuple[str, str, Decimal]]:
    """The postings of an event as (book account, commodity, amount)."""
    return {(leg.account, leg.commodity, leg.amount) for leg in event.postings}


def expected(*rows: tuple[str, str, str]) -> set[tuple[str, str, Decimal]]:
    return {(account, commodity, Decimal(amount)) for account, commodity, amount in rows}
