"""Every query of the query side, as the operations call it, with the index that is to answer it.

A list has a case without filters and one for each filter, each for its first page and for a page behind a cursor.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

from api.fields import rfc3339
from api.query import (
    accounts_sql,
    accuracy_sql,
    backtests_sql,
    breaks_sql,
    decisions_sql,
    market_sql,
    order_book_sql,
    orders_sql,
    portfolio_sql,
    progress_sql,
    rebalance_sql,
    records_sql,
    replica,
    risk_sql,
    signals_sql,
    transfers_sql,
)
from api.query.backtests_filters import BacktestFilters, EquityFilters, TradeFilters
from api.query.filters import (
    AccuracyFilters,
    BreakFilters,
    EventFilters,
    HistoryFilters,
    JournalFilters,
    OrderFilters,
    PointFilters,
    RebalanceFilters,
    RejectionFilters,
    SignalFilters,
    TransferFilters,
)
from api.query.market_filters import BarFilters, TickFilters
from api.query.order_book_sql import Moment

LIMIT = 50
_PAGE_ROWS_MAX = 20 * (LIMIT + 1)  # what a page may look at, in all tables together
_START = datetime(2026, 1, 1, tzinfo=UTC)
_EARLY, _SOON_AFTER = _START + timedelta(minutes=1_000), _START + timedelta(minutes=4_000)
_OLD = {"from": rfc3339(_EARLY), "to": rfc3339(_SOON_AFTER)}


Query = Callable[..., Awaitable[Any]]


class Case(NamedTuple):
    """uses: indexes of which each statement's plan uses one at least; empty: tables that do not grow, or none."""

    name: str
    function: Query
    arguments: tuple[Any, ...]
    uses: frozenset[str]
    rows_max: int


def _case(function: Query, *arguments: Any, uses: str = "", name: str = "", rows: int = 100) -> Case:
    label = f"{function.__module__.rpartition('.')[2]}.{function.__name__}" + (f"[{name}]" if name else "")
    return Case(label, function, arguments, frozenset(uses.split()), rows)


def _pages(
    function: Query,
    before: tuple[Any, ...],
    filters: Callable[..., Any],
    after: Any,
    variants: dict[str, tuple[dict[str, Any], str]],
) -> Iterator[Case]:
    """variants: name -> filters and the indexes of which one answers."""
    for name, (values, uses) in variants.items():
        for page, cursor in (("first", None), ("next", after)):
            arguments = (*before, filters(**values, limit=LIMIT), cursor)
            yield _case(function, *arguments, uses=uses, name=f"{name} {page}".strip(), rows=_PAGE_ROWS_MAX)


def _orders() -> Iterator[Case]:
    after = orders_sql.After(_SOON_AFTER - timedelta(minutes=7), "ord_9")
    old_type, old_tif, old_status = "TRAILING_STOP", "GTD", "NEW"
    yield from _pages(orders_sql.page, (), OrderFilters, after, {
        "": ({}, "orders_submitted"),
        "time": (_OLD, "orders_submitted"),
        "account": ({"account_id": "acc_1"}, "orders_account orders_submitted"),
        "account time": ({"account_id": "acc_1", **_OLD}, "orders_account orders_submitted"),
        "other account": ({"account_id": "acc_7"}, "orders_account"),
        "old account": ({"account_id": "acc_old"}, "orders_account"),
        "unknown account": ({"account_id": "acc_none"}, "orders_account"),
        "symbol": ({"symbol": "AAPL"}, "orders_symbol orders_submitted"),
        "symbol time": ({"symbol": "IBM", **_OLD}, "orders_symbol orders_submitted"),
        "status": ({"status": "FILLED"}, "orders_status orders_submitted"),
        "rare status": ({"status": old_status}, "orders_status orders_open"),
        "status time": ({"status": "CANCELED", **_OLD}, "orders_status orders_submitted"),
        "account status": ({"account_id": "acc_1", "status": old_status}, "orders_status orders_open"),
        "account symbol": ({"account_id": "acc_1", "symbol": "AAPL"}, "orders_account orders_symbol orders_submitted"),
        "symbol status": ({"symbol": "AAPL", "status": "FILLED"}, "orders_symbol orders_status orders_submitted"),
        "type": ({"order_type": "MARKET"}, "orders_type orders_submitted"),
        "rare type": ({"order_type": old_type}, "orders_type"),
        "time in force": ({"time_in_force": "GTC"}, "orders_time_in_force orders_submitted"),
        "rare time in force": ({"time_in_force": old_tif}, "orders_time_in_force"),
        "client id": ({"client_order_id": "client-77"}, "orders_client"),
        "account client id": ({"account_id": "acc_1", "client_order_id": "client-75"}, "orders_client"),
        "group": ({"group_id": "grp_77"}, "orders_group"),
        "parent": ({"parent_order_id": "ord_99"}, "orders_parent"),
    })  # fmt: skip
    own = ["acc_7", "acc_old", "acc_none"]
    for page, cursor in (("first", None), ("next", after)):
        for name, values in (("own", {}), ("own time", _OLD), ("own symbol", {"symbol": "AAPL"})):
            arguments, rows = (OrderFilters(**values, limit=LIMIT), cursor, own), len(own) * _PAGE_ROWS_MAX
            index = "orders_account orders_symbol"
            yield _case(orders_sql.page, *arguments, uses=index, name=f"{name} {page}", rows=rows)
    yield _case(orders_sql.one, "ord_77", uses="orders_pkey")
    yield _case(orders_sql.revision, "ord_77", uses="orders_pkey")
    yield _case(orders_sql.events, "ord_77", uses="order_history_order")
    yield _case(orders_sql.steps, "ord_77", 1, 50_000, uses="order_history_order")
    step = orders_sql.AfterStep(1, 232, 0)
    yield from _pages(orders_sql.history, ("ord_77",), HistoryFilters, step, {
        "": ({}, "order_history_order"),
        "time": (_OLD, "order_history_order"),
    })  # fmt: skip
    yield _case(orders_sql.group, "grp_77", uses="order_groups_pkey")
    yield _case(orders_sql.group_orders, "grp_77", uses="orders_group")
    yield _case(orders_sql.fills, "ord_77", uses="fills_order")


