"""accounts and balances."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal

import msgspec

from domain.account_terms import FeeSchedule, MarginTerms
from domain.events import AccountOpened, DeskEvent, FeeScheduleChanged
from domain.numbers import ZERO, exact
from projections.rows import Cursor, Event, Row, execute, given, insert

ACCOUNTS = {
    "account_id": "text",
    "owner": "text",
    "currency": "text",
    "lot_method": "text",
    "fee_bps": "numeric",
    "opened_at": "timestamptz",
    "version": "bigint",
    "updated_at": "timestamptz",
    "partition": "integer",
    "record_offset": "bigint",
    "currencies": "text[]",
    "margin": "jsonb",
    "fee_schedule": "jsonb",
}
SCHEDULES = {"account_id": "text", "fee_schedule": "jsonb"}
VERSIONS = {
    "account_id": "text",
    "version": "bigint",
    "updated_at": "timestamptz",
    "partition": "integer",
    "record_offset": "bigint",
}
BALANCES = {"account_id": "text", "book_account": "text", "commodity": "text", "amount": "numeric"}

_OPEN = insert("accounts", ACCOUNTS)
_TOUCH = f"""
update accounts set
    version = given.version, updated_at = given.updated_at,
    partition = given.partition, record_offset = given.record_offset
from {given(VERSIONS)} where accounts.account_id = given.account_id
"""
_CHARGE = f"""
update accounts set fee_schedule = given.fee_schedule
from {given(SCHEDULES)} where accounts.account_id = given.account_id
"""
_ADD = f"""
{insert("balances", BALANCES)}
on conflict (account_id, book_account, commodity) do update set amount = balances.amount + excluded.amount
"""


def opened(events: Sequence[Event]) -> list[Row]:
    """Rows of ACCOUNTS: the accounts that were opened."""
    return [
        (
            event.message.originator_id,
            event.message.owner,
            event.message.currency,
            event.message.lot_method,
            event.message.fee_bps,
            event.message.timestamp,
            event.message.originator_version,
            event.message.timestamp,
            event.partition,
            event.offset,
            f"{{{','.join(event.message.currencies)}}}",
            _terms(event.message.margin),
            _terms(event.message.fee_schedule),
        )
        for event in events
        if type(event.message) is AccountOpened
    ]


def schedules(events: Sequence[Event]) -> list[Row]:
    """Rows of SCHEDULES: the newest change of each account's fee schedule."""
    newest = {
        event.message.originator_id: _terms(event.message.fee_schedule)
        for event in events
        if type(event.message) is FeeScheduleChanged
    }
    return list(newest.items())


def _terms(terms: FeeSchedule | MarginTerms | None) -> str | None:
    return None if terms is None else msgspec.json.encode(terms).decode()


def versions(events: Sequence[Event]) -> list[Row]:
    """Rows of VERSIONS: the newest change of each account. Version 0 changes no account."""
    newest: dict[str, Row] = {}
    for partition, offset, _, message, _ in events:
        if message.originator_version > 0 and not isinstance(message, DeskEvent):
            account = message.originator_id
            newest[account] = (account, message.originator_version, message.timestamp, partition, offset)
    return list(newest.values())


def balances(events: Sequence[Event]) -> list[Row]:
    """Rows of BALANCES: what the postings add, summed per balance."""
    sums: dict[tuple[str, str, str], Decimal] = {}
    with exact():
        for event in events:
            account = event.message.originator_id
            for leg in event.message.postings:
                key = (account, leg.account, leg.commodity)
                sums[key] = sums.get(key, ZERO) + leg.amount
    return [(*key, amount) for key, amount in sums.items()]


def apply(cursor: Cursor, events: Sequence[Event]) -> None:
    execute(cursor, _OPEN, opened(events))
    execute(cursor, _CHARGE, schedules(events))
    execute(cursor, _TOUCH, versions(events))
    execute(cursor, _ADD, balances(events))
