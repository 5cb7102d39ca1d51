"""Goal: the report's figures are those of a story worked out by hand, on the real read models and the real topics.

Ann pays in 10,000.00, buys 10 AAPL at 52.01 and 30 at 55.02 (fees 0.53 and 1.66), sells 15 at 58.00 (fee 0.87); 10 IBM
at 90 rest with 900.90 set aside. AAPL closes at 51, 54, 59, IBM at 105, 104, 101.
FIFO cost of the sale: 10 x 52.01 + 5 x 55.02 = 795.20, so 870.00 - 795.20 = 74.80 is realized; 25 x 55.02 = 1,375.50 is
left, worth 25 x 59 = 1,475. Cash 10,000 - 2,170.70 - 2.19 + 870 - 0.87 = 8,696.24, of which 900.90 is held.
"""

from __future__ import annotations

import io
import json
import re
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path

import pytest
from rich.console import Console

from audit.report import DemoReport, Verdicts, build, differences, render_console, write_page
from domain.errors import UnavailableError
from runtime.clients import postgres
from runtime.settings import Settings
from tests.audit.world import World, story

pytestmark = pytest.mark.integration

FIRST, LAST = date(2011, 1, 3), date(2011, 1, 5)


def report_of(settings: Settings) -> DemoReport:
    return build(
        settings,
        "ann",
        FIRST,
        LAST,
        verify=Verdicts(ok=True, text="35 records"),
        replay=Verdicts(ok=False, text="1 difference"),
    )


def close_of(day: int) -> datetime:
    return datetime(2011, 1, day, 21, tzinfo=UTC)


def test_figures_are_those_worked_out_by_hand(told: World) -> None:
    """Money, positions, buy and hold, drawdown, counts, latencies and throughput of Ann's three days."""
    report = report_of(told.settings)

    pnl = report.pnl
    assert (pnl.capital, pnl.cash, pnl.hold) == (Decimal(10000), Decimal("7795.34"), Decimal("900.90"))
    assert (pnl.positions_value, pnl.equity, pnl.pnl) == (Decimal(1475), Decimal("10171.24"), Decimal("171.24"))
    assert (pnl.realized_pnl, pnl.unrealized_pnl, pnl.fees) == (Decimal("74.80"), Decimal("99.50"), Decimal("3.06"))
    (position,) = report.positions
    assert (position.symbol, position.quantity, position.cost) == ("AAPL", Decimal(25), Decimal("1375.50"))

    held = report.buy_and_hold  # 20,000 each: 400 AAPL at 50, 200 IBM at 100
    assert [(one.symbol, one.quantity, one.pnl) for one in held.holdings] == [
        ("AAPL", Decimal(400), Decimal(3600)),
        ("IBM", Decimal(200), Decimal(200)),
    ]
    assert (held.pnl, held.equity) == (Decimal(3800), Decimal(13800))
    assert [(point.time, point.value) for point in report.equity_buy_and_hold] == [
        (close_of(3), Decimal(11400)),
        (close_of(4), Decimal(12400)),
        (close_of(5), Decimal(13800)),
    ]

    assert [(point.time, point.value) for point in report.equity] == [
        (close_of(3), Decimal(10000)),
        (close_of(4), Decimal("9987.11")),  # 10,000 - 2,172.89 + 40 x 54
        (close_of(5), Decimal("10171.24")),
    ]
    assert (report.drawdown.fraction, report.drawdown.amount) == (Decimal("0.001289"), Decimal("12.89"))
    assert report.drawdown.trough == close_of(4)
    assert report.notes == []

    assert report.orders_by_status == {"CANCELED": 1, "FILLED": 2, "NEW": 1, "REJECTED": 2}
    assert report.rejections_by_code == {"CASH_INSUFFICIENT": 1, "INSTRUMENT_UNKNOWN": 1}
    assert report.signals_by_direction == {"BUY": 1, "HOLD": 1, "SELL": 1}
    assert (report.signals_abstained, report.models) == (1, ["xgboost 7"])
    assert (report.fills.count, report.fills.bought, report.fills.sold) == (3, Decimal("2170.70"), Decimal(870))
    assert [(one.open, one.high, one.low, one.close) for one in report.bars["AAPL"]] == [
        (Decimal(50), Decimal(52), Decimal(49), Decimal(51)),
        (Decimal(52), Decimal(55), Decimal(51), Decimal(54)),
        (Decimal(58), Decimal(60), Decimal(57), Decimal(59)),
    ]


