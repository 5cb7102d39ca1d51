-- Who did what, from the tape `audit.logs`. Few rows, looked up by subject and by actor: plain tables in every database.

create table audit_actions (
    partition integer not null,
    record_offset bigint not null,
    action_id text not null,
    actor text not null,
    action text not null,               -- such as deadletter.discarded
    subject text not null,              -- what it was done to
    reason text not null,
    details jsonb not null,
    issued_at timestamptz not null,     -- by the sender's clock
    recorded_at timestamptz not null,   -- by the audit agent's clock
    primary key (partition, record_offset)
);
create index audit_actions_subject on audit_actions (subject, partition, record_offset);
create index audit_actions_actor on audit_actions (actor, recorded_at);
create index audit_actions_recorded on audit_actions (recorded_at);

-- What could not be put on record as it was sent.
create table audit_refusals (
    partition integer not null,
    record_offset bigint not null,
    action_id text not null,
    actor text not null,
    action text not null,
    subject text not null,
    code text not null,
    text text not null,
    details jsonb not null,             -- the values that failed
    recorded_at timestamptz not null,
    primary key (partition, record_offset)
);
create index audit_refusals_recorded on audit_refusals (recorded_at);
