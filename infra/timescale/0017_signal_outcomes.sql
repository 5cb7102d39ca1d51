-- What came of signals, and how often each model was right on each symbol.

alter table signals add column model_sha256 text not null default '';  -- of the model's file, hex; empty: it was not told

-- One row for each outcome that an event tells: of an earlier signal of the same symbol, whose label a later bar completed.
create table signal_outcomes (
    signal_id text not null,            -- the earlier signal
    symbol text not null,
    model_name text not null,
    model_version text not null,
    direction text not null,            -- what was said
    p_buy double precision,
    p_sell double precision,
    p_hold double precision,
    realised text not null,             -- what would have been right
    entry_price numeric not null,       -- the open of the bar after the signal's
    exit_price numeric not null,        -- the close at which the label's interval ended
    market_time timestamptz not null,   -- the earlier signal's
    known_at timestamptz not null,      -- market time of the bar that told it
    partition integer not null,         -- of trading.signals
    record_offset bigint not null,      -- of the event that told it
    leg integer not null,               -- its place among that event's outcomes
    primary key (partition, record_offset, leg, market_time)
);
create index signal_outcomes_signal on signal_outcomes (signal_id);
create index signal_outcomes_symbol on signal_outcomes (symbol, market_time);

-- Counts, and no averages: sums of integers are the same in whatever order they are added up.
create table model_outcomes (
    model_name text not null,
    model_version text not null,
    symbol text not null,
    direction text not null,            -- what was said
    realised text not null,             -- what would have been right
    outcomes bigint not null,
    primary key (model_name, model_version, symbol, direction, realised)
);
create index model_outcomes_symbol on model_outcomes (symbol, model_name, model_version);

-- majority_share: what always saying the class that came most often would have had right.
create view model_accuracy as
select model_name, model_version, symbol,
    sum(outcomes)::bigint as outcomes,
    sum(correct)::bigint as correct,
    sum(correct)::double precision / sum(outcomes)::double precision as accuracy,
    max(outcomes)::double precision / sum(outcomes)::double precision as majority_share
from (
    select model_name, model_version, symbol, realised, sum(outcomes) as outcomes,
        coalesce(sum(outcomes) filter (where direction = realised), 0) as correct
    from model_outcomes group by model_name, model_version, symbol, realised
) as class
group by model_name, model_version, symbol;

comment on table signal_outcomes is 'what came of earlier signals, as later bars told it';
comment on table model_outcomes is 'how often each model said what, and what came of it: the confusion matrix of each symbol';
comment on view model_accuracy is 'how often each model was right on each symbol, beside always saying the commonest class';
