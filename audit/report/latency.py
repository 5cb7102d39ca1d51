"""How long things took in wall-clock time, from clock readings that stand in the records themselves.

All services of a demo share one machine's clock. Inputs (ticks, commands) are not archived: when they were sent is
Kafka's CreateTime of the record at the position that each event names as its cause (a tick's own `ce_time` is market
time). Events say in `recorded_at` when they were decided.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime

from audit.report.figures import latency
from audit.report.model import Latency
from audit.report.read import Connection, Period
from runtime.settings import Settings
from streams.codec import Cause
from streams.tape import end_offsets, read_range

Positions = Mapping[tuple[int, int], datetime]

SUBMITTED = "submitted -> accepted"
MEASURES = {
    "tick -> signal": "from the sending of the closing tick to the signal's record time",
    SUBMITTED: "from the sending of SubmitOrder to the record time of its OrderAccepted or OrderRejected",
    "accepted -> acknowledged": "from OrderAccepted's record time to OrderAcknowledged's: queue, engine, and back",
    "tick -> fill": "from the sending of the tick that an order filled on to OrderFilled's record time",
    "accepted -> first fill": "from OrderAccepted's record time to the first OrderFilled's, so it waits for the market",
}


def sent_times(settings: Settings, topic: str) -> dict[tuple[int, int], datetime]:
    """When each record of an input topic was sent, by (partition, offset): Kafka's CreateTime, to the millisecond.

    Raises UnavailableError when Kafka does not answer.
    """
    name = settings.topic(topic)
    return {
        (partition, record.offset): datetime.fromtimestamp(record.timestamp_ms / 1000, UTC)
        for partition, end in end_offsets(settings, name).items()
        for record in read_range(settings, name, partition, end=end)
    }


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
