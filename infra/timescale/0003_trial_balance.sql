-- Trial balances. The index holds all that one account's trial balance needs, so that neither the rest of the journal nor
-- the table is read; it takes the place of the index on the same columns without the included ones.

drop index journal_postings_account;
create index journal_postings_account on journal_postings (account_id, partition, record_offset, leg)
    include (book_account, commodity, amount, recorded_at, market_time);

-- Debits, credits and balance of each book account and commodity of one account, over the postings that
--   stand on its partition up to the record `upto`, this one included (null: to the end),
--   were recorded up to `as_of` (null: whenever), and
--   took effect on the market up to `effective` (null: whenever). What has no market time of its own (deposits, holds)
--   counts whole, as it does in portfolio_values.
-- Of an event all postings count or none, so the balances of a commodity sum to zero.
-- One select, not strict: the planner puts it in place of the call, and leaves out the conditions that are null.
create function account_trial_balance(account text, home integer, upto bigint, as_of timestamptz, effective timestamptz)
    returns table (
        book_account text, commodity text, debits numeric, credits numeric, balance numeric, postings bigint)
    language sql stable parallel safe
    as $$
        select j.book_account, j.commodity,
            coalesce(sum(j.amount) filter (where j.amount > 0), 0),
            coalesce(-sum(j.amount) filter (where j.amount < 0), 0),
            sum(j.amount),
            count(*)
        from journal_postings j
        where j.account_id = account and j.partition = home
            and (upto is null or j.record_offset <= upto)
            and (as_of is null or j.recorded_at <= as_of)
            and (effective is null or j.market_time is null or j.market_time <= effective)
        group by j.book_account, j.commodity
    $$;
