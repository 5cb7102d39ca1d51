"""How far each order has been evaluated: the Redis hash `execution.watermarks`, order id -> JSON.

{"partition":p,"offset":o,"reports":n,"epoch":e,"at_us":t}: under dispatch epoch e, all ticks of the partition up to
offset o are evaluated and the n reports made so far are acknowledged by Kafka, at wall time t (microseconds UTC).
Partition and offset are -1 while there is no tick. A higher epoch is never overwritten by a lower one: who tries learns
that another worker has the order.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple, cast

import redis.asyncio

from execution.order import WorkingOrder
from runtime.clock import now_us

WATERMARKS = "execution.watermarks"
_CHUNK = 500

# ARGV: order id, epoch, JSON (empty: delete), and so on. Gives the order ids under which a higher epoch stands.
_WRITE = """
local outdated = {}
for i = 1, #ARGV, 3 do
  local old = redis.call('HGET', KEYS[1], ARGV[i])
  local epoch = old and tonumber(string.match(old, '"epoch":(%d+)')) or 0
  if epoch > tonumber(ARGV[i + 1]) then
    outdated[#outdated + 1] = ARGV[i]
  elseif ARGV[i + 2] == '' then
    redis.call('HDEL', KEYS[1], ARGV[i])
  else
    redis.call('HSET', KEYS[1], ARGV[i], ARGV[i + 2])
  end
end
return outdated
"""


class Mark(NamedTuple):
    """What is to be written for an order. text: empty to delete."""

    order_id: str
    epoch: int
    text: str


class MarkBook:
    """Which watermarks are to be written. An order's waits until Kafka has acknowledged all its reports."""

    def __init__(self) -> None:
        self._unmarked: dict[str, WorkingOrder] = {}
        self._due: dict[str, Mark] = {}

    def note(self, order: WorkingOrder) -> None:
        """The order's watermark is to be written, or deleted if it has ended."""
        self._unmarked[order.order_id] = order

    def forget(self, order: WorkingOrder) -> None:
        """The order's watermark is no longer ours to write."""
        if self._unmarked.get(order.order_id) is order:
            del self._unmarked[order.order_id]

    def due(self) -> list[Mark]:
        """What can be written now; due again until it is `written`."""
        for order in [order for order in self._unmarked.values() if order.settled]:
            del self._unmarked[order.order_id]
            self._due[order.order_id] = _mark(order)
        return list(self._due.values())

    def written(self, marks: Iterable[Mark]) -> None:
        for mark in marks:
            if self._due.get(mark.order_id) is mark:
                del self._due[mark.order_id]


def _mark(order: WorkingOrder) -> Mark:
    assert order.settled, f"{order.order_id}: {order.reports_made} reports, {order.reports_acknowledged} acknowledged"
    if order.ended:
        return Mark(order.order_id, order.dispatch_epoch, "")
    partition, offset = (-1, -1) if order.position is None else (order.position.partition, order.position.offset)
    text = (
        f'{{"partition":{partition},"offset":{offset},"reports":{order.reports_made},'
        f'"epoch":{order.dispatch_epoch},"at_us":{now_us()}}}'
    )
    return Mark(order.order_id, order.dispatch_epoch, text)


async def write(client: redis.asyncio.Redis, marks: Sequence[Mark]) -> list[Mark]:
    """Write or delete watermarks; gives those under whose order a higher epoch stands already."""
    outdated: list[Mark] = []
    for start in range(0, len(marks), _CHUNK):
        chunk = {mark.order_id: mark for mark in marks[start : start + _CHUNK]}
        arguments: list[Any] = [part for mark in chunk.values() for part in mark]
        found = await cast(Any, client).execute_command("EVAL", _WRITE, 1, WATERMARKS, *arguments)
        outdated += [chunk[order_id] for order_id in found]
    return outdated