def _accounts() -> Iterator[Case]:
    yield _case(accounts_sql.one, "acc_1", uses="accounts_pkey")
    yield _case(accounts_sql.balances, "acc_1", uses="balances_pkey")
    yield _case(accounts_sql.projected, 1)
    yield _case(accounts_sql.now)
    whole = (None, None)
    yield _case(accounts_sql.trial_balance, "acc_7", 3, 10**9, *whole, uses="journal_postings_account", rows=1_000)
    posting = accounts_sql.AfterPosting(_SOON_AFTER - timedelta(minutes=5), 3, 3_995, 2)
    index = "journal_postings_time"
    yield from _pages(accounts_sql.journal, ("acc_1",), JournalFilters, posting, {
        "": ({}, index),
        "time": (_OLD, index),
        "until": ({"to": rfc3339(_EARLY)}, index),
        "book account": ({"book_account": "cash"}, index),
        "commodity": ({"commodity": "USD"}, index),
    })  # fmt: skip
    yield from _pages(accounts_sql.journal, ("acc_7",), JournalFilters, posting, {"other account": ({}, index)})
    refused = accounts_sql.AfterRejection(_SOON_AFTER, 0, 4_000)
    index = "command_rejections_account"
    yield from _pages(accounts_sql.rejections, ("acc_1",), RejectionFilters, refused, {
        "": ({}, index),
        "time": (_OLD, index),
        "until": ({"to": rfc3339(_EARLY)}, index),
        "command": ({"command_id": "cmd_75"}, "command_rejections_command"),
        "code": ({"code": "CASH_INSUFFICIENT"}, index),
    })  # fmt: skip


def _market() -> Iterator[Case]:
    for interval in ("1m", "5m", "15m", "1h", "1d"):
        yield from _pages(market_sql.bars, ("AAPL",), BarFilters, market_sql.AfterBar(_SOON_AFTER), {
            interval: ({"interval": interval}, "bars_pkey"),
            f"{interval} time": ({"interval": interval, **_OLD}, "bars_pkey"),
        })  # fmt: skip
    tick = market_sql.AfterTick(_SOON_AFTER, 0, 12_000)
    yield from _pages(market_sql.ticks, ("AAPL",), TickFilters, tick, {
        "": ({}, "ticks_symbol"),
        "time": (_OLD, "ticks_symbol"),
        "until": ({"to": rfc3339(_EARLY)}, "ticks_symbol"),
    })  # fmt: skip
    yield from _pages(market_sql.ticks, ("NONE",), TickFilters, tick, {"unknown": ({}, "ticks_symbol")})
    for symbol in ("AAPL", "NONE"):
        yield _case(market_sql.is_known, symbol, uses="ticks_symbol", name=symbol)
    yield _case(market_sql.progress)


