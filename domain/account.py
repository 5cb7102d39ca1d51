"""The `Account` aggregate: the consistency boundary of the ledger, and the fold of its own events.

Its state is a pure function of its events and of `ids_kept_us`, the time for which ids of finished orders and of
commands are remembered. Forgetting is driven by the events' record times, at most FORGOTTEN_MAX ids an event.
"""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import Callable, Mapping
from decimal import Decimal

from domain import folds, journal, remembered
from domain.account_terms import AccountType, FeeSchedule, MarginTerms
from domain.aggregate import LedgerAggregate
from domain.borrow import Locate
from domain.breaks import OpenBreak
from domain.errors import BooksError
from domain.events import LedgerEvent
from domain.exposures import Exposures, touched
from domain.funds import Funds
from domain.history import Entry, Execution, forget
from domain.journal import Balances
from domain.lots import Position, Stock
from domain.numbers import CENT, ONE, ZERO, exact, up
from domain.orders import ClosedOrder, Group, Order
from domain.plans import Plan
from domain.risk_book import RiskBook
from domain.terms import LotMethod

IDS_KEPT_US = 7 * 24 * 3600 * 1_000_000
REFERENCES_KEPT_US = 400 * 24 * 3600 * 1_000_000
"""For how long references of corporate actions, cash movements and transfers are known: over a year of dividends."""


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


class Account(LedgerAggregate):
    """One trading account. funds: its money by currency, the base currency `currency` first.

    margin: None for a cash account. fee_schedule: of orders that are accepted from now on, None: no commission.
    locates: what may be borrowed, by locate id, see domain.borrow.
    orders: the open ones by order id; groups: those of which an order is open, by group id; plans: the rebalances under
    way, by plan id; breaks: the differences with the venue that are not resolved, by break id; closed: the finished
    orders that are remembered, oldest first; commands: the commands that are remembered, oldest first; references: what
    operators have done under their own ids, oldest first; history, bases: the fills that can be corrected and the lots
    before them, see domain.history; books: the balances of all postings, see domain.journal; risk: limits and what
    their checks remember. exposures: derived from positions and orders, no part of the state; None: not made.
    """

    NO_STATE = LedgerAggregate.NO_STATE | {"exposures"}

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
        self.groups: dict[str, Group] = {}
        self.plans: dict[str, Plan] = {}
        self.breaks: dict[str, OpenBreak] = {}
        self.closed: OrderedDict[str, ClosedOrder] = OrderedDict()
        self.commands: remembered.Commands = OrderedDict()
        self.references: remembered.Commands = OrderedDict()
        self.history: deque[Entry] = deque()
        self.bases: dict[str, Stock] = {}
        self.books: Balances = {}
        self.risk = RiskBook()
        self.exposures: Exposures | None = None

    # Folding

    def take(self, event: LedgerEvent) -> None:
        """Fold one event. Raises BooksError when its postings do not balance or contradict what it says happened."""
        journal.check_balanced(event.postings)
        with exact():
            folds.risk.note(self, event)
            folds.FOLDS[type(event)](self, event)
            if self.exposures is not None:
                self._follow(event)
            journal.fold_postings(self.books, event.postings)
            for leg in event.postings:
                self._check_leg(leg.account, leg.commodity)
            self._forget(event.timestamp - self.ids_kept_us)

    def _follow(self, event: LedgerEvent) -> None:
        order_ids = touched(event)
        if order_ids is None:
            self.exposures = None
        elif self.exposures is not None:
            self.exposures.follow(self, order_ids)

    def _check_leg(self, name: str, commodity: str) -> None:
        expected = self.books.get((name, commodity), ZERO)
        actual = self.balance(name, commodity)
        if actual is not None and actual != expected:
            raise BooksError(f"account {self.id}: {name} is {actual}, its postings sum to {expected} {commodity}")

    def _forget(self, before_us: int) -> None:
        for _ in range(remembered.FORGOTTEN_MAX):
            if not self.closed or next(iter(self.closed.values())).closed_at_us >= before_us:
                break
            self.closed.popitem(last=False)
        remembered.forget(self.commands, before_us)
        if self.references:
            remembered.forget(self.references, before_us + self.ids_kept_us - REFERENCES_KEPT_US)
        history = self.history
        for _ in range(remembered.FORGOTTEN_MAX):
            if not history or history[0].recorded_at_us >= before_us:
                break
            forget(history.popleft(), self.bases, self.lot_method)

    def remember_command(self, command_id: str, fingerprint: bytes, recorded_at_us: int) -> None:
        remembered.remember(self.commands, command_id, fingerprint, recorded_at_us)

    def remember_reference(self, reference: str, fingerprint: bytes, recorded_at_us: int) -> None:
        remembered.remember(self.references, reference, fingerprint, recorded_at_us)

    def remember_closed(self, order_id: str, closed: ClosedOrder) -> None:
        self.closed.pop(order_id, None)
        self.closed[order_id] = closed
        for plan in list(self.plans.values()):
            if any(order.order_id == order_id for order in plan.orders):
                plan.done.add(order_id)
                if plan.is_over(self):
                    del self.plans[plan.plan_id]

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

    def holder(self, order: Order) -> Order | Group:
        """Whatever holds the cash and the units that are set aside for an open order: itself, or its group."""
        return self.groups[order.terms.group_id or ""] if order.exclusive else order

    def execution(self, execution_id: str) -> Execution | None:
        """A fill that can still be corrected. Looks through all that are remembered, the newest first."""
        for entry in reversed(self.history):
            if isinstance(entry, Execution) and entry.execution_id == execution_id:
                return entry
        return None

    def hold_for(self, quantity: Decimal, price: Decimal, unit: Decimal = CENT) -> Decimal:
        """Cash to set aside for buying: quantity x price x (1 + fee_bps / 10,000), rounded up to the smallest unit.

        To be called inside domain.numbers.exact(). Commissions come on top, see domain.holds.
        """
        return up(quantity * price * (ONE + self.fee_bps.scaleb(-4)), unit)
