"""The `Account` aggregate: the consistency boundary of the ledger, and the fold of its own events.

Its state is a pure function of its events and of `ids_kept_us`, the time for which ids of finished orders and of
commands are remembered. Forgetting is driven by the events' record times, at most FORGOTTEN_MAX ids an event.
"""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import Mapping
from decimal import Decimal

from domain import folds, journal, remembered
from domain.aggregate import LedgerAggregate
from domain.breaks import OpenBreak
from domain.errors import BooksError
from domain.events import LedgerEvent
from domain.exposures import Exposures, touched
from domain.history import Entry, Execution, Stock, forget
from domain.journal import Balances
from domain.lots import Position
from domain.numbers import ONE, ZERO, cents_up, exact
from domain.orders import ClosedOrder, Group, Order
from domain.plans import Plan
from domain.risk_book import RiskBook
from domain.terms import LotMethod

IDS_KEPT_US = 7 * 24 * 3600 * 1_000_000
REFERENCES_KEPT_US = 400 * 24 * 3600 * 1_000_000
"""For how long references of corporate actions, cash movements and transfers are known: over a year of dividends."""


class Account(LedgerAggregate):
    """One trading account. Money in `currency`; cash, held_cash, fees and realized_pnl (before fees) since opening.

    orders: the open ones by order id; groups: those of which an order is open, by group id; plans: the rebalances under
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
        self.cash = ZERO
        self.held_cash = ZERO
        self.fees = ZERO
        self.realized_pnl = ZERO
        self.positions: dict[str, Position] = {}
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
        actual = self.balance(name)
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

    def balance(self, name: str) -> Decimal | None:
        """A book account's balance as the state has it; None for the counterparts `external` and `market:…`."""
        kind, _, symbol = name.partition(":")
        if symbol:
            position = self.position(symbol)
            units = {"inventory": position.cost, "position": position.free, "position_hold": position.held}
            return units.get(kind)
        money = {"cash": self.cash, "hold": self.held_cash, "fees": self.fees, "realized_pnl": -self.realized_pnl}
        return money.get(kind)

    def trial_balance(self) -> Mapping[str, Decimal]:
        """Every book account but the counterparts, as the state has it, zeros included."""
        names = ["cash", "hold", "fees", "realized_pnl"]
        for symbol in self.positions:
            names += [f"inventory:{symbol}", f"position:{symbol}", f"position_hold:{symbol}"]
        return {name: balance for name in names if (balance := self.balance(name)) is not None}

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

    def hold_for(self, quantity: Decimal, price: Decimal) -> Decimal:
        """Cash to set aside for buying: quantity x price x (1 + fee_bps / 10,000), rounded up to the cent.

        To be called inside domain.numbers.exact().
        """
        return cents_up(quantity * price * (ONE + self.fee_bps.scaleb(-4)))
