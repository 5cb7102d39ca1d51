"""The `Account` aggregate: the consistency boundary of the ledger, and the fold of its own events.

Its state is a pure function of its events and of `ids_kept_us`, the time for which ids of finished orders and of
commands are remembered. Forgetting is driven by the events' record times, at most FORGOTTEN_MAX ids an event.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any, TypeVar

import msgspec
from eventsourcing.domain import BaseAggregate

from domain import canonical, folds, journal
from domain.account_terms import AccountType, FeeSchedule, MarginTerms
from domain.borrow import Locate
from domain.errors import BooksError
from domain.events import LedgerEvent, Posting
from domain.funds import Funds
from domain.journal import Balances
from domain.lots import Position
from domain.numbers import CENT, ONE, ZERO, exact, up
from domain.orders import ClosedOrder, Order
from domain.terms import LotMethod

E = TypeVar("E", bound=LedgerEvent)

IDS_KEPT_US = 7 * 24 * 3600 * 1_000_000
FORGOTTEN_MAX = 4


# Book accounts as the state has them: of money per currency, of positions per symbol.
_MONEY: dict[str, Callable[[Funds], Decimal]] = {
    "cash": lambda own: own.free,
    "hold": lambda own: own.held,
    "fees": lambda own: own.fees,
    "commission": lambda own: own.commissions,
    "realized_pnl": lambda own: -own.realized_pnl,
}
_UNITS: dict[str, Callable[[Position], Decimal]] = {
    "inventory": lambda own: own.cost,
    "short_proceeds": lambda own: -own.short_proceeds,
    "position": lambda own: own.free,
    "position_hold": lambda own: own.held,
    "position_short": lambda own: -own.short_quantity,
}
_COSTS = frozenset({"inventory", "short_proceeds"})


class TakenCommand(msgspec.Struct, frozen=True, kw_only=True):
    """A command that was carried out: its content's fingerprint, and when it was recorded."""

    fingerprint: bytes
    recorded_at_us: int


