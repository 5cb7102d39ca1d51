-- Where TimescaleDB is missing: bars are kept as ticks come in, under the names, with the columns and the answers of the
-- continuous aggregates (docs/adr/0033). A bar opens with its tick of the lowest offset and closes with that of the highest.

drop view bars_1d;

create table bars (
    symbol text not null,
    minutes integer not null,           -- the bar's width: 1, 5, 15, 60 or 1440
    bucket timestamptz not null,        -- its first moment
    open numeric not null,
    high numeric not null,
    low numeric not null,
    close numeric not null,
    volume numeric not null,
    first_offset bigint not null,       -- of the tick that gave open
    last_offset bigint not null,        -- of the tick that gave close
    primary key (symbol, minutes, bucket)
);

comment on table bars is 'bars of all widths, kept by a trigger on ticks; where TimescaleDB is missing';

create view bars_1m as select symbol, bucket, open, high, low, close, volume from bars where minutes = 1;
create view bars_5m as select symbol, bucket, open, high, low, close, volume from bars where minutes = 5;
create view bars_15m as select symbol, bucket, open, high, low, close, volume from bars where minutes = 15;
create view bars_1h as select symbol, bucket, open, high, low, close, volume from bars where minutes = 60;
create view bars_1d as select symbol, bucket, open, high, low, close, volume from bars where minutes = 1440;

-- The statement that adds the ticks of `source`, a from item, to the bars of a schema. Each width is made from the one
-- below it, so that many ticks of a minute are looked at once.
create function bars_adding(schema_ text, source text) returns text language sql immutable as $$
    select format($insert$
with of_1 as (
    select symbol, date_bin('1 minute', market_time, timestamptz '2000-01-03 00:00:00+00') as bucket,
        (array_agg(price order by tick_offset))[1] as open, max(price) as high, min(price) as low,
        (array_agg(price order by tick_offset desc))[1] as close, sum(volume) as volume,
        min(tick_offset) as first_offset, max(tick_offset) as last_offset
    from %2$s group by 1, 2),
of_5 as (
    select symbol, date_bin('5 minutes', bucket, timestamptz '2000-01-03 00:00:00+00') as bucket,
        (array_agg(open order by first_offset))[1] as open, max(high) as high, min(low) as low,
        (array_agg(close order by last_offset desc))[1] as close, sum(volume) as volume,
        min(first_offset) as first_offset, max(last_offset) as last_offset
    from of_1 group by 1, 2),
of_15 as (
    select symbol, date_bin('15 minutes', bucket, timestamptz '2000-01-03 00:00:00+00') as bucket,
        (array_agg(open order by first_offset))[1] as open, max(high) as high, min(low) as low,
        (array_agg(close order by last_offset desc))[1] as close, sum(volume) as volume,
        min(first_offset) as first_offset, max(last_offset) as last_offset
    from of_5 group by 1, 2),
of_60 as (
    select symbol, date_bin('1 hour', bucket, timestamptz '2000-01-03 00:00:00+00') as bucket,
        (array_agg(open order by first_offset))[1] as open, max(high) as high, min(low) as low,
        (array_agg(close order by last_offset desc))[1] as close, sum(volume) as volume,
        min(first_offset) as first_offset, max(last_offset) as last_offset
    from of_15 group by 1, 2),
of_1440 as (
    select symbol, date_bin('1 day', bucket, timestamptz '2000-01-03 00:00:00+00') as bucket,
        (array_agg(open order by first_offset))[1] as open, max(high) as high, min(low) as low,
        (array_agg(close order by last_offset desc))[1] as close, sum(volume) as volume,
        min(first_offset) as first_offset, max(last_offset) as last_offset
    from of_60 group by 1, 2)
insert into %1$I.bars as kept (minutes, symbol, bucket, open, high, low, close, volume, first_offset, last_offset)
select 1, * from of_1 union all select 5, * from of_5 union all select 15, * from of_15
union all select 60, * from of_60 union all select 1440, * from of_1440
on conflict (symbol, minutes, bucket) do update set
    open = case when excluded.first_offset < kept.first_offset then excluded.open else kept.open end,
    high = greatest(kept.high, excluded.high),
    low = least(kept.low, excluded.low),
    close = case when excluded.last_offset > kept.last_offset then excluded.close else kept.close end,
    volume = kept.volume + excluded.volume,
    first_offset = least(kept.first_offset, excluded.first_offset),
    last_offset = greatest(kept.last_offset, excluded.last_offset)
        $insert$, schema_, source)
$$;

-- What was done to `ticks` by one statement is done to the bars beside it, in the schema of the ticks, whatever the
-- search_path is. Ticks are only ever added to; where somebody changes or removes some, whole days are made anew.
create function bars_follow() returns trigger language plpgsql as $$
declare
    touched text := 'select symbol, market_time from removed';
begin
    if tg_op = 'INSERT' then
        execute bars_adding(tg_table_schema, 'added');
        return null;
    end if;
    if tg_op = 'TRUNCATE' then
        execute format('delete from %I.bars', tg_table_schema);
        return null;
    end if;
    if tg_op = 'UPDATE' then
        touched := touched || ' union all select symbol, market_time from added';
    end if;
    touched := format('select distinct symbol, date_bin(''1 day'', market_time, timestamptz ''2000-01-03 00:00:00+00'') as day from (%s) as t', touched);
    execute format('delete from %I.bars using (%s) as days where bars.symbol = days.symbol
        and bars.bucket >= day and bars.bucket < day + interval ''1 day''', tg_table_schema, touched);
    execute bars_adding(tg_table_schema, format('%I.ticks join (%s) as days using (symbol)
        where market_time >= day and market_time < day + interval ''1 day''', tg_table_schema, touched));
    return null;
end
$$;
create trigger bars_added after insert on ticks referencing new table as added
    for each statement execute function bars_follow();
create trigger bars_changed after update on ticks referencing old table as removed new table as added
    for each statement execute function bars_follow();
create trigger bars_removed after delete on ticks referencing old table as removed
    for each statement execute function bars_follow();
create trigger bars_emptied after truncate on ticks
    for each statement execute function bars_follow();

do $$
begin
    execute bars_adding(current_schema, 'ticks');
end
$$;
