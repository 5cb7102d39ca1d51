-- Outcomes go by their signals' market time, and are compressed and kept as signals are. The counts stay when they go.

select create_hypertable('signal_outcomes', 'market_time', chunk_time_interval => interval '1 year');

do $$
begin
    if current_setting('timescaledb.license') <> 'timescale' then
        return;
    end if;

    alter table signal_outcomes set (
        timescaledb.compress, timescaledb.compress_segmentby = 'symbol', timescaledb.compress_orderby = 'market_time');
    perform add_compression_policy('signal_outcomes', compress_after => interval '90 days');
    perform add_retention_policy('signal_outcomes', drop_after => interval '40 years');
end
$$;
