"""Puts the report together from one snapshot of the read models."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from datetime import date, datetime
from decimal import Decimal, localcontext

from audit.report import read
from audit.report.digest import digest
from audit.report.figures import ZERO, buy_and_hold, drawdown, fraction
from audit.report.latency import Positions, latencies, sent_times
from audit.report.model import (
    DEMO_SOURCE,
    FORMULAS,
    DataSource,
    DemoReport,
    Fill,
    Fills,
    Pnl,
    Point,
    Position,
    Throughput,
    Verdicts,
)
from audit.report.read import Cash, Connection, Pace, Period
from runtime.clock import now_us
from runtime.settings import Settings
from streams.codec import rfc3339


def build(
    settings: Settings,
    account_id: str,
    first: date,
    last: date,
    *,
    verify: Verdicts | None = None,
    replay: Verdicts | None = None,
    source: DataSource = DEMO_SOURCE,
) -> DemoReport:
    """The report on `account_id` from `first` to `last`, both days included.

    Reads the read models as the role that can only select, and the wall-clock times of inputs from Kafka. Raises
    UnavailableError when a server is not there or the account is unknown.
    """
    ticks = sent_times(settings, "market.ticks")
    commands = sent_times(settings, "trading.commands")
    period = Period(first, last)
    with localcontext(prec=60), read.snapshot(settings) as connection:
        return _build(
            settings,
            connection,
            account_id,
            period,
            ticks=ticks,
            commands=commands,
            verify=verify,
            replay=replay,
            source=source,
        )


def _build(
    settings: Settings,
    connection: Connection,
    account_id: str,
    period: Period,
    *,
    ticks: Positions,
    commands: Positions,
    verify: Verdicts | None,
    replay: Verdicts | None,
    source: DataSource,
) -> DemoReport:
    cash = read.cash(connection, account_id)
    bars = read.bars(connection, period)
    positions = read.positions(connection, account_id, read.last_prices(connection, period))
    signals = read.signals(connection, period)
    orders = read.orders(connection, account_id)
    fills = read.fills(connection, account_id)
    equity = read.equity(connection, account_id, period)
    pnl = _pnl(cash, positions)
    held, held_curve = buy_and_hold(bars, settings.strategy_allocation, cash.capital)
    if held_curve and (not equity or held_curve[0].time < equity[0].time):
        equity.insert(0, Point(held_curve[0].time, cash.capital))  # before its first fill an account is worth its cash
    fingerprint, parts = digest(signals, orders, fills, positions, pnl)
    return DemoReport(
        account_id=account_id,
        currency=cash.currency,
        first=period.first.isoformat(),
        last=period.last.isoformat(),
        made_at=rfc3339(now_us()),
        paper=settings.paper_trade_mode,
        source=source,
        formulas=FORMULAS,
        digest=fingerprint,
        digest_parts=parts,
        verify=verify,
        replay=replay,
        orders_by_status=_counts(order.status for order in orders),
        rejections_by_code=_counts(order.reject_code for order in orders if order.reject_code is not None),
        signals_by_direction=_counts(signal.direction for signal in signals if signal.abstained is None),
        signals_abstained=sum(signal.abstained is not None for signal in signals),
        models=sorted({f"{signal.model_name} {signal.model_version}" for signal in signals}),
        fills=_fills(fills),
        positions=positions,
        pnl=pnl,
        buy_and_hold=held,
        drawdown=drawdown(equity, cash.capital),
        drawdown_buy_and_hold=drawdown(held_curve, cash.capital),
        latencies=latencies(connection, account_id, period, ticks, commands),
        throughput=_throughput(read.pace(connection, account_id, period), ticks),
        notes=_notes(pnl, equity),
        equity=equity,
        equity_buy_and_hold=held_curve,
        bars=bars,
        signal_rows=signals,
        order_rows=orders,
        fill_rows=fills,
    )


def _counts(values: Iterable[str]) -> dict[str, int]:
    return dict(sorted(Counter(values).items()))


def _fills(fills: list[Fill]) -> Fills:
    def notional(side: str) -> Decimal:
        return sum((fill.quantity * fill.price for fill in fills if fill.side == side), ZERO)

    return Fills(
        count=len(fills),
        bought=notional("BUY"),
        sold=notional("SELL"),
        fees=sum((fill.fee for fill in fills), ZERO),
    )


def _pnl(cash: Cash, positions: list[Position]) -> Pnl:
    worth = sum((position.market_value for position in positions), ZERO)
    equity = cash.cash + cash.hold + worth
    return Pnl(
        capital=cash.capital,
        cash=cash.cash,
        hold=cash.hold,
        positions_value=worth,
        equity=equity,
        pnl=equity - cash.capital,
        pnl_fraction=fraction(equity - cash.capital, cash.capital),
        realized_pnl=sum((position.realized_pnl for position in positions), ZERO),
        unrealized_pnl=sum((position.unrealized_pnl for position in positions), ZERO),
        fees=sum((position.fees for position in positions), ZERO),
    )


def _throughput(pace: Pace, ticks: Positions) -> Throughput | None:
    if pace.first_tick is None or pace.last_recorded_at is None or pace.first_tick not in ticks:
        return None
    started: datetime = ticks[pace.first_tick]
    seconds = (pace.last_recorded_at - started).total_seconds()
    if seconds <= 0:
        return None
    return Throughput(
        duration_s=seconds,
        ticks=pace.ticks,
        signals=pace.signals,
        ledger_events=pace.events,
        ticks_per_s=pace.ticks / seconds,
        events_per_s=(pace.signals + pace.events) / seconds,
    )


def _notes(pnl: Pnl, equity: list[Point]) -> list[str]:
    """Figures that ought to agree and do not are told, not hidden."""
    notes = []
    if not equity:
        notes.append("no portfolio values in the period: the equity curve is empty")
    elif equity[-1].value != pnl.equity:
        notes.append(
            f"the equity curve ends at {equity[-1].value}, but cash, hold and positions at the last prices give "
            f"{pnl.equity}: the projections have not caught up, or they disagree"
        )
    made = pnl.realized_pnl + pnl.unrealized_pnl - pnl.fees
    if made != pnl.pnl:
        notes.append(f"realized + unrealized - fees is {made}, but equity - capital is {pnl.pnl}: the books disagree")
    return notes
