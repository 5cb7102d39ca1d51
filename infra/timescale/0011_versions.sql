-- Versions of projections, what has stopped one, what one passes over, and what of it has to go on `audit.logs`.

-- A projection is a group of projections/groups.py. The tables of the live version are in the schema public; another
-- version has a schema of its own, with a projection_progress of its own.
create table projection_versions (
    projection text not null,
    version integer not null,
    state text not null check (state in ('LIVE', 'BUILDING', 'READY', 'RETIRED')),
    since timestamptz not null default now(),   -- that it is in this state
    schema_name text not null,
    migrations text not null,           -- SHA-256 of the names and hashes of the migrations that its tables know
    verified_at timestamptz,            -- when it was last compared with the live version
    differing_rows bigint,              -- and how many rows differed then
    primary key (projection, version)
);
create unique index projection_versions_live on projection_versions (projection) where state = 'LIVE';
create unique index projection_versions_next on projection_versions (projection) where state in ('BUILDING', 'READY');
insert into projection_versions (projection, version, state, schema_name, migrations)
values ('ledger', 1, 'LIVE', 'public', ''), ('signals', 1, 'LIVE', 'public', ''),
    ('audit', 1, 'LIVE', 'public', ''), ('ticks', 1, 'LIVE', 'public', '');

-- The record at which a projection stands still. No row: it goes on.
create table projection_stops (
    projection text primary key,
    topic text not null,
    partition integer not null,
    record_offset bigint not null,
    type text,                          -- the record's ce_type header, where it has one
    problem text not null,
    is_whole boolean not null,          -- false: the tape is not what was written there, so nothing can be passed over
    since timestamptz not null default now()
);

-- Records that a projection passes over, those of these very bytes only.
create table projection_skips (
    projection text not null,
    topic text not null,
    partition integer not null,
    record_offset bigint not null,
    sha256 bytea not null,              -- of a tape its tape-hash header; else streams.tape.record_hash, number 0
    type text,
    actor text not null,
    reason text not null,
    marked_at timestamptz not null default now(),
    primary key (projection, topic, partition, record_offset)
);

-- What is to go on `audit.logs`, written in the transaction that does it; sent afterwards, and again until it is.
create table projection_actions (
    action_id text primary key,
    actor text not null,
    action text not null,
    subject text not null,
    reason text not null,
    details jsonb not null,
    issued_at timestamptz not null,
    sent_at timestamptz
);
create index projection_actions_unsent on projection_actions (issued_at) where sent_at is null;

comment on table projection_versions is 'versions of projections: live, under construction, retired';
comment on table projection_stops is 'where a projection stands still, and why';
comment on table projection_skips is 'records that a projection passes over';
comment on table projection_actions is 'switches, drops and skips that go on audit.logs';
