"""The ledger's side of the engine's queue, on a real Redis, without an engine: what stands, what is sent again.

Method: the dispatcher is told events as the agent tells them, decided by a real ledger; the test plays the engines by
deleting entries, and Redis' death by wiping it.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any, cast

import msgspec
import pytest
import redis

from domain import ids
from domain.catalog import catalog
from domain.commands import CancelOrder, HaltTrading, ResumeTrading
from domain.dispatch import Dispatch
from domain.reports import ReportAcknowledged, ReportCanceled
from runtime.clients import redis_sync
from runtime.clock import now_us
from runtime.settings import Settings
from streams.codec import Cause
from streams.decider import Folded
from streams.ledger.decider import LedgerDecider
from streams.ledger.dispatcher import Dispatcher
from tests.streams.trading import buy, opened

pytestmark = pytest.mark.integration
KEPT_US = 7 * 24 * 3600 * 1_000_000
_DESK: Any = {"account_id": "desk:0", "issued_at_us": now_us()}
QUIET_S = 2.5  # more than twice the time between two sweeps


class Desk:
    """One partition's ledger and its dispatcher."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.redis: redis.Redis = redis_sync(settings)
        self.dispatcher = Dispatcher(settings)
        self.decider = LedgerDecider(catalog(settings.symbols()), KEPT_US)
        self._accounts: set[str] = set()

    async def tell(self, *inputs: Any) -> None:
        """Decide these and tell the dispatcher, as one batch of the agent."""
        events = []
        for number, message in enumerate(inputs):
            event = self.decider.ledger.decide(message, now_us(), KEPT_US)
            assert event is not None
            events.append(Folded(0, number, number, event, Cause("trading.commands", 0, number, ""), None))
        await self.dispatcher.appended(0, self.decider, events)

    async def buy(self, *client_order_ids: str, account: str = "acc_1") -> None:
        if account not in self._accounts:
            self._accounts.add(account)
            await self.tell(*opened(account, "10000"))
        await self.tell(*(buy(account, name) for name in client_order_ids))

    async def cancel(self, client_order_id: str) -> None:
        order_id = ids.order_id("acc_1", client_order_id)
        command_id = f"x-{client_order_id}"
        await self.tell(
            CancelOrder(command_id=command_id, account_id="acc_1", issued_at_us=now_us(), order_id=order_id)
        )

    async def halt(self) -> None:
        await self.tell(HaltTrading(command_id="h", **_DESK, scope="ALL", by="grace", reason="drill"))

    async def resume(self) -> None:
        await self.tell(ResumeTrading(command_id="r", **_DESK, scope="ALL", by="grace", reason="over"))

    def report(self, kind: Any, client_order_id: str, **more: Any) -> Any:
        return kind(
            report_id=f"{kind.__name__}-{client_order_id}",
            account_id="acc_1",
            order_id=ids.order_id("acc_1", client_order_id),
            dispatch_epoch=1,
            worker_id="w1",
            reported_at_us=now_us(),
            **more,
        )

    def queue(self) -> list[tuple[str, str, str]]:
        """What stands in the stream: entry id, kind and client order id, oldest first."""
        found = []
        for entry_id, fields in cast(Any, self.redis.xrange(self.settings.execution_stream)):
            dispatch = msgspec.json.decode(fields["dispatch"], type=Dispatch)
            found.append((entry_id, dispatch.kind, dispatch.order.client_order_id))
        return found

    def standing(self) -> list[str]:
        return [f"{kind} {name}" for _, kind, name in self.queue()]

    def finish(self, count: int) -> None:
        """The oldest entries are done with: what an engine does in the end."""
        for entry_id, _, _ in self.queue()[:count]:
            self.redis.xdel(self.settings.execution_stream, entry_id)


@asynccontextmanager
async def desk(settings: Settings, **changes: Any) -> AsyncIterator[Desk]:
    made = Desk(settings.model_copy(update={"redispatch_after_ms": 200, **changes}))
    await made.dispatcher.loaded(0, made.decider)
    running = asyncio.create_task(made.dispatcher.run())
    try:
        yield made
        assert not running.done(), "the dispatcher has ended"
    finally:
        running.cancel()
        await asyncio.wait([running])


