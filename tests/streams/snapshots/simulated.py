"""A simulated tape with its snapshot topic: plain lists that give offsets, the ledger's own decisions, no broker.

Several writers of snapshots may be at work, as when one has lost the partition and does not know it yet. The topic is
compacted as Kafka does it: of each key the newest record stays, older ones may go.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from decimal import Decimal
from typing import Any, NamedTuple

from domain import ids
from domain import reports as r
from domain.catalog import catalog
from domain.commands import Deposit, OpenAccount, SubmitOrder
from domain.errors import SnapshotError
from runtime.settings import Settings
from streams.codec import Cause
from streams.decider import Folded
from streams.ledger.decider import LedgerDecider
from streams.snapshots.accounts import AccountStates
from streams.snapshots.checkpoint import Checkpoint
from streams.snapshots.form import Codec, Record
from streams.snapshots.restoring import Restoring
from streams.snapshots.stored import Reading
from streams.tape import Head, Position

TAPE, TOPIC, PARTITION = "ledger.events", "ledger.snapshots", 0
SETTINGS = Settings(_env_file=None)
STATES = AccountStates(SETTINGS)
START_US = 1_300_000_000_000_000
PART_BYTES_MAX = 700
"""So small that accounts soon need several pieces."""


def decider() -> LedgerDecider:
    return LedgerDecider(catalog(["AAPL"]), SETTINGS.client_ids_kept_s * 1_000_000)


def codec(form: bytes = STATES.form, topic: str = TAPE, partition: int = PARTITION) -> Codec:
    return Codec(topic, partition, form, PART_BYTES_MAX)


class Agent(NamedTuple):
    """What a worker has in memory: its decider and what it knows of its snapshots."""

    decider: LedgerDecider
    checkpoint: Checkpoint


class Simulated:
    """events: of the tape, by offset; a dead record is None. snapshots: by offset, None where one was compacted."""

    def __init__(self) -> None:
        self.events: list[Folded | None] = []
        self.snapshots: list[Record | None] = []
        self.now_us = START_US
        self._seq = 0
        self._inputs = 0

    # The tape

    def decide(self, agent: Agent, message: Any) -> Folded | None:
        """The agent decides, and what it decides is on the tape and told to its checkpoint."""
        self.now_us += 1_000
        self._inputs += 1
        event = agent.decider.ledger.decide(message, self.now_us)
        if event is None:
            return None
        self._seq += 1
        topic = "execution.reports" if isinstance(message, r.Report) else "trading.commands"
        cause = Cause(topic, PARTITION, self._inputs, "")
        folded = Folded(PARTITION, len(self.events), self._seq, event, cause, None)
        self.events.append(folded)
        agent.checkpoint.appended([folded])
        return folded

    def end(self) -> Position:
        live = [event for event in self.events if event is not None]
        if not live:
            return Position(len(self.events), Head(0, bytes(32)), -1)
        return Position(len(self.events), Head(live[-1].seq, _hash(live[-1])), live[-1].offset)

    # The snapshot topic

    def send(self, records: list[Record]) -> None:
        self.snapshots += records

    def write(self, agent: Agent) -> None:
        """A whole round, undisturbed."""
        agent.checkpoint.begin(self.end())
        while not agent.checkpoint.drained:
            self.send(agent.checkpoint.chunk())
        self.send([agent.checkpoint.epoch()])
        agent.checkpoint.commit()

    def compact(self, upto: int) -> None:
        """Of the records below an offset only those stay that are the newest of their key."""
        newest = {record.key: offset for offset, record in enumerate(self.snapshots) if record is not None}
        for offset in range(min(upto, len(self.snapshots) - 1)):
            record = self.snapshots[offset]
            if record is not None and newest[record.key] != offset:
                self.snapshots[offset] = None

    def change(self, offset: int, how: Callable[[Record], Record | None]) -> None:
        record = self.snapshots[offset]
        assert record is not None
        self.snapshots[offset] = how(record)

    # Loading

    def folded(self) -> Agent:
        """From the tape alone: the truth."""
        fresh = decider()
        causes: dict[str, int] = {}
        for event in self.events:
            if event is not None:
                fresh.fold(event)
                causes[event.cause.topic] = event.cause.offset
        keys = {record.key for record in self.snapshots if record is not None and record.value is not None}
        return Agent(fresh, Checkpoint(codec(), STATES, fresh, causes, keys=keys))

    def loaded(self) -> Agent | None:
        """From the snapshot and the tape behind its epoch; None when there is no epoch. Raises SnapshotError."""
        reading = Reading(TOPIC, PARTITION, codec())
        for offset, record in enumerate(self.snapshots):
            if record is not None:
                reading.take(offset, record.key, record.value)
        stored = reading.stored()
        if stored.epoch is None:
            return None
        if stored.epoch.next_offset > len(self.events):
            raise SnapshotError(TOPIC, PARTITION, stored.epoch_offset, "the tape is shorter than the epoch")
        fresh = decider()
        restoring = Restoring(TOPIC, PARTITION, STATES, stored, stored.epoch, fresh)
        causes = dict(stored.epoch.causes)
        for event in self.events[stored.epoch.next_offset :]:
            if event is not None:
                restoring.take(event)
                causes[event.cause.topic] = event.cause.offset
        members = restoring.members()
        checkpoint = Checkpoint(
            codec(),
            STATES,
            fresh,
            causes,
            epoch_offset=stored.epoch.next_offset,
            members=members,
            changed=restoring.changed,
            stored=stored,
        )
        return Agent(fresh, checkpoint)


def _hash(event: Folded) -> bytes:
    return hashlib.sha256(str(event.seq).encode()).digest()


# Messages


def account(number: int) -> str:
    return f"acc_{number}"


def opening(number: int) -> OpenAccount:
    return OpenAccount(command_id=f"open-{number}", account_id=account(number), issued_at_us=START_US, owner="test")


def deposit(number: int, id_: int) -> Deposit:
    return Deposit(
        command_id=f"deposit-{id_}", account_id=account(number), issued_at_us=START_US, amount=Decimal("1000.00")
    )


def order(number: int, id_: int) -> SubmitOrder:
    name = f"order-{id_}"
    return SubmitOrder(
        command_id=name,
        account_id=account(number),
        issued_at_us=START_US,
        order_id=ids.order_id(account(number), name),
        client_order_id=name,
        symbol="AAPL",
        side="BUY",
        order_type="LIMIT",
        quantity=Decimal(1),
        limit_price=Decimal("10.50"),
    )


def filled(number: int, order_id: str, id_: int) -> r.ReportFilled:
    return r.ReportFilled(
        report_id=f"rep-{id_}",
        account_id=account(number),
        order_id=order_id,
        dispatch_epoch=1,
        worker_id="w1",
        reported_at_us=START_US,
        execution_id=f"exe-{id_}",
        venue="paper",
        quantity=Decimal(1),
        price=Decimal("10.25"),
        fee=Decimal("0.01"),
        market_time_us=START_US,
    )
