"""A snapshot holds the desk: a start from it knows the halt, the limits, the marks, and which orders are killed."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import msgspec
import pytest

from audit.snapshots import check_snapshots
from domain import desk_state
from domain.commands import HaltTrading, MarkPrices, SetDeskLimits
from domain.events import OrderRejected
from domain.limits import Limits
from domain.world import MarkedPrice
from runtime.clock import now_us
from streams.desks import desk_key
from streams.snapshots.accounts import AccountStates
from streams.snapshots.form import Codec, part_key
from tests.streams.snapshots.kafka import PARTITION, Ledger, accounts, count_reads
from tests.streams.trading import buy, events

pytestmark = pytest.mark.integration


def commands(key: str) -> list[Any]:
    own: dict[str, Any] = {"account_id": key, "issued_at_us": now_us()}
    mark = MarkedPrice(symbol="AAPL", price=Decimal("10.50"), market_time_us=1)
    limits: dict[str, Any] = {"scope": "DESK", "limits": Limits(open_orders_max=9), "set_by": "ada"}
    return [
        SetDeskLimits(command_id="limits", reason="quarter", **limits, **own),
        MarkPrices(command_id="marks", marks=(mark,), **own),
        HaltTrading(command_id="halt", scope="ALL", by="grace", reason="drill", **own),
    ]


async def test_a_start_from_a_snapshot_knows_the_halt(ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing of the tape is read again, an order is refused, and every order of before is to be cancelled."""
    key = desk_key(PARTITION, ledger.settings.partitions)
    await ledger.work(*commands(key))
    await ledger.snapshot()
    offsets = count_reads(monkeypatch)
    agent = await ledger.start()
    assert offsets == []
    decider: Any = agent._owned[PARTITION].decider

    assert decider.ledger.desk.halted == "drill"
    assert decider.ledger.desk.marks["AAPL"].price == Decimal("10.50")
    assert all(decider.ledger.is_to_be_canceled(order) for _, order in decider.ledger.open_orders())
    assert len(list(decider.ledger.open_orders())) == 6
    assert ledger.digest() == ledger.truth()

    await ledger.work(buy(accounts(ledger.settings, 1)[0], "late"))
    (refused,) = [event for event in events(ledger.settings) if isinstance(event, OrderRejected)]
    assert refused.code == "TRADING_HALTED"
    assert check_snapshots(ledger.settings).ok


async def test_a_desk_that_changes_behind_the_epoch_is_caught_up_with(ledger: Ledger) -> None:
    """Limits are in the snapshot, the halt is behind it: the start has both, as the tape says."""
    first, *others = commands(desk_key(PARTITION, ledger.settings.partitions))
    await ledger.work(first)
    await ledger.snapshot()
    await ledger.work(*others)
    agent = await ledger.start()
    decider: Any = agent._owned[PARTITION].decider

    assert decider.ledger.desk.version == 3
    assert ledger.digest() == ledger.truth()


async def test_a_snapshot_of_another_desk_content_is_found(ledger: Ledger) -> None:
    """`tape audit snapshots` compares the desk: one whose halt was quietly lifted in the snapshot is named."""
    key = desk_key(PARTITION, ledger.settings.partitions)
    await ledger.work(*commands(key))
    await ledger.snapshot()
    own = Codec(ledger.settings.topic("ledger.events"), PARTITION, AccountStates(ledger.settings).form)
    content: Any = own.read(part_key(key, 0), ledger.newest(part_key(key, 0)).value or b"")
    desk = desk_state.restore(content.data)
    desk.halted = None
    record = own._sealed(part_key(key, 0), msgspec.structs.replace(content, data=desk_state.dump(desk)))
    ledger.put(record.key, record.value)

    verdict = check_snapshots(ledger.settings)

    (finding,) = verdict.findings
    assert (finding.kind, finding.subject) == ("account_differs", f"{key} version 3")
    assert (finding.expected, finding.found) == ("halted drill", "halted None")
