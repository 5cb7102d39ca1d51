"""portfolio_values: what each account was worth at each bar close.

A row is a function of the account's cash movements and fills, of corporate actions and corrections of fills (each at
its own market time) and of the bar closes, whatever order they were projected in. So each batch computes all rows anew
of the accounts it touches, from the earliest market time it touches on: the newest bar costs one row an account.
Balances and positions are as of now; what happened at or after that time is taken off them and added again along the
way, so no account's past is read.

Fills and closes stand on different topics and are written by different transactions. Each takes one advisory lock
before it computes, so whoever comes second sees what the first wrote.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from domain.events import (
    CashAdjusted,
    CashConverted,
    CashDeposited,
    CashTransferredIn,
    CashTransferredOut,
    CashTransferReturned,
    CashWithdrawn,
    OrderFilled,
)
from projections.corporate import changes_of
from projections.rows import Cursor, Event, Row, execute, given
from projections.ticks import Print

AFFECTED = {"account_id": "text", "since_us": "bigint"}
_LOCK = 0x7076_616C  # "pval"
_BEGINNING_US = 0
_TIMELESS = (
    CashConverted,
    CashDeposited,
    CashWithdrawn,
    CashAdjusted,
    CashTransferredOut,
    CashTransferredIn,
    CashTransferReturned,
)

_COMPUTE = """
with affected as materialized (
    {affected}
), span as materialized (
    select affected.account_id, greatest(affected.since, first.market_time) as since
    from affected cross join lateral (
        select market_time from fills where fills.account_id = affected.account_id order by market_time limit 1
    ) as first
), sample as materialized (
    select span.account_id, closing.market_time
    from span cross join lateral (
        select distinct market_time from ticks where closes_bar and ticks.market_time >= span.since
    ) as closing
), recent as materialized (
    select fills.account_id, fills.symbol, fills.market_time, fills.cash_change,
        case fills.side when 'BUY' then fills.quantity else - fills.quantity end as quantity_change
    from span join fills on fills.account_id = span.account_id and fills.market_time >= span.since
    union all select moved.account_id, moved.symbol, moved.market_time, moved.cash_change, moved.quantity_change
    from span join position_changes as moved on moved.account_id = span.account_id and moved.market_time >= span.since
), cash as (
    select account_id, market_time, is_sample,
        sum(change) over (partition by account_id order by market_time, is_sample) as cash
    from (
        select account_id, timestamptz '-infinity' as market_time, amount as change, false as is_sample
        from balances join span using (account_id) where book_account in ('cash', 'hold')
        union all select account_id, timestamptz '-infinity', - cash_change, false from recent
        union all select account_id, market_time, cash_change, false from recent
        union all select account_id, market_time, 0, true from sample
    ) as movement
), holding as (
    select account_id, symbol, market_time, is_sample,
        sum(change) over (partition by account_id, symbol order by market_time, is_sample) as quantity
    from (
        select account_id, symbol, timestamptz '-infinity' as market_time, quantity as change, false as is_sample
        from positions join span using (account_id)
        union all select account_id, symbol, timestamptz '-infinity', - quantity_change, false from recent
        union all select account_id, symbol, market_time, quantity_change, false from recent
        union all select account_id, symbol, market_time, 0, true from sample join positions using (account_id)
    ) as movement
), worth as (
    select holding.account_id, holding.market_time, sum(holding.quantity * coalesce(
        (select price from ticks where ticks.symbol = holding.symbol and closes_bar
            and ticks.market_time <= holding.market_time order by market_time desc, tick_offset desc limit 1),
        (select price from fills where fills.account_id = holding.account_id and fills.symbol = holding.symbol
            and fills.market_time <= holding.market_time
            order by market_time desc, partition desc, record_offset desc limit 1))) as positions_value
    from holding where is_sample and quantity <> 0
    group by holding.account_id, holding.market_time
)
insert into portfolio_values (account_id, market_time, cash, positions_value, equity)
select cash.account_id, cash.market_time, trim_scale(cash.cash), trim_scale(coalesce(worth.positions_value, 0)),
    trim_scale(cash.cash + coalesce(worth.positions_value, 0))
