"""How each event changes the account. Called by Account.take, inside the exact decimal context, once an event.

These functions trust the event (it was decided, or it is on the chain) and read no clock. Account.take then compares
what they did with the event's postings.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from domain import events
from domain.folds import (
    accounts,
    breaks,
    corporate,
    corrections,
    fills,
    groups,
    movements,
    orders,
    rebalance,
    replaces,
    risk,
)

if TYPE_CHECKING:
    from domain.account import Account

FOLDS: dict[type[events.LedgerEvent], Callable[[Account, Any], None]] = {
    events.AccountOpened: accounts.opened,
    events.CashDeposited: accounts.deposited,
    events.CashWithdrawn: accounts.withdrawn,
    events.CashConverted: accounts.converted,
    events.FeeScheduleChanged: accounts.fee_schedule_changed,
    events.LocateGranted: accounts.locate_granted,
    events.OrderAccepted: orders.accepted,
    events.OrderRejected: orders.rejected,
    events.OrderGroupAccepted: groups.accepted,
    events.OrderGroupRejected: groups.rejected,
    events.OrderAcknowledged: orders.acknowledged,
    events.OrderFilled: fills.filled,
    events.OrderTriggered: orders.triggered,
    events.OrderReplaceRequested: replaces.requested,
    events.OrderReplaced: replaces.replaced,
    events.OrderReplaceRefused: replaces.refused,
    events.OrderExpired: orders.expired,
    events.OrderCancelRequested: orders.cancel_requested,
    events.OrderCanceled: orders.canceled,
    events.OrderRefusedByVenue: orders.refused,
    events.OrderRedispatched: orders.redispatched,
    events.RebalancePlanned: rebalance.planned,
    events.RebalanceCanceled: rebalance.canceled,
    events.LimitsSet: risk.limits_set,
    events.OverrideGranted: risk.override_granted,
    events.OverrideRevoked: risk.override_revoked,
    events.StrategyEnabled: risk.strategy_enabled,
    events.KillSwitchEngaged: risk.kill_switch_engaged,
    events.KillSwitchReleased: risk.kill_switch_released,
    events.DividendPaid: corporate.dividend_paid,
    events.SharesSplit: corporate.split,
    events.SymbolChanged: corporate.symbol_changed,
    events.InstrumentDelisted: corporate.delisted,
    events.CashAdjusted: movements.adjusted,
    events.CashTransferredOut: movements.transferred_out,
    events.CashTransferredIn: movements.transferred_in,
    events.CashTransferReturned: movements.returned,
    events.FillCorrected: corrections.corrected,
    events.FillBusted: corrections.busted,
    events.BreakFound: breaks.found,
    events.BreakResolved: breaks.resolved,
}
