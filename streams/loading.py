"""Making an agent's state of one partition: from its snapshot and the tape behind it, or from the whole tape.

A snapshot that is not what the tape says is named in one warning and left alone; the next one is then written whole.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from typing import NamedTuple

from domain.errors import SnapshotError, TapeledgerError, UnavailableError, UnreadableInput
from runtime import metrics
from runtime.settings import Settings
from streams import codec
from streams.decider import Decider, Folded
from streams.guards import Causes
from streams.snapshots import topic as snapshot_topic
from streams.snapshots.checkpoint import Checkpoint
from streams.snapshots.form import Codec
from streams.snapshots.port import SnapshotSpec
from streams.snapshots.restoring import Restoring
from streams.snapshots.stored import Reading, Stored
from streams.tape import Head, TapeRecord, TapeWriter

log = logging.getLogger(__name__)


class Loaded(NamedTuple):
    """A partition, folded to its end. causes: declared topic -> offset of the last input. dead: records skipped.

    checkpoint: None for an agent without snapshots.
    """

    decider: Decider
    causes: dict[str, int]
    checkpoint: Checkpoint | None
    dead: int


class Loading:
    """Loads partitions of a tape. decider: makes an empty one. writer: ready to append to what was loaded.

    inputs: the declared topics of the agent's inputs, the only ones that may have caused an event.
    """

    def __init__(
        self,
        settings: Settings,
        writer: TapeWriter,
        inputs: tuple[str, ...],
        decider: Callable[[int], Decider],
        snapshots: SnapshotSpec | None,
    ) -> None:
        self._settings = settings
        self._writer = writer
        self._inputs = inputs
        self._decider = decider
        self._snapshots = snapshots

    def load(self, partition: int) -> Loaded:
        """Raises ChainError, BooksError or UnreadableInput when the tape is broken, UnavailableError."""
        started = time.monotonic()
        loaded = None
        reading = None
        if self._snapshots is not None:
            topic = self._settings.topic(self._snapshots.topic)
            codec_ = Codec(self._writer.topic, partition, self._snapshots.states.form)
            reading = Reading(topic, partition, codec_)
            try:
                loaded = self._from_snapshot(partition, topic, codec_, reading, self._snapshots)
            except UnavailableError:
                raise
            # Also what a state of another layout would run into: a snapshot must never keep the ledger from starting.
            except (TapeledgerError, ArithmeticError, LookupError, TypeError, ValueError) as error:
                metrics.snapshot_ignored_total.labels(topic).inc()
                log.warning("%s/%s: the snapshot is ignored and the log is read: %r", topic, partition, error)
        source = "snapshot" if loaded else "log"
        loaded = loaded or self._from_log(partition, reading)
        seconds = time.monotonic() - started
        metrics.tape_load_seconds.labels(self._writer.topic, source).observe(seconds)
        log.info(
            "%s/%s loaded from the %s to offset %s in %.2f s, %s dead",
            self._writer.topic,
            partition,
            source,
            self._writer.next_offset(partition),
            seconds,
            loaded.dead,
        )
        return loaded

    def _from_log(self, partition: int, reading: Reading | None) -> Loaded:
        decider = self._decider(partition)
        causes = Causes(self._inputs)

        def take(record: TapeRecord, head: Head) -> None:
            event = folded(record, head)
            causes.take(record, event.cause)
            decider.fold(event)

        dead = self._writer.fold(partition, take)
        checkpoint = None
        if self._snapshots is not None:
            states = self._snapshots.states
            own = Codec(self._writer.topic, partition, states.form)
            checkpoint = Checkpoint(own, states, decider, causes.newest, keys=reading.keys if reading else ())
        return Loaded(decider, causes.newest, checkpoint, dead)

    def _from_snapshot(
        self, partition: int, topic: str, own: Codec, reading: Reading, snapshots: SnapshotSpec
    ) -> Loaded | None:
        """None when there is no snapshot yet. Raises SnapshotError, and ChainError when the tape is another one."""
        try:
            snapshot_topic.read(self._settings, topic, partition, reading)
        except UnavailableError as error:  # what is wrong with the broker itself shows again when the tape is read
            raise SnapshotError(topic, partition, None, str(error)) from error
        stored = reading.stored()
        epoch = stored.epoch
        if epoch is None:
            self._expect_none(topic, partition, stored)
            return None
        decider = self._decider(partition)
        restoring = Restoring(topic, partition, snapshots.states, stored, epoch, decider)
        causes = Causes(self._inputs, epoch.causes)

        def take(record: TapeRecord, head: Head) -> None:
            event = folded(record, head)
            causes.take(record, event.cause)
            restoring.take(event)

        dead = self._writer.fold(partition, take, epoch.position)
        members = restoring.members()
        checkpoint = Checkpoint(
            own,
            snapshots.states,
            decider,
            causes.newest,
            epoch_offset=epoch.next_offset,
            members=members,
            changed=restoring.changed,
            stored=stored,
        )
        return Loaded(decider, causes.newest, checkpoint, dead)

    @staticmethod
    def _expect_none(topic: str, partition: int, stored: Stored) -> None:
        if stored.foreign:
            raise SnapshotError(
                topic,
                partition,
                None,
                f"expected an epoch of this program and its settings, found {stored.foreign} records of other forms",
            )


def folded(record: TapeRecord, head: Head) -> Folded:
    """A live record of a tape, decoded. Raises UnreadableInput when a tape holds what this program cannot read."""
    try:
        cause = codec.cause_of(record.headers)
        if cause is None:
            raise UnreadableInput("no ce_cause header")
        message = codec.decode(record.value, record.headers)
    except UnreadableInput as error:
        raise UnreadableInput(f"{record.topic}/{record.partition} at offset {record.offset}: {error}") from error
    return Folded(record.partition, record.offset, head.seq, message, cause, codec.traceparent_of(record.headers))
