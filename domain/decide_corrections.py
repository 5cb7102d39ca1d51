"""Decisions on corrections and busts of fills, by the venue's report or a named operator's command.

They append and never edit. What changes is the difference between two replays of the position's history: as it was, and
with the fill as it is to be. Everything since comes out as it would have: which lots later sales used, what they
earned, fractions of splits, what a delisting paid. Dividends stay as they were paid. See docs/adr/0023.

They carry no fence: which fill it is about stands in the ledger, and it may be corrected long after its order is done,
by whoever hears of it. A report is known by its id, so one that comes again is no event.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Any, NamedTuple

import msgspec

from domain import (
    checks,
    decide_cash,
    fees,
    groups,
    history,
    journal,
    journal_corporate,
    operator_checks,
    surplus,
    trades,
)
from domain.account import Account
from domain.catalog import Catalog
from domain.checks import Refusal, refuse
from domain.commands import BustFill, CorrectFill
from domain.currencies import minor_unit
from domain.errors import BooksError
from domain.events import FillBusted, FillCorrected, LedgerEvent, RestatedAction
from domain.fees import Tally
from domain.history import Entry, Execution, Outcome
from domain.holds import NO_HOLD, Hold
from domain.journal_corporate import Change
from domain.lots import Stock
from domain.numbers import ZERO
from domain.orders import ClosedOrder, Order
from domain.reports import ReportBusted, ReportCorrected
from domain.terms import OrderStatus
from domain.world import World


class Figures(NamedTuple):
    """What a fill is to be taken for. fee: in the fill's currency."""

    quantity: Decimal
    price: Decimal
    fee: Decimal


class Source(NamedTuple):
    """Who says so: report_id for a venue's report, command_id and actor for an operator's command."""

    report_id: str
    command_id: str
    actor: str
    reason: str
    reference: str


def command(account: Account, asked: CorrectFill | BustFill, now_us: int, world: World) -> LedgerEvent:
    """The event of an operator's command; its form, age and novelty have been checked."""
    fill = account.execution(asked.execution_id)
    figures = Figures(asked.quantity, asked.price, asked.fee) if isinstance(asked, CorrectFill) else None
    source = Source("", asked.command_id, asked.actor, asked.reason, asked.reference)
    answer = _restate(account, fill, figures, source, now_us, world, asked.execution_id)
    return decide_cash.rejected(asked, answer, now_us) if isinstance(answer, Refusal) else answer


def report(
    account: Account, message: ReportCorrected | ReportBusted, now_us: int, world: World
) -> LedgerEvent | Refusal | None:
    """The event of a venue's report, or why it is refused; None when its effect is in."""
    fill = account.execution(message.execution_id)
    if fill is not None and fill.order_id != message.order_id:
        fill = None
    if fill is not None and message.report_id in fill.restated_by:
        return None
    figures = Figures(message.quantity, message.price, message.fee) if isinstance(message, ReportCorrected) else None
    source = Source(message.report_id, "", "", checks.clean(message.reason), "")
    return _restate(account, fill, figures, source, now_us, world, message.execution_id)


def _restate(
    account: Account,
    fill: Execution | None,
    figures: Figures | None,
    source: Source,
    now_us: int,
    world: World,
    execution_id: str,
) -> LedgerEvent | Refusal:
    """figures: None for a bust."""
    order = None if fill is None else account.order(fill.order_id)
    if fill is None or order is None:
        text = f"expected a fill of this account that is remembered, {checks.clean(execution_id)} is unknown"
        return refuse("FILL_UNKNOWN", text, execution_id=execution_id)
    if fill.is_busted:
        text = f"expected a fill that stands, {checks.clean(execution_id)} was busted"
        return refuse("FILL_ALREADY_BUSTED", text, execution_id=execution_id)
    cumulative = order.cumulative_quantity - fill.quantity + (ZERO if figures is None else figures.quantity)
    refusal = None if figures is None else _figures(figures, order, cumulative, fill, world.catalog)
    if refusal is not None:
        return refusal
    changed = {"is_busted": True} if figures is None else figures._asdict()
    restated = msgspec.structs.replace(fill, **changed)
    own = [entry for entry in account.history if entry.symbol == fill.symbol]
    before = _replayed(account, fill.symbol, own)
    after = _outcome(account, fill.symbol, [restated if entry is fill else entry for entry in own])
    lots = len(after.stock.lots) + len(after.stock.short_lots)
    return operator_checks.lots_listed(account, fill.symbol, lots) or _recorded(
        account, (fill, restated), (before, after), order, cumulative, source, now_us, world
    )


def _figures(
    figures: Figures, order: Order | ClosedOrder, cumulative: Decimal, fill: Execution, catalog: Catalog
) -> Refusal | None:
    """The same checks as of a fill; what the order may have filled at most is what was ordered."""
    ordered = order.quantity if isinstance(order, ClosedOrder) else order.terms.quantity
    most = ordered - (cumulative - figures.quantity)
    return checks.figures(figures.quantity, figures.price, figures.fee, most, catalog.get(fill.symbol))


