"""What the market operations answer with."""

from __future__ import annotations

from pydantic import Field

from api.fields import DecimalOut, TimeOut, View


class Bar(View):
    """The ticks of a symbol within an interval. An interval without a tick has no bar."""

    bucket: TimeOut = Field(description="the bar's first moment")
    open: DecimalOut = Field(description="the first tick's price, in the order of market.ticks")
    high: DecimalOut
    low: DecimalOut
    close: DecimalOut = Field(description="the last tick's price, in the order of market.ticks")
    volume: DecimalOut = Field(description="sum of the ticks' volumes")


class MarketTick(View):
    """A price of a symbol."""

    market_time: TimeOut
    price: DecimalOut
    volume: DecimalOut
    closes_bar: bool = Field(description="whether it is the last tick of one of the feed's bars")
    partition: int = Field(description="of market.ticks")
    offset: int
