"""A short trading story on two tapes, written by hand, with every row that it must give worked out by hand.

Ann (acc_fifo, partition 0, FIFO): deposits 10,000; buys 10 X in two fills (4 at 99.50, 6 at 100); offers 7 of them,
sells 5 at 110.20 and cancels the rest; an order of hers is rejected, a withdrawal too; a buy of 20 Y at 50 stays on the
book, is dispatched again, and a stale report on it is refused.
Bob (acc_pool, partition 1, AVERAGE): deposits 5,000; buys 10 X at 100 and 10 at 104, sells all 20 at 105, buys 5 at
106; a buy of 5 Y at 50 stays on the book.
X closes at 101, 107, 112 on three days, Y at 50.50, 51, 49.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from domain import events as e
from domain.events import LotUse, OrderTerms, Posting
from domain.market import Bar, Tick, TickRef
from domain.reports import FillEvidence

DAY_US = 24 * 3600 * 1_000_000
HOUR_US = 3600 * 1_000_000
DAY_1_US = 1_294_012_800_000_000  # 2011-01-03 00:00:00 UTC
RECORDED_US = 1_767_225_600_000_000  # 2026-01-01 00:00:00 UTC


def at(day: int, hour: float) -> int:
    """Market time on trading day 1, 2 or 3."""
    return DAY_1_US + (day - 1) * DAY_US + int(hour * HOUR_US)


T1, T2, CLOSE_1 = at(1, 14.5), at(1, 16.5), at(1, 21)
T3, T4, CLOSE_2 = at(2, 14.5), at(2, 16.5), at(2, 21)
T5, T6, CLOSE_3 = at(3, 14.5), at(3, 16.5), at(3, 21)


class Author:
    """Writes one account's events, numbering versions and record times. 1 ms between two events."""

    def __init__(self, account_id: str) -> None:
        self.account_id = account_id
        self.events: list[Any] = []
        self.version = 0

    def write(self, cls: type[Any], legs: str = "", versioned: bool = True, **fields: Any) -> None:
        """legs: `cash +1.00 USD, external -1.00 USD`."""
        self.version += versioned
        postings = tuple(
            Posting(account=account, commodity=commodity, amount=Decimal(amount))
            for account, amount, commodity in (leg.split() for leg in legs.split(",") if leg)
        )
        self.events.append(
            cls(
                originator_id=self.account_id,
                originator_version=self.version if versioned else 0,
                timestamp=RECORDED_US + 1_000 * len(self.events),
                postings=postings,
                **fields,
            )
        )


def terms(order_id: str, side: str, quantity: str, symbol: str = "X", limit: str | None = None) -> OrderTerms:
    return OrderTerms(
        order_id=order_id,
        client_order_id=f"client-{order_id}",
        symbol=symbol,
        side=side,  # type: ignore[arg-type]
        order_type="MARKET" if limit is None else "LIMIT",
        quantity=Decimal(quantity),
        limit_price=None if limit is None else Decimal(limit),
        protection_price=Decimal("110") if limit is None else None,
    )


def accepted(order: OrderTerms, hold_cash: str = "0", hold_quantity: str = "0") -> dict[str, Any]:
    return {
        "command_id": f"cmd-{order.order_id}",
        "order": order,
        "hold_cash": Decimal(hold_cash),
        "hold_quantity": Decimal(hold_quantity),
        "dispatch_epoch": 1,
    }


def acknowledged(order_id: str, epoch: int = 1) -> dict[str, Any]:
    return {
        "report_id": f"ack-{order_id}-{epoch}",
        "order_id": order_id,
        "dispatch_epoch": epoch,
        "worker_id": f"worker-{epoch}",
        "venue": "PAPER",
        "active_after": None,
    }


