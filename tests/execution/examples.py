"""Ready-made orders and ticks for the tests of the engine."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from domain.dispatch import Dispatch
from domain.events import OrderTerms
from domain.ids import order_id
from domain.market import Tick, TickAt, TickRef
from domain.terms import Side
from execution.order import WorkingOrder
from execution.paper import PaperParameters

ACCOUNT = "acc_1"
PARAMETERS = PaperParameters(
    half_spread_bps=Decimal("1"), impact_bps=Decimal("10"), participation_max=Decimal("0.10"), fee_bps=Decimal("1")
)
NO_COSTS = PaperParameters(
    half_spread_bps=Decimal(0), impact_bps=Decimal(0), participation_max=Decimal(1), fee_bps=Decimal(0)
)


def terms(
    name: str = "one", symbol: str = "AAPL", side: Side = "BUY", quantity: str = "100", **more: Any
) -> OrderTerms:
    """A market order unless `limit_price` is given; prices may be text."""
    for price in ("limit_price", "protection_price"):
        if isinstance(more.get(price), str):
            more[price] = Decimal(more[price])
    return OrderTerms(
        order_id=order_id(ACCOUNT, name),
        client_order_id=name,
        symbol=symbol,
        side=side,
        order_type="LIMIT" if "limit_price" in more else "MARKET",
        quantity=Decimal(quantity),
        **more,
    )


def ref(offset: int, partition: int = 0, market_time_us: int | None = None) -> TickRef:
    """A position; its market time is a second an offset unless given."""
    return TickRef(
        partition=partition,
        offset=offset,
        market_time_us=offset * 1_000_000 if market_time_us is None else market_time_us,
    )


def tick_at(offset: int, price: str = "100", volume: str = "1000", symbol: str = "AAPL", partition: int = 0) -> TickAt:
    at = ref(offset, partition)
    tick = Tick(symbol=symbol, market_time_us=at.market_time_us, price=Decimal(price), volume=Decimal(volume))
    return TickAt(at, tick)


def dispatch(order: OrderTerms, epoch: int = 1, kind: Any = "EXECUTE", filled: str = "0", **more: Any) -> Dispatch:
    return Dispatch(
        kind=kind, account_id=ACCOUNT, order=order, dispatch_epoch=epoch, cumulative_quantity=Decimal(filled), **more
    )


def working(order: OrderTerms, leaves: str | None = None, position: TickRef | None = None) -> WorkingOrder:
    return WorkingOrder(
        account_id=ACCOUNT,
        terms=order,
        dispatch_epoch=1,
        leaves=order.quantity if leaves is None else Decimal(leaves),
        position=position,
    )
