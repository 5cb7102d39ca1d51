"""Bodies of accounts.

Made by `python -m client.codegen` from the OpenAPI document. Do not edit.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any, Literal, TypeAlias

from tapeledger_client.model import Model, Open
from tapeledger_client.models.shared import Decision, OrderSide, OrderStatus, OrderType, Place, TimeInForce

BookClass: TypeAlias = Open[Literal["asset", "liability", "equity", "income", "expense"]]


LotMethod: TypeAlias = Open[Literal["FIFO", "LIFO", "HIFO", "AVERAGE"]]


TransferStatus: TypeAlias = Open[Literal["ON_ITS_WAY", "ARRIVED", "RETURNED"]]


class Accepted(Model, frozen=True, kw_only=True):
    """The command is on the log; the ledger decides it next. `status_url` shows what became of it.

    A command other than an order that the ledger refuses stands under
    `/api/accounts/{account_id}/rejections?command_id=…`.
    """

    command_id: str
    account_id: str
    status_url: str
    position: Place
    decision: Decision | None
    """null unless `Prefer: wait` asked for it and it was known in time"""


class Account(Model, frozen=True, kw_only=True):
    """Account."""

    account_id: str
    owner: str
    currency: str
    """its base currency"""
    currencies: tuple[str, ...]
    """that it holds besides"""
    lot_method: LotMethod
    fee_bps: Decimal
    margin: Margin | None
    """null for a cash account"""
    fee_schedule: Fees | None
    """of orders accepted from now on; null for none"""
    opened_at: datetime
    updated_at: datetime
    version: int
    partition: int
    record_offset: int
    """of its last event"""
    position: int
    """it stands here: the offset of the last record of the partition that it counts"""
    balances: tuple[Balance, ...]
    """per book account and commodity; each commodity sums to zero"""
    working_orders: tuple[WorkingOrder, ...] | None
    """of an answer as of a moment: the orders that were not done, oldest first. Null without one; orders as they are
    now are under /api/orders
    """


class AccountRequest(Model, frozen=True, kw_only=True):
    """Open an account. Its currencies and its margin terms are fixed from then on."""

    account_id: str
    """chosen by the client"""
    owner: str | None = None
    """the user whose account it is; null: the caller. Only admins name somebody else"""
    currency: str = "USD"
    """ISO 4217; its base currency"""
    currencies: Sequence[str] = ()
    """that it holds besides"""
    lot_method: LotMethod = "FIFO"
    """which lots a sale consumes"""
    fee_bps: Decimal | None = None
    """basis points of notional that a buy's hold sets aside for fees; default: the paper venue's fee"""
    margin: MarginIn | None = None
    """the terms of a margin account; null for a cash account"""
    fee_schedule: FeeScheduleIn | None = None
    """by which commissions are charged; null for none"""


class Balance(Model, frozen=True, kw_only=True):
    """Balance."""

    book_account: str
    commodity: str
    amount: Decimal


class CashRequest(Model, frozen=True, kw_only=True):
    """An amount of cash to put in or take out, in any of the account's currencies."""

    amount: Decimal
    """above zero"""
    currency: str = "USD"
    """ISO 4217, one of the account's"""


class ConversionRequest(Model, frozen=True, kw_only=True):
    """Free cash of one of the account's currencies into another, at a rate that somebody has given."""

    from_currency: str
    """ISO 4217, one of the account's"""
    to_currency: str
    """another one of the account's"""
    amount: Decimal
    """of from_currency, above zero"""
    rate: Decimal
    """units of to_currency for one of from_currency"""
    source: str
    """who gave the rate, such as a bank or a trade's id"""


class Exposure(Model, frozen=True, kw_only=True):
    """What is held in one currency, and what it is exposed to. A symbol counts with what is long less what is short.

    equity = cash + hold + net; gross = long + short; net = long − short.
    """

    currency: str
    cash: Decimal
    """free cash"""
    hold: Decimal
    """cash set aside"""
    equity: Decimal
    long: Decimal
    """market value of the positions above zero"""
    short: Decimal
    """market value of those below zero, without the sign"""
    gross: Decimal
    net: Decimal
    gross_share: Decimal | None
    """gross / equity, rounded to 8 digits; null where equity is not above zero"""
    net_share: Decimal | None
    """net / equity, likewise"""
    unpriced: tuple[str, ...]
    """symbols held of which no price is known: they count as nothing"""


