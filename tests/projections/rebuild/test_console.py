"""How far a build is: rate and time left, by a clock of the test's."""

from __future__ import annotations

from projections.rebuild.compare import Example, Result, TableResult
from projections.rebuild.console import Meter, lines


def test_rate_and_time_left() -> None:
    """3,000 of 10,000 records in 2 s are 1,500 a second, and 7,000 take 4.67 s; what is new counts as left."""
    now = [100.0]
    meter = Meter(lambda: now[0])

    meter.see(10_000)
    assert meter.text(0, 10_000) == "0 of 10,000 records"
    now[0] = 102.0
    meter.see(7_000)
    assert meter.text(3_000, 7_000) == "3,000 of 10,000 records, 1,500/s, 5 s left"
    meter.see(8_000)  # the live version has come on by 1,000
    now[0] = 104.0
    meter.see(5_000)
    assert meter.text(6_000, 5_000) == "6,000 of 11,000 records, 1,500/s, 3 s left"
    meter.see(0)
    assert meter.text(11_000, 0) == "11,000 of 11,000 records, 2,750/s"


def test_differences_are_told_by_table_and_key() -> None:
    """A row that differs names its columns, one that is missing says on which side; equal tables are not told."""
    same = TableResult(
        table="lots", live_rows=1, new_rows=1, live_checksum="1/1", new_checksum="1/1", differing=0, examples=[]
    )
    examples = [
        Example(key={"order_id": "a"}, live={"status": "NEW"}, new={"status": "FILLED"}),
        Example(key={"order_id": "b"}, live=None, new={"order_id": "b"}),
        Example(key={"order_id": "c"}, live={"order_id": "c"}, new=None),
    ]
    orders = TableResult(
        table="orders", live_rows=2, new_rows=2, live_checksum="1/2", new_checksum="2/1", differing=3, examples=examples
    )
    result = Result(projection="ledger", version=2, positions={0: 7}, tables=[same, orders])

    assert lines(result) == [
        "orders: 3 rows differ (2 live, 2 new)",
        "  order_id a: status is 'NEW', in the new version 'FILLED'",
        "  order_id b: not in the live version",
        "  order_id c: not in the new version",
    ]
    assert result.text() == "3 rows of 3 differ from the live version: orders 3"