class Account(BaseAggregate[str]):
    """One trading account. funds: its money by currency, the base currency `currency` first.

    margin: None for a cash account. fee_schedule: of orders that are accepted from now on, None: no commission.
    locates: what may be borrowed, by locate id, see domain.borrow.
    orders: the open ones by order id; closed: the finished ones that are remembered, oldest first; commands: the
    commands that are remembered, oldest first; books: the balances of all postings, see domain.journal.
    """

    @classmethod
    def unopened(cls, account_id: str, ids_kept_us: int) -> Account:
        """An account before its first event (version 0)."""
        account = cls.__new__(cls)
        account.__base_init__(account_id, 0, 0)  # type: ignore[arg-type]  # our times are integers
        account._start(ids_kept_us)
        return account

    def _start(self, ids_kept_us: int) -> None:
        self.ids_kept_us = ids_kept_us
        self.owner = ""
        self.currency = ""
        self.lot_method: LotMethod = "FIFO"
        self.fee_bps = ZERO
        self.margin: MarginTerms | None = None
        self.fee_schedule: FeeSchedule | None = None
        self.funds: dict[str, Funds] = {}
        self.positions: dict[str, Position] = {}
        self.locates: dict[str, Locate] = {}
        self.orders: dict[str, Order] = {}
        self.closed: OrderedDict[str, ClosedOrder] = OrderedDict()
        self.commands: OrderedDict[str, TakenCommand] = OrderedDict()
        self.books: Balances = {}

    @property
    def updated_at_us(self) -> int:
        """The record time of the newest event, microseconds since 1970 UTC."""
        return self._modified_on  # type: ignore[return-value]  # our times are integers

    # Making events

    def record(self, event_class: type[E], now_us: int, *, postings: tuple[Posting, ...] = (), **fields: Any) -> E:
        """Make the account's next event, fold it in and return it.

        Its record time is never below that of the event before, so that a clock that is set back forgets nothing.
        """
        self.trigger_event(event_class, timestamp=self.clock(now_us), postings=postings, **fields)
        (event,) = self.collect_events()
        assert isinstance(event, event_class)
        return event

    def clock(self, now_us: int) -> int:
        """`now_us`, or the newest event's record time when that is later."""
        return max(now_us, self.updated_at_us)

    # Folding

    def take(self, event: LedgerEvent) -> None:
        """Fold one event. Raises BooksError when its postings do not balance or contradict what it says happened."""
        journal.check_balanced(event.postings)
        with exact():
            folds.FOLDS[type(event)](self, event)
            journal.fold_postings(self.books, event.postings)
            for leg in event.postings:
                self._check_leg(leg.account, leg.commodity)
        self._forget(event.timestamp - self.ids_kept_us)

    def _check_leg(self, name: str, commodity: str) -> None:
        expected = self.books.get((name, commodity), ZERO)
        actual = self.balance(name, commodity)
        if actual is not None and actual != expected:
            raise BooksError(f"account {self.id}: {name} is {actual}, its postings sum to {expected} {commodity}")

    def _forget(self, before_us: int) -> None:
        for _ in range(FORGOTTEN_MAX):
            if not self.closed or next(iter(self.closed.values())).closed_at_us >= before_us:
                break
            self.closed.popitem(last=False)
        for _ in range(FORGOTTEN_MAX):
            if not self.commands or next(iter(self.commands.values())).recorded_at_us >= before_us:
                break
            self.commands.popitem(last=False)

    def remember_command(self, command_id: str, fingerprint: bytes, recorded_at_us: int) -> None:
        self.commands.pop(command_id, None)
        self.commands[command_id] = TakenCommand(fingerprint=fingerprint, recorded_at_us=recorded_at_us)

    def remember_closed(self, order_id: str, closed: ClosedOrder) -> None:
        self.closed.pop(order_id, None)
        self.closed[order_id] = closed

    # Reading

    @property
    def account_type(self) -> AccountType:
        return "CASH" if self.margin is None else "MARGIN"

    @property
    def base(self) -> Funds:
        """The money in the base currency."""
        return self.funds[self.currency]

    @property
    def cash(self) -> Decimal:
        """Free cash in the base currency."""
        return self.base.free

    @property
    def held_cash(self) -> Decimal:
        """Cash in the base currency that is set aside."""
        return self.base.held

    @property
    def fees(self) -> Decimal:
        """The venues' fees in the base currency."""
        return self.base.fees

    @property
    def realized_pnl(self) -> Decimal:
        """In the base currency, before fees and commissions."""
        return self.base.realized_pnl

    def balance(self, name: str, commodity: str) -> Decimal | None:
        """A book account's balance as the state has it; None for counterparts: external, conversion, market:…."""
        kind, _, symbol = name.partition(":")
        if symbol:
            read = _UNITS.get(kind)
            return None if read is None else read(self.position(symbol))
        amount = _MONEY.get(kind)
        return None if amount is None else amount(self.funds[commodity])

    def trial_balance(self) -> Mapping[tuple[str, str], Decimal]:
        """Every book account but the counterparts by name and commodity, as the state has it, zeros included."""
        found = {(kind, currency): read(own) for currency, own in self.funds.items() for kind, read in _MONEY.items()}
        for symbol, position in self.positions.items():
            for kind, amount in _UNITS.items():
                commodity = position.currency if kind in _COSTS else symbol
                found[f"{kind}:{symbol}", commodity] = amount(position)
        return found

    def position(self, symbol: str) -> Position:
        """The position in a symbol; an empty one, not kept, when there never was any."""
        return self.positions.get(symbol) or Position()

    def order(self, order_id: str) -> Order | ClosedOrder | None:
        """An open order, a finished one that is remembered, or None."""
        return self.orders.get(order_id) or self.closed.get(order_id)

    def hold_for(self, quantity: Decimal, price: Decimal, unit: Decimal = CENT) -> Decimal:
        """Cash to set aside for buying: quantity x price x (1 + fee_bps / 10,000), rounded up to the smallest unit.

        To be called inside domain.numbers.exact(). Commissions come on top, see domain.holds.
        """
        return up(quantity * price * (ONE + self.fee_bps.scaleb(-4)), unit)

    def digest(self) -> bytes:
        """SHA-256 over the whole state; equal for equal folds."""
        state = {name: value for name, value in vars(self).items() if name not in {"_pending_events", "_created_on"}}
        return canonical.digest(state)