from cash left join worth using (account_id, market_time)
where is_sample
on conflict (account_id, market_time) do update set
    cash = excluded.cash, positions_value = excluded.positions_value, equity = excluded.equity
"""
_COMPUTE_ACCOUNTS = _COMPUTE.format(affected=f"select account_id, time_of_us(since_us) as since from {given(AFFECTED)}")
_COMPUTE_ALL = _COMPUTE.format(
    affected="select account_id, time_of_us(%s) as since from (select distinct account_id from positions) as trading"
)
# What was projected since some places: accounts with postings from then on are valued anew from their beginning, all
# accounts from the earliest close from then on.
_COMPUTE_SINCE = _COMPUTE.format(
    affected="""select account_id, min(since) as since from (
        select distinct journal_postings.account_id, time_of_us(0) as since
        from unnest(%(ledger_partitions)s::integer[], %(ledger_offsets)s::bigint[]) as place (partition, first)
        join journal_postings on journal_postings.partition = place.partition and record_offset >= place.first
        union all select trading.account_id, closing.since
        from (select distinct account_id from positions) as trading cross join (
            select min(market_time) as since
            from unnest(%(tick_partitions)s::integer[], %(tick_offsets)s::bigint[]) as place (partition, first)
            join ticks on ticks.partition = place.partition and tick_offset >= place.first and closes_bar
        ) as closing where closing.since is not null
    ) as touched group by account_id"""
)


def affected(events: Sequence[Event]) -> list[Row]:
    """Rows of AFFECTED: from which market time on each account's values change.

    A deposit, a withdrawal or a conversion has no market time: it counts from the account's beginning, and so do
    transfers and adjustments of cash.
    """
    since: dict[str, int] = {}
    for event in events:
        message = event.message
        if isinstance(message, OrderFilled):
            time_us = message.market_time_us
        elif isinstance(message, _TIMELESS):
            time_us = _BEGINNING_US
        elif changes := changes_of(message):
            time_us = min(change[-1] for change in changes)
        else:
            continue
        account = message.originator_id
        since[account] = min(time_us, since.get(account, time_us))
    return list(since.items())


def earliest_close_us(prints: Sequence[Print]) -> int | None:
    """The earliest market time at which a bar of the batch closes, None when none does."""
    return min((tick.market_time_us for _, _, tick in prints if tick.bar is not None), default=None)


def apply_events(cursor: Cursor, events: Sequence[Event]) -> None:
    """After accounts, fills, position_changes and positions of the same events."""
    rows = affected(events)
    if rows:
        _lock(cursor)
        execute(cursor, _COMPUTE_ACCOUNTS, rows)


def apply_ticks(cursor: Cursor, prints: Sequence[Print]) -> None:
    """After the ticks."""
    since_us = earliest_close_us(prints)
    if since_us is not None:
        _lock(cursor)
        cursor.execute(_COMPUTE_ALL.encode(), (since_us,))


def apply_since(cursor: Cursor, ledger: Mapping[int, int], ticks: Mapping[int, int]) -> None:
    """All rows that hang on what was projected since; the tables themselves say what that was.

    ledger, ticks: partition -> the first offset that counts as new.
    """
    _lock(cursor)
    cursor.execute(
        _COMPUTE_SINCE.encode(),
        {
            "ledger_partitions": list(ledger),
            "ledger_offsets": list(ledger.values()),
            "tick_partitions": list(ticks),
            "tick_offsets": list(ticks.values()),
        },
    )


def _lock(cursor: Cursor) -> None:
    cursor.execute("select pg_advisory_xact_lock(%s)", (_LOCK,))
