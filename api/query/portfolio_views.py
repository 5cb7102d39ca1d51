"""What the query side answers about portfolios."""

from __future__ import annotations

from pydantic import Field

from api.fields import DecimalOut, TimeOut, View


class Lot(View):
    lot_id: str
    quantity: DecimalOut
    cost: DecimalOut
    opened_at: TimeOut = Field(description="market time of the purchase")


class Position(View):
    symbol: str = Field(examples=["AAPL"])
    quantity: DecimalOut = Field(description="free and held units")
    held_quantity: DecimalOut = Field(description="units set aside for orders to sell")
    cost: DecimalOut = Field(description="purchase cost of what is held now, fees excluded")
    last_price: DecimalOut | None = Field(description="of the newest tick; the last fill's where there is no tick")
    priced_at: TimeOut | None = Field(description="market time of last_price")
    market_value: DecimalOut | None = Field(description="quantity × last_price")
    unrealized_pnl: DecimalOut | None = Field(description="market_value − cost")
    realized_pnl: DecimalOut = Field(description="proceeds less the cost of the lots sold, before fees")
    fees: DecimalOut
    currency: str | None = Field(description="of its cost, prices and fees; null where nothing was ever booked in it")
    exposure_share: DecimalOut | None = Field(
        description="market_value / equity of its currency, rounded to 8 digits; below zero when short; null where "
        "there is no price or no equity above zero"
    )
    lots: list[Lot]


class PortfolioPoint(View):
    market_time: TimeOut
    cash: DecimalOut = Field(description="free and held cash")
    positions_value: DecimalOut
    equity: DecimalOut


class Exposure(View):
    """What is held in one currency, and what it is exposed to. A symbol counts with what is long less what is short.

    equity = cash + hold + net; gross = long + short; net = long − short.
    """

    currency: str = Field(examples=["USD"])
    cash: DecimalOut = Field(description="free cash")
    hold: DecimalOut = Field(description="cash set aside")
    equity: DecimalOut
    long: DecimalOut = Field(description="market value of the positions above zero")
    short: DecimalOut = Field(description="market value of those below zero, without the sign")
    gross: DecimalOut
    net: DecimalOut
    gross_share: DecimalOut | None = Field(
        description="gross / equity, rounded to 8 digits; null where equity is not above zero"
    )
    net_share: DecimalOut | None = Field(description="net / equity, likewise")
    unpriced: list[str] = Field(description="symbols held of which no price is known: they count as nothing")


class Portfolio(View):
    """An account at its newest prices. All amounts are in `currency`; right where `other_currencies` is empty.

    equity = cash + hold + positions_value
    total_pnl = equity − net_deposits = realized_pnl + unrealized_pnl − fees + other_income
    """

    account_id: str = Field(examples=["acc_demo"])
    currency: str = Field(examples=["USD"])
    other_currencies: list[str] = Field(
        description="in which there is money besides: the totals leave it out, and add positions in them as they are"
    )
    as_of: TimeOut | None = Field(description="market time of the newest price used; null before the first")
    partition: int = Field(description="of ledger.events")
    position: int = Field(description="it stands here: the offset of the last record of the partition that it counts")
    cash: DecimalOut = Field(description="free cash")
    hold: DecimalOut = Field(description="cash set aside for orders to buy")
    positions_value: DecimalOut = Field(description="sum of quantity × last_price")
    equity: DecimalOut = Field(description="cash + hold + positions_value")
    realized_pnl: DecimalOut = Field(description="sum of proceeds less the cost of the lots sold, before fees")
    unrealized_pnl: DecimalOut = Field(description="sum of market_value − cost")
    fees: DecimalOut
    net_deposits: DecimalOut = Field(description="deposits less withdrawals, transfers included")
    other_income: DecimalOut = Field(
        description="dividends less tax withheld, interest, rebates and corrections, less fees of the account"
    )
    total_pnl: DecimalOut = Field(
        description="equity − net_deposits = realized_pnl + unrealized_pnl − fees + other_income"
    )
    exposure: list[Exposure] = Field(description="by currency, not converted; the base currency first")
    positions: list[Position]
    history: list[PortfolioPoint] = Field(
        description="oldest first; thinned evenly, the newest point always kept; empty in an answer as of a moment"
    )
    history_points_total: int = Field(description="how many points there are before thinning")
    version: int = Field(description="the account's version")
