"""One worker on real Kafka and Redis: what an order goes through."""

from __future__ import annotations

from decimal import Decimal

import pytest

from domain import ids
from domain.market import Tick
from domain.reports import ReportAcknowledged, ReportCanceled, ReportFilled, ReportRefused
from execution.paper import recompute
from streams import codec
from tests.execution.examples import ACCOUNT, PARAMETERS, dispatch, ref, terms
from tests.execution.floor import Floor, eventually

pytestmark = pytest.mark.integration
TRACE = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


async def test_an_order_is_acknowledged_after_the_newest_tick(floor: Floor) -> None:
    """Given a tick, when an order comes without a position, then it is active after that tick and waits."""
    floor.publish(price="99", second=1)
    newest = floor.publish(price="100", second=2)
    await floor.start()

    floor.send(dispatch(terms()), TRACE)

    report = await floor.report(ReportAcknowledged)
    assert newest == report.active_after
    assert (
        report.account_id,
        report.dispatch_epoch,
        report.worker_id,
        report.venue,
    ) == (ACCOUNT, 1, "worker-a", "PAPER")
    assert ids.report_id("acknowledged", terms().order_id, 1) == report.report_id
    assert codec.traceparent_of(floor.headers[0]) == TRACE
    assert floor.pending() == 1


async def test_only_a_later_tick_fills(floor: Floor) -> None:
    """The tick that the order was decided on does not fill it, the next one of its symbol does, at its price."""
    decided_on = floor.publish(price="90", second=1)
    await floor.start()
    floor.send(dispatch(terms(active_after=decided_on)))
    await floor.report(ReportAcknowledged)

    floor.publish("MSFT", price="1", second=2)
    later = floor.publish(price="110", second=3)

    report = await floor.report(ReportFilled)
    assert (Decimal(100), Decimal(110), later.market_time_us) == (report.quantity, report.price, report.market_time_us)
    assert ids.execution_id(terms().order_id, later.partition, later.offset) == report.execution_id
    assert report.evidence is not None
    assert later == report.evidence.tick
    await floor.nothing_pending()
    assert floor.watermark(terms().order_id) is None


async def test_the_latency_models_delay_is_kept(floor: Floor) -> None:
    """A tick whose market time is not above `active_from_us` is passed over."""
    decided_on = floor.publish(second=1)
    await floor.start()
    floor.send(dispatch(terms(active_after=decided_on, active_from_us=3_000_000)))

    floor.publish(price="101", second=3)
    floor.publish(price="102", second=4)

    report = await floor.report(ReportFilled)
    assert report.price == Decimal(102)


async def test_an_order_that_comes_late_reads_back(floor: Floor) -> None:
    """The market has moved on by the time the order arrives: it still fills on the first tick after its own."""
    decided_on = floor.publish(price="90", second=1)
    floor.publish(price="95", second=2)
    floor.publish(price="120", second=3)
    await floor.start()

    floor.send(dispatch(terms(active_after=decided_on)))

    report = await floor.report(ReportFilled)
    assert report.price == Decimal(95)


async def test_ticks_before_the_window_are_read_again(floor: Floor, monkeypatch: pytest.MonkeyPatch) -> None:
    """With room for two ticks in memory, an order from long ago is filled by the tick that came first all the same."""
    monkeypatch.setattr("execution.engine.TICKS_KEPT", 2)
    decided_on = floor.publish(price="90", second=1)
    for second in range(2, 12):
        floor.publish(price=str(100 + second), volume="10", second=second)
    await floor.start()

    floor.send(dispatch(terms(quantity="95", active_after=decided_on)))

    fills = await floor.reports_of(ReportFilled, 10)
    assert [Decimal(100 + second) for second in range(2, 12)] == [fill.price for fill in fills]
    assert [Decimal(10)] * 9 + [Decimal(5)] == [fill.quantity for fill in fills]


