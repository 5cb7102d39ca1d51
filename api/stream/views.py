"""What the channels tell of: one Struct a kind of row, with the names that the query side's answers have.

Money and quantities are decimal texts, times RFC 3339 UTC with microseconds: PostgreSQL writes both, so no digit is
lost on the way. `select` makes a Struct's select list, `made` its reader.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Annotated, Any, Literal, get_args, get_type_hints

import msgspec

from api.fields import DECIMAL_OUT

Channel = Literal["ticks", "bars", "signals", "orders", "fills", "positions", "portfolio", "order_book", "alerts"]
Interval = Literal["1m", "5m", "15m", "1h", "1d"]
CHANNELS: tuple[Channel, ...] = get_args(Channel)
MARKET = frozenset({"ticks", "bars", "signals", "order_book"})
"""Channels that belong to nobody; the others show an account's rows to those who may read it."""

INTERVALS_US: dict[str, int] = {
    "1m": 60_000_000,
    "5m": 300_000_000,
    "15m": 900_000_000,
    "1h": 3_600_000_000,
    "1d": 86_400_000_000,
}
AlertKind = Literal[
    "ORDER_REJECTED",
    "COMMAND_REJECTED",
    "KILL_SWITCH_ENGAGED",
    "KILL_SWITCH_RELEASED",
    "TRADING_HALTED",
    "TRADING_RESUMED",
    "BREAK_FOUND",
    "BREAK_RESOLVED",
]

Number = Annotated[str, msgspec.Meta(pattern=DECIMAL_OUT, examples=["185.25"])]
Time = Annotated[str, msgspec.Meta(extra_json_schema={"format": "date-time"}, examples=["2011-06-30T21:00:00.000000Z"])]
Json = msgspec.Raw

TIME = "to_char({0} at time zone 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS.US\"Z\"')"
"""A time as text, RFC 3339 with microseconds."""


class Row(msgspec.Struct, frozen=True, tag_field="kind", forbid_unknown_fields=True):
    """A row of a channel; `kind` names it."""


class Tick(Row, frozen=True, tag="tick"):
    """A print of the market."""

    symbol: str
    market_time: Time
    price: Number
    volume: Number
    closes_bar: bool
    partition: int
    tick_offset: int


class Bar(Row, frozen=True, tag="bar"):
    """A bar as its ticks up to now make it. Key: symbol, interval, bucket."""

    symbol: str
    interval: Interval
    bucket: Time
    open: Number
    high: Number
    low: Number
    close: Number
    volume: Number


class Signal(Row, frozen=True, tag="signal"):
    """What a model said. Key: signal_id."""

    signal_id: str
    symbol: str
    direction: str
    p_buy: float | None
    p_sell: float | None
    p_hold: float | None
    model_name: str
    model_version: str
    model_sha256: str
    price: Number | None
    features: Json
    abstained: str | None
    requested_by_id: str | None
    market_time: Time
    recorded_at: Time
    partition: int
    record_offset: int


class SignalOutcome(Row, frozen=True, tag="signal_outcome"):
    """What came of an earlier signal, told with the signal of the bar that showed it; never changed. Key: signal_id.

    market_time: the earlier signal's; known_at: that bar's, whose event is at partition and record_offset.
    """

    signal_id: str
    symbol: str
    direction: str
    realised: str
    entry_price: Number
    exit_price: Number
    model_name: str
    model_version: str
    market_time: Time
    known_at: Time
    partition: int
    record_offset: int


class Order(Row, frozen=True, tag="order"):
    """An order as it stands. Key: order_id. The fields are those of GET /api/orders."""

    order_id: str
    account_id: str
    client_order_id: str
    symbol: str
    side: str
    order_type: str
    time_in_force: str
    expire_at: Time | None
    quantity: Number
    limit_price: Number | None
    protection_price: Number | None
    stop_price: Number | None
    trail_amount: Number | None
    trail_bps: Number | None
    post_only: bool
    reduce_only: bool
    trader_id: str | None
    active_from: Time | None
    group_id: str | None
    group_kind: str | None
    parent_order_id: str | None
    status: str
    triggered_at: Time | None
    trigger_price: Number | None
    revision: int
    replace_revision: int | None
    replace_terms: Json | None
    keeps_priority: bool | None
    filled_quantity: Number
    leaves_quantity: Number
    average_price: Number | None
    fees: Number
    hold_cash: Number
    hold_quantity: Number
    reject_code: str | None
    reject_text: str | None
    reject_details: Json | None
    cancel_reason: str | None
    expire_reason: str | None
    signal_id: str | None
    strategy_id: str | None
    dispatch_epoch: int | None
    worker_id: str | None
    venue: str | None
    submitted_at: Time
    updated_at: Time
    version: int
    partition: int
    record_offset: int


