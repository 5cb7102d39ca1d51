-- Who has which rights: users and their keys, from the tape `audit.logs`. Few rows: plain tables in every database.

create table access_users (
    user_id text primary key,
    role text not null,                 -- viewer, trader, risk, compliance or admin
    accounts text[] not null,           -- granted besides the owned ones
    put_by text not null,
    put_at timestamptz not null,        -- when this was said
    removed_at timestamptz,             -- null: the user is there
    partition integer not null,         -- of audit.logs
    record_offset bigint not null       -- of the newest record about the user
);

create table access_keys (
    user_id text not null,              -- the owner
    key_id text not null,
    sha256 text not null,               -- of the whole key, hex
    scopes text[] not null,
    label text not null,
    limit_per_minute integer,           -- the key's own limit; 0: none; null: the user's
    created_by text not null,
    created_at timestamptz not null,
    expires_at timestamptz,             -- null: never
    revoked_at timestamptz,             -- null: it stands
    partition integer not null,
    record_offset bigint not null,      -- of the newest record about the key
    primary key (user_id, key_id)
);
-- The newest record of each partition, which the API asks for every second.
create index access_users_place on access_users (partition, record_offset);
create index access_keys_place on access_keys (partition, record_offset);

-- What an account's owner may see: GET /api/me, and lists of those who do not see all.
create index accounts_owner on accounts (owner);

comment on table access_users is 'users as they stand: role and granted accounts; removed ones say when';
comment on table access_keys is 'API keys by their SHA-256: scopes, expiry, and when each was revoked';
