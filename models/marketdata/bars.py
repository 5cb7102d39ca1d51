"""A market bar, the ticks that stand for it, and the hash that says which bars a model was trained on.

A bar is a day's, or it lies within a day (an hour of EUR/USD, say). A day's bar has a date and no more: it is complete
when the last of its ticks is printed, at 21:00 UTC. One within a day also says when it starts and ends; `at_us` is the
one moment for both kinds at which a bar is complete, and from which on somebody may decide by it.

Boundaries: whether prices are adjusted, and what volume means, is declared by the source that the bars come from (see
models.marketdata.declared), not by the bar.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal

import msgspec

from domain.errors import InvalidValue
from domain.market import Bar, Tick

PRICE_STEP = Decimal("0.0001")
"""Prices are rounded to this step, unless a source declares another."""

TICK_TIMES: tuple[time, time, time, time] = (time(14, 30), time(16, 30), time(18, 30), time(21, 0))
"""Of the four ticks of a day's bar, UTC."""

DAY_US = 86_400_000_000
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_EPOCH_ORDINAL = date(1970, 1, 1).toordinal()
_OPENED_US, _HIGH_US, _LOW_US, _CLOSED_US = ((at.hour * 60 + at.minute) * 60_000_000 for at in TICK_TIMES)


# gc=False: it holds no containers, so the garbage collector need not visit hundreds of thousands of them.
class MarketBar(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """One bar of one symbol. Prices in the instrument's currency; volume in units, whole unless the source says not.

    date: the trading day; of a bar within a day, the UTC day that it lies in. start_us, end_us: microseconds since 1970
    UTC between which a bar within a day lies; None, both, for a day's bar.
    """

    symbol: str
    date: date
    open: Decimal
    high: Decimal
    low: Decimal
    close: Decimal
    volume: Decimal
    start_us: int | None = None
    end_us: int | None = None

    def __post_init__(self) -> None:
        if self.start_us is None and self.end_us is None:
            return
        if self.start_us is None or self.end_us is None or self.start_us >= self.end_us:
            raise InvalidValue(
                "BAR_SPAN", f"a bar within a day starts before it ends, it was {self.start_us} to {self.end_us} us"
            )
        if self.date != day_of(self.end_us):
            raise InvalidValue(
                "BAR_SPAN", f"a bar that ends at {self.end_us} us is of {day_of(self.end_us)}, it said {self.date}"
            )

    @property
    def at_us(self) -> int:
        """When the bar is complete, microseconds since 1970 UTC: the market time of the last of its ticks."""
        return midnight_us(self.date) + _CLOSED_US if self.end_us is None else self.end_us

    def bar(self) -> Bar:
        """The bar as `market.ticks` carries it. Raises InvalidValue when it contradicts itself."""
        return Bar(open=self.open, high=self.high, low=self.low, close=self.close, volume=self.volume)


def ticks_of(bar: MarketBar) -> tuple[Tick, Tick, Tick, Tick]:
    """Open, high, low and close as prints at 14:30, 16:30, 18:30 and 21:00 UTC; the close carries the bar.

    Of a bar within a day: one microsecond after its start (the bar before may end at that start), after a third and
    two thirds of it, and at its end. Each has a quarter of the volume in whole units, the last one the remainder too.
    """
    quarter = bar.volume // 4
    opened, high, low, closed = _times_us(bar)
    return (
        Tick(symbol=bar.symbol, market_time_us=opened, price=bar.open, volume=quarter),
        Tick(symbol=bar.symbol, market_time_us=high, price=bar.high, volume=quarter),
        Tick(symbol=bar.symbol, market_time_us=low, price=bar.low, volume=quarter),
        Tick(
            symbol=bar.symbol,
            market_time_us=closed,
            price=bar.close,
            volume=bar.volume - 3 * quarter,
            bar=bar.bar(),
        ),
    )


def data_hash(bars: Iterable[MarketBar]) -> str:
    """SHA-256 (hex) over the bars in their order, one comma separated line each.

    A day's bar has seven fields, one within a day its start and end too.
    """
    digest = hashlib.sha256()
    for bar in bars:
        fields = (bar.symbol, bar.date.isoformat(), bar.open, bar.high, bar.low, bar.close, bar.volume)
        span = () if bar.end_us is None else (bar.start_us, bar.end_us)
        digest.update((",".join(map(str, (*fields, *span))) + "\n").encode())
    return digest.hexdigest()


def midnight_us(day: date) -> int:
    """The UTC midnight that a day begins with, microseconds since 1970 UTC."""
    return (day.toordinal() - _EPOCH_ORDINAL) * DAY_US


def day_of(end_us: int) -> date:
    """The UTC day in which a bar that ends at this moment lies: one that ends at midnight is of the day before."""
    return (_EPOCH + timedelta(microseconds=end_us - 1)).date()


def moment(bar: MarketBar) -> str:
    """The day of a day's bar, else the start of one within a day, for people."""
    if bar.start_us is None:
        return bar.date.isoformat()
    return (_EPOCH + timedelta(microseconds=bar.start_us)).replace(tzinfo=None).isoformat(" ") + "Z"


def _times_us(bar: MarketBar) -> tuple[int, int, int, int]:
    if bar.start_us is None or bar.end_us is None:
        midnight = midnight_us(bar.date)
        return midnight + _OPENED_US, midnight + _HIGH_US, midnight + _LOW_US, midnight + _CLOSED_US
    third = (bar.end_us - bar.start_us) // 3
    if third < 2:
        raise InvalidValue("BAR_SPAN", f"four ticks need a bar of six microseconds, it was {bar.start_us}-{bar.end_us}")
    return bar.start_us + 1, bar.start_us + third, bar.start_us + 2 * third, bar.end_us