def test_latencies_are_the_times_in_the_records(told: World) -> None:
    """The story sends and records at known milliseconds; see tests/audit/world.py."""
    report = report_of(told.settings)

    measured = {one.name: (one.count, one.p50_ms, one.p95_ms, one.max_ms) for one in report.latencies}
    assert measured == {
        "tick -> signal": (4, 5.0, 29.0, 29.0),
        "submitted -> accepted": (6, 2.0, 2.0, 2.0),
        "accepted -> acknowledged": (4, 11.0, 11.0, 11.0),
        "tick -> fill": (3, 10.0, 15.0, 15.0),
        "accepted -> first fill": (2, 24.0, 28.0, 28.0),
    }
    assert report.throughput is not None
    assert (report.throughput.ticks, report.throughput.signals, report.throughput.ledger_events) == (24, 4, 18)
    assert report.throughput.duration_s == pytest.approx(0.172)


def test_digest_is_blind_to_wall_time_and_sees_the_rest(ledger_settings: Settings, tmp_path: Path) -> None:
    """Other record times and another order of rows: the same digest. Another price: another, and the part is named."""
    story(ledger_settings).project()
    first = report_of(ledger_settings)
    with postgres(ledger_settings) as connection:
        connection.execute("update orders set submitted_at = now(), updated_at = now(), worker_id = 'w9'")
        connection.execute("update fills set recorded_at = now()")
        connection.execute("update signals set recorded_at = now()")
    second = report_of(ledger_settings)
    with postgres(ledger_settings) as connection:
        connection.execute(
            """update fills set price = price + 0.01
               where order_id = (select min(order_id) from fills where account_id = 'ann')"""
        )
    third = report_of(ledger_settings)
    paths = [tmp_path / name for name in ("first.json", "second.json", "third.json")]
    for report, path in zip((first, second, third), paths, strict=True):
        report.write_json(path)

    assert first.digest == second.digest
    assert first.digest != third.digest
    assert differences(paths[0], paths[1]) == []
    assert differences(paths[0], paths[2]) == ["fills"]
    written = json.loads(paths[0].read_text())
    assert written["digest"] == first.digest
    assert written["pnl"]["pnl"] == "171.24", "money is text"
    assert len(written["fill_rows"]) == 3


def test_books_that_disagree_are_noted(ledger_settings: Settings) -> None:
    """A balance that somebody changed shows as a note, not as a silently wrong figure."""
    story(ledger_settings).project()
    with postgres(ledger_settings) as connection:
        connection.execute("update balances set amount = amount + 1 where account_id = 'ann' and book_account = 'cash'")

    notes = report_of(ledger_settings).notes

    assert len(notes) == 2
    assert "the equity curve ends at 10171.24" in notes[0]


def test_the_page_needs_no_network_and_holds_the_numbers(told: World, tmp_path: Path) -> None:
    """One file: figures as text, charts as data with a table each, HOLD off, nothing loaded from anywhere."""
    report = report_of(told.settings)
    path = tmp_path / "report.html"

    write_page(report, path)

    page = path.read_text()
    text = page[: page.index('<script type="application/json"')]
    assert not re.search(r"<(script|link|img|iframe)[^>]+(src|href)=[\"']?(https?:)?//", page)
    assert "PAPER" in text
    assert "+171.24 USD" in text
    assert "+3,800.00 USD" in text
    assert "FAILED: 1 difference" in text
    assert report.digest in text
    assert "public domain" in text
    found = re.search(r'<script type="application/json" id="data">(.*?)</script>', page, re.DOTALL)
    assert found is not None
    data = json.loads(found[1])
    aapl = data["prices"]["AAPL"]
    assert [trace["name"] for trace in aapl["figure"]["data"]] == [
        *("day", "BUY signal", "SELL signal", "HOLD signal", "BUY fill", "SELL fill"),
    ]
    assert aapl["figure"]["data"][3]["visible"] == "legendonly"
    assert aapl["rows"][1] == [
        "2011-01-04",
        "52.00",
        "55.00",
        "51.00",
        "54.00",
        "SELL",
        "BUY 10 at 52.0100; BUY 30 at 55.0200",
    ]
    assert data["equity"]["rows"][2] == ["2011-01-05", "10,171.24", "13,800.00"]
    assert len(data["drawdown"]["rows"]) == 3


def test_the_console_shows_every_figure_at_80_columns(told: World) -> None:
    """Without colour and on a narrow terminal nothing is cut off."""
    out = io.StringIO()

    render_console(report_of(told.settings), Console(file=out, width=80, no_color=True))

    shown = out.getvalue()
    for words in (
        "PAPER TRADING",
        "+171.24",
        "+3,800.00",
        "1,375.50",
        "CASH_INSUFFICIENT",
        "29.0",
        "Verify: OK",
        "Replay: FAILED",
    ):
        assert words in shown
    assert "…" not in shown
    assert max(len(line) for line in shown.splitlines()) <= 80


def test_an_unknown_account_is_told(told: World) -> None:
    """No rows, no report: one clear error."""
    with pytest.raises(UnavailableError, match="account nobody is not in the read models"):
        build(told.settings, "nobody", FIRST, LAST)
