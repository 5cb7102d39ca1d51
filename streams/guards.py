"""What an agent checks before it trusts its topics: it stops rather than guesses.

A tape's events name their causes, so the tape and its inputs prove one another. An event caused by something that is
no input of this agent, or caused out of order, was written by another ledger; a cause beyond its input's end means that
the input was deleted and made anew, or is another broker's.
Verification: tests/streams/test_guards.py.
"""

from __future__ import annotations

import time
from collections.abc import Mapping

from confluent_kafka import KafkaException, TopicPartition

from domain.errors import TopologyError, UnavailableError
from runtime.clients import kafka_consumer
from runtime.settings import Settings
from streams.codec import Cause
from streams.tape.record import TapeRecord

_TIMEOUT_S = 15.0
_PATIENCE_S = 5.0  # a partition's new leader may not know its end at once
_PAUSE_S = 0.2


class Causes:
    """The newest cause of each input along one partition of a tape: declared topic -> offset, in `newest`.

    inputs: the declared names of the agent's input topics. newest: those of the records before the first one taken.
    """

    def __init__(self, inputs: tuple[str, ...], newest: Mapping[str, int] | None = None) -> None:
        self._inputs = inputs
        self.newest: dict[str, int] = dict(newest or {})

    def take(self, record: TapeRecord, cause: Cause) -> None:
        """Take note of a live record's cause. Raises TopologyError, naming the record, for one that cannot be ours."""
        problem = ""
        if cause.topic not in self._inputs:
            problem = f"expected one of {', '.join(self._inputs)}: two agents were pointed at one tape"
        elif cause.partition != record.partition:
            problem = f"expected partition {record.partition}, the tape's own: it was made with other partitions"
        elif cause.offset <= self.newest.get(cause.topic, -1):
            problem = (
                f"expected an offset above {self.newest[cause.topic]}, which an earlier event names: "
                "two ledgers were pointed at one tape, or its inputs were made anew"
            )
        if problem:
            raise TopologyError(
                f"{record.topic}/{record.partition} at offset {record.offset}: the event's cause is "
                f"{cause.topic}/{cause.partition} at offset {cause.offset}, {problem}"
            )
        self.newest[cause.topic] = cause.offset


def check_input(settings: Settings, name: str, partition: int, wanted: int, known: int) -> None:
    """Whether an input (declared name) has what the tape says: records from `wanted` on, and all before offset `known`.

    Raises TopologyError when it has less, and UnavailableError when Kafka does not answer.
    """
    topic = settings.topic(name)
    first, end = _extent(settings, topic, partition, known)
    if end < known:
        raise TopologyError(
            f"{topic}/{partition} ends at offset {end}, but the tape answers its record at offset {known - 1}: the "
            "topic was deleted and made anew, or has lost records, or the tape belongs to another ledger"
        )
    if first > wanted:
        raise TopologyError(
            f"{topic}/{partition} begins at offset {first}, but the record at offset {wanted} is still needed: records "
            "were deleted, by retention or by hand, before they were decided"
        )


def check_inputs(
    settings: Settings, partition: int, inputs: tuple[str, ...], newest: Mapping[str, int], rewound: Mapping[str, int]
) -> None:
    """`check_input` of all inputs of a partition. newest: last decided offsets; rewound: where they are read again."""
    for name in inputs:
        known = newest.get(name, -1) + 1
        check_input(settings, name, partition, min(known, rewound.get(name, known)), known)


def _extent(settings: Settings, topic: str, partition: int, expected_end: int) -> tuple[int, int]:
    """The offsets that the broker has, from the first up to, not including, the end; asks again while that is early."""
    consumer = kafka_consumer(settings)
    deadline = time.monotonic() + _PATIENCE_S
    try:
        while True:
            first, end = consumer.get_watermark_offsets(TopicPartition(topic, partition), timeout=_TIMEOUT_S)
            if end >= expected_end or time.monotonic() > deadline:
                return first, end
            time.sleep(_PAUSE_S)
    except KafkaException as error:
        raise UnavailableError(f"the extent of {topic}/{partition} is not known: {error}") from error
    finally:
        consumer.close()