async def until(condition: Callable[[], bool], what: str) -> None:
    for _ in range(600):
        if condition():
            return
        await asyncio.sleep(0.05)
    raise AssertionError(f"not within 30 s: {what}")


async def test_what_stands_in_the_queue_is_not_sent_again(ledger_settings: Settings) -> None:
    """With every engine down the queue holds each order once, however long that lasts."""
    async with desk(ledger_settings) as made:
        await made.buy("a", "b", "c")
        await until(lambda: len(made.queue()) == 3, "three orders are in the queue")
        first = made.queue()
        await asyncio.sleep(QUIET_S)

        assert made.queue() == first


async def test_what_is_sent_again_is_what_the_chain_has(ledger_settings: Settings) -> None:
    """A cancel that is decided and not yet on the chain must not leave, not even when its order is sent again."""
    async with desk(ledger_settings) as made:
        await made.buy("a")
        await until(lambda: made.standing() == ["EXECUTE a"], "the order is in the queue")
        cancel = CancelOrder(
            command_id="x", account_id="acc_1", issued_at_us=now_us(), order_id=ids.order_id("acc_1", "a")
        )

        made.decider.ledger.decide(cancel, now_us(), KEPT_US)  # its batch is on its way to Kafka
        made.finish(1)
        await until(lambda: len(made.queue()) == 1, "the order is sent again")

        assert made.standing() == ["EXECUTE a"]


async def test_what_is_gone_without_a_word_is_sent_again(ledger_settings: Settings) -> None:
    """One entry was deleted and nobody reported: that order is sent again, and the other is not."""
    async with desk(ledger_settings) as made:
        await made.buy("a", "b")
        await until(lambda: len(made.queue()) == 2, "two orders are in the queue")
        kept = made.queue()[1]
        made.finish(1)
        await until(lambda: len(made.queue()) == 2, "the order is in the queue again")

        assert made.queue()[0] == kept
        assert made.standing() == ["EXECUTE b", "EXECUTE a"]


async def test_a_wiped_redis_is_filled_again(ledger_settings: Settings) -> None:
    """Design promise 7."""
    async with desk(ledger_settings) as made:
        await made.buy("a", "b", "c")
        await until(lambda: len(made.queue()) == 3, "three orders are in the queue")
        made.redis.flushdb()
        await until(lambda: len(made.queue()) == 3, "three orders are in the queue again")

        assert made.standing() == ["EXECUTE a", "EXECUTE b", "EXECUTE c"]


async def test_an_acknowledged_order_is_not_sent_again(ledger_settings: Settings) -> None:
    """The ledger has a word of it: that its entry is gone means nothing any more."""
    async with desk(ledger_settings) as made:
        await made.buy("a", "b")
        await until(lambda: len(made.queue()) == 2, "two orders are in the queue")
        await made.tell(made.report(ReportAcknowledged, "a", venue="paper"))
        made.redis.flushdb()
        await until(lambda: len(made.queue()) == 1, "the other order is in the queue again")
        await asyncio.sleep(QUIET_S)

        assert made.standing() == ["EXECUTE b"]


async def test_a_full_queue_keeps_its_length(ledger_settings: Settings) -> None:
    """At the bound orders wait; accounts take turns for the room that comes, and each account's stay in order."""
    async with desk(ledger_settings, execution_stream_length_max=3, redispatch_after_ms=60_000) as made:
        await made.buy(*(f"a{n}" for n in range(6)))
        await made.buy("b0", "b1", account="acc_2")
        await until(lambda: len(made.queue()) == 3, "the queue is full")
        await asyncio.sleep(QUIET_S)
        seen = made.standing()
        for _ in range(5):
            made.finish(1)
            await until(lambda: len(made.queue()) == 3, "the room is taken")
            seen.append(made.standing()[-1])

    assert seen == [f"EXECUTE {name}" for name in ("a0", "b0", "a1", "b1", "a2", "a3", "a4", "a5")]