async def test_a_large_order_fills_tick_by_tick(floor: Floor) -> None:
    """A tenth of each tick's volume at most: 250 units take ticks of 1000, 1000 and 500; the evidence proves each."""
    decided_on = floor.publish(second=1)
    await floor.start(parameters=PARAMETERS)
    order = terms(quantity="250", active_after=decided_on)
    floor.send(dispatch(order))

    for second, volume in ((2, "1000"), (3, "1000"), (4, "0"), (5, "900")):
        floor.publish(volume=volume, second=second)

    fills = await floor.reports_of(ReportFilled, 3)
    assert [Decimal(100), Decimal(100), Decimal(50)] == [fill.quantity for fill in fills]
    for fill in fills:
        assert fill.evidence is not None
        again = recompute(fill.evidence, order)
        assert again is not None
        assert (fill.quantity, fill.price, fill.fee) == (again.quantity, again.price, again.fee)


async def test_a_limit_order_waits_for_its_price(floor: Floor) -> None:
    """A purchase at 95 lets 96 pass, and its watermark says so; it fills at 94."""
    decided_on = floor.publish(second=1)
    await floor.start()
    order = terms(limit_price="95", active_after=decided_on)
    floor.send(dispatch(order))
    await floor.report(ReportAcknowledged)
    passed = floor.publish(price="96", second=2)

    mark = await eventually(
        lambda: found if (found := floor.watermark(order.order_id)) and found["offset"] == passed.offset else None,
        "a watermark at the tick that was passed over",
    )
    assert (passed.partition, 1, 1) == (mark["partition"], mark["reports"], mark["epoch"])
    assert floor.pending() == 1

    floor.publish(price="94", second=3)

    assert (await floor.report(ReportFilled)).price == Decimal(94)


async def test_an_order_for_a_symbol_without_ticks_waits(floor: Floor) -> None:
    """No tick was ever seen: the order is acknowledged without a position, shown as held, and filled by the first."""
    await floor.start()
    floor.send(dispatch(terms()))
    assert (await floor.report(ReportAcknowledged)).active_after is None
    mark = await eventually(lambda: floor.watermark(terms().order_id), "a watermark")
    assert (mark["partition"], mark["offset"], mark["reports"]) == (-1, -1, 1)

    floor.publish(price="100", second=1)

    assert (await floor.report(ReportFilled)).quantity == Decimal(100)


async def test_a_cancel_ends_the_order(floor: Floor) -> None:
    """Given a waiting order, when the ledger sends CANCEL, then it is reported cancelled and fills no more."""
    decided_on = floor.publish(second=1)
    await floor.start()
    order = terms(limit_price="95", active_after=decided_on)
    floor.send(dispatch(order))
    await floor.report(ReportAcknowledged)

    floor.send(dispatch(order, kind="CANCEL"))

    report = await floor.report(ReportCanceled)
    assert (order.order_id, 1, "requested") == (report.order_id, report.dispatch_epoch, report.reason)
    await floor.nothing_pending()
    floor.publish(price="90", second=2)
    floor.send(dispatch(terms("next"), 1))
    await floor.report(ReportAcknowledged, order_id=terms("next").order_id)
    floor.publish(price="90", second=3)
    await floor.report(ReportFilled, order_id=terms("next").order_id)  # the ticks before were seen, too
    filled = [report.order_id for report in floor.read_reports() if isinstance(report, ReportFilled)]
    assert order.order_id not in filled


async def test_a_cancel_after_the_fill_is_settled_in_silence(floor: Floor) -> None:
    """The ledger asked before it had heard of the fill: the fill's report is the answer."""
    decided_on = floor.publish(second=1)
    await floor.start()
    order = terms(active_after=decided_on)
    floor.send(dispatch(order))
    floor.publish(second=2)
    await floor.report(ReportFilled)

    floor.send(dispatch(order, kind="CANCEL"))

    await floor.nothing_pending()
    assert len(floor.read_reports()) == 2


async def test_duplicate_entries_are_one_order(floor: Floor) -> None:
    """The same order under the same epoch three times: one acknowledgement, one fill, and no entry left over."""
    decided_on = floor.publish(second=1)
    await floor.start()
    order = terms(active_after=decided_on)
    floor.send(dispatch(order))
    floor.send(dispatch(order))
    await floor.report(ReportAcknowledged)
    floor.send(dispatch(order))
    await eventually(lambda: floor.pending() == 1, "one entry that protects the order")

    floor.publish(second=2)
    await floor.report(ReportFilled)
    floor.send(dispatch(order))

    await floor.nothing_pending()
    assert [type(report).__name__ for report in floor.read_reports()] == ["ReportAcknowledged", "ReportFilled"]


