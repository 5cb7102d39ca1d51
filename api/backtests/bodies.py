"""What a backtest is asked to do, as JSON, and what the request is answered."""

from __future__ import annotations

import re
from decimal import Decimal
from typing import Annotated, Any

from pydantic import AfterValidator, ConfigDict, Field, StringConstraints, WithJsonSchema
from pydantic_core import PydanticCustomError

from api.fields import Body, DayIn, DecimalIn, Symbol, View
from api.problems import refused
from api.receipts import Place
from domain.backtest_jobs import BacktestState
from domain.backtests import BacktestTerms, BarSource, Strategy
from runtime.settings import Settings

SYMBOLS_MAX = 50
DAYS_MAX = 50 * 366
_CASH = r"^(?=.*[1-9])(0|[1-9][0-9]{0,11})(\.[0-9]{1,2})?$"
_FRACTION = r"^(1(\.0{1,6})?|0(\.[0-9]{1,6})?)$"
_SHARE = r"^(1(\.0{1,6})?|0\.(?=[0-9]*[1-9])[0-9]{1,6})$"
_BPS = r"^(0|[1-9][0-9]{0,3})(\.[0-9]{1,4})?$"
_MODEL = r"^[A-Za-z0-9_.-]{1,64}(@[A-Za-z0-9_.-]{1,64}|/[0-9]{1,9})$"


def _within(pattern: str, expected: str) -> AfterValidator:
    """Of decimals whose text fits a pattern. expected: what that means, for people."""
    compiled = re.compile(pattern, re.ASCII)

    def check(value: Decimal) -> Decimal:
        text = format(value, "f")
        if compiled.fullmatch(text) is None:
            raise PydanticCustomError(
                "decimal_out_of_bounds", "expected {expected}, it was {value}", {"expected": expected, "value": text}
            )
        return value

    return AfterValidator(check)


def _shape(pattern: str, example: str) -> WithJsonSchema:
    return WithJsonSchema({"type": "string", "format": "decimal", "pattern": pattern, "examples": [example]})


Cash = Annotated[
    DecimalIn, _within(_CASH, "an amount above zero, below 10^12, in whole cents"), _shape(_CASH, "100000.00")
]
Fraction = Annotated[
    DecimalIn, _within(_FRACTION, "a fraction from 0 to 1 of at most 6 decimals"), _shape(_FRACTION, "0.10")
]
Share = Annotated[
    DecimalIn, _within(_SHARE, "a share above 0, at most 1, of at most 6 decimals"), _shape(_SHARE, "0.10")
]
Bps = Annotated[DecimalIn, _within(_BPS, "basis points from 0 to 9999.9999"), _shape(_BPS, "1")]


def _each_once(symbols: list[str]) -> list[str]:
    if len(set(symbols)) != len(symbols):
        raise PydanticCustomError("symbols_repeated", "expected each symbol once", {})
    return symbols


_EXAMPLE: dict[str, Any] = {
    "symbols": ["AAPL", "IBM"],
    "first": "2011-01-03",
    "last": "2012-12-31",
    "strategy": "model-follower",
    "model": "signals@champion",
    "cash": "100000.00",
}


class BacktestRequest(Body):
    """A strategy over past bars. A decision at the close of a bar fills at the open of the next, or later."""

    model_config = ConfigDict(json_schema_extra={"examples": [_EXAMPLE]})

    symbols: Annotated[list[Symbol], AfterValidator(_each_once)] = Field(
        min_length=1,
        max_length=SYMBOLS_MAX,
        description="each once",
        examples=[["AAPL"]],
        json_schema_extra={"uniqueItems": True},
    )
    first: DayIn = Field(description="the first day", examples=["2011-01-03"])
    last: DayIn = Field(description="the last day, included", examples=["2012-12-31"])
    strategy: Strategy = "model-follower"
    model: Annotated[str, StringConstraints(pattern=_MODEL)] | None = Field(
        None,
        description="a registered model as `name@alias` or `name/version`; null: the one that signals are made with",
        examples=["signals@champion"],
    )
    source: BarSource = Field(
        "installed", description="installed: the bars of the market data package; recorded: those of market.ticks"
    )
    cash: Cash = Field(Decimal("100000.00"), description="what the account starts with, in USD")
    allocation: Cash | None = Field(None, description="cash put into one symbol by one entry; null: as the strategy")
    protection: Fraction | None = Field(
        None, description="how far above the signal's price a purchase may fill; null: as the strategy"
    )
    fee_bps: Bps | None = Field(None, description="the fee, of a fill's value; null: the paper venue's")
    half_spread_bps: Bps | None = Field(None, description="half the spread, of the price; null: the paper venue's")
    impact_bps: Bps | None = Field(
        None, description="impact at a participation of 100 % (square-root law); null: the paper venue's"
    )
    participation_max: Share | None = Field(
        None, description="the share of a tick's volume that one order may take; null: the paper venue's"
    )
    requested_by: Annotated[str, StringConstraints(pattern=r"^[ -~]{1,64}$")] | None = Field(
        None, description="who asks; null: the caller. Only admins name somebody else", examples=["ada"]
    )


class BacktestAsked(View):
    """The request is on the log. `status_url` shows how far it is."""

    backtest_id: str = Field(examples=["bkt_3f1c9a7e5b2d48069a1be3c5d7f80246"])
    state: BacktestState = Field(description="QUEUED, or what it was last seen as where `Prefer: wait` asked to look")
    status_url: str = Field(examples=["/api/backtests/bkt_3f1c9a7e5b2d48069a1be3c5d7f80246"])
    position: Place


def terms_of(body: BacktestRequest, settings: Settings) -> BacktestTerms:
    """The terms, whole: what is not said is as strategy and paper venue have it here. Raises ProblemError 422."""
    traded = settings.symbols()
    for number, symbol in enumerate(body.symbols):
        if symbol not in traded:
            detail = f"expected one of {', '.join(sorted(traded))}; it was {symbol!r}"
            raise refused("INSTRUMENT_UNKNOWN", detail, f"#/symbols/{number}", symbol=symbol)
    if body.last < body.first:
        raise refused("PERIOD_EMPTY", f"expected a day from {body.first} on; it was {body.last}", "#/last")
    if (body.last - body.first).days >= DAYS_MAX:
        detail = f"expected at most {DAYS_MAX} days, they were {(body.last - body.first).days + 1}"
        raise refused("PERIOD_TOO_LONG", detail, "#/last")
    defaults = settings.backtest_defaults()
    given = {name: getattr(body, name) for name in defaults}
    return BacktestTerms(
        symbols=tuple(body.symbols),
        first=body.first.isoformat(),
        last=body.last.isoformat(),
        strategy=body.strategy,
        model=body.model or "",
        source=body.source,
        cash=body.cash,
        **defaults | {name: value for name, value in given.items() if value is not None},
    )
