"""The engine's side of the Redis stream, on a real one."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest
from redis.exceptions import ResponseError

from execution.order import WorkingOrder
from execution.queue import GENERATION, OrderQueue, is_wiped
from execution.watermarks import Mark, MarkBook, write
from tests.execution.examples import dispatch, ref, terms, working
from tests.execution.floor import Floor

pytestmark = pytest.mark.integration


@pytest.fixture
async def queues(floor: Floor) -> AsyncIterator[tuple[OrderQueue, OrderQueue]]:
    """The queue as two workers see it; entries idle for 100 ms are a dead worker's."""
    settings = floor.settings.model_copy(update={"claim_idle_ms": 100})
    made = (OrderQueue(settings, "a"), OrderQueue(settings, "b"))
    for queue in made:
        await queue.open()
    yield made
    for queue in made:
        await queue.close()


async def test_an_entry_goes_to_one_worker(floor: Floor, queues: tuple[OrderQueue, OrderQueue]) -> None:
    """What one worker has been given, another is not, and it says what was sent and when."""
    sent = dispatch(terms())
    entry_id = floor.send(sent, "00-abc-def-01")

    (entry,) = await queues[0].read(10, 10)

    assert await queues[1].read(10, 10) == []
    assert (entry_id, sent, "00-abc-def-01") == (entry.id, entry.dispatch(), entry.traceparent())
    assert int(entry_id.split("-")[0]) == entry.added_at_ms


async def test_only_untouched_entries_are_claimed(floor: Floor, queues: tuple[OrderQueue, OrderQueue]) -> None:
    """Of two old entries, the one that its worker keeps touching stays, the other goes to the other worker."""
    floor.send(dispatch(terms("kept")))
    floor.send(dispatch(terms("left")))
    kept, left = await queues[0].read(10, 10)
    for _ in range(4):
        await asyncio.sleep(0.05)
        assert not (await queues[0].touch([kept.id])).missing

    assert [left] == await queues[1].claim()

    await queues[1].release([left.id])
    touched = await queues[0].touch([kept.id, left.id])
    assert ({left.id}, False) == (touched.missing, touched.wiped)


async def test_a_wipe_is_noticed(floor: Floor, queues: tuple[OrderQueue, OrderQueue]) -> None:
    """After a wipe every call says that the group is gone; made again by one, the other sees a new generation."""
    floor.send(dispatch(terms()))
    (entry,) = await queues[0].read(10, 10)
    before = floor.redis.get(GENERATION)
    floor.redis.flushdb()

    for call in (
        queues[0].touch([entry.id]),
        queues[0].claim(),
        queues[0].read(1, 10),
        queues[0].forget_dead_consumers(),
    ):
        with pytest.raises(ResponseError) as caught:
            await call
        assert is_wiped(caught.value)
    await queues[1].open()

    assert (await queues[0].touch([entry.id])) == (set(), True)
    assert (await queues[0].touch([])) == (set(), False)
    assert before != floor.redis.get(GENERATION)


async def test_entries_from_before_the_group_are_read(floor: Floor) -> None:
    """The ledger may send before any worker was ever there."""
    floor.send(dispatch(terms()))
    queue = OrderQueue(floor.settings, "a")
    await queue.open()

    assert len(await queue.read(10, 10)) == 1

    await queue.close()


async def test_the_names_of_dead_workers_are_forgotten(floor: Floor, queues: tuple[OrderQueue, OrderQueue]) -> None:
    """A name with pending entries stays however long it is silent: forgetting it would lose them."""
    floor.send(dispatch(terms()))
    stream, group = floor.settings.execution_stream, floor.settings.execution_group
    floor.redis.xreadgroup(group, "holds", {stream: ">"})
    floor.redis.xgroup_createconsumer(stream, group, "idle")
    impatient = OrderQueue(floor.settings.model_copy(update={"claim_idle_ms": 1}), "b")
    await impatient.read(1, 10)
    await asyncio.sleep(0.05)

    await impatient.forget_dead_consumers()

    names = {consumer["name"] for consumer in floor.redis.xinfo_consumers(stream, group)}
    assert names == {"holds", "b"}
    await impatient.close()


def _at(offset: int, epoch: int = 1) -> WorkingOrder:
    order = working(terms(), position=ref(offset))
    order.dispatch_epoch = epoch
    return order


async def test_watermarks_of_higher_epochs_stand(floor: Floor, queues: tuple[OrderQueue, OrderQueue]) -> None:
    """A lower epoch neither overwrites nor deletes, and is told so; the same and a higher one do."""
    client, order_id = queues[0].redis, terms().order_id

    async def put(order: WorkingOrder) -> list[Mark]:
        book = MarkBook()
        book.note(order)
        return await write(client, book.due())

    assert await put(_at(5, epoch=2)) == []
    outdated = await put(_at(9, epoch=1))
    ended = _at(9, epoch=1)
    ended.ended = "finished"
    assert [mark.order_id for mark in [*outdated, *await put(ended)]] == [order_id, order_id]
    mark = floor.watermark(order_id)
    assert mark is not None
    assert (mark["epoch"], mark["offset"]) == (2, 5)

    assert await put(_at(6, epoch=10)) == []
    mark = floor.watermark(order_id)
    assert mark is not None
    assert (mark["epoch"], mark["offset"]) == (10, 6)
    ended = _at(7, epoch=10)
    ended.ended = "finished"
    assert await put(ended) == []
    assert floor.watermark(order_id) is None
