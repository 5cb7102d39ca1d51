"""What the tables that change must hold, from the domain's own fold of the tape and not from the projections' SQL.

Open orders, cash, units, lots and versions are read off the Ledger's state; what the Ledger forgets (finished orders)
is kept from the events: of orders in audit/expected_orders.py, of the order book in audit/expected_book.py, of breaks
in audit/expected_breaks.py. Users and keys, which are on another tape, are audit/expected_access.py's; what came of
signals, on a third, is audit/expected_outcomes.py's; which inputs each tape answers is audit/expected_causes.py's.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from typing import Any

import msgspec

from audit import expected_access
from audit.compare import Place, Row, StateTable, stored, time_of
from audit.expected_access import ExpectedAccess
from audit.expected_book import ENTRIES, LEVELS, SPANS, Book
from audit.expected_breaks import BREAKS, Breaks
from audit.expected_causes import CAUSES, ExpectedCauses
from audit.expected_desk import CONTROLS, MARKS, ExpectedDesks
from audit.expected_orders import CHANGES_NO_ORDER, GROUPS, ORDERS, Orders, touched
from audit.expected_outcomes import COUNTS, ExpectedOutcomes
from domain import events
from domain.account import Account
from domain.account_terms import FeeSchedule, MarginTerms
from domain.ledger import Ledger
from domain.lots import POOLED_LOT, POOLED_SHORT_LOT
from domain.numbers import ZERO
from projections.positions import BOOK_ACCOUNTS

ACCOUNTS = StateTable(
    "accounts",
    ("account_id",),
    (
        *("owner", "currency", "lot_method", "fee_bps", "opened_at"),
        *("version", "updated_at", "partition", "record_offset", "currencies", "margin", "fee_schedule"),
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
STATE_TABLES = (
    *(ACCOUNTS, BALANCES, ORDERS, GROUPS, POSITIONS, LOTS, LEVELS, ENTRIES, SPANS, CONTROLS, MARKS, BREAKS),
    *(expected_access.USERS, expected_access.KEYS, CAUSES, COUNTS),
)


class Expected:
    """Takes live ledger events in the order of each tape; then gives the rows of each table.

    Raises BooksError, as Ledger.fold does, on an event that does not follow from what was before.
    """

    def __init__(self, ledger: Ledger) -> None:
        self.ledger = ledger
        self.desks = ExpectedDesks(ledger.desk.ids_kept_us)
        self.touched: dict[tuple[str, Row], Place] = {}
        self._opened: dict[str, int] = {}
        self._orders = Orders(ledger)
        self._book = Book()
        self._breaks = Breaks(ledger)
        self.access = ExpectedAccess()
        self.causes = ExpectedCauses()
        self.outcomes = ExpectedOutcomes()

    def take(self, event: events.LedgerEvent, place: Place) -> list[Row]:
        """Fold one event, and give the rows that order_history must have of it."""
        if isinstance(event, events.DeskEvent):
            self.desks.take(event, place)
            return []
        self._orders.before(event)
        self.ledger.fold(event)
        account_id = stored(event.originator_id)
        if event.originator_version > 0:
            self.touched["accounts", (account_id,)] = place
        for leg in event.postings:
            self.touched["balances", (account_id, leg.account, leg.commodity)] = place
            kind, _, symbol = leg.account.partition(":")
            if kind in BOOK_ACCOUNTS:
                self.touched["positions", (account_id, symbol)] = place
        for lot in _restated_lots(event):
            self.touched["lots", (account_id, *lot)] = place
        if isinstance(event, events.AccountOpened):
            self._opened[event.originator_id] = event.timestamp
        elif isinstance(event, events.OrderFilled):
            self._mark_lots(event, place)
        steps = self._orders.after(event, place)
        if (key := self._breaks.take(event, place)) is not None:
            self.touched["reconciliation_breaks", key] = place
        if not isinstance(event, CHANGES_NO_ORDER):
            self._move_book(event, place)
        return steps

    def _mark_lots(self, event: events.OrderFilled, place: Place) -> None:
        for lot_id in (event.execution_id, POOLED_LOT, POOLED_SHORT_LOT, *(use.lot_id for use in event.lots)):
            self.touched["lots", (stored(event.originator_id), event.symbol, stored(lot_id))] = place

    def _move_book(self, event: events.LedgerEvent, place: Place) -> None:
        for order_id, _ in touched(event):
            order = self._orders.known.get(order_id)
            if order is None:
                continue
            self.touched["orders", (stored(order_id),)] = place
            if order.terms.group_id is not None:
                self.touched["order_groups", (stored(order.terms.group_id),)] = place
            for key in self._book.take(order_id, order, event, place):
                self.touched[key] = place

    def last(self) -> dict[tuple[str, Row], Place]:
        """(table, key) -> the last event that touched it."""
        return {
            **self.touched,
            **self.desks.touched,
            **self.access.touched,
            **self.causes.touched,
            **self.outcomes.touched,
        }

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
            "orders": self._orders.rows,
            "order_groups": self._orders.group_rows,
            "positions": self._positions,
            "lots": self._lots,
            "order_book_levels": self._book.levels,
            "order_book_orders": self._book.entries,
            "order_book_history": self._book.spans,
            "desk_controls": self.desks.controls,
            "desk_marks": self.desks.marks,
            "reconciliation_breaks": self._breaks.rows,
            "access_users": self.access.users,
            "access_keys": self.access.keys,
            "tape_causes": self.causes.rows,
            "model_outcomes": self.outcomes.rows,
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
            [currency for currency in account.funds if currency != account.currency],
            _terms(account.margin),
            _terms(account.fee_schedule),
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
                position.net_quantity,
                position.held,
                position.cost - position.short_proceeds,
                position.realized_pnl,
                position.fees,
            )
            for account in self.ledger.accounts.values()
            for symbol, position in account.positions.items()
        }

    def _lots(self) -> dict[Row, Row]:
        """Lots of a short leg are below zero."""
        return {
            (stored(account.id), symbol, stored(lot.lot_id)): (
                sign * lot.quantity,
                sign * lot.cost,
                time_of(lot.opened_at_us),
            )
            for account in self.ledger.accounts.values()
            for symbol, position in account.positions.items()
            for sign, lots in ((1, position.lots), (-1, position.short_lots))
            for lot in lots
        }


def _terms(terms: FeeSchedule | MarginTerms | None) -> Any:
    """As PostgreSQL gives the jsonb back; what has its default is left out where the event leaves it out."""
    return None if terms is None else json.loads(msgspec.json.encode(terms))


def _restated_lots(event: events.LedgerEvent) -> list[tuple[str, str]]:
    """Symbol and id of the lots that an event states anew."""
    if isinstance(event, events.SharesSplit | events.FillRestated):
        return [(event.symbol, stored(lot.lot_id)) for lot in event.lots]
    return []
