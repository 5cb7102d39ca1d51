"""A story of stops, replacements, expiries and groups on two tapes, with what the book and the history must show.

All orders are for Z. Dan (partition 0): d1 is replaced once with loss of priority, once the venue refuses, it fills in
part and expires. A bracket of his (g1a buys, g1b takes profit, g1c stops the loss) runs through: g1a fills, g1b fills
in part and reduces g1c, g1c triggers and fills, which cancels g1b. Another group of his is rejected.
Eve (partition 1): e1 rests and is to be cancelled, e2 with its child e3 is cancelled before a venue has it, e4 sells
short, e5 is made as small as it is filled, which ends it and sends its child e6.
The n-th event of each is recorded n ms after the story begins, so a record time is a moment of both tapes.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from domain import events as e
from domain.events import LinkedOrder, OrderTerms
from domain.market import TickRef
from tests.projections.story import RECORDED_US, T1, T2, T3, Author, accepted, acknowledged, filled

ZERO = Decimal(0)


def us(event: int) -> int:
    """Record time of the n-th event of either tape."""
    return RECORDED_US + 1_000 * event


def limit(order_id: str, side: str, quantity: str, price: str, **fields: Any) -> OrderTerms:
    stop = fields.pop("stop", None)
    return OrderTerms(
        order_id=order_id,
        client_order_id=f"client-{order_id}",
        symbol="Z",
        side=side,  # type: ignore[arg-type]
        order_type="LIMIT" if stop is None else "STOP_LIMIT",
        quantity=Decimal(quantity),
        limit_price=Decimal(price),
        stop_price=None if stop is None else Decimal(stop),
        **fields,
    )


def link(order_id: str, effect: Any, quantity: str, revision: int = 0, hold: str = "0") -> LinkedOrder:
    """hold: units set aside."""
    quantities = {"quantity": Decimal(quantity), "hold_quantity": Decimal(hold)}
    return LinkedOrder(order_id=order_id, effect=effect, revision=revision, **quantities)


def fill(order_id: str, side: str, quantity: str, price: str, **fields: Any) -> dict[str, Any]:
    found = filled(order_id, f"x-{order_id}", side, quantity, price, T1, **fields)
    return {**found, "symbol": "Z"}


def ask(revision: int, order: OrderTerms, hold: str = "0") -> dict[str, Any]:
    return {
        "command_id": f"replace-{order.order_id}-{revision}",
        "order_id": order.order_id,
        "dispatch_epoch": 1,
        "revision": revision,
        "order": order,
        "changes": {"quantity": str(order.quantity)},
        "hold_cash": Decimal(hold),
        "hold_quantity": ZERO,
    }


def report(order_id: str, number: int, released: str = "0", units: str = "0", **fields: Any) -> dict[str, Any]:
    """What reports that end or answer something have in common."""
    return {
        "report_id": f"report-{order_id}-{number}",
        "order_id": order_id,
        "dispatch_epoch": 1,
        "released_cash": Decimal(released),
        "released_quantity": Decimal(units),
        **fields,
    }


def group(kind: str, group_id: str, *orders: OrderTerms, **fields: Any) -> dict[str, Any]:
    return {
        "command_id": f"cmd-{group_id}",
        "group_id": group_id,
        "client_group_id": f"client-{group_id}",
        "kind": kind,
        "orders": orders,
        **fields,
    }


def opened(author: Author, owner: str) -> None:
    author.write(
        e.AccountOpened, command_id="open", owner=owner, currency="USD", lot_method="FIFO", fee_bps=Decimal("0")
    )
    author.write(
        e.CashDeposited,
        "cash 10000 USD, external -10000 USD",
        command_id="pay",
        amount=Decimal(10_000),
        currency="USD",
    )


def dan() -> list[Any]:
    d = Author("acc_dan")
    opened(d, "Dan")
    _replaced_and_expired(d)
    _bracket(d)
    d.write(
        e.OrderGroupRejected,
        **group("OCO", "g2", limit("g2a", "SELL", "1", "70"), limit("g2b", "SELL", "1", "65")),
        order_id="g2b",
        code="UNITS_INSUFFICIENT",
        text="expected at most 0 units, it was 1",
        details={"needed": "1"},
    )
    return d.events


def _replaced_and_expired(d: Author) -> None:
    """Events 2 to 9."""
    day: dict[str, Any] = {"time_in_force": "DAY"}
    d.write(e.OrderAccepted, "cash -500 USD, hold 500 USD", **accepted(limit("d1", "BUY", "10", "50", **day), "500"))
    d.write(e.OrderAcknowledged, **acknowledged("d1"))
    d.write(e.OrderReplaceRequested, **ask(1, limit("d1", "BUY", "8", "51", **day)))
    d.write(
        e.OrderReplaced,
        "hold -92 USD, cash 92 USD",
        **report("d1", 1, "92"),
        revision=1,
        keeps_priority=False,
        order=limit("d1", "BUY", "8", "51", **day),
        leaves_quantity=Decimal(8),
        status="NEW",
    )
    d.write(e.OrderReplaceRequested, **ask(2, limit("d1", "BUY", "6", "51", **day)))
    d.write(
        e.OrderReplaceRefused,
        **report("d1", 2),
        revision=2,
        code="VENUE_TOO_LATE",
        text="the order is being executed",
        status="NEW",
    )
    d.write(
        e.OrderFilled,
        "hold -153 USD, inventory:Z 153 USD, position:Z 3 Z, market:Z -3 Z",
        **fill("d1", "BUY", "3", "51", leaves="5", status="PARTIALLY_FILLED", released="153"),
    )
    d.write(
        e.OrderExpired,
        "hold -255 USD, cash 255 USD",
        **report("d1", 3, "255"),
        reason="day_over",
        market_time_us=T2,
        expired_quantity=Decimal(5),
    )


def _bracket(d: Author) -> None:
    """Events 10 to 19."""
    legs = (
        limit("g1a", "BUY", "10", "50", group_id="g1"),
        limit("g1b", "SELL", "10", "60", group_id="g1", parent_order_id="g1a"),
        limit("g1c", "SELL", "10", "44", stop="45", group_id="g1", parent_order_id="g1a"),
    )
    d.write(
        e.OrderGroupAccepted,
        "cash -500 USD, hold 500 USD",
        **group("BRACKET", "g1", *legs, hold_cash=Decimal(500), hold_quantity=ZERO, dispatch_epoch=1),
    )
    d.write(e.OrderAcknowledged, **acknowledged("g1a"))
    d.write(
        e.OrderFilled,
        "hold -500 USD, inventory:Z 500 USD, market:Z -10 Z, position_hold:Z 10 Z",
        **fill("g1a", "BUY", "10", "50", released="500"),
        linked=(link("g1b", "ACTIVATED", "10", hold="10"), link("g1c", "ACTIVATED", "10")),
    )
    d.write(e.OrderAcknowledged, **acknowledged("g1b"))
    d.write(e.OrderAcknowledged, **acknowledged("g1c"))
    d.write(
        e.OrderFilled,
        "position_hold:Z -4 Z, market:Z 4 Z, cash 240 USD, inventory:Z -204 USD, realized_pnl -36 USD",
        **fill("g1b", "SELL", "4", "60", leaves="6", status="PARTIALLY_FILLED", pnl="36"),
        linked=(link("g1c", "REDUCED", "6", revision=1),),
    )
    d.write(
        e.OrderReplaced,
        **report("g1c", 1),
        revision=1,
        keeps_priority=True,
        order=limit("g1c", "SELL", "6", "44", stop="45", group_id="g1", parent_order_id="g1a"),
        leaves_quantity=Decimal(6),
        status="NEW",
    )
    d.write(
        e.OrderTriggered,
        report_id="trigger-g1c",
        order_id="g1c",
        dispatch_epoch=1,
        venue="PAPER",
        price=Decimal("44.90"),
        tick=TickRef(partition=2, offset=7, market_time_us=T3),
        market_time_us=T3,
    )
    d.write(
        e.OrderFilled,
        "position_hold:Z -6 Z, market:Z 6 Z, cash 264 USD, inventory:Z -300 USD, realized_pnl 36 USD",
        **fill("g1c", "SELL", "6", "44", pnl="-36"),
        linked=(link("g1b", "CANCEL_REQUESTED", "10"),),
    )
    d.write(e.OrderCanceled, **report("g1b", 2), reason="group", canceled_quantity=Decimal(6))


def eve() -> list[Any]:
    v = Author("acc_eve")
    opened(v, "Eve")
    v.write(e.OrderAccepted, "cash -250 USD, hold 250 USD", **accepted(limit("e1", "BUY", "5", "50"), "250"))
    v.write(e.OrderAcknowledged, **acknowledged("e1"))
    legs = (
        limit("e2", "BUY", "1", "40", group_id="g3"),
        limit("e3", "SELL", "1", "90", group_id="g3", parent_order_id="e2"),
    )
    v.write(
        e.OrderGroupAccepted,
        "cash -40 USD, hold 40 USD",
        **group("OTO", "g3", *legs, hold_cash=Decimal(40), hold_quantity=ZERO, dispatch_epoch=1),
    )
    v.write(
        e.OrderCanceled,
        "hold -40 USD, cash 40 USD",
        **report("e2", 1, "40"),
        reason="requested",
        canceled_quantity=Decimal(1),
        linked=(link("e3", "CANCELED", "1"),),
    )
    v.write(e.OrderAccepted, **accepted(limit("e4", "SELL_SHORT", "7", "60")))
    v.write(e.OrderAcknowledged, **acknowledged("e4"))
    v.write(e.OrderCancelRequested, command_id="cancel-e1", order_id="e1", dispatch_epoch=1)
    _made_small(v)
    return v.events


def _made_small(v: Author) -> None:
    """Events 9 to 12."""
    legs = (
        limit("e5", "BUY", "5", "40", group_id="g4"),
        limit("e6", "SELL", "5", "95", group_id="g4", parent_order_id="e5"),
    )
    v.write(
        e.OrderGroupAccepted,
        "cash -200 USD, hold 200 USD",
        **group("OTO", "g4", *legs, hold_cash=Decimal(200), hold_quantity=ZERO, dispatch_epoch=1),
    )
    small = limit("e5", "BUY", "2", "40", group_id="g4")
    v.write(e.OrderReplaceRequested, **ask(1, small))
    v.write(
        e.OrderFilled,
        "hold -80 USD, inventory:Z 80 USD, position:Z 2 Z, market:Z -2 Z",
        **fill("e5", "BUY", "2", "40", leaves="3", status="PENDING_REPLACE", released="80"),
    )
    v.write(
        e.OrderReplaced,
        "hold -120 USD, cash 120 USD, position:Z -2 Z, position_hold:Z 2 Z",
        **report("e5", 1, "120"),
        revision=1,
        keeps_priority=True,
        order=small,
        leaves_quantity=ZERO,
        status="FILLED",
        linked=(link("e6", "ACTIVATED", "2", hold="2"),),
    )


# Worked out by hand from the story above.

# order -> status, quantity, limit, filled, leaves, held cash, revision, asked revision, kept, group, kind, parent
ORDERS = {
    "d1": ("EXPIRED", "8", "51", "3", "0", "0", 1, None, False, None, None, None),
    "g1a": ("FILLED", "10", "50", "10", "0", "0", 0, None, None, "g1", "BRACKET", None),
    "g1b": ("CANCELED", "10", "60", "4", "0", "0", 0, None, None, "g1", "BRACKET", "g1a"),
    "g1c": ("FILLED", "6", "44", "6", "0", "0", 1, None, True, "g1", "BRACKET", "g1a"),
    "g2a": ("REJECTED", "1", "70", "0", "0", "0", 0, None, None, "g2", "OCO", None),
    "g2b": ("REJECTED", "1", "65", "0", "0", "0", 0, None, None, "g2", "OCO", None),
    "e1": ("PENDING_CANCEL", "5", "50", "0", "5", "250", 0, None, None, None, None, None),
    "e2": ("CANCELED", "1", "40", "0", "0", "0", 0, None, None, "g3", "OTO", None),
    "e3": ("CANCELED", "1", "90", "0", "0", "0", 0, None, None, "g3", "OTO", "e2"),
    "e4": ("NEW", "7", "60", "0", "7", "0", 0, None, None, None, None, None),
    "e5": ("FILLED", "2", "40", "2", "0", "0", 1, None, True, "g4", "OTO", None),
    "e6": ("PENDING_NEW", "2", "95", "0", "2", "0", 0, None, None, "g4", "OTO", "e5"),
}
# group -> account, kind, held cash, held units
GROUPS = {
    "g1": ("acc_dan", "BRACKET", "0", "0"),  # 10 units for both exits, less 4 and 6 that they sold
    "g2": ("acc_dan", "OCO", "0", "0"),
    "g3": ("acc_eve", "OTO", "0", "0"),
    "g4": ("acc_eve", "OTO", "0", "0"),
}
# order -> for each step: the event's number, its type, status before and after
STEPS = {
    "d1": [
        (2, "OrderAccepted", None, "PENDING_NEW"),
        (3, "OrderAcknowledged", "PENDING_NEW", "NEW"),
        (4, "OrderReplaceRequested", "NEW", "PENDING_REPLACE"),
        (5, "OrderReplaced", "PENDING_REPLACE", "NEW"),
        (6, "OrderReplaceRequested", "NEW", "PENDING_REPLACE"),
        (7, "OrderReplaceRefused", "PENDING_REPLACE", "NEW"),
        (8, "OrderFilled", "NEW", "PARTIALLY_FILLED"),
        (9, "OrderExpired", "PARTIALLY_FILLED", "EXPIRED"),
    ],
    "g1a": [
        (10, "OrderGroupAccepted", None, "PENDING_NEW"),
        (11, "OrderAcknowledged", "PENDING_NEW", "NEW"),
        (12, "OrderFilled", "NEW", "FILLED"),
    ],
    "g1b": [
        (10, "OrderGroupAccepted", None, "SUSPENDED"),
        (12, "OrderFilled", "SUSPENDED", "PENDING_NEW"),
        (13, "OrderAcknowledged", "PENDING_NEW", "NEW"),
        (15, "OrderFilled", "NEW", "PARTIALLY_FILLED"),
        (18, "OrderFilled", "PARTIALLY_FILLED", "PENDING_CANCEL"),
        (19, "OrderCanceled", "PENDING_CANCEL", "CANCELED"),
    ],
    "g1c": [
        (10, "OrderGroupAccepted", None, "SUSPENDED"),
        (12, "OrderFilled", "SUSPENDED", "PENDING_NEW"),
        (14, "OrderAcknowledged", "PENDING_NEW", "NEW"),
        (15, "OrderFilled", "NEW", "PENDING_REPLACE"),
        (16, "OrderReplaced", "PENDING_REPLACE", "NEW"),
        (17, "OrderTriggered", "NEW", "NEW"),
        (18, "OrderFilled", "NEW", "FILLED"),
    ],
    "g2a": [(20, "OrderGroupRejected", None, "REJECTED")],
    "g2b": [(20, "OrderGroupRejected", None, "REJECTED")],
    "e1": [
        (2, "OrderAccepted", None, "PENDING_NEW"),
        (3, "OrderAcknowledged", "PENDING_NEW", "NEW"),
        (8, "OrderCancelRequested", "NEW", "PENDING_CANCEL"),
    ],
    "e2": [(4, "OrderGroupAccepted", None, "PENDING_NEW"), (5, "OrderCanceled", "PENDING_NEW", "CANCELED")],
    "e3": [(4, "OrderGroupAccepted", None, "SUSPENDED"), (5, "OrderCanceled", "SUSPENDED", "CANCELED")],
    "e4": [(6, "OrderAccepted", None, "PENDING_NEW"), (7, "OrderAcknowledged", "PENDING_NEW", "NEW")],
    "e5": [
        (9, "OrderGroupAccepted", None, "PENDING_NEW"),
        (10, "OrderReplaceRequested", "PENDING_NEW", "PENDING_REPLACE"),
        (11, "OrderFilled", "PENDING_REPLACE", "PENDING_REPLACE"),
        (12, "OrderReplaced", "PENDING_REPLACE", "FILLED"),
    ],
    "e6": [(9, "OrderGroupAccepted", None, "SUSPENDED"), (12, "OrderReplaced", "SUSPENDED", "PENDING_NEW")],
}
# What stands on the book: order -> side, price, units, status, priority by, of which event, since which event
ENTRIES = {
    "e1": ("BUY", "50", "5", "PENDING_CANCEL", "ENTERED", 3, 8),
    "e4": ("SELL", "60", "7", "NEW", "ENTERED", 7, 7),
}
# How it stood: order, since, until -> price, units, status, priority by, of which event
SPANS = {
    ("d1", 3, 4): ("50", "10", "NEW", "ENTERED", 3),
    ("d1", 4, 5): ("50", "10", "PENDING_REPLACE", "ENTERED", 3),
    ("d1", 5, 6): ("51", "8", "NEW", "LOST", 5),
    ("d1", 6, 7): ("51", "8", "PENDING_REPLACE", "LOST", 5),
    ("d1", 7, 8): ("51", "8", "NEW", "LOST", 5),
    ("d1", 8, 9): ("51", "5", "PARTIALLY_FILLED", "LOST", 5),
    ("g1a", 11, 12): ("50", "10", "NEW", "ENTERED", 11),
    ("g1b", 13, 15): ("60", "10", "NEW", "ENTERED", 13),
    ("g1b", 15, 18): ("60", "6", "PARTIALLY_FILLED", "ENTERED", 13),
    ("g1b", 18, 19): ("60", "6", "PENDING_CANCEL", "ENTERED", 13),
    ("g1c", 17, 18): ("44", "6", "NEW", "ENTERED", 17),
    ("e1", 3, 8): ("50", "5", "NEW", "ENTERED", 3),
    ("e5", 11, 12): ("40", "3", "PENDING_REPLACE", "ENTERED", 11),  # the fill is the first that tells of it
}
LEVELS = {("Z", "BUY", "50"): ("5", 1), ("Z", "SELL", "60"): ("7", 1)}
# Dan's and Eve's newest record -> the book: side, price -> units, the orders from the first in the queue on
MOMENTS: dict[tuple[int, int], dict[tuple[str, str], tuple[str, str]]] = {
    (2, 2): {},
    (3, 3): {("BUY", "50"): ("15", "d1 e1")},
    (5, 3): {("BUY", "51"): ("8", "d1"), ("BUY", "50"): ("5", "e1")},
    (8, 5): {("BUY", "51"): ("5", "d1"), ("BUY", "50"): ("5", "e1")},
    (9, 7): {("BUY", "50"): ("5", "e1"), ("SELL", "60"): ("7", "e4")},
    (11, 8): {("BUY", "50"): ("15", "e1 g1a"), ("SELL", "60"): ("7", "e4")},
    (14, 8): {("BUY", "50"): ("5", "e1"), ("SELL", "60"): ("17", "e4 g1b")},
    (17, 8): {("BUY", "50"): ("5", "e1"), ("SELL", "44"): ("6", "g1c"), ("SELL", "60"): ("13", "e4 g1b")},
    (20, 8): {("BUY", "50"): ("5", "e1"), ("SELL", "60"): ("7", "e4")},
    (20, 11): {("BUY", "50"): ("5", "e1"), ("BUY", "40"): ("3", "e5"), ("SELL", "60"): ("7", "e4")},
    (20, 12): {("BUY", "50"): ("5", "e1"), ("SELL", "60"): ("7", "e4")},
}