def filled(
    order_id: str, execution_id: str, side: str, quantity: str, price: str, time_us: int, **fields: Any
) -> dict[str, Any]:
    return {
        "report_id": f"rep-{execution_id}",
        "order_id": order_id,
        "execution_id": execution_id,
        "dispatch_epoch": 1,
        "symbol": "X",
        "side": side,
        "venue": "PAPER",
        "quantity": Decimal(quantity),
        "price": Decimal(price),
        "cumulative_quantity": Decimal(fields.pop("cumulative", quantity)),
        "leaves_quantity": Decimal(fields.pop("leaves", "0")),
        "status": fields.pop("status", "FILLED"),
        "fee": Decimal(fields.pop("fee", "0")),
        "realized_pnl": Decimal(fields.pop("pnl", "0")),
        "released_cash": Decimal(fields.pop("released", "0")),
        "lots": tuple(
            LotUse(lot_id=lot, quantity=Decimal(units), cost=Decimal(cost))
            for lot, units, cost in fields.pop("lots", ())
        ),
        "market_time_us": time_us,
        **fields,
    }


EVIDENCE = FillEvidence(
    tick=TickRef(partition=0, offset=0, market_time_us=T1),
    tick_price=Decimal("99.50"),
    tick_volume=Decimal("1000"),
    model="half-spread",
    parameters={"half_spread_bps": "1"},
    seed="ab",
)


def ann() -> list[Any]:
    a = Author("acc_fifo")
    a.write(
        e.AccountOpened,
        command_id="c1",
        owner="Ann \x00",  # PostgreSQL has no U+0000; the archive must keep it all the same
        currency="USD",
        lot_method="FIFO",
        fee_bps=Decimal("10"),
    )
    a.write(
        e.CashDeposited,
        "cash 10000.00 USD, external -10000.00 USD",
        command_id="c2",
        amount=Decimal("10000.00"),
        currency="USD",
    )
    a.write(
        e.OrderAccepted,
        "cash -1001.00 USD, hold 1001.00 USD",
        **accepted(terms("o1", "BUY", "10", limit="100"), "1001.00"),
    )
    a.write(e.OrderAcknowledged, **acknowledged("o1"))
    a.write(
        e.OrderFilled,
        "hold -400.40 USD, cash 2.00 USD, inventory:X 398.00 USD, fees 0.40 USD, position:X 4 X, market:X -4 X",
        **filled(
            *("o1", "e1", "BUY", "4", "99.50", T1),
            leaves="6",
            status="PARTIALLY_FILLED",
            fee="0.40",
            released="400.40",
            evidence=EVIDENCE,
        ),
    )
    a.write(
        e.OrderFilled,
        "hold -600.60 USD, inventory:X 600.00 USD, fees 0.60 USD, position:X 6 X, market:X -6 X",
        **filled("o1", "e2", "BUY", "6", "100", T3, cumulative="10", fee="0.60", released="600.60"),
    )
    a.write(
        e.OrderAccepted,
        "position:X -7 X, position_hold:X 7 X",
        **accepted(terms("o2", "SELL", "7", limit="110"), hold_quantity="7"),
    )
    a.write(e.OrderAcknowledged, **acknowledged("o2"))
    a.write(
        e.OrderFilled,
        "position_hold:X -5 X, market:X 5 X, cash 550.45 USD, fees 0.55 USD, inventory:X -498.00 USD, "
        "realized_pnl -53.00 USD",
        **filled(
            *("o2", "e3", "SELL", "5", "110.20", T5),
            leaves="2",
            status="PARTIALLY_FILLED",
            fee="0.55",
            pnl="53.00",
            lots=(("e1", "4", "398.00"), ("e2", "1", "100.00")),
        ),
    )
    a.write(e.OrderCancelRequested, command_id="c3", order_id="o2", dispatch_epoch=1)
    a.write(
        e.OrderCanceled,
        "position_hold:X -2 X, position:X 2 X",
        report_id="r1",
        order_id="o2",
        dispatch_epoch=1,
        reason="requested",
        canceled_quantity=Decimal("2"),
        released_cash=Decimal("0"),
        released_quantity=Decimal("2"),
    )
    a.write(
        e.OrderRejected,
        command_id="c4",
        order=terms("o3", "BUY", "1000", limit="100"),
        code="CASH_NOT_ENOUGH",
        text="not enough",
        details={"needed": "100100.00"},
    )
    a.write(
        e.CommandRejected,
        versioned=False,
        command_id="c5",
        command_type="Withdraw",
        code="CASH_NOT_ENOUGH",
        text="not enough",
        details={"needed": "99999"},
    )
    a.write(
        e.OrderAccepted,
        "cash -1001.00 USD, hold 1001.00 USD",
        **accepted(terms("o4", "BUY", "20", symbol="Y", limit="50"), "1001.00"),
    )
    a.write(e.OrderAcknowledged, **acknowledged("o4"))
    a.write(e.OrderRedispatched, report_id="r2", order_id="o4", dispatch_epoch=2, reason="worker_lost")
    a.write(
        e.ReportRejected,
        versioned=False,
        report_id="r3",
        report_type="ReportFilled",
        order_id="o4",
        code="REPORT_STALE_EPOCH",
        text="stale",
        details={"epoch": "1"},
    )
    return a.events


