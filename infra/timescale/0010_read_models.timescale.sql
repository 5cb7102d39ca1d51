-- Bars of one minute to one hour beside those of a day, each straight from the ticks (docs/adr/0033): so each opens and closes
-- by the order of its ticks, and is as new as its own last refresh.

create materialized view bars_1m with (timescaledb.continuous, timescaledb.materialized_only = false) as
select symbol, time_bucket(interval '1 minute', market_time) as bucket, first(price, tick_offset) as open,
    max(price) as high, min(price) as low, last(price, tick_offset) as close, sum(volume) as volume
from ticks group by symbol, time_bucket(interval '1 minute', market_time) with no data;

create materialized view bars_5m with (timescaledb.continuous, timescaledb.materialized_only = false) as
select symbol, time_bucket(interval '5 minutes', market_time) as bucket, first(price, tick_offset) as open,
    max(price) as high, min(price) as low, last(price, tick_offset) as close, sum(volume) as volume
from ticks group by symbol, time_bucket(interval '5 minutes', market_time) with no data;

create materialized view bars_15m with (timescaledb.continuous, timescaledb.materialized_only = false) as
select symbol, time_bucket(interval '15 minutes', market_time) as bucket, first(price, tick_offset) as open,
    max(price) as high, min(price) as low, last(price, tick_offset) as close, sum(volume) as volume
from ticks group by symbol, time_bucket(interval '15 minutes', market_time) with no data;

create materialized view bars_1h with (timescaledb.continuous, timescaledb.materialized_only = false) as
select symbol, time_bucket(interval '1 hour', market_time) as bucket, first(price, tick_offset) as open,
    max(price) as high, min(price) as low, last(price, tick_offset) as close, sum(volume) as volume
from ticks group by symbol, time_bucket(interval '1 hour', market_time) with no data;

do $$
begin
    if current_setting('timescaledb.license') <> 'timescale' then
        return;
    end if;

    -- The refresh's window and pace are those of bars_1d, and for the same reasons: see 0001_tables.timescale.sql.
    perform add_continuous_aggregate_policy(view_name::regclass,
        start_offset => interval '39 years', end_offset => interval '1 hour', schedule_interval => interval '1 minute')
    from unnest(array['bars_1m', 'bars_5m', 'bars_15m', 'bars_1h']) as view_name;

    alter table portfolio_values set (
        timescaledb.compress, timescaledb.compress_segmentby = 'account_id', timescaledb.compress_orderby = 'market_time');
    perform add_compression_policy('portfolio_values', compress_after => interval '90 days');
end
$$;
