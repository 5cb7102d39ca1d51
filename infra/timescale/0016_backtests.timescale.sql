-- By the time at which results were written, so that those of one backtest are together and old chunks are not touched. No
-- policy drops them: the worker deletes jobs with all their rows, after BACKTEST_KEPT_DAYS, in every database alike.
select create_hypertable('backtest_equity', 'recorded_at', chunk_time_interval => interval '30 days');

do $$
begin
    if current_setting('timescaledb.license') <> 'timescale' then
        return;
    end if;

    alter table backtest_equity set (
        timescaledb.compress, timescaledb.compress_segmentby = 'backtest_id', timescaledb.compress_orderby = 'market_time');
    perform add_compression_policy('backtest_equity', compress_after => interval '30 days');
end
$$;
