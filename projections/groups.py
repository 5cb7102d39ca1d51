"""What is projected together: one topic, all its projections, one transaction a batch.

Verification: tests/projections (each projection by hand-worked rows; exactly once, rebuild and races on real servers).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from domain.errors import InvalidValue, UnreadableInput
from projections import (
    access,
    accounts,
    actions,
    archive,
    breaks,
    causes,
    corporate,
    desk,
    fills,
    journal,
    orders,
    outcomes,
    portfolio,
    positions,
    rebalances,
    signals,
    ticks,
)
from projections.rows import Cursor, Event
from projections.sources import Skips, record_sha256
from streams.codec import decode, header
from streams.tape import TapeRecord

Apply = Callable[[Cursor, Sequence[Any]], None]


class Group(NamedTuple):
    """A topic and what is made of it.

    name: as in projection_progress. topic: as declared. is_tape: it has a chain to be checked and archived.
    tables: that `project` and `derive` write, and triggers on those; rebuild.tables.present says which there are.
    project: rows from events (of a tape) or prints. derive: rows that hang on what another group projects too, after
    `project`; they can be computed anew from the tables at any time.
    """

    name: str
    topic: str
    is_tape: bool
    tables: tuple[str, ...]
    project: Apply
    derive: Apply | None = None

    def apply(self, cursor: Cursor, items: Sequence[Any], skips: Skips | None = None) -> None:
        """All rows of a batch's items (projections.sources.Batch), and what the archive keeps of a tape."""
        found = self.decoded(items, skips)
        if self.is_tape:
            archive.apply(cursor, items)
            causes.apply(cursor, items)
        self.project(cursor, found)
        if self.derive is not None:
            self.derive(cursor, found)

    def decoded(self, items: Sequence[Any], skips: Skips | None = None) -> Sequence[Any]:
        """What projections see of a batch's items: live events without those that are skipped; prints as they are."""
        return live_events(items, skips) if self.is_tape else items


def live_events(records: Sequence[tuple[TapeRecord, bool]], skips: Skips | None = None) -> list[Event]:
    """The live records, decoded, without those that are skipped.

    Raises UnreadableInput, naming the record, on what this program does not know.
    """
    return [_event(record) for record, live in records if live and not (skips and _is_skipped(record, skips))]


def _is_skipped(record: TapeRecord, skips: Skips) -> bool:
    """Marked are place and bytes: another record at the same place is not passed over."""
    marked = skips.get((record.partition, record.offset))
    return marked is not None and marked == record_sha256(record, is_tape=True)


def _event(record: TapeRecord) -> Event:
    try:
        message = decode(record.value, record.headers)
        id_ = (header(record.headers, "ce_id") or b"").decode(errors="replace")
    except UnreadableInput as error:
        where = f"{record.topic}/{record.partition} at offset {record.offset}"
        raise UnreadableInput(f"{where}: {error}") from error
    return Event(record.partition, record.offset, id_, message, record.value or b"")


def _ledger(cursor: Cursor, events: Sequence[Event]) -> None:
    """In the order in which they need one another."""
    accounts.apply(cursor, events)
    journal.apply(cursor, events)
    fills.apply(cursor, events)
    corporate.apply(cursor, events)
    orders.apply(cursor, events)
    rebalances.apply(cursor, events)
    breaks.apply(cursor, events)
    positions.apply(cursor, events)
    desk.apply(cursor, events)


def _signals(cursor: Cursor, events: Sequence[Event]) -> None:
    signals.apply(cursor, events)
    outcomes.apply(cursor, events)


def _audit(cursor: Cursor, events: Sequence[Event]) -> None:
    actions.apply(cursor, events)
    access.apply(cursor, events)


LEDGER = Group(
    "ledger",
    "ledger.events",
    True,
    (
        *("accounts", "balances", "journal_postings", "fills", "order_events", "command_rejections"),
        *("operator_actions", "fill_corrections", "position_changes", "orders", "order_groups", "order_history"),
        *("order_book_orders", "order_book_history", "order_book_levels", "rebalance_events", "reconciliation_breaks"),
        *("positions", "lots", "desk_events", "desk_controls", "desk_marks", "portfolio_values"),
    ),
    _ledger,
    portfolio.apply_events,
)
SIGNALS = Group(
    "signals",
    "trading.signals",
    True,
    ("signals", "signal_refusals", "signal_outcomes", "model_outcomes"),
    _signals,
)
AUDIT = Group("audit", "audit.logs", True, ("audit_actions", "audit_refusals", "access_users", "access_keys"), _audit)
TICKS = Group("ticks", "market.ticks", False, ("ticks", "bars", "portfolio_values"), ticks.apply, portfolio.apply_ticks)
GROUPS = (LEDGER, SIGNALS, AUDIT, TICKS)


def group_of(name: str) -> Group:
    """Raises InvalidValue for a name that is not known."""
    found = next((group for group in GROUPS if group.name == name), None)
    if found is None:
        known = ", ".join(group.name for group in GROUPS)
        raise InvalidValue("PROJECTION_UNKNOWN", f"no projection {name!r}; there are {known}", name=name)
    return found


def sharing(group: Group) -> list[Group]:
    """The groups that write a table of this one, itself included."""
    return [other for other in GROUPS if set(other.tables) & set(group.tables)]
