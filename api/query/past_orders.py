"""Orders as the ledger knew them: the events that touch an order, folded by the rules that write its row."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

import msgspec

from api.fields import time_of_us, us_of_time
from api.query import orders_sql, records_sql
from api.query.database import Row, Snapshot
from api.query.past import Moment
from api.query.unknown import not_found
from domain import schema
from domain.numbers import quotient
from projections.order_fold import order_after
from runtime.settings import Settings

_TIMES = ("expire_at", "active_from", "submitted_at", "updated_at", "triggered_at")
_JSON = ("reject_details", "replace_terms")
_AVERAGE_STEP = Decimal("0.00000001")


async def one(settings: Settings, snapshot: Snapshot, order_id: str, revision: Row, moment: Moment) -> tuple[Row, int]:
    """The order's row at the moment, and the offset of the last event that counts.

    revision: of the order as it is now. Raises ProblemError 404 where it was not there yet. The first event that is
    later than the moment's time ends what counts.
    """
    offsets: list[int] = []
    for step in await orders_sql.steps(snapshot, order_id, revision["partition"], moment.position):
        if moment.time_us is not None and us_of_time(step["recorded_at"]) > moment.time_us:
            break
        offsets.append(step["record_offset"])
    topic = settings.topic("ledger.events")
    rows = await records_sql.at(snapshot, topic, revision["partition"], offsets)
    events = ((revision["partition"], row["record_offset"], schema.decode(row["type"], row["value"])) for row in rows)
    found = order_after(events, order_id)
    if found is None:
        raise not_found("ORDER_UNKNOWN", f"order {order_id} as of that moment")
    return _row(found), offsets[-1]


def _row(found: Mapping[str, Any]) -> Row:
    """As orders_sql.COLUMNS has it."""
    row = dict(found)
    value, quantity = row.pop("filled_value"), row["filled_quantity"]
    row["average_price"] = quotient(value, quantity, _AVERAGE_STEP) if quantity else None
    for name in _TIMES:
        row[name] = None if row[name] is None else time_of_us(row[name])
    for name in _JSON:
        row[name] = None if row[name] is None else msgspec.json.decode(row[name])
    return row
