"""journal_postings: every leg of every entry."""

from __future__ import annotations

from collections.abc import Sequence

from projections.rows import Cursor, Event, Row, execute, insert

COLUMNS = {
    "partition": "integer",
    "record_offset": "bigint",
    "leg": "integer",
    "account_id": "text",
    "book_account": "text",
    "commodity": "text",
    "amount": "numeric",
    "event_type": "text",
    "event_id": "text",
    "recorded_at": "timestamptz",
    "market_time": "timestamptz",
}
_INSERT = insert("journal_postings", COLUMNS)


def rows(events: Sequence[Event]) -> list[Row]:
    """Rows of COLUMNS, one a posting; `leg` is its place within the event, from 0."""
    found: list[Row] = []
    for partition, offset, id_, message, _ in events:
        if not message.postings:
            continue
        name = type(message).__name__
        market_time_us = getattr(message, "market_time_us", None)
        for number, leg in enumerate(message.postings):
            found.append(
                (
                    partition,
                    offset,
                    number,
                    message.originator_id,
                    leg.account,
                    leg.commodity,
                    leg.amount,
                    name,
                    id_,
                    message.timestamp,
                    market_time_us,
                )
            )
    return found


def apply(cursor: Cursor, events: Sequence[Event]) -> None:
    execute(cursor, _INSERT, rows(events))
