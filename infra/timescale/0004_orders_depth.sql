-- Orders with all their terms, each of their steps, and the order book with its whole past.
--
-- The new tables are functions of `ledger.events` from its beginning. A database that has projected some of it already is
-- therefore emptied of what that tape gave, and the projector reads the tape again.

alter table orders
    add column time_in_force text not null default 'GTC',
    add column expire_at timestamptz,               -- market time, of GTD
    add column stop_price numeric,
    add column trail_amount numeric,
    add column trail_bps numeric,
    add column post_only boolean not null default false,
    add column reduce_only boolean not null default false,
    add column trader_id text,
    add column active_from timestamptz,             -- market time
    add column group_id text,
    add column group_kind text,                     -- OCO, OTO or BRACKET
    add column parent_order_id text,
    add column triggered_at timestamptz,            -- market time at which a price met its stop
    add column trigger_price numeric,               -- that price
    add column expire_reason text,
    add column revision bigint not null default 0,  -- of the terms that the venue works: counts what was asked for
    add column replace_revision bigint,             -- asked for and not yet answered; null: nothing is
    add column replace_terms jsonb,                 -- the terms that would change by it, and to what
    add column keeps_priority boolean;              -- what the newest replacement did; null: there was none
create index orders_group on orders (group_id, order_id) where group_id is not null;
create index orders_parent on orders (parent_order_id) where parent_order_id is not null;
create index orders_time_in_force on orders (time_in_force, submitted_at, order_id);
create index orders_type on orders (order_type, submitted_at, order_id);
drop index orders_open;
create index orders_open on orders (status) where status not in ('FILLED', 'CANCELED', 'EXPIRED', 'REJECTED');

create table order_groups (
    group_id text primary key,
    account_id text not null,
    client_group_id text not null,
    kind text not null,                 -- OCO, OTO or BRACKET
    hold_cash numeric not null,         -- what is still set aside for legs that exclude each other; others hold for
    hold_quantity numeric not null,     -- themselves, see orders
    submitted_at timestamptz not null,
    updated_at timestamptz not null,
    partition integer not null,
    record_offset bigint not null
);
create index order_groups_account on order_groups (account_id, submitted_at);

-- One row for each order that an event is about or changes, never changed.
create table order_history (
    order_id text not null,
    account_id text not null,
    partition integer not null,
    record_offset bigint not null,
    leg integer not null,               -- 0, 1, 2 … within its event
    event_type text not null,
    caused_by text,                     -- the order whose event this is, where it changes this one too; null: its own
    effect text,                        -- what it does to this one then, such as CANCEL_REQUESTED
    status_before text,                 -- null: there was no such order
    status_after text,
    changes jsonb not null,             -- name -> [before, after]: terms and progress that changed
    last_quantity numeric,              -- units that were executed, or are void
    last_price numeric,                 -- at which they were executed, or which met the stop
    code text,                          -- of a refusal
    reason text,                        -- of a cancel, an expiry, a redispatch; the text of a refusal
    recorded_at timestamptz not null,
    market_time timestamptz,
    primary key (partition, record_offset, leg)
);
create index order_history_order on order_history (order_id, partition, record_offset);

-- The order book: LIMIT orders, and STOP_LIMIT orders that are triggered, while they are NEW, PARTIALLY_FILLED,
-- PENDING_CANCEL or PENDING_REPLACE (under the old terms until they are replaced).
create table order_book_orders (
    order_id text primary key,
    account_id text not null,
    symbol text not null,
    side text not null,                 -- of the book: BUY, or SELL for both SELL and SELL_SHORT
    price numeric not null,
    quantity numeric not null,          -- leaves quantity
    status text not null,
    priority_by text not null,          -- ENTERED the book, KEPT or LOST its place in the newest replacement
    priority_at timestamptz not null,   -- record time of what gave it its place in the queue
    priority_offset bigint not null,
    partition integer not null,
    since_offset bigint not null,       -- the record from which on it stands as it does here
    since_at timestamptz not null
);
create index order_book_orders_queue on order_book_orders (symbol, side, price, priority_at, partition, priority_offset);
create index order_book_orders_account on order_book_orders (account_id, symbol);