def _signals() -> Iterator[Case]:
    after = signals_sql.After(_SOON_AFTER, 0, 4_000)
    yield from _pages(signals_sql.page, (), SignalFilters, after, {
        "": ({}, "signals_time"),
        "time": (_OLD, "signals_time"),
        "symbol": ({"symbol": "AAPL"}, "signals_symbol signals_time"),
        "symbol time": ({"symbol": "IBM", **_OLD}, "signals_symbol signals_time"),
        "direction": ({"direction": "HOLD"}, "signals_direction signals_time"),
        "rare direction": ({"direction": "SELL"}, "signals_direction"),
        "symbol direction": ({"symbol": "AAPL", "direction": "SELL"}, "signals_direction signals_symbol"),
    })  # fmt: skip
    model, index = accuracy_sql.AfterModel("m2", "40", "GOOG"), "model_outcomes_pkey model_outcomes_symbol"
    yield from _pages(accuracy_sql.page, (), AccuracyFilters, model, {
        "": ({}, "model_outcomes_pkey"),
        "model": ({"model_name": "m3"}, "model_outcomes_pkey"),
        "model version": ({"model_name": "m3", "model_version": "77"}, index),
        "version": ({"model_version": "77"}, index),
        "symbol": ({"symbol": "IBM"}, "model_outcomes_symbol"),
        "all": ({"model_name": "m3", "model_version": "77", "symbol": "IBM"}, index),
        "unknown": ({"model_name": "m9"}, "model_outcomes_pkey"),
    })  # fmt: skip
    yield _case(signals_sql.of_request, "req_40", uses="signals_request")
    yield _case(signals_sql.refusal_of_request, "req_40", uses="signal_refusals_request")
    yield _case(decisions_sql.of_orders, ["ord_77", "ord_99"], uses="orders_pkey")
    yield _case(decisions_sql.refusals, ["cmd_77", "cmd_99"], uses="command_rejections_command")


def _portfolio() -> Iterator[Case]:
    yield _case(portfolio_sql.positions, "acc_77", uses="positions_pkey")
    yield _case(portfolio_sql.lots, "acc_77", uses="lots_pkey")
    yield _case(portfolio_sql.history, "acc_77", 600, uses="portfolio_values_pkey", rows=1_000)
    yield _case(rebalance_sql.one, "acc_1", "reb_75", uses="rebalance_events_plan")
    point, index = portfolio_sql.AfterPoint(_SOON_AFTER), "portfolio_values_pkey"
    yield from _pages(portfolio_sql.points, ("acc_77",), PointFilters, point, {
        "": ({}, index),
        "time": (_OLD, index),
        "day": ({"interval": "1d"}, index),
        "hour time": ({"interval": "1h", **_OLD}, index),
    })  # fmt: skip
    plan, index = rebalance_sql.AfterPlan(_SOON_AFTER, 4_000), "rebalance_events_account rebalance_events_plan"
    yield from _pages(rebalance_sql.page, ("acc_1",), RebalanceFilters, plan, {
        "": ({}, index),
        "time": (_OLD, index),
    })  # fmt: skip
    yield _case(rebalance_sql.orders, ["ord_7", "ord_8"], uses="orders_pkey")


def _transfers() -> Iterator[Case]:
    yield _case(transfers_sql.one, "acc_1", "trf_7", uses="operator_actions_reference")
    after = transfers_sql.AfterTransfer(_SOON_AFTER, 0, 4_000)
    index = "operator_actions_sent operator_actions_received"
    yield from _pages(transfers_sql.many, ("acc_1",), TransferFilters, after, {
        "": ({}, index),
        "time": (_OLD, index),
        "until": ({"to": rfc3339(_EARLY)}, index),
        "status": ({"status": "ON_ITS_WAY"}, index),
    })  # fmt: skip
    yield from _pages(transfers_sql.many, ("acc_7",), TransferFilters, after, {"other account": ({}, index)})


def _breaks() -> Iterator[Case]:
    found = "reconciliation_breaks_found"
    yield from _pages(breaks_sql.page, (), BreakFilters, breaks_sql.After(_SOON_AFTER, "brk_4000"), {
        "": ({}, found),
        "time": (_OLD, found),
        "account": ({"account_id": "acc_1"}, f"reconciliation_breaks_account {found}"),
        "old account": ({"account_id": "acc_old"}, "reconciliation_breaks_account"),
        "status": ({"status": "RESOLVED"}, f"reconciliation_breaks_status {found}"),
        "rare status": ({"status": "OPEN"}, "reconciliation_breaks_status reconciliation_breaks_open"),
        "kind": ({"kind": "ORDER_MISSING_AT_VENUE"}, found),
        "symbol": ({"symbol": "AAPL"}, found),
        "order": ({"order_id": "ord_75"}, "reconciliation_breaks_order"),
    })  # fmt: skip


