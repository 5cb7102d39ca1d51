-- What operators, issuers and venues did to positions and cash besides trades, and fills that were re-stated. Few rows:
-- plain tables in every database. They are only appended to; a fill stays in `fills` as it was reported.

create table operator_actions (
    partition integer not null,
    record_offset bigint not null,
    account_id text not null,
    event_type text not null,           -- such as DividendPaid or CashAdjusted
    symbol text,                        -- null where it is about cash alone
    command_id text not null,
    actor text not null,                -- who says so
    reason text not null,
    reference text not null,            -- the actor's own id of it; of a transfer its id
    market_time timestamptz,            -- from which it counts; null where it has none
    recorded_at timestamptz not null,
    data jsonb not null,                -- the event
    primary key (partition, record_offset)
);
create index operator_actions_account on operator_actions (account_id, recorded_at);
create index operator_actions_reference on operator_actions (reference, account_id);
create index operator_actions_symbol on operator_actions (symbol, recorded_at) where symbol is not null;

create table fill_corrections (
    partition integer not null,
    record_offset bigint not null,
    execution_id text not null,         -- of the fill as it was first reported
    order_id text not null,
    account_id text not null,
    symbol text not null,               -- under which it stands now
    state text not null,                -- CORRECTED or BUSTED
    old_quantity numeric not null,      -- what the fill was taken for before
    old_price numeric not null,
    old_fee numeric not null,
    quantity numeric not null,          -- what it is taken for from now on; all zero when it was busted
    price numeric not null,
    fee numeric not null,
    quantity_change numeric not null,   -- of the position, with all that has happened since
    cash_change numeric not null,       -- of cash and hold together
    realized_pnl_change numeric not null,
    fees_change numeric not null,
    actor text,                         -- null: the venue said so
    report_id text,                     -- null: an operator said so
    command_id text,                    -- null: the venue said so
    reason text not null,
    reference text,
    market_time timestamptz not null,   -- of the fill
    recorded_at timestamptz not null,
    primary key (partition, record_offset)
);
create index fill_corrections_execution on fill_corrections (execution_id, partition, record_offset);
create index fill_corrections_account on fill_corrections (account_id, recorded_at);

-- What moved the units or the cash of a symbol on the market's clock besides fills: a function of corporate actions and
-- of corrections. With `fills` it gives what an account held at any market time.
create table position_changes (
    partition integer not null,
    record_offset bigint not null,
    leg integer not null,               -- 0, 1, 2 … within its event
    account_id text not null,
    symbol text not null,
    event_type text not null,
    quantity_change numeric not null,
    cash_change numeric not null,
    realized_pnl_change numeric not null,
    market_time timestamptz not null,   -- of a correction: of the fill, or of the action since that comes out differently
    recorded_at timestamptz not null,
    primary key (partition, record_offset, leg)
);
create index position_changes_account on position_changes (account_id, market_time);

-- Every fill with what it is taken for now.
create view fills_now as
select fills.execution_id, fills.order_id, fills.account_id, fills.symbol, fills.side, fills.venue,
    fills.market_time, fills.recorded_at, fills.quantity as reported_quantity, fills.price as reported_price,
    fills.fee as reported_fee, coalesce(newest.state, 'FILLED') as state,
    coalesce(newest.quantity, fills.quantity) as quantity,
    case when newest.state = 'BUSTED' then null else coalesce(newest.price, fills.price) end as price,
    coalesce(newest.fee, fills.fee) as fee, newest.actor as restated_by, newest.reason as restated_for,
    newest.recorded_at as restated_at, fills.partition, fills.record_offset
from fills left join lateral (
    select state, quantity, price, fee, actor, reason, recorded_at from fill_corrections
    where fill_corrections.execution_id = fills.execution_id
    order by partition desc, record_offset desc limit 1
) as newest on true;
