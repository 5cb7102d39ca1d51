"""What a worker does with orders whose symbol is its own, nobody's or another's; Redis and the read side by hand."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
from decimal import Decimal
from typing import Any

import pytest
from redis.exceptions import RedisError

from domain.reports import ReportAcknowledged, ReportFilled, RequestRedispatch
from execution import symbols, takeover
from execution.desk import Desk
from execution.paper import PaperVenue
from execution.queue import Entry
from execution.symbols import SymbolDesk
from execution.takeover import OpenOrder, Takeover
from runtime.settings import Settings
from tests.execution.examples import NO_COSTS, dispatch, ref, terms, tick_at
from tests.execution.floor import eventually
from tests.execution.test_desk import Archive, Bench, Outbox

ME, OTHER = "worker-a", "worker-b"


class Leases:
    """holder: who has each symbol; None: nobody may have it yet."""

    ttl_s = 0.2

    def __init__(self) -> None:
        self.holder: dict[str, str | None] = {}
        self.mine: set[str] = set()
        self.is_away = False

    @property
    def symbols(self) -> list[str]:
        return list(self.mine)

    def is_mine(self, symbol: str) -> bool:
        return symbol in self.mine

    async def take(self, symbol: str) -> str | None:
        if self.is_away:
            raise RedisError("away")
        holder = self.holder.get(symbol, ME)
        self.mine |= {symbol} if holder == ME else set()
        return holder

    async def renew(self) -> None:
        """They last for ever, unless the test says otherwise."""

    async def give_back(self, given: Iterable[str]) -> None:
        self.mine -= set(given)


class House:
    """A desk with a venue whose orders share ticks, and a takeover that ends when `known` is set."""

    def __init__(self) -> None:
        self.bench = Bench()
        self.bench.venue = PaperVenue(NO_COSTS, shared_liquidity=True)
        self.desk = Desk(ME, self.bench.venue, self.bench.window, self.bench.outbox, Archive([]))
        self.bench.desk = self.desk
        self.leases: Any = Leases()
        self.known = asyncio.Event()
        self.known.set()
        self.given: dict[int, Decimal] = {}
        self.come: Callable[[], Mapping[str, int]] = dict
        self.handed: list[tuple[str, str]] = []
        self.no_hands = False
        self.symbols = SymbolDesk(self.leases, self.desk, self.bench.venue, self._take_over, self._hand_on, ME)
        self.desk.symbols = self.symbols

    async def _take_over(self, symbol: str, come: Callable[[], Mapping[str, int]]) -> Mapping[int, Decimal]:
        self.come = come
        await self.known.wait()
        return self.given

    async def _hand_on(self, worker_id: str, entries: Sequence[Entry]) -> None:
        if self.no_hands:
            raise RedisError("away")
        self.handed += [(worker_id, entry.id) for entry in entries]

    def reports(self, kind: type[Any]) -> list[Any]:
        return [report for report in self.bench.outbox.reports if isinstance(report, kind)]

    async def works(self, number: int = 1) -> None:
        await eventually(lambda: len(self.reports(ReportAcknowledged)) == number, f"{number} orders at work", 5)


@pytest.fixture
async def house() -> AsyncIterator[House]:
    made = House()
    await made.bench.open()
    running = asyncio.create_task(made.symbols.run())
    yield made
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)


async def test_an_order_waits_until_the_symbol_is_taken_over(house: House) -> None:
    """It keeps its entry, is not acknowledged, and what former owners gave of a tick is not given again."""
    house.known.clear()
    house.given = {1: Decimal(70)}
    entry = await house.bench.give(dispatch(terms(), acknowledged_after=ref(0)))
    await house.desk.on_tick(tick_at(1, volume="100"))
    await eventually(lambda: house.come() == {terms().order_id: 1}, "an order that has come", 5)
    assert (house.bench.outbox.reports, house.desk.entries()) == ([], [entry.id])

    house.known.set()
    await house.works()

    assert [report.quantity for report in house.reports(ReportFilled)] == [30]
    assert house.desk.entries() == [entry.id]


async def test_an_order_for_an_own_symbol_does_not_wait(house: House) -> None:
    """The second one is worked at once."""
    await house.bench.give(dispatch(terms()))
    await house.works()

    await house.bench.give(dispatch(terms("two")))

    assert len(house.reports(ReportAcknowledged)) == 2


async def test_orders_of_another_are_handed_on(house: House) -> None:
    """Never executed, and its entry is not ours to touch any more; Redis is away at first."""
    house.leases.holder["AAPL"] = OTHER
    house.no_hands = True
    entry = await house.bench.give(dispatch(terms()))
    await asyncio.sleep(0.2)
    assert house.desk.entries() == [entry.id]

    house.no_hands = False
    await eventually(lambda: house.handed == [(OTHER, entry.id)], "the order handed on", 5)

    assert (house.desk.entries(), house.bench.outbox.reports) == ([], [])


async def test_while_nobody_may_have_it_orders_wait(house: House) -> None:
    """After a wipe."""
    house.leases.holder["AAPL"] = None
    entry = await house.bench.give(dispatch(terms()))
    await asyncio.sleep(0.2)
    assert (house.desk.entries(), house.bench.outbox.reports) == ([entry.id], [])

    house.leases.holder["AAPL"] = ME
    await house.works()


async def test_a_lost_symbol_is_let_go_of(house: House) -> None:
    """Its orders go back to the ledger, those of others stay; the tick that comes first fills nothing."""
    for name, symbol in [("one", "AAPL"), ("two", "AAPL"), ("three", "MSFT")]:
        await house.bench.give(dispatch(terms(name, symbol=symbol)))
    await house.works(3)

    house.leases.mine.discard("AAPL")
    house.leases.holder["AAPL"] = OTHER
    await house.desk.on_tick(tick_at(0))

    asked = house.reports(RequestRedispatch)
    assert {report.order_id for report in asked} == {terms("one").order_id, terms("two").order_id}
    assert {report.reason for report in asked} == {"symbol_lost"}
    assert house.reports(ReportFilled) == []
    await house.desk.on_tick(tick_at(1, symbol="MSFT"))
    assert len(house.reports(ReportFilled)) == 1


async def test_a_lost_symbol_without_a_tick(house: House) -> None:
    """Nobody trades: it is let go of all the same."""
    await house.bench.give(dispatch(terms()))
    await house.works()

    house.leases.mine.clear()

    await eventually(lambda: house.reports(RequestRedispatch), "an order that goes back", 5)


async def test_what_was_lost_is_taken_over_anew(house: House) -> None:
    """It lapsed and comes back: what was given meanwhile is asked for again, the own book is not believed."""
    await house.bench.give(dispatch(terms(quantity="30", limit_price="100"), acknowledged_after=ref(0)))
    await house.works()
    house.leases.mine.clear()
    await eventually(lambda: house.reports(RequestRedispatch), "an order that goes back", 5)
    house.given = {1: Decimal(90)}
    await house.desk.on_tick(tick_at(1, volume="100"))

    await house.bench.give(dispatch(terms(quantity="30", limit_price="100"), epoch=2, acknowledged_after=ref(0)))
    await house.works(2)

    assert [report.quantity for report in house.reports(ReportFilled)] == [10]


async def test_a_lease_that_is_lost_while_taking_over(house: House) -> None:
    """The order is not worked; when the symbol can be had again, it is."""
    house.known.clear()
    await house.bench.give(dispatch(terms()))
    await asyncio.sleep(0.1)
    house.leases.mine.clear()
    house.leases.holder["AAPL"] = None
    house.known.set()
    await asyncio.sleep(0.2)
    assert house.bench.outbox.reports == []

    house.leases.holder["AAPL"] = ME
    await house.works()


async def test_a_newer_dispatch_takes_the_place_of_the_older(house: House) -> None:
    """The ledger has dispatched the order again meanwhile: it is worked once, under the newer epoch."""
    house.known.clear()
    old = await house.bench.give(dispatch(terms()))
    new = await house.bench.give(dispatch(terms(), epoch=2))
    assert (house.desk.entries(), old.id in house.desk.released) == ([new.id], True)

    house.known.set()
    await house.works()

    assert [report.dispatch_epoch for report in house.reports(ReportAcknowledged)] == [2]


async def test_what_waits_is_forgotten_with_the_queue(house: House) -> None:
    """Redis was wiped: the ledger sends what nobody has acknowledged again."""
    house.leases.holder["AAPL"] = None
    entry = await house.bench.give(dispatch(terms()))

    house.desk.forget_entries([entry.id])

    assert house.desk.entries() == []


async def test_a_worker_that_stops_gives_all_back(house: House) -> None:
    """What is worked and what waits goes to the ledger, and others may have the symbols."""
    await house.bench.give(dispatch(terms()))
    await house.works()
    house.leases.holder["MSFT"] = None
    waiting = await house.bench.give(dispatch(terms("two", symbol="MSFT")))

    house.desk.hand_over_all("worker_stopped")
    house.symbols.give_back_kept()
    house.bench.outbox.acknowledge()
    await house.symbols.leave()

    assert {report.order_id for report in house.reports(RequestRedispatch)} == {
        terms().order_id,
        terms("two", symbol="MSFT").order_id,
    }
    assert (house.leases.mine, waiting.id in house.desk.released) == (set(), True)


async def test_redis_comes_back(house: House) -> None:
    """While it is away nothing is taken, and nothing is lost."""
    house.leases.is_away = True
    await house.bench.give(dispatch(terms()))
    await asyncio.sleep(0.2)

    house.leases.is_away = False

    await house.works()


async def test_a_symbol_without_orders_is_given_back(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    """Others may work its next order."""
    monkeypatch.setattr(symbols, "IDLE_S", 0.0)
    await house.bench.give(dispatch(terms()))
    await house.works()
    await asyncio.sleep(0.2)
    assert house.leases.mine == {"AAPL"}

    await house.desk.on_tick(tick_at(0))
    house.bench.outbox.acknowledge()

    await eventually(lambda: not house.leases.mine, "a free symbol", 5)


async def test_a_takeover_that_fails_ends_the_worker() -> None:
    """What nobody expected is not passed over."""
    house = House()
    await house.bench.open()
    house.symbols._take_over = _fail
    running = asyncio.create_task(house.symbols.run())
    await house.bench.give(dispatch(terms()))

    with pytest.raises(ZeroDivisionError):
        await asyncio.wait_for(running, 5)


async def _fail(symbol: str, come: Callable[[], Mapping[str, int]]) -> Mapping[int, Decimal]:
    raise ZeroDivisionError(symbol)


# The takeover


class Known(Takeover):
    """The read side by hand: open orders, one answer a look, the last for ever."""

    def __init__(self, outbox: Outbox, *looks: dict[str, OpenOrder]) -> None:
        super().__init__(Settings(_env_file=None, claim_idle_ms=100), outbox, ME, "PAPER")
        self._looks = list(looks)

    async def _read_side(self, symbol: str) -> None:
        """It has everything."""

    def _open_orders(self, symbol: str) -> dict[str, OpenOrder]:
        return self._looks.pop(0) if len(self._looks) > 1 else self._looks[0]

    def _given(self, symbol: str) -> dict[int, Decimal]:
        return {7: Decimal(1)}


def at_epoch(**epochs: int) -> dict[str, OpenOrder]:
    return {order_id: OpenOrder("acc_1", epoch) for order_id, epoch in epochs.items()}


async def test_every_open_order_is_fenced_and_awaited() -> None:
    """Of three one ends, one comes under a higher epoch at once, and one a little later."""
    outbox, there = Outbox(), {"b": 5}
    looks = (at_epoch(a=1, b=4, c=2), at_epoch(b=5, c=2), at_epoch(b=5, c=3))

    taking = asyncio.create_task(Known(outbox, *looks).of("AAPL", lambda: there))
    await asyncio.sleep(0.2)
    assert not taking.done()
    there["c"] = 3

    assert await taking == {7: Decimal(1)}
    assert [(report.order_id, report.dispatch_epoch) for report in outbox.reports] == [("a", 1), ("b", 4), ("c", 2)]


async def test_it_does_not_wait_for_ever_for_what_is_fenced() -> None:
    """The ledger has raised the epoch, but the dispatch does not come: after three claim periods the others go on."""
    before = asyncio.get_running_loop().time()

    async with asyncio.timeout(60):
        await Known(Outbox(), at_epoch(a=1), at_epoch(a=2)).of("AAPL", dict)

    assert asyncio.get_running_loop().time() - before >= 0.3


async def test_it_waits_for_the_fence_however_long() -> None:
    """The ledger does not answer: whoever worked the order before may work it still."""
    taking = asyncio.create_task(Known(Outbox(), at_epoch(a=1)).of("AAPL", dict))

    await asyncio.sleep(1.0)

    assert not taking.done()
    taking.cancel()


async def test_it_says_what_it_waits_for(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    """Of two orders the ledger has dispatched one again, which has not come to this worker."""
    monkeypatch.setattr(takeover, "_TELL_S", 0.05)
    looks = (at_epoch(a=1, b=1), at_epoch(a=1, b=2))
    taking = asyncio.create_task(Known(Outbox(), *looks).of("AAPL", dict))

    await eventually(lambda: len(caplog.messages) > 1, "two lines")

    assert set(caplog.messages) == {
        "AAPL cannot be worked yet, it waits for its open orders: 1 to be dispatched again, 1 to come to this worker"
    }
    taking.cancel()
