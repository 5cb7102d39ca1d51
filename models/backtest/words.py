"""Figures of a backtest as people read them, on the page and on the console alike."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal

from models.backtest.result import BacktestResult, Costs
from models.backtest.sample import Figure

NOTHING = "–"
_BEGINNING = datetime(1970, 1, 1, tzinfo=UTC)

Table = tuple[str, list[str], list[list[str]]]
"""Title, columns, rows."""


def day(time_us: int | None) -> str:
    return NOTHING if time_us is None else (_BEGINNING + timedelta(microseconds=time_us)).date().isoformat()


def minute(time_us: int | None) -> str:
    if time_us is None:
        return NOTHING
    return (_BEGINNING + timedelta(microseconds=time_us)).strftime("%Y-%m-%d %H:%M")


def money(value: float | Decimal, *, sign: bool = False) -> str:
    return f"{value:{'+' if sign else ''},.2f}"


def units(value: Decimal) -> str:
    return f"{value.normalize():,f}"


def percent(value: float | Decimal | None, *, sign: bool = False) -> str:
    return NOTHING if value is None else f"{value * 100:{'+' if sign else ''}.2f}\u00a0%"


def value(figure: Figure) -> str:
    """The figure alone."""
    return NOTHING if figure.value is None else number(figure.value, figure.unit)


def number(found: float, unit: str) -> str:
    match unit:
        case "fraction":
            return percent(found)
        case "USD":
            return money(found)
        case "count" | "days":
            return f"{found:,.0f}"
    return f"{found:,.3f}"


def interval(figure: Figure) -> str:
    """The 95 % interval, or why there is no figure."""
    if figure.value is None:
        return figure.reason or NOTHING
    if figure.low is None or figure.high is None:
        return ""
    return f"{number(figure.low, figure.unit)} to {number(figure.high, figure.unit)}"


def headline(result: BacktestResult) -> list[tuple[str, str, str]]:
    """The figures that come first: (name, value, what stands below it)."""
    mine, held = result.outcome, result.baseline
    found = []
    for name, label in (("total_return", "Total return"), ("max_drawdown", "Max drawdown"), ("sharpe_ratio", "Sharpe")):
        own, other = mine.figure(name), held.figure(name)
        said = percent(own.value, sign=name == "total_return") if own.unit == "fraction" else value(own)
        found.append((label, said, f"buy and hold {value(other)}"))
    sharpe = mine.figure("sharpe_ratio")
    if sharpe.value is None or sharpe.low is not None:  # its interval says more than a neighbour does
        found[2] = ("Sharpe", value(sharpe), interval(sharpe) if sharpe.value is None else f"95 %: {interval(sharpe)}")
    found.append(("Closed trades", value(mine.figure("trades")), f"win rate {value(mine.figure('win_rate'))}"))
    found.append(("Fees", money(mine.costs.fees), f"spread and impact {money(mine.costs.spread_and_impact)}"))
    found.append(("Orders rejected", f"{len(mine.rejections):,}", f"{len(mine.working):,} still working at the end"))
    return found


def tables(result: BacktestResult) -> list[Table]:
    """What happened: months, trades, orders refused, costs; a table without rows is left out."""
    found: list[Table] = [_months(result), _trades(result), _rejections(result), costs(result)]
    return [table for table in found if table[2]]


def figures(result: BacktestResult) -> Table:
    """Each statistic with its sample and buy and hold's."""
    held = {one.name: one for one in result.baseline.figures}
    rows = [
        [one.label, value(one), value(held[one.name]), f"{one.observations:,} {one.sample}", interval(one)]
        for one in result.outcome.figures
    ]
    return ("Net of costs", ["Figure", "Strategy", "Buy and hold", "Sample", "95 % interval, or why not"], rows)


def _months(result: BacktestResult) -> Table:
    names = [datetime(2000, month, 1, tzinfo=UTC).strftime("%b") for month in range(1, 13)]
    years: dict[int, dict[int, float]] = {}
    for one in result.monthly:
        years.setdefault(one.year, {})[one.month] = one.result
    rows = []
    for year, months in years.items():
        grown = 1.0
        for change in months.values():
            grown *= 1.0 + change
        cells = [percent(months.get(month), sign=True) for month in range(1, 13)]
        rows.append([str(year), *cells, percent(grown - 1.0, sign=True)])
    return ("Returns by month, net of costs", ["Year", *names, "Year's"], rows)


def _trades(result: BacktestResult) -> Table:
    rows = [
        [
            one.symbol,
            day(one.entry_time_us),
            day(one.exit_time_us),
            units(one.quantity),
            f"{one.entry_price:,.4f}",
            f"{one.exit_price:,.4f}",
            money(one.pnl, sign=True),
            percent(one.return_fraction, sign=True),
            money(one.fees),
            one.entry_reason,
            one.exit_reason,
        ]
        for one in result.outcome.trades
    ]
    columns = ["Symbol", "Entry", "Exit", "Units", "Entry price", "Exit price", "P&L", "Return", "Fees", "Why in"]
    return ("Trades", [*columns, "Why out"], rows)


def _rejections(result: BacktestResult) -> Table:
    rows = [
        [one.symbol, day(one.time_us), one.side, units(one.quantity), one.code, one.text]
        for one in result.outcome.rejections
    ]
    return ("Orders that the ledger refused", ["Symbol", "Day", "Side", "Units", "Code", "Why"], rows)


def costs(result: BacktestResult) -> Table:
    """What trading cost."""
    rows = [
        [name, *(money(part) for part in (one.fees, one.spread_and_impact, one.traded)), _bps(one)]
        for name, one in (("Strategy", result.outcome.costs), ("Buy and hold", result.baseline.costs))
    ]
    return ("Costs, USD", ["", "Fees", "Spread and impact", "Traded", "All, bps of traded"], rows)


def _bps(costs: Costs) -> str:
    """All costs in basis points of what was traded."""
    paid = costs.fees + costs.spread_and_impact
    return f"{paid / costs.traded * 10_000:.2f}" if costs.traded else NOTHING


def terms(result: BacktestResult) -> Table:
    """What was simulated."""
    asked, model = result.terms, result.model
    rows = [
        ["Strategy", asked.strategy],
        ["Model", NOTHING if model is None else f"{model.name} {model.version}"],
        [
            "Trained on",
            NOTHING if result.model is None else f"{result.model.trained_from} to {result.model.trained_to}",
        ],
        ["Period", f"{asked.first} to {asked.last}"],
        ["Symbols", ", ".join(result.symbols)],
        ["Bars", f"{result.bars:,}"],
        ["Prices", result.data_source],
        ["Cash, USD", money(asked.cash)],
        ["Allocation per entry, USD", money(asked.allocation)],
        ["Protection", percent(asked.protection)],
        ["Fee, half spread, impact, bps", f"{asked.fee_bps}, {asked.half_spread_bps}, {asked.impact_bps}"],
        ["Participation", percent(asked.participation_max)],
        ["Latency, ms", f"{result.latency_us / 1_000:g} + up to {result.latency_jitter_us / 1_000:g}"],
        ["Annualised by", result.annual.basis],
        ["Decisions", ", ".join(f"{count:,} {name}" for name, count in result.decisions.items())],
    ]
    return ("What was simulated", ["", "Value"], rows)