def _outcome(account: Account, symbol: str, entries: list[Entry]) -> Outcome:
    return history.replay(account.bases.get(symbol) or Stock(), entries, account.lot_method)


def _replayed(account: Account, symbol: str, entries: list[Entry]) -> Outcome:
    """The replay of what has happened. Raises BooksError unless it ends at the position as it is."""
    outcome, position = _outcome(account, symbol, entries), account.position(symbol)
    if any(getattr(outcome.stock, name) != getattr(position, name) for name in Stock.__struct_fields__):
        raise BooksError(f"account {account.id}: the history of {symbol} does not end at its lots")
    return outcome


def _recorded(
    account: Account,
    fills: tuple[Execution, Execution],
    outcomes: tuple[Outcome, Outcome],
    order: Order | ClosedOrder,
    cumulative: Decimal,
    source: Source,
    now_us: int,
    world: World,
) -> LedgerEvent:
    (old, new), (before, after) = fills, outcomes
    tally = fees.after_restatement(order.tally, old.part, new.part, minor_unit(old.currency))
    commission = ZERO if tally is None or order.tally is None else tally.charged - order.tally.charged
    leaves, status, hold = _of_order(account, order, cumulative, tally, world)
    change = Change(
        quantity=after.effect.quantity - before.effect.quantity,
        cash=after.effect.cash - before.effect.cash - commission,
        realized_pnl=after.effect.realized_pnl - before.effect.realized_pnl,
        fees=after.effect.fees - before.effect.fees,
        commission=commission,
        hold_cash=hold.cash,
        hold_quantity=hold.quantity,
        **journal_corporate.between(before.stock, after.stock),
    )
    postings = journal_corporate.restatement(old.currency, old.symbol, change)
    follow = _consequences(account, order, cumulative, postings, world)
    figures: dict[str, Any] = {} if new.is_busted else {"quantity": new.quantity, "price": new.price, "fee": new.fee}
    return account.record(
        FillBusted if new.is_busted else FillCorrected,
        now_us,
        postings=postings + follow.postings,
        **source._asdict(),
        **figures,
        order_id=old.order_id,
        execution_id=old.execution_id,
        symbol=old.symbol,
        side=old.side,
        market_time_us=old.market_time_us,
        old_quantity=old.quantity,
        old_price=old.price,
        old_fee=old.fee,
        cumulative_quantity=cumulative,
        leaves_quantity=leaves,
        status=status,
        hold_cash=hold.cash,
        hold_quantity=hold.quantity,
        quantity_change=change.quantity,
        cash_change=change.cash,
        realized_pnl_change=change.realized_pnl,
        fees_change=change.fees,
        position_quantity=after.stock.quantity - after.stock.short_quantity,
        position_cost=after.stock.cost - after.stock.short_proceeds,
        position_realized_pnl=account.position(old.symbol).realized_pnl + change.realized_pnl,
        lots=trades.states(after.stock),
        actions=_actions(before, after),
        linked=follow.linked,
        currency=old.currency,
        commission_change=commission,
    )


def _of_order(
    account: Account, order: Order | ClosedOrder, cumulative: Decimal, tally: Tally | None, world: World
) -> tuple[Decimal, OrderStatus, Hold]:
    """Its leaves, its status, and by how much more is set aside for it. A finished order stays finished."""
    if isinstance(order, ClosedOrder):
        return ZERO, order.status, NO_HOLD
    leaves, more_filled = order.terms.quantity - cumulative, cumulative - order.cumulative_quantity
    if more_filled >= 0:
        over = surplus.after(account, order, leaves, world.catalog, filled=more_filled, tally=tally)
        hold = Hold(-over.cash, -over.quantity, order.currency)
    else:
        hold = surplus.lacking(account, order, leaves, world, tally)
    return leaves, _status(order, leaves, cumulative), hold


def _status(order: Order, leaves: Decimal, cumulative: Decimal) -> OrderStatus:
    if not leaves:
        return "FILLED"
    if order.status in ("PENDING_CANCEL", "PENDING_REPLACE"):
        return order.status
    if cumulative:
        return "PARTIALLY_FILLED"
    return "PENDING_NEW" if order.worker_id is None else "NEW"


def _consequences(
    account: Account, order: Order | ClosedOrder, cumulative: Decimal, postings: journal.Postings, world: World
) -> groups.Consequences:
    """What more units mean for the other orders of its group. What followed from units that never were stays."""
    more_filled = cumulative - order.cumulative_quantity
    if isinstance(order, ClosedOrder) or order.terms.group_id is None or more_filled <= 0:
        return groups.NONE
    return groups.after_fill(account, order, more_filled, postings, world)


def _actions(before: Outcome, after: Outcome) -> tuple[RestatedAction, ...]:
    """Corporate actions since the fill that come out differently."""
    changed = []
    for (action, old), (_, new) in zip(before.actions, after.actions, strict=True):
        if new != old:
            changed.append(
                RestatedAction(
                    account_version=action.account_version,
                    market_time_us=action.market_time_us,
                    quantity_change=new.quantity - old.quantity,
                    cash_change=new.cash - old.cash,
                    realized_pnl_change=new.realized_pnl - old.realized_pnl,
                )
            )
    return tuple(changed)
