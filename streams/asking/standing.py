"""What was there before: where the projections stand, and the events that may answer a command from before that place.

All of one moment. Where there is no database, or it does not answer, the tape is read from its beginning.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import psycopg

from domain import schema
from domain.commands import BustFill, Command, CorrectFill, DeskCommand
from runtime.clients import postgres
from runtime.settings import Settings
from streams.asking.outcomes import is_known_by_reference, outcome_of
from streams.partitioning import partition_of
from streams.tape import Head, TapeRecord

_log = logging.getLogger(__name__)
_PROGRESS = """
select partition, next_offset, head_seq, head_hash from projection_progress where projection = 'ledger' and topic = %s
"""
_RECORDS = "select partition, record_offset, key, value, header_names, header_values from "
_OF_DESKS = f"""{_RECORDS} desk_events join tape_records using (partition, record_offset)
where topic = %(topic)s and command_id = any(%(command_ids)s)"""
_BY_REFERENCE = f"""{_RECORDS} operator_actions join tape_records using (partition, record_offset)
where topic = %(topic)s and reference = any(%(references)s) and account_id = any(%(keys)s)"""
_OF_FILLS = f"""{_RECORDS} fill_corrections join tape_records using (partition, record_offset)
where topic = %(topic)s and execution_id = any(%(executions)s) and command_id = any(%(command_ids)s)"""
_OF_ACCOUNTS = f"""{_RECORDS} tape_records
where topic = %(topic)s and partition = any(%(partitions)s) and key = any(%(raw_keys)s) and type = any(%(types)s)
    and live"""


class Standing(NamedTuple):
    """positions: partition -> where to read on. known: records that may answer, from before that place."""

    positions: Mapping[int, tuple[int, Head | None]]
    known: Sequence[TapeRecord]


def standing(settings: Settings, topic: str, commands: Sequence[Command]) -> Standing:
    """Of commands of one kind, one a key."""
    homes = {partition_of(command.account_id.encode(), settings.partitions) for command in commands}
    beginning: dict[int, tuple[int, Head | None]] = dict.fromkeys(homes, (0, None))
    if not settings.database_url:
        return Standing(beginning, ())
    try:
        with postgres(settings, connect_timeout=5) as connection:
            connection.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
            progress = connection.execute(_PROGRESS, (topic,)).fetchall()
            known = connection.execute(*_known(topic, commands, homes)).fetchall()
    except psycopg.Error as error:
        _log.warning("the database does not answer, so the tape is read from its beginning: %s", error)
        return Standing(beginning, ())
    positions = {
        partition: (next_offset, Head(seq, bytes(digest)))
        for partition, next_offset, seq, digest in progress
        if partition in homes and next_offset
    }
    records = [
        TapeRecord(topic, partition, offset, 0, key, value, list(zip(names, values, strict=True)))
        for partition, offset, key, value, names, values in known
    ]
    return Standing({**beginning, **positions}, records)


def _known(topic: str, commands: Sequence[Command], homes: set[int]) -> tuple[bytes, dict[str, Any]]:
    """The query for what may have answered before, and its parameters."""
    first = commands[0]
    outcome = outcome_of(first)
    versions = range(1, schema.version_of(outcome) + 1)
    parameters = {
        "topic": topic,
        "partitions": list(homes),
        "keys": [command.account_id for command in commands],
        "raw_keys": [command.account_id.encode() for command in commands],
        "command_ids": [command.command_id for command in commands],
        "references": list({getattr(command, "reference", "") for command in commands}),
        "executions": [getattr(command, "execution_id", "") for command in commands],
        "types": [f"tapeledger.{outcome.__name__}.v{version}" for version in versions],
    }
    if isinstance(first, DeskCommand):
        query = _OF_DESKS
    elif is_known_by_reference(first):
        query = _BY_REFERENCE
    elif isinstance(first, CorrectFill | BustFill):
        query = _OF_FILLS
    else:
        query = _OF_ACCOUNTS
    return query.encode(), parameters
