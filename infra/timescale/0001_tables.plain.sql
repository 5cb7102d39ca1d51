-- Where TimescaleDB is missing: bars as a plain view, the same columns and answers as the continuous aggregate.

create view bars_1d as
select
    symbol,
    date_bin('1 day', market_time, timestamptz '2000-01-03 00:00:00+00') as bucket,
    (array_agg(price order by tick_offset))[1] as open,
    max(price) as high,
    min(price) as low,
    (array_agg(price order by tick_offset desc))[1] as close,
    sum(volume) as volume
from ticks
group by symbol, date_bin('1 day', market_time, timestamptz '2000-01-03 00:00:00+00');
