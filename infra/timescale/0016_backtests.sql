-- Backtests: the queue of jobs, and their results. The backtests worker alone writes these tables; the log (backtest.requests)
-- has what was asked for, these have what became of it (docs/adr/0042).

-- How far each partition of backtest.requests is taken in. Jobs and the next offset are written in one transaction, so
-- no request makes a second job.
create table backtest_inputs (
    topic text not null,                -- on the broker
    partition integer not null,
    next_offset bigint not null,
    primary key (topic, partition)
);

-- One row for each backtest that was asked for. What contradicts itself cannot be written: see the checks.
create table backtest_jobs (
    backtest_id text primary key,
    number bigint generated always as identity, -- the place in the queue: the lowest is next
    state text not null,                -- QUEUED, RUNNING, DONE, FAILED or CANCELLED
    requested_by text not null,
    requested_at timestamptz not null,  -- by the clock of who asked
    queued_at timestamptz not null default now(),
    terms jsonb not null,               -- domain.backtests.BacktestTerms
    partition integer not null,         -- of backtest.requests
    record_offset bigint not null,
    attempts integer not null default 0, -- that were begun and not given back
    claims bigint not null default 0,   -- how often a worker took it: whoever has an older number may write nothing
    worker text,                        -- who runs it
    lease_until timestamptz,            -- and until when it is theirs, unless they say so again
    due_at timestamptz not null default now(), -- not before: the pause before another attempt
    cancel_requested_at timestamptz,    -- by the database's clock
    cancelled_by text,
    share double precision not null default 0, -- of the work that is done, 0 to 1
    progress text not null default '',  -- what it is doing, for people
    started_at timestamptz,             -- of the last attempt
    ended_at timestamptz,
    failure_code text,                  -- of the last attempt, where it failed
    failure_text text,
    result_sha256 text,                 -- the result's own digest, hex
    tracking_state text not null default 'NONE', -- whether MLflow has it: NONE, PENDING, LOGGED or GIVEN_UP
    tracking_attempts integer not null default 0,
    tracking_due_at timestamptz,
    tracking_error text,                -- of the last attempt that failed
    run_id text,                        -- MLflow's
    version bigint not null default 1,  -- goes up with every change that is shown
    constraint backtest_jobs_state check (state in ('QUEUED', 'RUNNING', 'DONE', 'FAILED', 'CANCELLED')),
    constraint backtest_jobs_running check ((state = 'RUNNING') = (worker is not null and lease_until is not null)),
    constraint backtest_jobs_ended check ((state in ('DONE', 'FAILED', 'CANCELLED')) = (ended_at is not null)),
    constraint backtest_jobs_done check ((state = 'DONE') = (result_sha256 is not null)),
    constraint backtest_jobs_failed check (state <> 'FAILED' or failure_code is not null),
    constraint backtest_jobs_cancelled check (state <> 'CANCELLED' or cancel_requested_at is not null),
    constraint backtest_jobs_tracking check (
        tracking_state in ('NONE', 'PENDING', 'LOGGED', 'GIVEN_UP') and (tracking_state = 'NONE') = (state <> 'DONE')
        and (tracking_state = 'LOGGED') = (run_id is not null) and (tracking_state <> 'PENDING' or tracking_due_at is not null))
);
-- None of these has a column that changes while a backtest runs, so progress and heartbeats touch the row alone.
create index backtest_jobs_queued on backtest_jobs (number) where state = 'QUEUED';
create index backtest_jobs_taken on backtest_jobs (number) where state = 'RUNNING';
create index backtest_jobs_untracked on backtest_jobs (tracking_due_at) where tracking_state = 'PENDING';
create index backtest_jobs_over on backtest_jobs (ended_at) where ended_at is not null;
create index backtest_jobs_requested on backtest_jobs (requested_at, backtest_id);
create index backtest_jobs_by_state on backtest_jobs (state, requested_at, backtest_id);
create index backtest_jobs_requester on backtest_jobs (requested_by, requested_at, backtest_id);

-- Results, each written once, in the transaction that makes its job DONE.
create table backtest_results (
    backtest_id text primary key,
    summary jsonb not null,             -- all that the result says but trades, fills, prices and the equity curve
    result bytea not null,              -- the whole result as JSON, compressed with zlib
    report text                         -- a page for people, HTML; null where none was made
);

create table backtest_trades (
    backtest_id text not null,
    number integer not null,            -- 1, 2, … in the order of entry
    symbol text not null,
    status text not null,               -- CLOSED, or OPEN at the end
    quantity numeric not null,          -- units bought
    entered_at timestamptz not null,    -- market time
    entry_price numeric not null,       -- mean over the fills
    exited_at timestamptz,              -- null: open at the end
    exit_price numeric not null,        -- of an open one the last close
    pnl numeric not null,               -- net of fees
    return_fraction numeric not null,   -- pnl / cost of the entry
    fees numeric not null,
    fills integer not null,
    entry_reason text not null,
    exit_reason text not null,
    primary key (backtest_id, number)
);

create table backtest_equity (
    backtest_id text not null,
    market_time timestamptz not null,   -- of a close
    equity numeric not null,            -- cash and positions
    cash numeric not null,
    positions numeric not null,         -- their value
    baseline numeric not null,          -- what buying and holding had come to
    recorded_at timestamptz not null,   -- the job's ended_at
    primary key (backtest_id, market_time, recorded_at)
);

comment on table backtest_inputs is 'how far backtest.requests is taken in';
comment on table backtest_jobs is 'backtests that were asked for: the queue, and what became of each';
comment on table backtest_results is 'the figures and the page of each backtest that is done';
comment on table backtest_trades is 'the simulated trades of each backtest';
comment on table backtest_equity is 'what each backtest''s account was worth at each close';