def _order_book() -> Iterator[Case]:
    yield _case(order_book_sql.now)
    yield _case(order_book_sql.places_now)
    yield _case(order_book_sql.feed_now)
    yield _case(order_book_sql.places_of_feed, "ledger", 5_000, uses="feed_batches_place feed_batches_pkey")
    moments = {
        "now": Moment(dict.fromkeys(range(4), 100_000)),
        "places": Moment(dict.fromkeys(range(4), 5_000)),
        "time": Moment(None, _SOON_AFTER),
    }
    for name, moment in moments.items():
        for query, figure in ((order_book_sql.levels, 50), (order_book_sql.queues, 10)):
            uses = "order_book_history_offset order_book_history_time"
            yield _case(query, "IBM", moment, figure, "acc_1", uses=uses, name=name, rows=5_000)
    yield _case(order_book_sql.last_trade, "AAPL", None, uses="ticks_symbol")
    places = dict.fromkeys(range(4), 99_000)
    yield _case(order_book_sql.last_trade, "AAPL", places, uses="ticks_symbol", name="places", rows=2_000)
    times = [_EARLY + timedelta(minutes=10 * n) for n in range(20)]
    yield _case(order_book_sql.depth, "IBM", times, 5, uses="order_book_history_time", rows=20_000)
    for symbol in ("AAPL", "NONE"):
        uses = "order_book_orders_queue order_book_history_offset order_book_history_time"
        yield _case(order_book_sql.is_known, symbol, uses=uses, name=symbol)


def _others() -> Iterator[Case]:
    yield _case(risk_sql.controls)
    yield _case(risk_sql.marks)
    yield _case(progress_sql.positions, ["ledger", "ticks"])
    yield _case(progress_sql.replaced_at)
    inputs = {"backtest.requests": "backtest.requests"}
    yield _case(progress_sql.reached, {"ledger": "ledger.events"}, ["ledger.events"], inputs)


def _records() -> Iterator[Case]:
    topic, index = "ledger.events", "tape_records_key"
    yield _case(replica.first_desk, topic, 1, uses=index)
    yield _case(records_sql.desk_key, topic, 1, uses=index)
    yield _case(records_sql.marked, topic, 1, b"desk:5", 50_000, uses=index)
    for key in ("acc_7", replica.DESKS):
        yield _case(replica.records, topic, 1, key, 20, uses=index, name=key, rows=5_000)
    yield _case(records_sql.at, topic, 1, [41, 45], uses="tape_records_pkey")
    after = records_sql.AfterRecord(1, 4_001)
    variants = {"": {}, "time": _OLD, "type": {"type": "OrderFilled"}}
    for name, values in variants.items():
        for page, cursor in (("first", None), ("next", after)):
            filters, label = EventFilters.model_validate({**values, "limit": LIMIT}), f"{name} {page}".strip()
            own = (topic, 1, "acc_1", filters, cursor)
            either = f"{index} tape_records_pkey"
            yield _case(records_sql.of_account, *own, uses=either, name=label, rows=5_000)
            order = (topic, "ord_77", filters, cursor)
            yield _case(records_sql.of_order, *order, uses="order_history_order", name=label)


def _backtests() -> Iterator[Case]:
    after = backtests_sql.After(_SOON_AFTER - timedelta(minutes=7), "bkt_9")
    newest, state, own = "backtest_jobs_requested", "backtest_jobs_by_state", "backtest_jobs_requester"
    yield from _pages(backtests_sql.page, (), BacktestFilters, after, {
        "": ({}, newest),
        "time": (_OLD, newest),
        "state": ({"state": "DONE"}, f"{state} {newest}"),
        "rare state": ({"state": "QUEUED"}, f"{state} backtest_jobs_queued"),
        "requester": ({"requested_by": "ada"}, f"{own} {newest}"),
        "old requester": ({"requested_by": "old"}, own),
        "requester state": ({"requested_by": "ada", "state": "CANCELLED"}, f"{own} {state} {newest}"),
        "unknown requester": ({"requested_by": "nobody"}, own),
    })  # fmt: skip
    for query in (backtests_sql.standing, backtests_sql.ahead):
        yield _case(query, "bkt_7", uses="backtest_jobs_pkey backtest_jobs_queued")
    yield _case(backtests_sql.one, "bkt_777", uses="backtest_jobs_pkey")
    yield _case(backtests_sql.report, "bkt_777", uses="backtest_results_pkey")
    index = "backtest_trades_pkey"
    yield from _pages(backtests_sql.trades, ("bkt_107",), TradeFilters, backtests_sql.AfterTrade(150), {
        "": ({}, index),
        "symbol": ({"symbol": "AAPL"}, index),
        "status": ({"status": "OPEN"}, index),
    })  # fmt: skip
    ended_at, index = _START + timedelta(minutes=107), "backtest_equity_pkey"
    point = backtests_sql.AfterPoint(_SOON_AFTER)
    yield from _pages(backtests_sql.equity, ("bkt_107", ended_at), EquityFilters, point, {
        "": ({}, index),
        "time": (_OLD, index),
        "thinned": ({"points": 100}, index),
    })  # fmt: skip


CASES = [
    *_orders(),
    *_accounts(),
    *_market(),
    *_signals(),
    *_portfolio(),
    *_transfers(),
    *_breaks(),
    *_order_book(),
    *_others(),
    *_records(),
    *_backtests(),
]
