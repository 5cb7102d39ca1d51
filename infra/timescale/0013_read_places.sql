-- How far each tape answers its inputs, and indexes of the reads that came with it.

-- One row for each tape partition and topic of inputs: what the newest event there was made from. Inputs are decided in
-- their order, so all before `next_offset` are decided; one that gave no event (a repeat) may be decided besides.
create table tape_causes (
    topic text not null,                -- of the tape, on the broker
    partition integer not null,
    cause_topic text not null,          -- of the inputs, as declared, such as trading.commands
    next_offset bigint not null,        -- behind the newest input that an event names as its cause
    record_offset bigint not null,      -- of that event
    primary key (topic, partition, cause_topic)
);

comment on table tape_causes is 'how far each tape answers each topic of its inputs';

-- Of what was projected before, the archive has it.
insert into tape_causes (topic, partition, cause_topic, next_offset, record_offset)
select topic, partition, split_part(cause, ':', 1), max(split_part(cause, ':', 3)::bigint) + 1, max(record_offset)
from (
    select topic, partition, record_offset,
        convert_from(header_values[array_position(header_names, 'ce_cause')], 'UTF8') as cause
    from tape_records where live and 'ce_cause' = any (header_names)
) as caused
group by topic, partition, split_part(cause, ':', 1);

-- Rebalances, newest first.
create index rebalance_events_account on rebalance_events (account_id, recorded_at, record_offset)
    where event_type = 'RebalancePlanned';