async def test_a_lower_epoch_is_refused(floor: Floor) -> None:
    """Once epoch 3 was seen, an entry of epoch 2 is void, and the order goes on under epoch 3."""
    decided_on = floor.publish(second=1)
    await floor.start()
    order = terms(active_after=decided_on)
    floor.send(dispatch(order, epoch=3))
    await floor.report(ReportAcknowledged)
    floor.send(dispatch(order, epoch=2))
    await eventually(lambda: floor.pending() == 1, "the outdated entry to be released")

    floor.publish(second=2)

    assert (await floor.report(ReportFilled)).dispatch_epoch == 3
    assert len(floor.read_reports()) == 2


async def test_a_higher_epoch_takes_over_where_the_ledger_stands(floor: Floor) -> None:
    """Redispatched with 60 of 100 filled on the tick of second 2, only the other 40 fill, on the tick after it."""
    decided_on = floor.publish(second=1)
    await floor.start()
    order = terms(limit_price="50", active_after=decided_on)
    floor.send(dispatch(order))
    await floor.report(ReportAcknowledged)
    floor.publish(price="49", volume="60", second=2)
    first = await floor.report(ReportFilled)
    assert first.evidence is not None

    floor.send(dispatch(order, 2, filled="60", acknowledged_after=decided_on, resume_after=first.evidence.tick))
    again = await floor.report(ReportAcknowledged, dispatch_epoch=2)
    floor.publish(price="48", second=3)

    second = await floor.report(ReportFilled, dispatch_epoch=2)
    assert (Decimal(40), Decimal(48)) == (second.quantity, second.price)
    assert decided_on == again.active_after
    await floor.nothing_pending()


async def test_a_refused_order_is_reported(floor: Floor) -> None:
    """A limit order without a limit, and one after a tick of a partition that is not there, come back with a code."""
    await floor.start()
    floor.send(dispatch(terms("no-limit", limit_price=None)))
    floor.send(dispatch(terms("no-partition", active_after=ref(0, partition=99))))

    assert (await floor.report(ReportRefused, order_id=terms("no-limit").order_id)).code == "ORDER_LIMIT_MISSING"
    assert (await floor.report(ReportRefused, order_id=terms("no-partition").order_id)).code == "TICK_POSITION_UNKNOWN"
    await floor.nothing_pending()


@pytest.mark.parametrize(
    "fields",
    [
        {"dispatch": b"\xff\xfe", "traceparent": b"\xff"},
        {"dispatch": "{"},
        {"dispatch": '{"kind":"EXECUTE"}'},
        {"something": "else"},
    ],
)
async def test_a_malformed_entry_is_thrown_out(floor: Floor, fields: dict[str, object]) -> None:
    """An entry that is no dispatch is logged and released, and the next order is worked as ever."""
    await floor.start()
    floor.send_raw(dict(fields))
    floor.send(dispatch(terms()))

    await floor.report(ReportAcknowledged)
    await eventually(lambda: floor.redis.xlen(floor.settings.execution_stream) == 1, "the malformed entry to be gone")


async def test_a_malformed_tick_is_passed_over(floor: Floor, caplog: pytest.LogCaptureFixture) -> None:
    """Garbage, a bar whose high is below its low, a price of NaN, another message: skipped with their position."""
    await floor.start()
    floor.send(dispatch(terms()))
    await floor.report(ReportAcknowledged)
    good = Tick(symbol="AAPL", market_time_us=1, price=Decimal(100), volume=Decimal(1))
    value, headers = codec.encode(good, id_="t", source="test", time_us=0, subject="AAPL")
    bar = b'"bar":{"open":"100","high":"90","low":"110","close":"100","volume":"1"}'

    places = [
        floor.produce(b"garbage", headers),
        floor.produce(value.replace(b'"bar":null', bar), headers),
        floor.produce(value.replace(b'"100"', b'"NaN"'), headers),
        floor.produce(value.replace(b'"100"', b'"1E+400"'), headers),
        floor.produce(value, []),
    ]
    floor.publish(price="105", second=2)

    assert (await floor.report(ReportFilled)).price == Decimal(105)
    for partition, offset in places:
        assert f"market.ticks/{partition} at offset {offset} is no tick" in caplog.text