def bob() -> list[Any]:
    b = Author("acc_pool")
    b.write(e.AccountOpened, command_id="c1", owner="Bob", currency="USD", lot_method="AVERAGE", fee_bps=Decimal("0"))
    b.write(
        e.CashDeposited,
        "cash 5000 USD, external -5000 USD",
        command_id="c2",
        amount=Decimal("5000"),
        currency="USD",
    )
    for order_id, execution_id, quantity, price, time_us in (("o5", "e4", 10, 100, T1), ("o6", "e5", 10, 104, T2)):
        hold, cost = quantity * 110, quantity * price
        b.write(
            e.OrderAccepted,
            f"cash -{hold} USD, hold {hold} USD",
            **accepted(terms(order_id, "BUY", str(quantity)), str(hold)),
        )
        b.write(e.OrderAcknowledged, **acknowledged(order_id))
        b.write(
            e.OrderFilled,
            f"hold -{hold} USD, cash {hold - cost} USD, inventory:X {cost} USD, position:X {quantity} X, "
            f"market:X -{quantity} X",
            **filled(order_id, execution_id, "BUY", str(quantity), str(price), time_us, released=str(hold)),
        )
    b.write(
        e.OrderAccepted,
        "position:X -20 X, position_hold:X 20 X",
        **accepted(terms("o7", "SELL", "20"), hold_quantity="20"),
    )
    b.write(e.OrderAcknowledged, **acknowledged("o7"))
    b.write(
        e.OrderFilled,
        "position_hold:X -20 X, market:X 20 X, cash 2100 USD, inventory:X -2040 USD, realized_pnl -60 USD",
        **filled("o7", "e6", "SELL", "20", "105", T4, pnl="60", lots=(("average", "20", "2040"),)),
    )
    b.write(e.OrderAccepted, "cash -550 USD, hold 550 USD", **accepted(terms("o8", "BUY", "5"), "550"))
    b.write(
        e.OrderFilled,
        "hold -550 USD, cash 20 USD, inventory:X 530 USD, position:X 5 X, market:X -5 X",
        **filled("o8", "e7", "BUY", "5", "106", T6, released="550"),
    )
    b.write(
        e.OrderAccepted,
        "cash -250 USD, hold 250 USD",
        **accepted(terms("o9", "BUY", "5", symbol="Y", limit="50"), "250"),
    )
    b.write(e.OrderAcknowledged, **acknowledged("o9"))
    return b.events


def ticks() -> list[Tick]:
    """X and Y, three days: an opening print and the print that closes the bar, each with half of the volume."""
    found = []
    for day, x, y in ((1, "101", "50.50"), (2, "107", "51"), (3, "112", "49")):
        for symbol, close in (("X", x), ("Y", y)):
            price = Decimal(close)
            bar = Bar(open=price - 1, high=price, low=price - 1, close=price, volume=Decimal(200))
            half = Decimal(100)
            opening = Tick(symbol=symbol, market_time_us=at(day, 14.5), price=price - 1, volume=half)
            found += [opening, Tick(symbol=symbol, market_time_us=at(day, 21), price=price, volume=half, bar=bar)]
    return found


# Worked out by hand from the story above.

