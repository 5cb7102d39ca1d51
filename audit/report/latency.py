"""How long things took in wall-clock time, from clock readings that stand in the records themselves.

A reading is the CloudEvents `ce_time` of a record: when its sender made it. All services of a demo share one
machine's clock. Inputs (ticks, commands) are not archived, so their readings are taken from Kafka, by the position that
each event names as its cause.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime

from audit.report.figures import latency
from audit.report.model import Latency
from audit.report.read import Connection, Period
from runtime.settings import Settings
from streams.codec import Cause, header
from streams.tape import TapeRecord, end_offsets, read_range

Positions = Mapping[tuple[int, int], datetime]

SUBMITTED = "submitted -> accepted"
MEASURES = {
    "tick -> signal": "from the closing tick's ce_time to the signal's ce_time",
    SUBMITTED: "from the SubmitOrder command's ce_time to that of the OrderAccepted or OrderRejected that answers it",
    "accepted -> acknowledged": "from OrderAccepted's ce_time to OrderAcknowledged's: queue, engine, and back",
    "tick -> fill": "from the ce_time of the tick that an order filled on to OrderFilled's ce_time",
    "accepted -> first fill": "from OrderAccepted's ce_time to the first OrderFilled's, so it waits for the market",
}


def sent_times(settings: Settings, topic: str) -> dict[tuple[int, int], datetime]:
    """When each record of an input topic was made, by (partition, offset): its ce_time, else Kafka's CreateTime.

    Raises UnavailableError when Kafka does not answer.
    """
    name = settings.topic(topic)
    return {
        (partition, record.offset): _sent(record)
        for partition, end in end_offsets(settings, name).items()
        for record in read_range(settings, name, partition, end=end)
    }


def _sent(record: TapeRecord) -> datetime:
    stated = header(record.headers, "ce_time")
    if stated is not None:
        try:
            return datetime.fromisoformat(stated.decode())
        except ValueError:  # an input that nobody could read; Kafka's time is what is left
            pass
    return datetime.fromtimestamp(record.timestamp_ms / 1000, UTC)


_ANSWERED = """
select header_values[array_position(header_names, 'ce_cause')], recorded_at from tape_records
where live and key = convert_to(%s, 'UTF8')
  and type in ('tapeledger.OrderAccepted.v1', 'tapeledger.OrderRejected.v1')"""
_ACKNOWLEDGED = """
select accepted.recorded_at, acknowledged.recorded_at
from order_events accepted join order_events acknowledged using (order_id) join orders using (order_id)
where account_id = %s and accepted.event_type = 'OrderAccepted' and acknowledged.event_type = 'OrderAcknowledged'"""
_FILLED = """
select (evidence->'tick'->>'partition')::int, (evidence->'tick'->>'offset')::bigint, recorded_at
from fills where account_id = %s and evidence is not null"""
_FIRST_FILL = """
select accepted.recorded_at, min(fills.recorded_at)
from order_events accepted join fills using (order_id)
where account_id = %s and accepted.event_type = 'OrderAccepted' group by order_id, accepted.recorded_at"""
_SIGNALLED = """
select (last_tick->>'partition')::int, (last_tick->>'offset')::bigint, recorded_at from signals
where market_time >= %(start)s and market_time < %(stop)s and requested_by_id is null and last_tick is not null"""


def latencies(
    connection: Connection, account_id: str, period: Period, ticks: Positions, commands: Positions
) -> list[Latency]:
    """The percentiles of each way through the system that can be measured; those without a value are left out."""
    account = (account_id,)
    signalled = connection.execute(_SIGNALLED, period.bounds())
    answered = [
        (Cause.decode(bytes(cause)), recorded_at)
        for cause, recorded_at in connection.execute(_ANSWERED, account)
        if cause is not None
    ]
    found = {
        "tick -> signal": _since(ticks, ((p, o, at) for p, o, at in signalled)),
        SUBMITTED: _since(commands, ((cause.partition, cause.offset, at) for cause, at in answered)),
        "accepted -> acknowledged": [_ms(*row) for row in connection.execute(_ACKNOWLEDGED, account)],
        "tick -> fill": _since(ticks, connection.execute(_FILLED, account)),
        "accepted -> first fill": [_ms(*row) for row in connection.execute(_FIRST_FILL, account)],
    }
    measured = [latency(name, MEASURES[name], values) for name, values in found.items()]
    return [one for one in measured if one is not None]


def _since(sent: Positions, recorded: Iterable[tuple[int, int, datetime]]) -> list[float]:
    return [_ms(sent[partition, offset], at) for partition, offset, at in recorded if (partition, offset) in sent]


def _ms(start: datetime, end: datetime) -> float:
    return (end - start).total_seconds() * 1000
