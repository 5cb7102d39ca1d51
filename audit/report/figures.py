"""The report's formulas as pure functions: buy and hold, drawdown, percentiles. Stated in words in model.FORMULAS."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from decimal import ROUND_FLOOR, Decimal
from math import ceil

from audit.report.model import Bar, BuyAndHold, Drawdown, Holding, Latency, Point

ZERO = Decimal(0)
_FRACTION = Decimal("0.000001")


def fraction(part: Decimal, whole: Decimal) -> Decimal:
    """part / whole with six decimals; zero when there is no whole."""
    return (part / whole).quantize(_FRACTION) if whole else ZERO


def buy_and_hold(
    bars: Mapping[str, Sequence[Bar]], allocation: Decimal, capital: Decimal
) -> tuple[BuyAndHold, list[Point]]:
    """What `allocation` per symbol, bought in whole units at the symbol's first open and kept, would have given.

    bars: by symbol, in order of days. Returns the result and its equity at the last close of each day.
    """
    holdings = []
    for symbol in sorted(bars):
        series = bars[symbol]
        if not series:
            continue
        first, last = series[0], series[-1]
        quantity = (allocation / first.open).to_integral_value(ROUND_FLOOR)
        holdings.append(
            Holding(
                symbol=symbol,
                bought_on=first.day,
                quantity=quantity,
                first_open=first.open,
                last_close=last.close,
                pnl=quantity * (last.close - first.open),
            )
        )
    pnl = sum((holding.pnl for holding in holdings), ZERO)
    result = BuyAndHold(
        allocation=allocation,
        holdings=holdings,
        pnl=pnl,
        equity=capital + pnl,
        pnl_fraction=fraction(pnl, capital),
    )
    return result, _curve(bars, holdings, capital)


def _curve(bars: Mapping[str, Sequence[Bar]], holdings: Sequence[Holding], capital: Decimal) -> list[Point]:
    by_day: dict[str, list[tuple[str, Bar]]] = {}
    for symbol, series in bars.items():
        for bar in series:
            by_day.setdefault(bar.day, []).append((symbol, bar))
    held = {holding.symbol: holding for holding in holdings}
    gain: dict[str, Decimal] = {}
    points = []
    for day in sorted(by_day):
        for symbol, bar in by_day[day]:
            gain[symbol] = held[symbol].quantity * (bar.close - held[symbol].first_open)
        points.append(Point(max(bar.close_time for _, bar in by_day[day]), capital + sum(gain.values(), ZERO)))
    return points


def drawdowns(points: Iterable[Point], capital: Decimal) -> list[Point]:
    """How far each value is below the highest before it, as a fraction; the first peak is the capital."""
    peak = capital
    falls = []
    for point in points:
        peak = max(peak, point.value)
        falls.append(Point(point.time, fraction(peak - point.value, peak)))
    return falls


def drawdown(points: Sequence[Point], capital: Decimal) -> Drawdown:
    """The deepest fall. Of equal falls the first; `peak` is None when the fall starts from the capital paid in."""
    peak, peak_time = capital, None
    deepest = Drawdown(fraction=ZERO, amount=ZERO, peak=None, trough=None)
    for point in points:
        if point.value > peak:
            peak, peak_time = point.value, point.time
        depth = fraction(peak - point.value, peak)
        if depth > deepest.fraction:
            deepest = Drawdown(fraction=depth, amount=peak - point.value, peak=peak_time, trough=point.time)
    return deepest


def percentile(ordered: Sequence[float], percent: float) -> float:
    """Nearest rank over values in ascending order: the smallest with at least `percent` % of all at or below it."""
    return ordered[max(0, ceil(percent / 100 * len(ordered)) - 1)]


def latency(name: str, measures: str, values_ms: Iterable[float]) -> Latency | None:
    """The percentiles of the values; None when there are none."""
    ordered = sorted(values_ms)
    if not ordered:
        return None
    return Latency(
        name=name,
        measures=measures,
        count=len(ordered),
        p50_ms=percentile(ordered, 50),
        p95_ms=percentile(ordered, 95),
        p99_ms=percentile(ordered, 99),
        max_ms=ordered[-1],
    )