-- An interval [since, until) of whole numbers belongs to the node of the binary tree over all whole numbers at which its
-- ends part; those that contain x belong to the 64 nodes on the way to x (Kriegel, Pötke, Seidl: Managing Intervals
-- Efficiently in Object-Relational Databases, VLDB 2000). So a plain index on the node finds them, however long the past is.
create function span_node(since bigint, until bigint) returns bigint
    language sql immutable strict parallel safe
    return case
        when since >= until then null
        when since = until - 1 then since
        else ((until - 1) >> (length(ltrim((since # (until - 1))::bit(64)::text, '0')) - 1))
            << (length(ltrim((since # (until - 1))::bit(64)::text, '0')) - 1)
        end;
create function span_nodes(x bigint) returns bigint[]
    language sql immutable strict parallel safe
    return (select array_agg(node) from (
        select x as node union select ((x >> level) | 1) << level from generate_series(0, 61) as level) as way);
create function us_of_time(at timestamptz) returns bigint
    language sql immutable strict parallel safe
    return (extract(epoch from at - timestamptz '1970-01-01 00:00:00+00') * 1000000)::bigint;

-- How an order stood on the book before it changed, or left: one row for each such span, never changed. Spans by record
-- time are empty where two changes were recorded in the same microsecond.
create table order_book_history (
    order_id text not null,
    account_id text not null,
    symbol text not null,
    side text not null,
    price numeric not null,
    quantity numeric not null,
    status text not null,
    priority_by text not null,
    priority_at timestamptz not null,
    priority_offset bigint not null,
    partition integer not null,
    since_offset bigint not null,       -- from this record on
    since_at timestamptz not null,
    until_offset bigint not null,       -- before this record
    until_at timestamptz not null,
    offset_node bigint not null generated always as (span_node(since_offset, until_offset)) stored,
    time_node bigint generated always as (span_node(us_of_time(since_at), us_of_time(until_at))) stored,
    primary key (order_id, partition, since_offset)
);
create index order_book_history_offset on order_book_history (symbol, partition, offset_node);
create index order_book_history_time on order_book_history (symbol, time_node) where time_node is not null;

-- The book of a symbol as the records of some partitions left it: next_offsets[n] is the first record of partitions[n] that
-- does not count. Partitions that are not named do not count at all. Plain queries, which the planner takes in as they are.
create function order_book_as_of(symbol_ text, partitions integer[], next_offsets bigint[])
    returns table (
        order_id text, account_id text, side text, price numeric, quantity numeric, status text,
        priority_by text, priority_at timestamptz, priority_offset bigint, partition integer,
        since_offset bigint, since_at timestamptz)
    language sql stable parallel safe
    begin atomic
    select o.order_id, o.account_id, o.side, o.price, o.quantity, o.status,
        o.priority_by, o.priority_at, o.priority_offset, o.partition, o.since_offset, o.since_at
    from unnest(partitions, next_offsets) as place (partition, next_offset)
    join order_book_orders o
        on o.symbol = symbol_ and o.partition = place.partition and o.since_offset < place.next_offset
    union all
    select h.order_id, h.account_id, h.side, h.price, h.quantity, h.status,
        h.priority_by, h.priority_at, h.priority_offset, h.partition, h.since_offset, h.since_at
    from unnest(partitions, next_offsets) as place (partition, next_offset)
    join order_book_history h
        on h.symbol = symbol_ and h.partition = place.partition
        and h.offset_node = any (span_nodes(place.next_offset - 1))
        and h.since_offset < place.next_offset and h.until_offset >= place.next_offset
    where place.next_offset > 0;
    end;

-- The book of a symbol as everything that was recorded up to a time left it.
create function order_book_at(symbol_ text, at timestamptz)
    returns table (
        order_id text, account_id text, side text, price numeric, quantity numeric, status text,
        priority_by text, priority_at timestamptz, priority_offset bigint, partition integer,
        since_offset bigint, since_at timestamptz)
    language sql stable parallel safe
    begin atomic
    select o.order_id, o.account_id, o.side, o.price, o.quantity, o.status,
        o.priority_by, o.priority_at, o.priority_offset, o.partition, o.since_offset, o.since_at
    from order_book_orders o where o.symbol = symbol_ and o.since_at <= at
    union all
    select h.order_id, h.account_id, h.side, h.price, h.quantity, h.status,
        h.priority_by, h.priority_at, h.priority_offset, h.partition, h.since_offset, h.since_at
    from order_book_history h
    where h.symbol = symbol_ and h.time_node = any (span_nodes(us_of_time(at)))
        and h.since_at <= at and h.until_at > at;
    end;

-- One number for each committed batch of any projection, without gaps and in the order of their commits: a moment of this
-- database, and where each partition stood then. It counts what this database did; a rebuilt one counts anew.
create table feed_head (
    single boolean primary key default true check (single),
    feed bigint not null
);
insert into feed_head (feed) values (0);
create table feed_batches (
    feed bigint not null,
    projection text not null,
    topic text not null,
    partition integer not null,
    next_offset bigint not null,        -- the first record that was not projected then
    committed_at timestamptz not null default now(),
    primary key (feed, partition)
);
create index feed_batches_place on feed_batches (projection, partition, feed);

do $$
begin
    if exists (select from projection_progress where projection = 'ledger') then
        delete from tape_records where topic in (select topic from projection_progress where projection = 'ledger');
        truncate accounts, balances, journal_postings, orders, order_events, fills, command_rejections, positions, lots,
            order_book_levels, portfolio_values;
        delete from projection_progress where projection = 'ledger';
    end if;
end
$$;
