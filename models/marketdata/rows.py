"""One row of text -> one bar, or the reason why it is none.

Prices are multiplied, rounded and compared as decimals. All steps are monotone, so the order of a bar's prices stays.
What a bar must be is domain.market.Bar's to say.
"""

from __future__ import annotations

from collections.abc import Sequence
from decimal import ROUND_HALF_EVEN, Decimal, InvalidOperation
from operator import itemgetter

from domain.errors import InvalidValue
from domain.market import Bar
from models.marketdata.bars import MarketBar
from models.marketdata.columns import Places
from models.marketdata.declared import Declared
from models.marketdata.times import When

Row = Sequence[str]
Four = tuple[Decimal, Decimal, Decimal, Decimal]
"""Open, high, low, close."""

_BOUND = Decimal(10) ** 15
_WHOLE = Decimal(1)
_NOTHING = Decimal(0)  # quicker to compare with than 0
_DIFFERS = Decimal("0.001")
_NUMBERS = ("open", "high", "low", "close", "volume")
_OF_DOMAIN = {
    "BAR_NOT_FINITE": "not_finite",
    "BAR_NOT_POSITIVE": "not_positive",
    "BAR_HIGH_BELOW_LOW": "high_below_low",
    "BAR_OUT_OF_RANGE": "out_of_range",
}


class Refused(Exception):
    """A row that is no bar. code: one of models.marketdata.report.REASONS."""

    def __init__(self, code: str, text: str) -> None:
        super().__init__(text)
        self.code = code
        self.text = text


class Maker:
    """Makes bars of rows as declared. Splits are not its business: they concern the bars before their row."""

    def __init__(self, places: Places, declared: Declared) -> None:
        self._numbers = itemgetter(places.open, places.high, places.low, places.close, places.volume)
        self._adjusted_at = places.adjusted_close
        self._adjusts = declared.prices == "adj_close"
        self._step = None if declared.prices == "splits" else declared.price_step
        self._fraction = declared.fractional_volume
        self._keep_zero = declared.zero_volume == "keep"

    def make(self, row: Row, symbol: str, when: When) -> tuple[MarketBar, tuple[str, ...]]:
        """The bar, and the reasons for which the report tells of it. Raises Refused."""
        before, traded = self._raw(row)
        if not traded and not self._keep_zero:
            raise Refused("zero_volume_dropped", "nothing was traded")
        after, notes = self._finished(before, row)
        opened, high, low, close = after
        volume = units(traded, self._fraction)
        bar = MarketBar(
            symbol=symbol,
            date=when.date,
            open=opened,
            high=high,
            low=low,
            close=close,
            volume=volume,
            start_us=when.start_us,
            end_us=when.end_us,
        )
        return bar, notes

    def _finished(self, before: Four, row: Row) -> tuple[Four, tuple[str, ...]]:
        """Prices adjusted and rounded, and what there is to tell of it."""
        if self._step is None:
            return before, ()
        if self._adjusts:
            adjusted, close = _positive(row[self._adjusted_at], "adjusted_close"), before[3]
            return rounded(before, self._step, adjusted, close), ("adjusted",) if adjusted != close else ()
        after = rounded(before, self._step)
        notes: tuple[str, ...] = ("rounded",) if after != before else ()
        if self._adjusted_at >= 0 and _differs(row[self._adjusted_at], before[3]):
            notes += ("adjustment_doubted",)
        return after, notes

    def _raw(self, row: Row) -> tuple[Four, Decimal]:
        """Prices and volume as the row has them, which make a bar."""
        texts: tuple[str, ...] = self._numbers(row)
        try:
            if "_" in "".join(texts):  # see `number`
                raise InvalidOperation
            opened, high, low, close, volume = map(Decimal, texts)
        except InvalidOperation:
            raise _unreadable(texts) from None
        _require_bar(opened, high, low, close, volume)
        return (opened, high, low, close), volume


def rounded(prices: Four, step: Decimal, times: Decimal = _WHOLE, over: Decimal = _WHOLE) -> Four:
    """Prices times `times` over `over`, to the next step, half to even. Raises Refused when one comes to nothing."""
    opened, high, low, close = prices
    if times is not _WHOLE or over is not _WHOLE:
        opened, high, low, close = opened * times / over, high * times / over, low * times / over, close * times / over
    opened, high = opened.quantize(step, ROUND_HALF_EVEN), high.quantize(step, ROUND_HALF_EVEN)
    low, close = low.quantize(step, ROUND_HALF_EVEN), close.quantize(step, ROUND_HALF_EVEN)
    if not _NOTHING < low <= high < _BOUND:
        raise Refused("value_out_of_bounds", f"in steps of {step} its prices are {low} to {high}")
    return opened, high, low, close


def units(volume: Decimal, fraction: bool) -> Decimal:
    """Written in one way, so that 100, 100.0 and 1E+2 are the same text. Raises Refused for a fraction not allowed."""
    whole = volume.quantize(_WHOLE, ROUND_HALF_EVEN)
    if whole == volume:
        return whole
    if not fraction:
        raise Refused(
            "volume_fraction", f"expected whole units, the volume was {volume} (declare fractional_volume=yes)"
        )
    return volume.normalize()


def _positive(text: str, column: str) -> Decimal:
    value = number(text, column)
    try:
        if _NOTHING < value < _BOUND:
            return value
    except InvalidOperation:  # NaN cannot be compared
        pass
    if not value.is_finite():
        raise Refused("not_finite", f"{column} is {text}")
    if value <= 0:
        raise Refused("not_positive", f"{column} must be above zero, it was {text}")
    raise Refused("value_out_of_bounds", f"expected {column} below 1E+15, it was {text}")


def number(text: str, column: str) -> Decimal:
    """Raises Refused for a text that is no number."""
    try:
        if "_" not in text:  # Decimal takes 1_000, and no file means it
            return Decimal(text)
    except InvalidOperation:
        pass
    if not text.strip():
        raise Refused("value_missing", f"{column} is empty")
    hint = "; decimals are set off by a point, thousands by nothing" if "," in text else ""
    raise Refused("value_unreadable", f"expected a number as {column}, it was {text[:40]!r}{hint}")


def _differs(text: str, close: Decimal) -> bool:
    """Whether an adjusted close says that prices were not adjusted: by more than 0.1 %. Raises Refused."""
    return abs(_positive(text, "adjusted_close") / close - 1) > _DIFFERS


def _unreadable(texts: Sequence[str]) -> Refused:
    for column, text in zip(_NUMBERS, texts, strict=True):
        try:
            number(text, column)
        except Refused as error:
            return error
    raise AssertionError(f"no number of {texts} was unreadable")


def _require_bar(opened: Decimal, high: Decimal, low: Decimal, close: Decimal, volume: Decimal) -> None:
    """Raises Refused for what is no domain.market.Bar, which says why, and for numbers beyond all markets."""
    try:  # the usual case, in a tenth of the time
        if _NOTHING < low <= opened <= high < _BOUND and low <= close <= high and _NOTHING <= volume < _BOUND:
            return
    except InvalidOperation:  # NaN cannot be compared
        pass
    try:
        Bar(open=opened, high=high, low=low, close=close, volume=volume)
    except InvalidValue as error:
        raise Refused(_OF_DOMAIN[error.code], error.text) from None
    raise Refused("value_out_of_bounds", f"expected numbers below 1E+15, they were {high} and {volume}")