class FeeScheduleIn(Model, frozen=True, kw_only=True):
    """The commission of each order, in the instrument's currency; rates in basis points of traded value."""

    per_order: Decimal | None = None
    """once an order, with its first fill"""
    per_unit: Decimal | None = None
    """of each unit"""
    bps: Decimal | None = None
    """of the value"""
    maker_bps: Decimal | None = None
    """besides, of fills that make liquidity; below zero: a rebate"""
    taker_bps: Decimal | None = None
    """besides, of fills that take liquidity"""
    order_minimum: Decimal | None = None
    """the least of an order that has filled at all"""
    order_cap_bps: Decimal | None = None
    """the most of an order, of its value; above the minimum"""


class Fees(Model, frozen=True, kw_only=True):
    """The commission of each order, in the instrument's currency; rates in basis points of traded value."""

    per_order: Decimal
    """once an order, with its first fill"""
    per_unit: Decimal
    bps: Decimal
    maker_bps: Decimal
    """besides, of fills that make liquidity; below zero: a rebate"""
    taker_bps: Decimal
    """besides, of fills that take liquidity"""
    order_minimum: Decimal | None
    order_cap_bps: Decimal | None


class Lot(Model, frozen=True, kw_only=True):
    """Lot."""

    lot_id: str
    quantity: Decimal
    cost: Decimal
    opened_at: datetime
    """market time of the purchase"""


class Margin(Model, frozen=True, kw_only=True):
    """Equity that a position needs, as a part of its market value."""

    long_initial: Decimal
    long_maintenance: Decimal
    short_initial: Decimal
    short_maintenance: Decimal


class MarginIn(Model, frozen=True, kw_only=True):
    """Equity that a position needs, as a part of its market value; the defaults are those of US equities."""

    long_initial: Decimal | None = None
    """to open a long position; default 0.50"""
    long_maintenance: Decimal | None = None
    """to keep it; default 0.25"""
    short_initial: Decimal | None = None
    """to open a short one; default 0.50"""
    short_maintenance: Decimal | None = None
    """to keep it; default 0.30"""


class Portfolio(Model, frozen=True, kw_only=True):
    """An account at its newest prices. All amounts are in `currency`; right where `other_currencies` is empty.

    equity = cash + hold + positions_value total_pnl = equity − net_deposits = realized_pnl + unrealized_pnl − fees
    + other_income
    """

    account_id: str
    currency: str
    other_currencies: tuple[str, ...]
    """in which there is money besides: the totals leave it out, and add positions in them as they are"""
    as_of: datetime | None
    """market time of the newest price used; null before the first"""
    partition: int
    """of ledger.events"""
    position: int
    """it stands here: the offset of the last record of the partition that it counts"""
    cash: Decimal
    """free cash"""
    hold: Decimal
    """cash set aside for orders to buy"""
    positions_value: Decimal
    """sum of quantity × last_price"""
    equity: Decimal
    """cash + hold + positions_value"""
    realized_pnl: Decimal
    """sum of proceeds less the cost of the lots sold, before fees"""
    unrealized_pnl: Decimal
    """sum of market_value − cost"""
    fees: Decimal
    net_deposits: Decimal
    """deposits less withdrawals, transfers included"""
    other_income: Decimal
    """dividends less tax withheld, interest, rebates and corrections, less fees of the account"""
    total_pnl: Decimal
    """equity − net_deposits = realized_pnl + unrealized_pnl − fees + other_income"""
    exposure: tuple[Exposure, ...]
    """by currency, not converted; the base currency first"""
    positions: tuple[Position, ...]
    history: tuple[PortfolioPoint, ...]
    """oldest first; thinned evenly, the newest point always kept; empty in an answer as of a moment"""
    history_points_total: int
    """how many points there are before thinning"""
    version: int
    """the account's version"""


class PortfolioPoint(Model, frozen=True, kw_only=True):
    """Portfolio point."""

    market_time: datetime
    cash: Decimal
    """free and held cash"""
    positions_value: Decimal
    equity: Decimal


class PortfolioPointPage(Model, frozen=True, kw_only=True):
    """Portfolio point page."""

    data: tuple[PortfolioPoint, ...]
    has_more: bool
    """whether more rows follow"""
    cursor: str | None
    """pass it back for the next page; null on the last one"""


class Position(Model, frozen=True, kw_only=True):
    """Position."""

    symbol: str
    quantity: Decimal
    """free and held units"""
    held_quantity: Decimal
    """units set aside for orders to sell"""
    cost: Decimal
    """purchase cost of what is held now, fees excluded"""
    last_price: Decimal | None
    """of the newest tick; the last fill's where there is no tick"""
    priced_at: datetime | None
    """market time of last_price"""
    market_value: Decimal | None
    """quantity × last_price"""
    unrealized_pnl: Decimal | None
    """market_value − cost"""
    realized_pnl: Decimal
    """proceeds less the cost of the lots sold, before fees"""
    fees: Decimal
    currency: str | None
    """of its cost, prices and fees; null where nothing was ever booked in it"""
    exposure_share: Decimal | None
    """market_value / equity of its currency, rounded to 8 digits; below zero when short; null where there is no price
    or no equity above zero
    """
    lots: tuple[Lot, ...]


