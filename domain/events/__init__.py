"""The events of the tape `ledger.events` (key: account id). Past tense: what has happened, for ever.

One input gives one event (design promise 1). Every event that moves something carries its own postings, which sum to
zero per commodity (promise 8). Wire names: account_id, account_version, recorded_at_us. `recorded_at_us` is wall time
beside market time and decides nothing but how long ids are remembered.
"""

from __future__ import annotations

from domain.events.accounts import (
    AccountOpened,
    CashConverted,
    CashDeposited,
    CashWithdrawn,
    FeeScheduleChanged,
    LocateGranted,
)
from domain.events.base import LedgerEvent, Posting
from domain.events.breaks import BreakFound, BreakResolved
from domain.events.cash import CashAdjusted, CashTransferredIn, CashTransferredOut, CashTransferReturned
from domain.events.corporate import DividendPaid, InstrumentDelisted, LotState, SharesSplit, SymbolChanged
from domain.events.corrections import FillBusted, FillCorrected, FillRestated, RestatedAction
from domain.events.desk import DeskEvent, DeskLimitsSet, PricesMarked, TradingHalted, TradingResumed
from domain.events.fills import LotUse, OrderFilled
from domain.events.groups import OrderGroupAccepted, OrderGroupRejected
from domain.events.links import LinkedOrder, LinkEffect
from domain.events.operator import OperatorEvent
from domain.events.orders import (
    OrderAccepted,
    OrderAcknowledged,
    OrderCanceled,
    OrderCancelRequested,
    OrderExpired,
    OrderRedispatched,
    OrderRefusedByVenue,
    OrderRejected,
    OrderTriggered,
)
from domain.events.rebalance import RebalanceCanceled, RebalancePlanned
from domain.events.refusals import CommandRejected, ReportRejected
from domain.events.replaces import OrderReplaced, OrderReplaceRefused, OrderReplaceRequested
from domain.events.risk import (
    KillSwitchEngaged,
    KillSwitchReleased,
    LimitsSet,
    OverrideGranted,
    OverrideRevoked,
    StrategyEnabled,
)
from domain.terms import TERMINAL, OrderStatus, OrderTerms

LEDGER_EVENTS: tuple[type[LedgerEvent], ...] = (
    AccountOpened,
    CashDeposited,
    CashWithdrawn,
    CashConverted,
    FeeScheduleChanged,
    LocateGranted,
    OrderAccepted,
    OrderRejected,
    OrderGroupAccepted,
    OrderGroupRejected,
    OrderAcknowledged,
    OrderTriggered,
    OrderFilled,
    OrderReplaceRequested,
    OrderReplaced,
    OrderReplaceRefused,
    OrderCancelRequested,
    OrderCanceled,
    OrderExpired,
    OrderRefusedByVenue,
    OrderRedispatched,
    RebalancePlanned,
    RebalanceCanceled,
    LimitsSet,
    OverrideGranted,
    OverrideRevoked,
    StrategyEnabled,
    KillSwitchEngaged,
    KillSwitchReleased,
    DividendPaid,
    SharesSplit,
    SymbolChanged,
    InstrumentDelisted,
    CashAdjusted,
    CashTransferredOut,
    CashTransferredIn,
    CashTransferReturned,
    FillCorrected,
    FillBusted,
    BreakFound,
    BreakResolved,
    CommandRejected,
    ReportRejected,
    DeskLimitsSet,
    TradingHalted,
    TradingResumed,
    PricesMarked,
)

__all__ = [
    "LEDGER_EVENTS",
    "TERMINAL",
    "AccountOpened",
    "BreakFound",
    "BreakResolved",
    "CashAdjusted",
    "CashConverted",
    "CashDeposited",
    "CashTransferReturned",
    "CashTransferredIn",
    "CashTransferredOut",
    "CashWithdrawn",
    "CommandRejected",
    "DeskEvent",
    "DeskLimitsSet",
    "DividendPaid",
    "FeeScheduleChanged",
    "FillBusted",
    "FillCorrected",
    "FillRestated",
    "InstrumentDelisted",
    "KillSwitchEngaged",
    "KillSwitchReleased",
    "LedgerEvent",
    "LimitsSet",
    "LinkEffect",
    "LinkedOrder",
    "LocateGranted",
    "LotState",
    "LotUse",
    "OperatorEvent",
    "OrderAccepted",
    "OrderAcknowledged",
    "OrderCancelRequested",
    "OrderCanceled",
    "OrderExpired",
    "OrderFilled",
    "OrderGroupAccepted",
    "OrderGroupRejected",
    "OrderRedispatched",
    "OrderRefusedByVenue",
    "OrderRejected",
    "OrderReplaceRefused",
    "OrderReplaceRequested",
    "OrderReplaced",
    "OrderStatus",
    "OrderTerms",
    "OrderTriggered",
    "OverrideGranted",
    "OverrideRevoked",
    "Posting",
    "PricesMarked",
    "RebalanceCanceled",
    "RebalancePlanned",
    "ReportRejected",
    "RestatedAction",
    "SharesSplit",
    "StrategyEnabled",
    "SymbolChanged",
    "TradingHalted",
    "TradingResumed",
]
