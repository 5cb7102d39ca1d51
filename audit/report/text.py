"""Figures as people read them, the same on the console and on the page. A sign stands before a gain or a loss."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal

from audit.report.model import DemoReport, Verdicts
from domain.numbers import plain

NOTHING = "–"


def number(value: Decimal, places: int = 0) -> str:
    return f"{value:,.{places}f}"


def units(value: Decimal) -> str:
    """A quantity without needless zeros."""
    return f"{Decimal(plain(value)):,f}"


def signed(value: Decimal, places: int = 2) -> str:
    return f"{value:+,.{places}f}"


def percent(fraction: Decimal, *, sign: bool = False) -> str:
    return f"{fraction * 100:{'+' if sign else ''}.2f}\u00a0%"


def day(time: datetime | None) -> str:
    return NOTHING if time is None else time.astimezone(UTC).date().isoformat()


def verdict(found: Verdicts | None) -> str:
    if found is None:
        return "not run"
    return f"{'OK' if found.ok else 'FAILED'}: {found.text}"


def headline(report: DemoReport) -> list[tuple[str, str, str]]:
    """The figures that come first: (name, value, what stands below it)."""
    pnl, held = report.pnl, report.buy_and_hold
    verdict_words = {None: "not run", True: "OK", False: "FAILED"}
    return [
        ("P&L", f"{signed(pnl.pnl)} {report.currency}", f"{percent(pnl.pnl_fraction, sign=True)} of the capital"),
        (
            "Buy and hold",
            f"{signed(held.pnl)} {report.currency}",
            f"{percent(held.pnl_fraction, sign=True)}, same symbols and dates",
        ),
        (
            "Max drawdown",
            percent(report.drawdown.fraction),
            f"buy and hold {percent(report.drawdown_buy_and_hold.fraction)}",
        ),
        (
            "Orders and fills",
            f"{sum(report.orders_by_status.values()):,} / {report.fills.count:,}",
            f"{sum(report.rejections_by_code.values()):,} rejected",
        ),
        (
            "Audit verify",
            verdict_words[None if report.verify is None else report.verify.ok],
            "chain, archive and balances" if report.verify is None else report.verify.text,
        ),
        (
            "Audit replay",
            verdict_words[None if report.replay is None else report.replay.ok],
            "fold against live tables" if report.replay is None else report.replay.text,
        ),
    ]


Table = tuple[str, list[str], list[list[str]]]


def tables(report: DemoReport) -> list[Table]:
    """Every table of figures: (title, columns, rows). The first column is text, the others are right-aligned."""
    return [table for table in (*_money_tables(report), *_work_tables(report)) if table[2]]


def _money_tables(report: DemoReport) -> list[Table]:
    pnl, money = report.pnl, report.currency
    return [
        (
            "Portfolio",
            ["", money],
            [
                ["Capital (deposits less withdrawals)", number(pnl.capital, 2)],
                ["Cash", number(pnl.cash, 2)],
                ["Hold (cash set aside for open orders)", number(pnl.hold, 2)],
                ["Positions at last prices", number(pnl.positions_value, 2)],
                ["Equity", number(pnl.equity, 2)],
                ["P&L", signed(pnl.pnl)],
                ["  realized, before fees", signed(pnl.realized_pnl)],
                ["  unrealized", signed(pnl.unrealized_pnl)],
                ["  fees", signed(-pnl.fees)],
                ["Buy and hold P&L", signed(report.buy_and_hold.pnl)],
                ["P&L less buy and hold", signed(pnl.pnl - report.buy_and_hold.pnl)],
            ],
        ),
        (
            "Final positions",
            ["Symbol", "Units", "Cost", "Price", "Value", "Unrealized", "Realized", "Fees"],
            [
                [
                    position.symbol,
                    units(position.quantity),
                    number(position.cost, 2),
                    NOTHING if position.last_price is None else number(position.last_price, 2),
                    number(position.market_value, 2),
                    signed(position.unrealized_pnl),
                    signed(position.realized_pnl),
                    number(position.fees, 2),
                ]
                for position in report.positions
            ],
        ),
        (
            f"Buy and hold, {number(report.buy_and_hold.allocation)} {money} a symbol",
            ["Symbol", "Bought on", "Units", "First open", "Last close", "P&L"],
            [
                [
                    holding.symbol,
                    holding.bought_on,
                    units(holding.quantity),
                    number(holding.first_open, 2),
                    number(holding.last_close, 2),
                    signed(holding.pnl),
                ]
                for holding in report.buy_and_hold.holdings
            ],
        ),
        (
            "Deepest drawdown",
            ["", "Fall", money, "Peak", "Trough"],
            [
                [name, percent(fall.fraction), number(-fall.amount, 2), day(fall.peak), day(fall.trough)]
                for name, fall in (("Portfolio", report.drawdown), ("Buy and hold", report.drawdown_buy_and_hold))
            ],
        ),
    ]


def _work_tables(report: DemoReport) -> list[Table]:
    signals = [[name, f"{count:,}"] for name, count in report.signals_by_direction.items()]
    if report.signals_abstained:
        signals.append(["abstained", f"{report.signals_abstained:,}"])
    pace = report.throughput
    return [
        ("Signals by direction", ["Direction", "Count"], signals),
        ("Orders by status", ["Status", "Count"], [[name, f"{n:,}"] for name, n in report.orders_by_status.items()]),
        ("Rejections by code", ["Code", "Count"], [[name, f"{n:,}"] for name, n in report.rejections_by_code.items()]),
        (
            "Latency, milliseconds of wall time",
            ["From -> to", "Count", "p50", "p95", "p99", "Max"],
            [
                [one.name, f"{one.count:,}", *(f"{ms:,.1f}" for ms in (one.p50_ms, one.p95_ms, one.p99_ms, one.max_ms))]
                for one in report.latencies
            ],
        ),
        (
            "Throughput",
            ["", "Count", "Per second"],
            []
            if pace is None
            else [
                ["Ticks", f"{pace.ticks:,}", f"{pace.ticks_per_s:,.0f}"],
                [
                    "Events (signals and ledger)",
                    f"{pace.signals + pace.ledger_events:,}",
                    f"{pace.events_per_s:,.0f}",
                ],
                ["Wall time, seconds", f"{pace.duration_s:,.1f}", ""],
            ],
        ),
    ]