class OrderStep(Row, frozen=True, tag="order_step"):
    """What one event did to one order; never changed. Key: partition, record_offset, leg."""

    order_id: str
    account_id: str
    event_type: str
    caused_by: str | None
    effect: str | None
    status_before: str | None
    status_after: str | None
    changes: Json
    last_quantity: Number | None
    last_price: Number | None
    code: str | None
    reason: str | None
    recorded_at: Time
    market_time: Time | None
    partition: int
    record_offset: int
    leg: int


class Fill(Row, frozen=True, tag="fill"):
    """An execution with what it is taken for now: a correction or a bust sends it again. Key: execution_id.

    state: FILLED, CORRECTED or BUSTED; price is null when it was busted.
    """

    execution_id: str
    order_id: str
    account_id: str
    symbol: str
    side: str
    venue: str
    state: str
    quantity: Number
    price: Number | None
    fee: Number
    reported_quantity: Number
    reported_price: Number
    reported_fee: Number
    restated_by: str | None
    restated_for: str | None
    restated_at: Time | None
    market_time: Time
    recorded_at: Time
    partition: int
    record_offset: int


class Position(Row, frozen=True, tag="position"):
    """A position without its worth, which is in the channel portfolio. Key: account_id, symbol."""

    account_id: str
    symbol: str
    quantity: Number
    held_quantity: Number
    cost: Number
    realized_pnl: Number
    fees: Number


class Portfolio(Row, frozen=True, tag="portfolio"):
    """An account at its newest prices. Key: account_id. The figures are those of the same names in the query side."""

    account_id: str
    currency: str
    as_of: Time | None
    cash: Number
    hold: Number
    positions_value: Number
    equity: Number
    realized_pnl: Number
    unrealized_pnl: Number
    fees: Number
    net_deposits: Number
    total_pnl: Number
    version: int


class Level(Row, frozen=True, tag="level"):
    """A price of this ledger's order book; with no orders it is gone. Key: symbol, side, price.

    A price has one text here, without trailing zeros, so that texts can be compared.
    """

    symbol: str
    side: str
    price: Number
    quantity: Number
    orders: int


class Alert(Row, frozen=True, tag="alert"):
    """What somebody should look at; never changed. Key: alert_id.

    account_id: null for what is not about one account. by: who did it, where it was a person.
    """

    alert_id: str
    alert: AlertKind
    account_id: str | None
    symbol: str | None
    order_id: str | None
    code: str | None
    text: str
    by: str | None
    details: Json
    recorded_at: Time


ROWS: dict[Channel, tuple[type[Row], ...]] = {
    "ticks": (Tick,),
    "bars": (Bar,),
    "signals": (Signal, SignalOutcome),
    "orders": (Order, OrderStep),
    "fills": (Fill,),
    "positions": (Position,),
    "portfolio": (Portfolio,),
    "order_book": (Level,),
    "alerts": (Alert,),
}
"""The kinds of rows of each channel."""

Data = Tick | Bar | Signal | SignalOutcome | Order | OrderStep | Fill | Position | Portfolio | Level | Alert


def select(struct: type[Row], **instead: str) -> str:
    """The select list of a Struct. instead: an expression in place of the column of that name."""
    hints = get_type_hints(struct, include_extras=True)
    return ", ".join(_column(instead.get(name, name), hints[name]) for name in struct.__struct_fields__)


def made(struct: type[Any]) -> Callable[[Sequence[Any]], Any]:
    """From the leading columns of a row, as `select` names them, to the Struct."""
    hints = get_type_hints(struct, include_extras=True)
    count = len(struct.__struct_fields__)
    raw = [n for n, name in enumerate(struct.__struct_fields__) if Json in (hints[name], *get_args(hints[name]))]

    def make(row: Sequence[Any]) -> Any:
        values = list(row[:count])
        for n in raw:
            if values[n] is not None:
                values[n] = msgspec.Raw(values[n].encode())
        return struct(*values)

    return make


def _column(expression: str, hint: Any) -> str:
    kinds = (hint, *get_args(hint)) if get_args(hint) and not hasattr(hint, "__metadata__") else (hint,)
    if Time in kinds:
        return TIME.format(expression)
    if Number in kinds or Json in kinds:
        return f"({expression})::text"
    return expression