async def test_a_cancel_passes_a_full_queue(ledger_settings: Settings) -> None:
    """A CANCEL makes room, so it must not wait for room; one for an order that was never sent goes alone."""
    async with desk(ledger_settings, execution_stream_length_max=2, redispatch_after_ms=60_000) as made:
        await made.buy("a", "b", "c", "d")
        await until(lambda: len(made.queue()) == 2, "the queue is full")
        await made.cancel("a")
        await made.cancel("d")
        await until(lambda: len(made.queue()) == 4, "both cancels are in the queue")
        await made.cancel("c")
        await asyncio.sleep(QUIET_S)
        assert made.standing() == ["EXECUTE a", "EXECUTE b", "CANCEL a", "CANCEL d"], "twice the bound is the end"

        made.finish(3)
        await until(lambda: len(made.queue()) == 2, "the third cancel has room")
        await asyncio.sleep(QUIET_S)

        assert made.standing() == ["CANCEL d", "CANCEL c"]


async def test_a_lost_cancel_of_an_acknowledged_order_is_sent_again(ledger_settings: Settings) -> None:
    """The acknowledgement came after the wish to cancel; Redis is wiped: the wish must not be lost."""
    async with desk(ledger_settings) as made:
        await made.buy("a")
        await made.cancel("a")
        await made.tell(made.report(ReportAcknowledged, "a", venue="paper"))
        await until(lambda: made.standing() == ["EXECUTE a", "CANCEL a"], "order and cancel are in the queue")
        made.redis.flushdb()

        await until(lambda: made.standing() == ["CANCEL a"], "the cancel is in the queue again")


async def test_a_halt_sends_a_cancel_of_every_working_order(ledger_settings: Settings) -> None:
    """Of an acknowledged one too, and of all accounts; wiped or not, they go on being asked for until they are done."""
    async with desk(ledger_settings) as made:
        await made.buy("a", "b")
        await made.buy("c", account="acc_2")
        await until(lambda: len(made.queue()) == 3, "three orders are in the queue")
        await made.tell(made.report(ReportAcknowledged, "a", venue="paper"))
        made.finish(3)

        await made.halt()
        await until(lambda: sorted(made.standing()) == ["CANCEL a", "CANCEL b", "CANCEL c"], "all are cancelled")
        await made.tell(made.report(ReportAcknowledged, "b", venue="paper"))  # on its way while the halt was decided
        made.redis.flushdb()
        await until(lambda: sorted(made.standing()) == ["CANCEL a", "CANCEL b", "CANCEL c"], "they are asked for again")

        await made.tell(*(made.report(ReportCanceled, name, reason="halt") for name in "ab"))
        made.redis.flushdb()
        await until(lambda: made.standing() == ["CANCEL c"], "only what is not done is asked for")


async def test_what_was_killed_before_a_start_is_cancelled_after_it(ledger_settings: Settings) -> None:
    """Killed between a halt and its cancels, and trading is open again: the old order goes, the new one stays."""
    async with desk(ledger_settings) as made:
        await made.buy("a")
        await made.tell(made.report(ReportAcknowledged, "a", venue="paper"))
        await made.halt()
        await made.resume()
        await until(lambda: made.standing() == ["CANCEL a"], "the cancel is in the queue")
        await made.buy("b")
        await until(lambda: len(made.queue()) == 2, "the new order is in the queue")
        await made.tell(made.report(ReportAcknowledged, "b", venue="paper"))
        made.redis.flushdb()

        await made.dispatcher.loaded(0, made.decider)
        await until(lambda: made.standing() == ["CANCEL a"], "the cancel is in the queue")
        await asyncio.sleep(QUIET_S)

        assert made.standing() == ["CANCEL a"]


async def test_a_partition_that_is_lost_is_not_sent_from(ledger_settings: Settings) -> None:
    """What waits for room belongs to the next owner of the partition."""
    async with desk(ledger_settings, execution_stream_length_max=1) as made:
        await made.buy("a", "b")
        await until(lambda: len(made.queue()) == 1, "the queue is full")
        await made.dispatcher.closed(0)
        made.finish(1)
        await asyncio.sleep(QUIET_S)

        assert made.queue() == []
