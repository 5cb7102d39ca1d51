-- Indexes in the order in which the lists are read, so that a page reads its own rows and no others whatever its filter is.
-- tests/api/plans looks at the plan of every query of the API.

drop index orders_account;
create index orders_account on orders (account_id, submitted_at, order_id);
drop index orders_symbol;
create index orders_symbol on orders (symbol, submitted_at, order_id);
create index orders_status on orders (status, submitted_at, order_id);
create index orders_client on orders (client_order_id);
drop index order_groups_account;            -- nothing asks for it

-- An account's postings and refusals by record time, which never goes back on one account.
create index journal_postings_time on journal_postings (account_id, recorded_at, partition, record_offset, leg);
drop index command_rejections_account;
create index command_rejections_account on command_rejections (account_id, recorded_at, partition, record_offset);

-- Transfers as they left, and as they are to arrive.
drop index operator_actions_account;
drop index operator_actions_received;
create index operator_actions_sent on operator_actions (account_id, recorded_at, partition, record_offset)
    where event_type = 'CashTransferredOut';
create index operator_actions_received
    on operator_actions ((data ->> 'to_account_id'), recorded_at, partition, record_offset)
    where event_type = 'CashTransferredOut';

create index reconciliation_breaks_status on reconciliation_breaks (status, found_at, break_id);
create index reconciliation_breaks_order on reconciliation_breaks (order_id);

create index signals_time on signals (market_time, partition, record_offset);
drop index signals_symbol;
create index signals_symbol on signals (symbol, market_time, partition, record_offset);
create index signals_direction on signals (direction, market_time, partition, record_offset);
