"""What must hold of the events themselves: books that balance, versions without a gap, no input answered twice."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from typing import Any, NamedTuple

from audit.findings import Finding, Findings
from audit.tapes import Connection
from domain.errors import BooksError, UnreadableInput
from domain.events import LedgerEvent
from domain.journal import check_balanced
from domain.numbers import ZERO, exact, plain
from streams import codec
from streams.tape import TapeRecord

Key = tuple[str, str, str]  # account id, book account, commodity


class Touched(NamedTuple):
    """A running balance, and the last record that moved it."""

    amount: Decimal
    partition: int
    offset: int


class Causes:
    """Each event of a tape partition names an input above that of the event before, per input partition (promise 4)."""

    def __init__(self, findings: Findings) -> None:
        self._findings = findings
        self._last: dict[tuple[str, int], int] = {}

    def take(self, record: TapeRecord) -> None:
        """Check one live record."""
        try:
            cause = codec.cause_of(record.headers)
        except UnreadableInput as error:
            self._add(record, "cause_unreadable", "topic:partition:offset:id", str(error))
            return
        if cause is None:
            self._add(record, "cause_missing", "a header ce_cause", "none")
            return
        source = (cause.topic, cause.partition)
        last = self._last.get(source, -1)
        if cause.offset <= last:
            what = f"an input of {cause.topic}/{cause.partition} above offset {last}"
            self._add(record, "cause_not_increasing", what, f"offset {cause.offset}")
        self._last[source] = max(last, cause.offset)

    def _add(self, record: TapeRecord, kind: str, expected: str, found: str) -> None:
        self._findings.add(_finding(record, kind, "ce_cause", expected, found))


class Books:
    """Folds the live records of the ledger's tapes. Memory grows with accounts and balances, not with the log."""

    def __init__(self, findings: Findings) -> None:
        self._findings = findings
        self._versions: dict[str, int] = {}
        self.balances: dict[Key, Touched] = {}
        self.postings = 0

    def take(self, record: TapeRecord, *, projected: bool) -> None:
        """Check one live record, and add its postings to the running balances if the projections have taken it."""
        try:
            event = codec.decode(record.value, record.headers)
        except UnreadableInput as error:
            self._findings.add(_finding(record, "event_unreadable", "value", "a ledger event", str(error)))
            return
        if not isinstance(event, LedgerEvent):
            found = type(event).__name__
            self._findings.add(_finding(record, "event_foreign", "ce_type", "a ledger event", found))
            return
        if event.originator_version and record.key != event.originator_id.encode():
            expected = repr(event.originator_id.encode())
            self._findings.add(_finding(record, "key_differs", "key", expected, repr(record.key)))
        self._check_version(record, event)
        try:
            check_balanced(event.postings)
        except BooksError as error:
            self._findings.add(_finding(record, "postings_unbalanced", "postings", "a sum of zero", str(error)))
        if projected:
            self._fold(record, event)

    def _check_version(self, record: TapeRecord, event: LedgerEvent) -> None:
        if event.originator_version == 0:
            return
        last = self._versions.get(event.originator_id, 0)
        if event.originator_version != last + 1:
            subject = f"account_version of {event.originator_id}"
            found = str(event.originator_version)
            self._findings.add(_finding(record, "version_gap", subject, str(last + 1), found))
        self._versions[event.originator_id] = event.originator_version

    def _fold(self, record: TapeRecord, event: LedgerEvent) -> None:
        with exact():
            for leg in event.postings:
                key = (event.originator_id, leg.account, leg.commodity)
                before = self.balances[key].amount if key in self.balances else ZERO
                self.balances[key] = Touched(before + leg.amount, record.partition, record.offset)
                self.postings += 1

    def compare(self, connection: Connection, topic: str) -> Iterator[Finding]:
        """What differs between the running balances and table `balances`. Empties the running balances."""
        with connection.cursor("balances") as cursor:
            cursor.itersize = 5_000
            cursor.execute("select account_id, book_account, commodity, amount from balances")
            for account, book_account, commodity, amount in cursor:
                key = (account, book_account, commodity)
                folded = self.balances.pop(key, None)
                if folded is None:
                    if amount:
                        yield _balance(topic, key, None, "no such balance", plain(amount))
                elif folded.amount != amount:
                    yield _balance(topic, key, folded, plain(folded.amount), plain(amount))
        for key, folded in self.balances.items():
            if folded.amount:
                yield _balance(topic, key, folded, plain(folded.amount), "no row")


def _balance(topic: str, key: Key, folded: Touched | None, expected: str, found: str) -> Finding:
    return Finding(
        kind="balance_differs",
        topic=topic,
        partition=None if folded is None else folded.partition,
        offset=None if folded is None else folded.offset,
        subject=f"balances ({', '.join(key)})",
        expected=expected,
        found=found,
    )


def _finding(record: TapeRecord, kind: str, subject: str, expected: str, found: Any) -> Finding:
    return Finding(
        kind=kind,
        topic=record.topic,
        partition=record.partition,
        offset=record.offset,
        subject=subject,
        expected=expected,
        found=found,
    )
