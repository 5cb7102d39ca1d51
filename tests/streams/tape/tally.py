"""An agent so plain that every event on its tape can be told from its inputs alone.

Each input is a Deposit of a kind (`KINDS`). An event says how many events were before it, and how many quiet inputs its
topic had before; the second is not on the tape, so a decider must have been given them again after a load (rewind).
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Mapping
from decimal import Decimal
from functools import lru_cache
from typing import NamedTuple

from domain.commands import Deposit
from domain.errors import UnreadableInput
from domain.events import CommandRejected
from runtime.settings import Settings
from streams import codec
from streams.agent import AgentSpec
from streams.decider import Draft, Folded, Input
from streams.partitioning import partition_of
from streams.tape import TapeRecord

KINDS = {"e": Decimal(1), "q": Decimal(2), "u": Decimal(3)}
"""e: gives an event; q: quiet, gives none; u: cannot be read, goes to the dead letters."""


class Violation(AssertionError):
    """A promise was broken; the text says which, and how."""


class Place(NamedTuple):
    """Which input an event answers. topic: as declared."""

    topic: str
    offset: int


class Tally:
    """A streams.decider.Decider. places: what was decided, in order. quiet: how many quiet inputs each topic had."""

    def __init__(self) -> None:
        self.places: list[Place] = []
        self.quiet: Counter[str] = Counter()

    def fold(self, event: Folded) -> None:
        self.places.append(Place(event.cause.topic, event.cause.offset))

    def rewind(self, causes: Mapping[str, int]) -> Mapping[str, int]:
        return dict.fromkeys(causes, 0)

    def observe(self, source: Input) -> None:
        self.quiet[source.topic] += source.message.amount == KINDS["q"]

    def decide(self, source: Input, now_us: int) -> Draft | None:
        if source.message.amount == KINDS["u"]:
            raise UnreadableInput("planned so")
        if source.message.amount == KINDS["q"]:
            self.quiet[source.topic] += 1
            return None
        self.places.append(Place(source.topic, source.offset))
        event = CommandRejected(
            originator_id=source.message.account_id,
            originator_version=len(self.places),
            timestamp=now_us,
            command_id=source.message.command_id,
            command_type="Deposit",
            code=str(self.quiet[source.topic]),
            text="",
            details={},
        )
        return Draft(event.originator_id, source.message.command_id, event.originator_id, event)


SPEC = AgentSpec(
    "tally", "ledger.events", ("trading.commands", "execution.reports"), "account_id", lambda partition: Tally()
)


@lru_cache
def inputs(settings: Settings, topic: str, partition: int, kinds: str) -> list[TapeRecord]:
    """The records of one input partition, one for each letter."""
    names = (f"acc_{number}" for number in range(10_000))
    account = next(name for name in names if partition_of(name.encode(), settings.partitions) == partition)
    records = []
    for offset, kind in enumerate(kinds):
        id_ = f"{topic}:{offset}"
        command = Deposit(command_id=id_, account_id=account, issued_at_us=1, amount=KINDS[kind])
        value, headers = codec.encode(command, id_=id_, source="test", time_us=1, subject=account)
        records.append(TapeRecord(settings.topic(topic), partition, offset, 0, account.encode(), value, headers))
    return records


# What the oracle knows of records, without Chain and without the agent


def origin(topic: str, partition: int) -> str:
    """What a tape's first record names as its predecessor; written down in streams.tape.hashing, computed here anew."""
    name = topic.encode()
    number = partition.to_bytes(4, "big")
    return hashlib.sha256(b"tapeledger:genesis:v1\n" + len(name).to_bytes(4, "big") + name + number).hexdigest()


def digest_of(record: TapeRecord) -> bytes:
    return dict(record.headers)["tape-hash"]


def place_of(record: TapeRecord) -> Place:
    """The input that a record of the tape answers."""
    topic, _, offset, _ = dict(record.headers)["ce_cause"].decode().split(":", 3)
    return Place(topic, int(offset))


def writer_of(record: TapeRecord) -> int:
    """Who wrote it: in the simulation a writer's clock stands at its number, microseconds since 1970."""
    return int(dict(record.headers)["ce_time"].removeprefix(b"1970-01-01T00:00:00.").removesuffix(b"Z"))


def cause_of(source: Input) -> codec.Cause:
    return codec.Cause(source.topic, source.partition, source.offset, source.message.command_id)