BALANCES = {
    ("acc_fifo", "cash", "USD"): "8550.45",  # 10,000 - 398.40 - 600.60 + 550.45 - 1,001 set aside for o4
    ("acc_fifo", "hold", "USD"): "1001.00",
    ("acc_fifo", "external", "USD"): "-10000.00",
    ("acc_fifo", "inventory:X", "USD"): "500.00",
    ("acc_fifo", "fees", "USD"): "1.55",
    ("acc_fifo", "realized_pnl", "USD"): "-53.00",
    ("acc_fifo", "position:X", "X"): "5",
    ("acc_fifo", "position_hold:X", "X"): "0",
    ("acc_fifo", "market:X", "X"): "-5",
    ("acc_pool", "cash", "USD"): "4280",  # 5,000 - 1,000 - 1,040 + 2,100 - 530 - 250 set aside for o9
    ("acc_pool", "hold", "USD"): "250",
    ("acc_pool", "external", "USD"): "-5000",
    ("acc_pool", "inventory:X", "USD"): "530",
    ("acc_pool", "realized_pnl", "USD"): "-60",
    ("acc_pool", "position:X", "X"): "5",
    ("acc_pool", "position_hold:X", "X"): "0",
    ("acc_pool", "market:X", "X"): "-5",
}
# account, symbol -> quantity, held, cost, realized P&L, fees
POSITIONS = {
    ("acc_fifo", "X"): ("5", "0", "500.00", "53.00", "1.55"),
    ("acc_pool", "X"): ("5", "0", "530", "60", "0"),
}
# account, symbol, lot -> quantity, cost, opened at
LOTS = {
    ("acc_fifo", "X", "e2"): ("5", "500.00", T3),
    ("acc_pool", "X", "average"): ("5", "530", T6),
}
# order -> status, filled, leaves, filled value, average price, fees, held cash, held units, epoch, worker, version
ORDERS = {
    "o1": ("FILLED", "10", "0", "998.00", "99.80", "1.00", "0", "0", 1, "worker-1", 6),
    "o2": ("CANCELED", "5", "0", "551.00", "110.20", "0.55", "0", "0", 1, "worker-1", 11),
    "o3": ("REJECTED", "0", "0", "0", None, "0", "0", "0", None, None, 12),
    "o4": ("NEW", "0", "20", "0", None, "0", "1001.00", "0", 2, None, 15),
    "o5": ("FILLED", "10", "0", "1000", "100", "0", "0", "0", 1, "worker-1", 5),
    "o6": ("FILLED", "10", "0", "1040", "104", "0", "0", "0", 1, "worker-1", 8),
    "o7": ("FILLED", "20", "0", "2100", "105", "0", "0", "0", 1, "worker-1", 11),
    "o8": ("FILLED", "5", "0", "530", "106", "0", "0", "0", 1, None, 13),
    "o9": ("NEW", "0", "5", "0", None, "0", "250", "0", 1, "worker-1", 15),
}
# account, market time -> cash, value of positions, equity
PORTFOLIO = {
    ("acc_fifo", CLOSE_1): ("9601.60", "404", "10005.60"),  # 10,000 - 398.40; 4 x 101
    ("acc_fifo", CLOSE_2): ("9001.00", "1070", "10071.00"),  # - 600.60; 10 x 107
    ("acc_fifo", CLOSE_3): ("9551.45", "560", "10111.45"),  # + 550.45; 5 x 112
    ("acc_pool", CLOSE_1): ("2960", "2020", "4980"),  # 5,000 - 1,000 - 1,040; 20 x 101
    ("acc_pool", CLOSE_2): ("5060", "0", "5060"),  # + 2,100
    ("acc_pool", CLOSE_3): ("4530", "560", "5090"),  # - 530; 5 x 112
}
BOOK = {("Y", "BUY", "50"): ("25", 2)}
# symbol, day -> open, high, low, close, volume
BARS = {
    ("X", 1): ("100", "101", "100", "101", "200"),
    ("X", 2): ("106", "107", "106", "107", "200"),
    ("X", 3): ("111", "112", "111", "112", "200"),
    ("Y", 1): ("49.50", "50.50", "49.50", "50.50", "200"),
    ("Y", 2): ("50", "51", "50", "51", "200"),
    ("Y", 3): ("48", "49", "48", "49", "200"),
}