class Posting(Model, frozen=True, kw_only=True):
    """Posting."""

    event_type: str
    event_id: str
    leg: int
    """place within its event"""
    book_account: str
    commodity: str
    amount: Decimal
    recorded_at: datetime
    market_time: datetime | None
    partition: int
    record_offset: int


class PostingPage(Model, frozen=True, kw_only=True):
    """Posting page."""

    data: tuple[Posting, ...]
    has_more: bool
    """whether more rows follow"""
    cursor: str | None
    """pass it back for the next page; null on the last one"""


class Rejection(Model, frozen=True, kw_only=True):
    """Rejection."""

    command_id: str
    command_type: str
    code: str
    text: str
    details: dict[str, Any]
    recorded_at: datetime
    partition: int
    record_offset: int


class RejectionPage(Model, frozen=True, kw_only=True):
    """Rejection page."""

    data: tuple[Rejection, ...]
    has_more: bool
    """whether more rows follow"""
    cursor: str | None
    """pass it back for the next page; null on the last one"""


class Transfer(Model, frozen=True, kw_only=True):
    """Cash on its way from one account to another."""

    transfer_id: str
    from_account_id: str
    to_account_id: str
    amount: Decimal
    currency: str
    status: TransferStatus
    returned_because: str | None
    """why the receiver did not take it"""
    actor: str
    """who asked for it"""
    reason: str
    sent_at: datetime
    """when it left"""
    ended_at: datetime | None
    """when it arrived or came back"""
    partition: int
    """of ledger.events, where it left"""
    record_offset: int


class TransferAsked(Model, frozen=True, kw_only=True):
    """A transfer is on the log; `status_url` shows whether it has left, arrived or come back."""

    command_id: str
    account_id: str
    status_url: str
    position: Place
    decision: Decision | None
    """null unless `Prefer: wait` asked for it and it was known in time"""
    transfer_id: str


class TransferPage(Model, frozen=True, kw_only=True):
    """Transfer page."""

    data: tuple[Transfer, ...]
    has_more: bool
    """whether more rows follow"""
    cursor: str | None
    """pass it back for the next page; null on the last one"""


class TransferRequest(Model, frozen=True, kw_only=True):
    """Free cash for another account. What is refused over there comes back."""

    to_account_id: str
    """the receiver"""
    amount: Decimal
    """above zero"""
    currency: str = "USD"
    """ISO 4217, one that both accounts hold"""
    reason: str = "transfer"
    """why; it stands on the tape for ever"""
    requested_by: str | None = None
    """who asks; null: the caller. Only admins name somebody else"""


class TrialBalance(Model, frozen=True, kw_only=True):
    """What each book account holds, and whether each commodity sums to zero."""

    account_id: str
    partition: int
    """of ledger.events"""
    position: int
    """it stands here: the offset of the last record of the partition that it counts"""
    as_of: datetime | None
    """the latest record time that it counts; null for whenever"""
    market_time: datetime | None
    """the latest market time that it counts; null for whenever"""
    balanced: bool
    """whether the balances of each commodity sum to zero"""
    data: tuple[TrialBalanceLine, ...]
    totals: tuple[TrialBalanceTotal, ...]


class TrialBalanceLine(Model, frozen=True, kw_only=True):
    """One book account in one commodity."""

    book_account: str
    book_class: BookClass
    commodity: str
    debits: Decimal
    """sum of its postings above zero"""
    credits: Decimal
    """sum of its postings below zero, without the sign"""
    balance: Decimal
    """debits − credits"""
    postings: int


class TrialBalanceTotal(Model, frozen=True, kw_only=True):
    """One commodity over all book accounts."""

    commodity: str
    debits: Decimal
    credits: Decimal
    balance: Decimal
    """debits − credits: zero"""


class WorkingOrder(Model, frozen=True, kw_only=True):
    """An order that is not done, as the ledger has it."""

    order_id: str
    client_order_id: str
    symbol: str
    side: OrderSide
    order_type: OrderType
    time_in_force: TimeInForce
    status: OrderStatus
    quantity: Decimal
    filled_quantity: Decimal
    leaves_quantity: Decimal
    """what may still fill"""
    limit_price: Decimal | None
    protection_price: Decimal | None
    stop_price: Decimal | None
    hold_cash: Decimal
    """cash still set aside by itself"""
    hold_quantity: Decimal
    """units still set aside by itself"""
    group_id: str | None
    """its group, which holds for legs that exclude each other"""
    accepted_at: datetime
