-- What was agreed with an account's owner, and transfers of cash between accounts.

alter table accounts
    add column currencies text[] not null default '{}', -- that it holds besides `currency`
    add column margin jsonb,                            -- the margin terms; null for a cash account
    add column fee_schedule jsonb;                      -- by which orders accepted from now on are charged; null: none

-- Of what was projected before, the archive has it.
update accounts set
    currencies = array(select jsonb_array_elements_text(coalesce(opened.event -> 'currencies', '[]'))),
    margin = nullif(opened.event -> 'margin', 'null'),
    fee_schedule = nullif(coalesce(changed.event -> 'fee_schedule', opened.event -> 'fee_schedule'), 'null')
from projection_progress progress
cross join lateral (
    select key, replace(convert_from(value, 'UTF8'), '\u0000', '\ufffd')::jsonb as event from tape_records
    where topic = progress.topic and partition = progress.partition and live and type = 'tapeledger.AccountOpened.v1'
) as opened
left join lateral (
    select replace(convert_from(value, 'UTF8'), '\u0000', '\ufffd')::jsonb as event from tape_records
    where topic = progress.topic and partition = progress.partition and key = opened.key and live
        and type = 'tapeledger.FeeScheduleChanged.v1'
    order by record_offset desc limit 1
) as changed on true
where progress.projection = 'ledger' and accounts.account_id = convert_from(opened.key, 'UTF8');

create index operator_actions_received on operator_actions ((data ->> 'to_account_id'), recorded_at)
    where event_type = 'CashTransferredOut';

-- Each transfer once, as it stands: it has left, and has arrived or come back, or neither yet.
create view transfers as
select sent.reference as transfer_id, sent.account_id as from_account_id, sent.data ->> 'to_account_id' as to_account_id,
    (sent.data ->> 'amount')::numeric as amount, sent.data ->> 'currency' as currency, sent.actor, sent.reason,
    case ended.event_type when 'CashTransferredIn' then 'ARRIVED' when 'CashTransferReturned' then 'RETURNED'
        else 'ON_ITS_WAY' end as status,
    case ended.event_type when 'CashTransferReturned' then ended.reason end as returned_because,
    sent.recorded_at as sent_at, ended.recorded_at as ended_at, sent.partition, sent.record_offset
from operator_actions sent left join lateral (
    select event_type, reason, recorded_at from operator_actions received
    where received.reference = sent.reference and (
        (received.event_type = 'CashTransferredIn' and received.account_id = sent.data ->> 'to_account_id'
            and received.data ->> 'from_account_id' = sent.account_id)
        or (received.event_type = 'CashTransferReturned' and received.account_id = sent.account_id))
    order by received.recorded_at desc limit 1
) as ended on true
where sent.event_type = 'CashTransferredOut';
