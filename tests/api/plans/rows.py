"""Many rows in every table that grows, as uneven as real ones: what the plans of the query side are looked at with.

acc_1 has a fifth of everything and AAPL half of it; most orders are filled market orders, and what is rare (working
orders, odd types, a rejected command) is among the oldest rows, where a plan that walks from the newest finds it last.
So is all that acc_old did.
"""

from __future__ import annotations

from typing import Any

import psycopg

ORDERS = 20_000
OLDEST = 40  # rows that are rare in something
TICKS = 100_000
MODEL_VERSIONS = 150  # of each of four models
_PLACE = "n % 4 as partition, n as record_offset"
_TIME = "timestamptz '2026-01-01 00:00Z' + n * interval '1 minute'"
_ACCOUNT = "case when n < 2000 and n % 5 > 1 then 'acc_old' when n % 5 = 0 then 'acc_1' else 'acc_' || n % 997 end"
_SYMBOL = "case when n % 2 = 0 then 'AAPL' else (array['FB', 'GOOG', 'IBM', 'MSFT'])[1 + n / 2 % 4] end"

_STATEMENTS = (
    f"""insert into accounts (account_id, owner, currency, lot_method, fee_bps, opened_at, version, updated_at,
            partition, record_offset)
        select 'acc_' || n, 'Ada', 'USD', 'FIFO', 1, {_TIME}, 1, {_TIME}, {_PLACE}
        from generate_series(1, {ORDERS}) n""",
    f"""insert into balances select 'acc_' || n, book, 'USD', n
        from generate_series(1, {ORDERS}) n, unnest(array['cash', 'hold', 'external']) book""",
    f"""insert into positions select 'acc_' || n, symbol, 1, 0, 1, 0, 0
        from generate_series(1, {ORDERS // 2}) n, unnest(array['AAPL', 'IBM']) symbol""",
    f"""insert into lots select 'acc_' || n, symbol, 'exe_' || n, 1, 1, {_TIME}
        from generate_series(1, {ORDERS // 2}) n, unnest(array['AAPL', 'IBM']) symbol""",
    f"""insert into orders (order_id, account_id, client_order_id, symbol, side, order_type, time_in_force, quantity,
            status, filled_quantity, leaves_quantity, filled_value, fees, hold_cash, hold_quantity, group_id,
            parent_order_id, submitted_at, updated_at, version, partition, record_offset)
        select 'ord_' || n, {_ACCOUNT}, 'client-' || n, {_SYMBOL}, 'BUY',
            case when n <= {OLDEST} then 'TRAILING_STOP' when n % 3 = 0 then 'LIMIT' else 'MARKET' end,
            case when n <= {OLDEST} then 'GTD' when n % 7 = 0 then 'DAY' else 'GTC' end, 10,
            case when n <= {OLDEST} then 'NEW' when n % 10 = 0 then 'CANCELED' else 'FILLED' end,
            10, 0, 10, 0, 0, 0, case when n % 50 = 0 then 'grp_' || n / 100 end,
            case when n % 50 = 0 then 'ord_' || n - 1 end, {_TIME}, {_TIME}, 1, {_PLACE}
        from generate_series(1, {ORDERS}) n""",
    f"""insert into order_groups select 'grp_' || n, {_ACCOUNT}, 'client-' || n, 'OCO', 0, 0, {_TIME}, {_TIME}, {_PLACE}
        from generate_series(1, {ORDERS // 10}) n""",
    f"""insert into order_events select 'ord_' || n, n % 4, n * 3 + step, 'OrderFilled', null, {_TIME}, null, '{{}}'
        from generate_series(1, {ORDERS}) n, generate_series(0, 2) step""",
    f"""insert into order_history (order_id, account_id, partition, record_offset, leg, event_type, changes,
            recorded_at)
        select 'ord_' || n, {_ACCOUNT}, n % 4, n * 3 + step, 0, 'OrderFilled', '{{}}', {_TIME}
        from generate_series(1, {ORDERS}) n, generate_series(0, 2) step""",
    f"""insert into fills (execution_id, order_id, account_id, symbol, side, quantity, price, fee, realized_pnl,
            cash_change, venue, market_time, recorded_at, partition, record_offset)
        select 'exe_' || n, 'ord_' || n, {_ACCOUNT}, {_SYMBOL}, 'BUY', 10, 1, 0, 0, 0, 'PAPER', {_TIME}, {_TIME},
            n % 4, n * 3 + 2 from generate_series(1, {ORDERS}) n""",
    f"""insert into journal_postings select n % 4, n, leg, {_ACCOUNT}, 'cash', 'USD', 1, 'OrderFilled', 'evt_' || n,
            {_TIME}, {_TIME} from generate_series(1, {ORDERS}) n, generate_series(0, 4) leg""",
    f"""insert into command_rejections select {_PLACE}, {_ACCOUNT}, 'cmd_' || n, 'Withdraw', 'CASH_INSUFFICIENT', '',
            '{{}}', {_TIME} from generate_series(1, {ORDERS}) n""",
    f"""insert into operator_actions select {_PLACE}, {_ACCOUNT},
            case when n % 4 = 0 then 'DividendPaid' when n % 2 = 0 then 'CashTransferredIn'
                else 'CashTransferredOut' end,
            null, 'cmd_' || n, 'ops', 'because', 'trf_' || n / 2, null, {_TIME},
            jsonb_build_object('to_account_id', 'acc_' || n % 991 + 1, 'from_account_id', 'acc_1', 'amount', '1',
                'currency', 'USD')
        from generate_series(1, {ORDERS}) n""",
    f"""insert into signals (signal_id, symbol, direction, p_buy, p_sell, p_hold, model_name, model_version, features,
            requested_by_id, market_time, recorded_at, partition, record_offset)
        select 'sig_' || n, {_SYMBOL}, case when n <= {OLDEST} then 'SELL' when n % 9 = 0 then 'BUY' else 'HOLD' end,
            0, 0, 1, 'm', '1', '{{}}', case when n % 20 = 0 then 'req_' || n end, {_TIME}, {_TIME}, {_PLACE}
        from generate_series(1, {ORDERS}) n""",
    f"""insert into signal_outcomes (signal_id, symbol, model_name, model_version, direction, p_buy, p_sell, p_hold,
            realised, entry_price, exit_price, market_time, known_at, partition, record_offset, leg)
        select 'sig_' || n, {_SYMBOL}, 'm', '1', 'HOLD', 0, 0, 1, 'BUY', 1, 2, {_TIME}, {_TIME} + interval '1 hour',
            n % 4, n + 60, 0
        from generate_series(1, {ORDERS - 60}) n""",
    f"""insert into model_outcomes
        select 'm' || model, version::text, symbol, said, came, 1 + version
        from generate_series(1, 4) model, generate_series(1, {MODEL_VERSIONS}) version,
            unnest(array['AAPL', 'FB', 'GOOG', 'IBM', 'MSFT']) symbol,
            unnest(array['BUY', 'SELL', 'HOLD']) said, unnest(array['BUY', 'SELL', 'HOLD']) came""",
    f"""insert into signal_refusals select {_PLACE}, 'req_' || n, 'AAPL', 'X', '', {_TIME}
        from generate_series(1, {ORDERS // 4}) n""",
    f"""insert into ticks select {_SYMBOL}, timestamptz '2026-01-01 00:00Z' + n * interval '20 seconds', 100 + n % 9, 1,
            n % 300 = 0, n % 4, n from generate_series(1, {TICKS}) n""",
    f"""insert into portfolio_values select 'acc_' || n % 100, {_TIME}, 1, 1, 2
        from generate_series(1, {ORDERS}) n""",
    f"""insert into order_book_orders select 'ord_' || n, {_ACCOUNT}, {_SYMBOL}, 'BUY', 100 - n % 20, 1, 'NEW',
            'ENTERED', {_TIME}, n, n % 4, n, {_TIME} from generate_series(1, 2000) n""",
    f"""insert into order_book_history (order_id, account_id, symbol, side, price, quantity, status, priority_by,
            priority_at, priority_offset, partition, since_offset, since_at, until_offset, until_at)
        select 'ord_' || n, {_ACCOUNT}, {_SYMBOL}, 'BUY', 100 - n % 20, 1, 'NEW', 'ENTERED', {_TIME}, n, n % 4, n,
            {_TIME}, n + 50, {_TIME} + interval '50 minutes' from generate_series(1, {ORDERS}) n""",
    f"""insert into feed_batches select n, 'ledger', 'ledger.events', n % 4, n, {_TIME}
        from generate_series(1, {ORDERS}) n""",
    f"update feed_head set feed = {ORDERS}",
    """insert into projection_progress
        select projection, topic, partition, 100000, 1, '' from generate_series(0, 3) partition,
            (values ('ledger', 'ledger.events'), ('ticks', 'market.ticks')) as tape (projection, topic)""",
    f"""insert into reconciliation_breaks
        select 'brk_' || n, {_ACCOUNT}, case when n <= {OLDEST} then 'EXECUTION_DIFFERS'
                else 'ORDER_MISSING_AT_VENUE' end, 'ord_' || n, null, 'PAPER', 'AAPL', '', '',
            case when n <= {OLDEST} then 'OPEN' else 'RESOLVED' end, 1, {_TIME}, {_TIME},
            {_TIME}, null, null, {_PLACE}
        from generate_series(1, {ORDERS}) n""",
    f"""insert into audit_actions select {_PLACE}, 'act_' || n, 'ops', case when n % 2000 = 0 then
            'reconciliation.break_found' else 'session.opened' end, 'subject_' || n, '', '{{}}', {_TIME}, {_TIME}
        from generate_series(1, {ORDERS}) n""",
    f"""insert into rebalance_events select {_PLACE}, 'reb_' || n, {_ACCOUNT}, 'RebalancePlanned', {_TIME}, '{{}}'
        from generate_series(1, {ORDERS}) n""",
    f"""insert into desk_controls select n, 'HALT', '', false, null, 'o', 'r', 'c', 'desk:1', 1, {_TIME}, n
        from generate_series(0, 3) n""",
    f"insert into desk_marks select n, 'AAPL', 1, {_TIME}, 0, 0, 1, 1 from generate_series(0, 3) n",
    f"""insert into tape_records select 'ledger.events', n % 4, n, n, true, decode(md5(n::text), 'hex'),
            convert_to({_ACCOUNT}, 'UTF8'), '', '{{}}', '{{}}', 't', {_TIME}, {_TIME}
        from generate_series(1, {ORDERS * 2}) n""",
    f"""insert into tape_records select 'ledger.events', n % 4, n, n, true, '', 'desk:5', '', '{{}}', '{{}}',
            't', {_TIME}, {_TIME} from generate_series({ORDERS * 2 + 1}, {ORDERS * 2 + 20}) n""",
    f"""insert into backtest_jobs (backtest_id, state, requested_by, requested_at, terms, partition, record_offset,
            ended_at, cancel_requested_at, result_sha256, tracking_state, run_id)
        select 'bkt_' || n, state, case when n < 2000 and n % 5 > 1 then 'old' when n % 5 = 0 then 'ada'
                else 'user_' || n % 97 end, {_TIME}, '{{}}', {_PLACE}, case when state <> 'QUEUED' then {_TIME} end,
            case when state = 'CANCELLED' then {_TIME} end, case when state = 'DONE' then 'd' end,
            case when state = 'DONE' then 'LOGGED' else 'NONE' end, case when state = 'DONE' then 'r' end
        from (select n, case when n <= {OLDEST} then 'QUEUED' when n % 10 = 0 then 'CANCELLED' else 'DONE' end as state
            from generate_series(1, {ORDERS}) n) jobs""",
    f"""insert into backtest_results select 'bkt_' || n, '{{}}', '', '<p>page</p>'
        from generate_series({OLDEST + 1}, {ORDERS}) n""",
    f"""insert into backtest_trades select 'bkt_' || n % 100 + 101, n / 100 + 1, {_SYMBOL},
            case when n > {ORDERS - 100} then 'OPEN' else 'CLOSED' end, 1, {_TIME}, 1, {_TIME}, 1, 1, 0, 1, 2, '', ''
        from generate_series(0, {ORDERS - 1}) n""",
    f"""insert into backtest_equity select 'bkt_' || n % 50 + 101, {_TIME}, 1, 1, 0, 1,
            timestamptz '2026-01-01 00:00Z' + (n % 50 + 101) * interval '1 minute'
        from generate_series(0, {ORDERS - 1}) n""",
    "vacuum (analyze)",
)


def fill(connection: psycopg.Connection[Any]) -> None:
    """Fill every table and have the planner look at it. The connection is the owner's, in autocommit."""
    for statement in _STATEMENTS:
        connection.execute(statement.encode())
