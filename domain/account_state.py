"""The whole state of an account as bytes, and back: what a snapshot of the ledger holds.

Equal accounts give equal bytes. What comes back has the same digest, goes on with the same decisions and gives the
same bytes of events: decimals keep their exponents, and mappings their order.
Verification: tests/domain/test_account_state.py, under random trading; a pinned history there says when
`STATE_VERSION` must be raised.
"""

from __future__ import annotations

from collections import OrderedDict, deque
from decimal import Decimal

import msgspec

from domain.account import Account
from domain.account_terms import FeeSchedule, MarginTerms
from domain.borrow import Locate
from domain.breaks import OpenBreak
from domain.errors import BooksError
from domain.funds import Funds
from domain.history import Entry
from domain.lots import Lot, Position, stock_of
from domain.orders import ClosedOrder, Group, Order
from domain.plans import Plan
from domain.remembered import TakenCommand
from domain.risk_book import RiskBookState, book_of, state_of
from domain.terms import LotMethod

STATE_VERSION = 2
"""To be raised with every change of what a state holds, or of what an event does to it."""


class _PositionState(msgspec.Struct, frozen=True, array_like=True):
    """The attributes of domain.lots.Position, its deques as lists."""

    symbol: str
    currency: str
    free: Decimal
    held: Decimal
    cost: Decimal
    realized_pnl: Decimal
    fees: Decimal
    lots: list[Lot]
    short_quantity: Decimal
    short_proceeds: Decimal
    short_lots: list[Lot]


class _AccountState(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The attributes of domain.account.Account; mappings as lists, in their order."""

    account_id: str
    version: int
    updated_at_us: int
    ids_kept_us: int
    owner: str
    currency: str
    lot_method: LotMethod
    fee_bps: Decimal
    margin: MarginTerms | None
    fee_schedule: FeeSchedule | None
    funds: list[tuple[str, Funds]]
    positions: list[_PositionState]
    locates: list[tuple[str, Locate]]
    orders: list[Order]
    groups: list[Group]
    plans: list[Plan]
    breaks: list[tuple[str, OpenBreak]]
    closed: list[tuple[str, ClosedOrder]]
    commands: list[tuple[str, TakenCommand]]
    references: list[tuple[str, TakenCommand]]
    history: list[Entry]
    bases: list[tuple[str, list[Lot], list[Lot]]]
    books: list[tuple[str, str, Decimal]]
    risk: RiskBookState


# Deterministic: sets are written in the order of their members; struct fields are, too.
_encoder = msgspec.msgpack.Encoder(decimal_format="string", order="deterministic")
_decoder = msgspec.msgpack.Decoder(_AccountState)


def dump(account: Account) -> bytes:
    """The state as MessagePack."""
    return _encoder.encode(
        _AccountState(
            account_id=account.id,
            version=account.version,
            updated_at_us=account.updated_at_us,
            ids_kept_us=account.ids_kept_us,
            owner=account.owner,
            currency=account.currency,
            lot_method=account.lot_method,
            fee_bps=account.fee_bps,
            margin=account.margin,
            fee_schedule=account.fee_schedule,
            funds=list(account.funds.items()),
            positions=[_packed(symbol, position) for symbol, position in account.positions.items()],
            locates=list(account.locates.items()),
            orders=list(account.orders.values()),
            groups=list(account.groups.values()),
            plans=list(account.plans.values()),
            breaks=list(account.breaks.items()),
            closed=list(account.closed.items()),
            commands=list(account.commands.items()),
            references=list(account.references.items()),
            history=list(account.history),
            bases=[(symbol, list(base.lots), list(base.short_lots)) for symbol, base in account.bases.items()],
            books=[(name, commodity, amount) for (name, commodity), amount in account.books.items()],
            risk=state_of(account.risk),
        )
    )


def restore(raw: bytes) -> Account:
    """The account that was dumped. Raises BooksError when the bytes are no state of this version."""
    try:
        state = _decoder.decode(raw)
    except msgspec.DecodeError as error:
        raise BooksError(f"not the state of an account, version {STATE_VERSION}: {error}") from error
    account = Account.unopened(state.account_id, state.ids_kept_us)
    account.version = state.version
    account.modified_on = state.updated_at_us  # type: ignore[assignment]  # our times are integers
    account.owner = state.owner
    account.currency = state.currency
    account.lot_method = state.lot_method
    account.fee_bps = state.fee_bps
    account.margin = state.margin
    account.fee_schedule = state.fee_schedule
    account.funds = dict(state.funds)
    account.positions = {own.symbol: _unpacked(own) for own in state.positions}
    account.locates = dict(state.locates)
    account.orders = {order.terms.order_id: order for order in state.orders}
    account.groups = {group.group_id: group for group in state.groups}
    account.plans = {plan.plan_id: plan for plan in state.plans}
    account.breaks = dict(state.breaks)
    account.closed = OrderedDict(state.closed)
    account.commands = OrderedDict(state.commands)
    account.references = OrderedDict(state.references)
    account.history = deque(state.history)
    account.bases = {symbol: stock_of(lots, short_lots) for symbol, lots, short_lots in state.bases}
    account.books = {(name, commodity): amount for name, commodity, amount in state.books}
    account.risk = book_of(state.risk)
    return account


def _packed(symbol: str, position: Position) -> _PositionState:
    fields = {name: getattr(position, name) for name in position.__struct_fields__}
    lots = {"lots": list(position.lots), "short_lots": list(position.short_lots)}
    return _PositionState(symbol=symbol, **(fields | lots))


def _unpacked(state: _PositionState) -> Position:
    fields = {name: getattr(state, name) for name in Position.__struct_fields__}
    return Position(**(fields | {"lots": deque(state.lots), "short_lots": deque(state.short_lots)}))
