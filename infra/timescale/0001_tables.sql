-- The read models. Plain PostgreSQL 15 or later; 0001_tables.timescale.sql or 0001_tables.plain.sql adds what differs.
--
-- `topic` is the name on the broker (with its prefix). `partition` and `record_offset` name a record on it: on a row that
-- changes (accounts, orders) the last record that changed it. Times are timestamptz: `recorded_at` is wall time,
-- `market_time` the market's own clock. Money and quantities are numeric without a scale: what the event says, exactly.

-- Exact for every time that timestamptz holds: an interval is multiplied as a double, which holds whole hours of any age
-- and the microseconds of one hour exactly, but not all microseconds since 1970.
create function time_of_us(us bigint) returns timestamptz
    language sql immutable strict parallel safe
    return timestamptz '1970-01-01 00:00:00+00' + (us / 3600000000) * interval '1 hour'
        + (us % 3600000000) * interval '1 microsecond';

create table projection_progress (
    projection text not null,           -- ledger, signals or ticks: what is written in one transaction
    topic text not null,
    partition integer not null,
    next_offset bigint not null,        -- the first record that is not yet projected
    head_seq bigint not null,           -- the chain's head there; 0 where the topic is no tape
    head_hash bytea not null,
    updated_at timestamptz not null default now(),
    primary key (projection, topic, partition)
);

-- Every record of every tape, bytes and all, dead ones included: the second copy, to compare with Kafka.
create table tape_records (
    topic text not null,
    partition integer not null,
    record_offset bigint not null,
    seq bigint not null,                -- its tape-seq header
    live boolean not null,              -- false: whole, but written by a writer that had lost its partition
    hash bytea not null,                -- its tape-hash header, 32 bytes
    key bytea,
    value bytea,
    header_names text[] not null,       -- all headers in their order, the chain's included
    header_values bytea[] not null,
    type text,                          -- its ce_type header
    kafka_time timestamptz not null,    -- Kafka's CreateTime, milliseconds
    recorded_at timestamptz not null,   -- its ce_time header, or kafka_time where it has none
    primary key (topic, partition, record_offset, recorded_at)
);
create index tape_records_hash on tape_records (topic, partition, hash);
create index tape_records_seq on tape_records (topic, partition, seq);

create table accounts (
    account_id text primary key,
    owner text not null,
    currency text not null,
    lot_method text not null,
    fee_bps numeric not null,
    opened_at timestamptz not null,
    version bigint not null,
    updated_at timestamptz not null,
    partition integer not null,
    record_offset bigint not null
);

create table balances (
    account_id text not null,
    book_account text not null,         -- a name of the chart of accounts, such as cash or inventory:AAPL
    commodity text not null,            -- a currency code or a symbol
    amount numeric not null,            -- the sum of all its postings
    primary key (account_id, book_account, commodity)
);

create table journal_postings (
    partition integer not null,
    record_offset bigint not null,
    leg integer not null,               -- 0, 1, 2 … within its event
    account_id text not null,
    book_account text not null,
    commodity text not null,
    amount numeric not null,
    event_type text not null,           -- such as OrderFilled
    event_id text not null,             -- its ce_id header
    recorded_at timestamptz not null,
    market_time timestamptz,            -- of fills only
    primary key (partition, record_offset, leg, recorded_at)
);
create index journal_postings_account on journal_postings (account_id, partition, record_offset, leg);

create table orders (
    order_id text primary key,
    account_id text not null,
    client_order_id text not null,
    symbol text not null,
    side text not null,
    order_type text not null,
    quantity numeric not null,
    limit_price numeric,
    protection_price numeric,
    status text not null,               -- FIX OrdStatus names, see domain.events.OrderStatus
    filled_quantity numeric not null,
    leaves_quantity numeric not null,   -- what may still fill: 0 once the order is done
    filled_value numeric not null,      -- sum of quantity × price over its fills
    average_price numeric generated always as
        (case when filled_quantity > 0 then round(filled_value / filled_quantity, 8) end) stored,
    fees numeric not null,
    hold_cash numeric not null,         -- what is still set aside
    hold_quantity numeric not null,
    reject_code text,
    reject_text text,
    reject_details jsonb,
    cancel_reason text,
    signal_id text,
    strategy_id text,
    dispatch_epoch bigint,              -- null: never dispatched (rejected by a check)
    worker_id text,
    venue text,
    submitted_at timestamptz not null,  -- when the ledger took or rejected it
    updated_at timestamptz not null,
    version bigint not null,            -- the account's version after the last change; 0: changed no account
    partition integer not null,
    record_offset bigint not null
);
create index orders_account on orders (account_id, submitted_at);
create index orders_symbol on orders (symbol, submitted_at);
create index orders_submitted on orders (submitted_at, order_id);
create index orders_signal on orders (signal_id) where signal_id is not null;
create index orders_open on orders (status) where status not in ('FILLED', 'CANCELED', 'REJECTED');

