"""The events of the tape `ledger.events` (key: account id). Past tense: what has happened, for ever.

One input gives one event (design promise 1). Every event that moves something carries its own postings, which sum to
zero per commodity (promise 8). Wire names: account_id, account_version, recorded_at_us. `recorded_at_us` is wall time
beside market time and decides nothing but how long ids are remembered.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated, Any, Literal

import msgspec
from eventsourcing.domain import CanMutateAggregate

from domain.commands import LotMethod, OrderType, Side
from domain.market import TickRef
from domain.reports import FillEvidence

OrderStatus = Literal[
    "PENDING_NEW", "NEW", "PARTIALLY_FILLED", "FILLED", "PENDING_CANCEL", "CANCELED", "REJECTED"
]  # FIX OrdStatus (tag 39) names
TERMINAL: frozenset[str] = frozenset({"FILLED", "CANCELED", "REJECTED"})


class Posting(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One leg of an entry: `account` is a name in the chart of accounts, such as `cash` or `inventory:AAPL`."""

    account: str
    commodity: str
    amount: Decimal


class LotUse(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Units taken from one lot by a sale. cost: what those units cost, in the account's currency, fees excluded."""

    lot_id: str
    quantity: Decimal
    cost: Decimal


class LedgerEvent(
    msgspec.Struct,
    CanMutateAggregate[str],
    frozen=True,
    kw_only=True,
    forbid_unknown_fields=True,
    rename={
        "originator_id": "account_id",
        "originator_version": "account_version",
        "timestamp": "recorded_at_us",
    },
):
    """What every ledger event has. `originator_version` is 0 when the event changes no account."""

    originator_id: str
    originator_version: int
    # An int, microseconds since 1970 UTC; eventsourcing's own type for it is datetime.
    timestamp: Annotated[Any, msgspec.Meta(extra_json_schema={"type": "integer"})]
    postings: tuple[Posting, ...] = ()

    def apply(self, aggregate: Any) -> None:
        """Called by `mutate` after it has checked id and version; `aggregate` is a domain.account.Account."""
        aggregate.take(self)


class AccountOpened(LedgerEvent, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The account exists from here on (version 1)."""

    command_id: str
    owner: str
    currency: str
    lot_method: LotMethod
    fee_bps: Decimal


class CashDeposited(LedgerEvent, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Cash came in from outside; `amount` is above zero."""

    command_id: str
    amount: Decimal
    currency: str


class CashWithdrawn(LedgerEvent, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Free cash went out; `amount` is above zero."""

    command_id: str
    amount: Decimal
    currency: str


class OrderTerms(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What was asked for. The fields are those of domain.commands.SubmitOrder."""

    order_id: str
    client_order_id: str
    symbol: str
    side: Side
    order_type: OrderType
    quantity: Decimal
    limit_price: Decimal | None = None
    protection_price: Decimal | None = None
    active_after: TickRef | None = None
    active_from_us: int | None = None
    signal_id: str | None = None
    strategy_id: str | None = None


class OrderAccepted(LedgerEvent, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Checked, held and ready for dispatch (status PENDING_NEW).

    hold_cash: cash set aside (BUY), in the account's currency. hold_quantity: units set aside (SELL).
    """

    command_id: str
    order: OrderTerms
    hold_cash: Decimal
    hold_quantity: Decimal
    dispatch_epoch: int


class OrderRejected(LedgerEvent, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The order did not pass a check. code: stable CATEGORY_CONDITION; details: the values that failed."""

    command_id: str
    order: OrderTerms
    code: str
    text: str
    details: dict[str, str]


class OrderAcknowledged(LedgerEvent, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The venue has it (status NEW). active_after: it fills from the first tick of its symbol after this one."""

    report_id: str
    order_id: str
    dispatch_epoch: int
    worker_id: str
    venue: str
    active_after: TickRef | None


class OrderFilled(LedgerEvent, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Part or all was executed. The postings move the hold, the money, the units, the cost, the fee and the P&L.

    lots: for a sale, the lots it consumed. realized_pnl: proceeds less their cost, before fees; zero for a purchase.
    released_cash: the part of the hold that is no longer needed. status: PARTIALLY_FILLED, PENDING_CANCEL or FILLED.
    """

    report_id: str
    order_id: str
    execution_id: str
    dispatch_epoch: int
    symbol: str
    side: Side
    venue: str
    quantity: Decimal
    price: Decimal
    fee: Decimal
    cumulative_quantity: Decimal
    leaves_quantity: Decimal
    status: OrderStatus
    realized_pnl: Decimal
    released_cash: Decimal
    lots: tuple[LotUse, ...]
    market_time_us: int
    evidence: FillEvidence | None = None


class OrderCancelRequested(LedgerEvent, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Somebody wants what is left cancelled; the venue has the last word (status PENDING_CANCEL)."""

    command_id: str
    order_id: str
    dispatch_epoch: int


class OrderCanceled(LedgerEvent, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What was left is void and its hold released (status CANCELED)."""

    report_id: str
    order_id: str
    dispatch_epoch: int
    reason: str
    canceled_quantity: Decimal
    released_cash: Decimal
    released_quantity: Decimal


class OrderRefusedByVenue(LedgerEvent, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The venue did not take the order; the hold is released (status REJECTED)."""

    report_id: str
    order_id: str
    dispatch_epoch: int
    code: str
    text: str
    released_cash: Decimal
    released_quantity: Decimal


class OrderRedispatched(LedgerEvent, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The order goes to the engine again under a higher epoch; reports of lower epochs are refused from here on."""

    report_id: str
    order_id: str
    dispatch_epoch: int
    reason: str


class CommandRejected(LedgerEvent, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A command was refused that is no fresh, well-formed order of a known account (that would be OrderRejected).

    Such as a withdrawal without cover, an order for an unknown account, an order id used again with other content, a
    command that is too old. account_version is 0: it changes no account. Texts that are no text (control characters,
    more than 128 characters) stand here escaped and cut, account_id and command_id included.
    """

    command_id: str
    command_type: str
    code: str
    text: str
    details: dict[str, str]


class ReportRejected(LedgerEvent, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A report that the ledger does not take: stale epoch, unknown or finished order, overfill.

    account_version is 0: it changes no account.
    """

    report_id: str
    report_type: str
    order_id: str
    code: str
    text: str
    details: dict[str, str]


LEDGER_EVENTS: tuple[type[LedgerEvent], ...] = (
    AccountOpened,
    CashDeposited,
    CashWithdrawn,
    OrderAccepted,
    OrderRejected,
    OrderAcknowledged,
    OrderFilled,
    OrderCancelRequested,
    OrderCanceled,
    OrderRefusedByVenue,
    OrderRedispatched,
    CommandRejected,
    ReportRejected,
)
