"""`tape ops … --all`: every account that an issuer's action concerns, on every partition, once each."""

from __future__ import annotations

from decimal import Decimal

import pytest

from domain.commands import PayDividend, SubmitOrder
from domain.events import CommandRejected, DividendPaid, InstrumentDelisted, OrderAccepted, OrderFilled, SharesSplit
from runtime.clock import now_us
from runtime.settings import Settings
from streams.partitioning import partition_of
from streams.tape import end_offsets
from tests.streams.ops.desk import ANNA, DAY_US, LEDGER, PROJECTOR, fill, hold, of, refused, tape, units
from tests.streams.trading import buy, opened, send
from tests.workers import eventually, worker

pytestmark = [pytest.mark.integration, pytest.mark.timeout(240)]
HOLDERS = [f"acc_{number}" for number in range(6)]
SPLIT = ("split", "AAPL", "2", "1", "--all", "--at", "2012-08-10", "--reference", "CORP-1", *ANNA)


def test_all_accounts_with_the_symbol_are_split_once(ledger_settings: Settings) -> None:
    """Holders on all partitions, and one that has an open order alone; who bought since is found by the same line."""
    settings = ledger_settings
    assert {partition_of(name.encode(), settings.partitions) for name in HOLDERS} == set(range(settings.partitions))
    with worker(settings, LEDGER), worker(settings, PROJECTOR):
        hold(settings, *HOLDERS)
        send(settings, *opened("acc_waiting"), buy("acc_waiting", "open"), *opened("acc_idle"))
        eventually(lambda: len(of(settings, OrderAccepted)) == len(HOLDERS) + 1, "the order waits")

        code, said = tape(settings, *SPLIT)
        assert (code, said["missing"], said["command_id"]) == (0, [], "")
        assert [(one["key"], one["event"]) for one in said["answers"]] == [
            (name, "SharesSplit") for name in (*HOLDERS, "acc_waiting")
        ]

        hold(settings, "acc_late")
        code, again = tape(settings, *SPLIT)
        assert (code, len(again["answers"])) == (0, 8)
        assert [one["key"] for one in again["answers"] if not one["earlier"]] == ["acc_late"]

    assert len(of(settings, SharesSplit)) == 8
    assert {units(settings, name) for name in HOLDERS} == {Decimal(2)}
    assert of(settings, CommandRejected) == []


def test_what_was_broken_off_is_completed_by_the_same_line(ledger_settings: Settings) -> None:
    """With the ledger down nobody answers; then each does it once. A new line of other content is refused by all."""
    settings = ledger_settings
    with worker(settings, PROJECTOR):
        with worker(settings, LEDGER) as ledger:
            hold(settings, *HOLDERS)
            assert ledger.stop() == 0
        code, said = tape(settings, *SPLIT, "--wait", "2")
        assert (code, said["done"], said["answers"], said["missing"]) == (1, False, [], HOLDERS)
        with worker(settings, LEDGER):
            code, again = tape(settings, *SPLIT, "--wait", "60")
            assert (code, [one["event"] for one in again["answers"]]) == (0, ["SharesSplit"] * 6)
            other = [*SPLIT[:2], "3", *SPLIT[3:]]
            code, conflict = tape(settings, *other)
            assert (code, {one["code"] for one in conflict["answers"]}) == (1, {"COMMAND_ID_CONFLICT"})

    assert len(of(settings, SharesSplit)) == 6


def test_a_dividend_goes_to_who_held_before_the_ex_date(ledger_settings: Settings) -> None:
    """One has sold since and is paid, one has bought since and is not; a feed that told it first has done it."""
    settings = ledger_settings
    with worker(settings, LEDGER), worker(settings, PROJECTOR):
        hold(settings, "acc_sold", "acc_kept", "acc_fed", market_time_us=DAY_US)
        sale = SubmitOrder(
            **{name: getattr(buy("acc_sold", "sale"), name) for name in SubmitOrder.__struct_fields__}
            | {"side": "SELL"}
        )
        send(settings, sale)
        eventually(lambda: len(of(settings, OrderAccepted)) == 4, "the sale is accepted")
        send(settings, fill("acc_sold", "sale", 3 * DAY_US), topic="execution.reports")
        hold(settings, "acc_new", market_time_us=3 * DAY_US)
        eventually(lambda: len(of(settings, OrderFilled)) == 5, "all is filled")
        feed = PayDividend(
            command_id="feed-7",
            account_id="acc_fed",
            issued_at_us=now_us(),
            actor="vendor",
            reason="feed",
            reference="DIV-1",
            symbol="AAPL",
            per_unit=Decimal("0.50"),
            market_time_us=5 * DAY_US,
            quantity_of_record=Decimal(1),
        )
        send(settings, feed)
        eventually(lambda: len(of(settings, DividendPaid)) == 1, "the feed's is paid")

        line = ("dividend", "AAPL", "--per-unit", "0.50", "--all", "--ex", "1970-01-03", "--at", "1970-01-06")
        code, said = tape(settings, *line, "--reference", "DIV-1", *ANNA)

    assert (code, said["missing"]) == (0, [])
    assert [(one["key"], one["earlier"]) for one in said["answers"]] == [
        ("acc_fed", True),
        ("acc_kept", False),
        ("acc_sold", False),
    ]
    assert {event.originator_id: event.gross for event in of(settings, DividendPaid)} == {
        "acc_fed": Decimal("0.50"),
        "acc_kept": Decimal("0.50"),
        "acc_sold": Decimal("0.50"),
    }


def test_a_delisting_that_is_repeated_shows_what_was_done(ledger_settings: Settings) -> None:
    """After it nobody has the symbol: the same line still names each account, and does nothing."""
    settings = ledger_settings
    line = ("delist", "AAPL", "--price", "3", "--all", "--at", "2012-08-10", "--reference", "END-1", *ANNA)
    with worker(settings, LEDGER), worker(settings, PROJECTOR):
        hold(settings, "acc_a", "acc_b")
        assert tape(settings, *line)[0] == 0
        code, again = tape(settings, *line)
        assert (code, [one["earlier"] for one in again["answers"]]) == (0, [True, True])
        end = end_offsets(settings, settings.topic("trading.commands"))
        assert "there are none" in refused(settings, *line[:1], "FB", *line[2:])
        assert end_offsets(settings, settings.topic("trading.commands")) == end

    assert [event.proceeds for event in of(settings, InstrumentDelisted)] == [3, 3]


def test_tables_that_are_behind_are_not_trusted(ledger_settings: Settings) -> None:
    """Without a projector nobody knows whom it concerns: nothing is sent, and the line says why."""
    settings = ledger_settings
    with worker(settings, LEDGER):
        hold(settings, "acc_a")
        end = end_offsets(settings, settings.topic("trading.commands"))

        said = refused(settings, *SPLIT, "--wait", "1")

    assert "is the projector up? Nothing was sent" in said
    assert end_offsets(settings, settings.topic("trading.commands")) == end