create table order_events (
    order_id text not null,
    partition integer not null,
    record_offset bigint not null,
    event_type text not null,
    status text,                        -- the status that this event alone gives; null when it gives none
    recorded_at timestamptz not null,
    market_time timestamptz,            -- of fills only
    data jsonb not null,                -- the event
    primary key (partition, record_offset)
);
create index order_events_order on order_events (order_id, partition, record_offset);

create table fills (
    execution_id text primary key,
    order_id text not null,
    account_id text not null,
    symbol text not null,
    side text not null,
    quantity numeric not null,
    price numeric not null,
    fee numeric not null,
    realized_pnl numeric not null,
    cash_change numeric not null,       -- what it did to cash and hold together
    venue text not null,
    market_time timestamptz not null,
    recorded_at timestamptz not null,
    evidence jsonb,
    partition integer not null,
    record_offset bigint not null
);
create index fills_order on fills (order_id);
create index fills_account on fills (account_id, market_time);
create index fills_symbol on fills (symbol, market_time);
create index fills_recorded on fills (recorded_at, execution_id);

create table command_rejections (
    partition integer not null,
    record_offset bigint not null,
    account_id text not null,
    command_id text not null,
    command_type text not null,
    code text not null,
    text text not null,
    details jsonb not null,
    recorded_at timestamptz not null,
    primary key (partition, record_offset)
);
create index command_rejections_command on command_rejections (command_id);
create index command_rejections_account on command_rejections (account_id, recorded_at);

create table positions (
    account_id text not null,
    symbol text not null,
    quantity numeric not null,          -- free and held together
    held_quantity numeric not null,     -- set aside for orders to sell
    cost numeric not null,              -- purchase cost of what is held now, fees excluded
    realized_pnl numeric not null,      -- before fees
    fees numeric not null,
    primary key (account_id, symbol)
);

create table lots (
    account_id text not null,
    symbol text not null,
    lot_id text not null,               -- FIFO: the execution id of the purchase; AVERAGE: `average`
    quantity numeric not null,
    cost numeric not null,
    opened_at timestamptz not null,     -- market time of the (latest) purchase into it
    primary key (account_id, symbol, lot_id)
);

-- Working limit orders: NEW, PARTIALLY_FILLED or PENDING_CANCEL.
create table order_book_levels (
    symbol text not null,
    side text not null,
    price numeric not null,
    quantity numeric not null,          -- sum of leaves quantities
    orders bigint not null,
    primary key (symbol, side, price)
);

create table signals (
    signal_id text not null,
    symbol text not null,
    direction text not null,
    p_buy double precision,
    p_sell double precision,
    p_hold double precision,
    model_name text not null,
    model_version text not null,
    price numeric,
    features jsonb not null,
    abstained text,
    requested_by_id text,
    first_tick jsonb,
    last_tick jsonb,
    market_time timestamptz not null,
    recorded_at timestamptz not null,
    partition integer not null,
    record_offset bigint not null,
    primary key (partition, record_offset, market_time)
);
create index signals_id on signals (signal_id);
create index signals_symbol on signals (symbol, market_time);
create index signals_request on signals (requested_by_id) where requested_by_id is not null;

create table signal_refusals (
    partition integer not null,
    record_offset bigint not null,
    request_id text not null,
    symbol text not null,
    code text not null,
    text text not null,
    recorded_at timestamptz not null,
    primary key (partition, record_offset)
);
create index signal_refusals_request on signal_refusals (request_id);

create table ticks (
    symbol text not null,
    market_time timestamptz not null,
    price numeric not null,
    volume numeric not null,
    closes_bar boolean not null,        -- the last tick of a bar
    partition integer not null,
    tick_offset bigint not null,
    primary key (partition, tick_offset, market_time)
);
create index ticks_symbol on ticks (symbol, market_time);
create index ticks_closes on ticks (symbol, market_time) where closes_bar;
create index ticks_close_times on ticks (market_time) where closes_bar;

-- One row per account and bar-closing tick time, from the account's first fill on. A function of fills and bar closes:
-- cash = free and held cash: all that has no market time (deposits, withdrawals) and the fills up to then;
-- positions_value = units held then × the last bar close up to then (where there is none yet: the last fill's price).
create table portfolio_values (
    account_id text not null,
    market_time timestamptz not null,
    cash numeric not null,
    positions_value numeric not null,
    equity numeric not null,            -- cash + positions_value
    primary key (account_id, market_time)
);
