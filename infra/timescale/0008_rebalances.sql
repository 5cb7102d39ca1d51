-- Rebalances: what was planned, and what was cancelled. What became of the orders stands in `orders`.

create table rebalance_events (
    partition integer not null,
    record_offset bigint not null,
    plan_id text not null,
    account_id text not null,
    event_type text not null,           -- RebalancePlanned or RebalanceCanceled
    recorded_at timestamptz not null,
    data jsonb not null,                -- the event as it stands on the tape
    primary key (partition, record_offset)
);
create index rebalance_events_plan on rebalance_events (account_id, plan_id, record_offset);

-- The records of one account, oldest first: the API folds them where it answers with what the ledger would decide.
create index tape_records_key on tape_records (topic, partition, key, record_offset);
