-- Where TimescaleDB is: hypertables, and bars as a continuous aggregate that reads what is not yet materialized from ticks.
-- Compression and policies need the Timescale licence; the Apache edition lacks them and works without.

select create_hypertable('tape_records', 'recorded_at', chunk_time_interval => interval '7 days');
select create_hypertable('journal_postings', 'recorded_at', chunk_time_interval => interval '30 days');
select create_hypertable('signals', 'market_time', chunk_time_interval => interval '1 year');
select create_hypertable('ticks', 'market_time', chunk_time_interval => interval '1 year');
select create_hypertable('portfolio_values', 'market_time', chunk_time_interval => interval '1 year');

create materialized view bars_1d
with (timescaledb.continuous, timescaledb.materialized_only = false) as
select
    symbol,
    time_bucket(interval '1 day', market_time) as bucket,
    first(price, tick_offset) as open,
    max(price) as high,
    min(price) as low,
    last(price, tick_offset) as close,
    sum(volume) as volume
from ticks
group by symbol, time_bucket(interval '1 day', market_time)
with no data;

do $$
begin
    if current_setting('timescaledb.license') <> 'timescale' then
        return;
    end if;

    alter table tape_records set (
        timescaledb.compress, timescaledb.compress_segmentby = 'topic, partition', timescaledb.compress_orderby = 'record_offset');
    alter table journal_postings set (
        timescaledb.compress, timescaledb.compress_segmentby = 'account_id',
        timescaledb.compress_orderby = 'partition, record_offset, leg');
    alter table signals set (
        timescaledb.compress, timescaledb.compress_segmentby = 'symbol', timescaledb.compress_orderby = 'market_time');
    alter table ticks set (
        timescaledb.compress, timescaledb.compress_segmentby = 'symbol', timescaledb.compress_orderby = 'market_time');
    perform add_compression_policy('tape_records', compress_after => interval '30 days');
    perform add_compression_policy('journal_postings', compress_after => interval '90 days');
    perform add_compression_policy('signals', compress_after => interval '90 days');
    perform add_compression_policy('ticks', compress_after => interval '90 days');

    -- A replayed market's clock may be decades behind: what is kept by market time is kept long. The archive, the journal
    -- and the portfolios have no retention at all.
    perform add_retention_policy('ticks', drop_after => interval '40 years');
    perform add_retention_policy('signals', drop_after => interval '40 years');

    -- The window ends before the retention begins, so that bars outlive their ticks. It runs often, because ticks of a
    -- replayed market arrive below the watermark, where a real-time read sees them only after a refresh.
    perform add_continuous_aggregate_policy('bars_1d',
        start_offset => interval '39 years', end_offset => interval '1 hour', schedule_interval => interval '1 minute');
end
$$;
