-- Where the venue's records and the ledger's differ, or did (EU 2017/589, article 13(9)).

-- Of orders that an account has. Rows change and are never removed: one row for each difference, however often it was
-- found.
create table reconciliation_breaks (
    break_id text primary key,          -- of kind, order and execution, so the same difference is one row
    account_id text not null,
    kind text not null,                 -- see domain.breaks
    order_id text not null,
    execution_id text,
    venue text not null,
    symbol text not null,
    expected text not null,             -- what the ledger had, when it was last found
    actual text not null,               -- what the venue had
    status text not null,               -- OPEN or RESOLVED
    times bigint not null,              -- how often it was found
    first_found_at timestamptz not null,
    found_at timestamptz not null,      -- when it was last found; record time
    seen_at timestamptz not null,       -- when it was first seen then, by the clock of who compared
    resolved_at timestamptz,            -- null while it is open
    reason text,                        -- of its resolution
    partition integer not null,
    record_offset bigint not null
);
create index reconciliation_breaks_found on reconciliation_breaks (found_at, break_id);
create index reconciliation_breaks_account on reconciliation_breaks (account_id, found_at, break_id);
create index reconciliation_breaks_open on reconciliation_breaks (venue) where status = 'OPEN';

-- Those of orders that no account has stand on the tape `audit.logs`; their subject is the break's id.
create index audit_actions_breaks on audit_actions (subject, record_offset)
    where action in ('reconciliation.break_found', 'reconciliation.break_resolved');

-- All breaks in one form. account_id is null, and partition and record_offset are of audit.logs, for those of nobody.
create view reconciliation_breaks_all as
select break_id, account_id, kind, order_id, execution_id, venue, symbol, expected, actual, status, times,
    first_found_at, found_at, resolved_at, reason, partition, record_offset
from reconciliation_breaks
union all
select found.subject, null, found.details ->> 'kind', found.details ->> 'order_id', found.details ->> 'execution_id',
    found.details ->> 'venue', found.details ->> 'symbol', found.details ->> 'expected', found.details ->> 'actual',
    case when newest.action = found.action then 'OPEN' else 'RESOLVED' end, newest.times,
    newest.first_found_at, found.recorded_at,
    case when newest.action <> found.action then newest.recorded_at end,
    case when newest.action <> found.action then newest.reason end,
    newest.partition, newest.record_offset
from (
    select distinct on (subject) subject, action, recorded_at, reason, partition, record_offset,
        count(*) filter (where action = 'reconciliation.break_found') over whole as times,
        min(recorded_at) filter (where action = 'reconciliation.break_found') over whole as first_found_at
    from audit_actions where action in ('reconciliation.break_found', 'reconciliation.break_resolved')
    window whole as (partition by subject)
    order by subject, record_offset desc) as newest
cross join lateral (
    select * from audit_actions a
    where a.subject = newest.subject and a.action = 'reconciliation.break_found' order by a.record_offset desc limit 1
) as found;

-- A venue is asked for its executions since a time, and these are compared with the books.
create index fills_venue_time on fills (venue, market_time);
create index fills_venue_recorded on fills (venue, recorded_at);
