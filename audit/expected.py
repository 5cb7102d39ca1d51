"""What the tables that change must hold, from the domain's own fold of the tape and not from the projections' SQL.

Open orders, cash, units, lots and versions are read off the Ledger's state; what the Ledger forgets (finished orders)
is kept here from the events.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import msgspec

from audit.compare import Place, Row, StateTable, stored, time_of
from audit.expected_desk import CONTROLS, MARKS, ExpectedDesks
from domain import events
from domain.account import Account
from domain.ledger import Ledger
from domain.numbers import ZERO, exact
from domain.orders import Order

ACCOUNTS = StateTable(
    "accounts",
    ("account_id",),
    (
        *("owner", "currency", "lot_method", "fee_bps", "opened_at"),
        *("version", "updated_at", "partition", "record_offset"),
    ),
)
BALANCES = StateTable("balances", ("account_id", "book_account", "commodity"), ("amount",), null_row=(ZERO,))
POSITIONS = StateTable(
    "positions",
    ("account_id", "symbol"),
    ("quantity", "held_quantity", "cost", "realized_pnl", "fees"),
    null_row=(ZERO,) * 5,
)
LOTS = StateTable("lots", ("account_id", "symbol", "lot_id"), ("quantity", "cost", "opened_at"))
BOOK = StateTable("order_book_levels", ("symbol", "side", "price"), ("quantity", "orders"))
ORDERS = StateTable(
    "orders",
    ("order_id",),
    (
        *("account_id", "client_order_id", "symbol", "side", "order_type", "quantity", "limit_price"),
        *("protection_price", "signal_id", "strategy_id", "submitted_at"),
        *("status", "filled_quantity", "leaves_quantity", "filled_value", "fees", "hold_cash", "hold_quantity"),
        *("reject_code", "reject_text", "reject_details", "cancel_reason", "dispatch_epoch", "worker_id", "venue"),
        *("updated_at", "version", "partition", "record_offset"),
    ),
)
STATE_TABLES = (ACCOUNTS, BALANCES, ORDERS, POSITIONS, LOTS, BOOK, CONTROLS, MARKS)
_WORKING = frozenset({"NEW", "PARTIALLY_FILLED", "PENDING_CANCEL"})


class _Order(msgspec.Struct, kw_only=True):
    """What the events say of an order, open or done."""

    account_id: str
    terms: events.OrderTerms
    submitted_at_us: int
    status: str = ""  # of an order that is done
    filled_quantity: Decimal = ZERO
    filled_value: Decimal = ZERO
    fees: Decimal = ZERO
    reject: tuple[str, str, dict[str, str] | None] | None = None
    cancel_reason: str | None = None
    dispatch_epoch: int | None = None
    worker_id: str | None = None
    venue: str | None = None
    last: tuple[int, int, Place] = (0, 0, Place("", 0, 0))  # recorded_at_us, account version, place


class Expected:
    """Takes live ledger events in the order of each tape; then gives the rows of each table.

    Raises BooksError, as Ledger.fold does, on an event that does not follow from what was before.
    """

    def __init__(self, ledger: Ledger) -> None:
        self.ledger = ledger
        self.desks = ExpectedDesks(ledger.desk.ids_kept_us)
        self.touched: dict[tuple[str, Row], Place] = {}
        self._opened: dict[str, int] = {}
        self._orders: dict[str, _Order] = {}

    def take(self, event: events.LedgerEvent, place: Place) -> None:
        """Fold one event."""
        if isinstance(event, events.DeskEvent):
            self.desks.take(event, place)
            return
        self.ledger.fold(event)
        account_id = stored(event.originator_id)
        if event.originator_version > 0:
            self.touched["accounts", (account_id,)] = place
        for leg in event.postings:
            self.touched["balances", (account_id, leg.account, leg.commodity)] = place
            kind, _, symbol = leg.account.partition(":")
            if kind in ("position", "position_hold", "inventory"):
                self.touched["positions", (account_id, symbol)] = place
        if isinstance(event, events.AccountOpened):
            self._opened[event.originator_id] = event.timestamp
        elif isinstance(event, events.OrderAccepted | events.OrderRejected):
            self._place_order(event, place)
        else:
            self._change_order(event, place)

    def _place_order(self, event: events.OrderAccepted | events.OrderRejected, place: Place) -> None:
        order = _Order(account_id=event.originator_id, terms=event.order, submitted_at_us=event.timestamp)
        if isinstance(event, events.OrderRejected):
            order.status, order.reject = "REJECTED", (event.code, event.text, event.details)
        else:
            order.dispatch_epoch = event.dispatch_epoch
        self._orders[event.order.order_id] = order
        self._mark(order, event, place)

    def _change_order(self, event: events.LedgerEvent, place: Place) -> None:
        change = _CHANGES.get(type(event))
        if change is None:
            return
        order = self._orders[event.order_id]  # type: ignore[attr-defined]  # every event in _CHANGES has it
        with exact():
            change(order, event)
        self._mark(order, event, place)
        if isinstance(event, events.OrderFilled):
            account_id = stored(event.originator_id)
            self.touched["lots", (account_id, event.symbol, stored(event.execution_id))] = place
            self.touched["lots", (account_id, event.symbol, "average")] = place
            for use in event.lots:
                self.touched["lots", (account_id, event.symbol, stored(use.lot_id))] = place

    def _mark(self, order: _Order, event: events.LedgerEvent, place: Place) -> None:
        order.last = (event.timestamp, event.originator_version, place)
        terms = order.terms
        self.touched["orders", (stored(terms.order_id),)] = place
        if terms.limit_price is not None:
            self.touched["order_book_levels", (terms.symbol, terms.side, terms.limit_price)] = place

    def last(self) -> dict[tuple[str, Row], Place]:
        """(table, key) -> the last event that touched it."""
        return {**self.touched, **self.desks.touched}

    def digest(self) -> bytes:
        """SHA-256 over all accounts, and over the desks of all partitions that have one."""
        if not self.desks.desks:
            return self.ledger.digest()
        total = hashlib.sha256(self.ledger.digest())
        for _, desk in sorted(self.desks.desks.items()):
            total.update(desk.digest())
        return total.digest()

    def rows(self, table: StateTable) -> dict[Row, Row]:
        """Key -> columns of every row that the table must hold."""
        makers: dict[str, Callable[[], dict[Row, Row]]] = {
            "accounts": self._accounts,
            "balances": self._balances,
            "orders": self._order_rows,
            "positions": self._positions,
            "lots": self._lots,
            "order_book_levels": self._book,
            "desk_controls": self.desks.controls,
            "desk_marks": self.desks.marks,
        }
        return makers[table.name]()

    def _accounts(self) -> dict[Row, Row]:
        return {(stored(account.id),): self._account(account) for account in self.ledger.accounts.values()}

    def _account(self, account: Account) -> Row:
        place = self.touched["accounts", (stored(account.id),)]
        return (
            stored(account.owner),
            account.currency,
            account.lot_method,
            account.fee_bps,
            time_of(self._opened[account.id]),
            account.version,
            time_of(account.updated_at_us),
            place.partition,
            place.offset,
        )

    def _balances(self) -> dict[Row, Row]:
        return {
            (stored(account.id), *key): (amount,)
            for account in self.ledger.accounts.values()
            for key, amount in account.books.items()
        }

    def _positions(self) -> dict[Row, Row]:
        return {
            (stored(account.id), symbol): (
                position.quantity,
                position.held,
                position.cost,
                position.realized_pnl,
                position.fees,
            )
            for account in self.ledger.accounts.values()
            for symbol, position in account.positions.items()
        }

    def _lots(self) -> dict[Row, Row]:
        return {
            (stored(account.id), symbol, stored(lot.lot_id)): (lot.quantity, lot.cost, time_of(lot.opened_at_us))
            for account in self.ledger.accounts.values()
            for symbol, position in account.positions.items()
            for lot in position.lots
        }

    def _book(self) -> dict[Row, Row]:
        levels: dict[Row, tuple[Decimal, int]] = {}
        with exact():
            for _, order in self.ledger.open_orders():
                terms = order.terms
                if terms.order_type == "LIMIT" and order.status in _WORKING:
                    key = (terms.symbol, terms.side, terms.limit_price)
                    quantity, count = levels.get(key, (ZERO, 0))
                    levels[key] = (quantity + order.leaves_quantity, count + 1)
        return dict(levels)

    def _order_rows(self) -> dict[Row, Row]:
        working = {order.terms.order_id: order for _, order in self.ledger.open_orders()}
        return {
            (stored(order_id),): _order_row(order, working.get(order_id)) for order_id, order in self._orders.items()
        }


def _order_row(order: _Order, working: Order | None) -> Row:
    terms, (recorded_at_us, version, place) = order.terms, order.last
    code, text, details = order.reject or (None, None, None)
    return (
        stored(order.account_id),
        stored(terms.client_order_id),
        terms.symbol,
        terms.side,
        terms.order_type,
        terms.quantity,
        terms.limit_price,
        terms.protection_price,
        stored(terms.signal_id),
        stored(terms.strategy_id),
        time_of(order.submitted_at_us),
        order.status if working is None else working.status,
        order.filled_quantity if working is None else working.cumulative_quantity,
        ZERO if working is None else working.leaves_quantity,
        order.filled_value,
        order.fees,
        ZERO if working is None else working.hold_cash,
        ZERO if working is None else working.hold_quantity,
        stored(code),
        stored(text),
        stored(details),
        stored(order.cancel_reason),
        order.dispatch_epoch if working is None else working.dispatch_epoch,
        stored(order.worker_id if working is None else working.worker_id),
        stored(order.venue),
        time_of(recorded_at_us),
        version,
        place.partition,
        place.offset,
    )


def _acknowledged(order: _Order, event: events.OrderAcknowledged) -> None:
    order.worker_id, order.venue = event.worker_id, event.venue


def _filled(order: _Order, event: events.OrderFilled) -> None:
    order.filled_quantity = event.cumulative_quantity
    order.filled_value += event.quantity * event.price
    order.fees += event.fee
    if event.status == "FILLED":
        order.status = "FILLED"


def _cancel_requested(order: _Order, event: events.OrderCancelRequested) -> None:
    order.dispatch_epoch = event.dispatch_epoch


def _canceled(order: _Order, event: events.OrderCanceled) -> None:
    order.status, order.cancel_reason = "CANCELED", event.reason


def _refused(order: _Order, event: events.OrderRefusedByVenue) -> None:
    order.status, order.reject = "REJECTED", (event.code, event.text, None)


def _redispatched(order: _Order, event: events.OrderRedispatched) -> None:
    order.dispatch_epoch, order.worker_id = event.dispatch_epoch, None


_CHANGES: dict[type[Any], Callable[[_Order, Any], None]] = {
    events.OrderAcknowledged: _acknowledged,
    events.OrderFilled: _filled,
    events.OrderCancelRequested: _cancel_requested,
    events.OrderCanceled: _canceled,
    events.OrderRefusedByVenue: _refused,
    events.OrderRedispatched: _redispatched,
}
