-- What risk officers have laid down, and the ledger's marks. Each partition has a desk of its own (docs/adr/0025): a
-- command for the whole ledger gives a row a partition, all with the same command id. Few rows: plain tables everywhere.

create table desk_events (
    partition integer not null,
    record_offset bigint not null,
    desk_key text not null,             -- the partition's, such as desk:5
    version bigint not null,            -- the desk's, after the event
    event_type text not null,           -- DeskLimitsSet, TradingHalted or TradingResumed
    scope text not null,                -- DESK, ALL or STRATEGY
    strategy_id text,                   -- of STRATEGY
    limits jsonb,                       -- of DeskLimitsSet
    officer text not null,              -- who
    reason text not null,               -- and why
    command_id text not null,
    recorded_at timestamptz not null,
    primary key (partition, record_offset)
);
create index desk_events_command on desk_events (command_id);
create index desk_events_recorded on desk_events (recorded_at);

-- The last word on each control of each partition.
create table desk_controls (
    partition integer not null,
    control text not null,              -- HALT or LIMITS
    strategy_id text not null,          -- empty: all trading, or each account
    in_force boolean not null,          -- false: resumed, or limits without any figure
    limits jsonb,                       -- of LIMITS
    officer text not null,
    reason text not null,
    command_id text not null,
    desk_key text not null,
    version bigint not null,
    changed_at timestamptz not null,
    record_offset bigint not null,
    primary key (partition, control, strategy_id)
);

-- The prices that risk and margin look at, as each partition's ledger has them.
create table desk_marks (
    partition integer not null,
    symbol text not null,               -- an instrument, or a currency pair such as EUR/USD
    price numeric not null,
    market_time timestamptz not null,
    tick_partition integer,             -- the tick on market.ticks, where there was one
    tick_offset bigint,
    version bigint not null,
    record_offset bigint not null,
    primary key (partition, symbol)
);
