"""The projections as pure functions: events in, rows out, no database."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

import msgspec
import pytest

from domain import schema
from domain.account_terms import FeeSchedule, MarginTerms
from domain.errors import UnreadableInput
from domain.events import FeeScheduleChanged
from domain.market import Tick
from projections import accounts, archive, fills, journal, portfolio, positions, ticks
from projections.groups import live_events
from projections.rows import Event, json_text
from streams import codec
from streams.tape import TapeRecord
from tests.projections import story
from tests.projections.tapes import Tape, head_of, story_tapes


def events_of(partition: int) -> list[Event]:
    return live_events(story_tapes("ledger.events")[partition].records)


ANN, BOB = events_of(0), events_of(1)


def named(columns: dict[str, str], rows: list[Any]) -> list[dict[str, Any]]:
    return [dict(zip(columns, row, strict=True)) for row in rows]


def test_accounts_are_opened_once_and_versioned_last() -> None:
    """Opening gives a row at version 1; the batch's newest versioned event gives version, time and position."""
    assert named(accounts.ACCOUNTS, accounts.opened(ANN)) == [
        {
            "account_id": "acc_fifo",
            "owner": "Ann \x00",
            "currency": "USD",
            "lot_method": "FIFO",
            "fee_bps": Decimal(10),
            "opened_at": story.RECORDED_US,
            "version": 1,
            "updated_at": story.RECORDED_US,
            "partition": 0,
            "record_offset": 0,
            "currencies": "{}",
            "margin": None,
            "fee_schedule": None,
        }
    ]
    assert accounts.versions(ANN) == [("acc_fifo", 15, story.RECORDED_US + 15_000, 0, 15)]


def test_a_fee_schedule_is_the_newest_of_the_batch() -> None:
    """An account that was opened with terms has them as JSON; of two changes of its schedule the later one counts."""
    base = ANN[0].message
    terms = {"margin": MarginTerms(), "currencies": ("EUR", "JPY"), "fee_schedule": FeeSchedule(bps=Decimal(1))}
    (row,) = accounts.opened([ANN[0]._replace(message=msgspec.structs.replace(base, **terms))])
    own = {"originator_id": "acc_fifo", "timestamp": 1, "command_id": "c", "changed_by": "o", "reason": "r"}
    changes = [
        ANN[0]._replace(message=FeeScheduleChanged(**own, originator_version=2 + number, fee_schedule=schedule))
        for number, schedule in enumerate((FeeSchedule(per_unit=Decimal("0.005")), None))
    ]

    assert row[-3:-2] == ("{EUR,JPY}",)
    assert json.loads(row[-2])["short_maintenance"] == "0.30"
    assert json.loads(row[-1]) == {"bps": "1"}
    assert accounts.schedules(changes[:1]) == [("acc_fifo", '{"per_unit":"0.005"}')]
    assert accounts.schedules(changes) == [("acc_fifo", None)]


def test_balances_sum_postings_exactly() -> None:
    """Each balance gets the sum of its postings in the batch, to the last digit."""
    found = {row[:3]: row[3] for row in accounts.balances(ANN + BOB)}

    assert found == {key: Decimal(amount) for key, amount in story.BALANCES.items()}


def test_journal_numbers_legs_and_dates_fills() -> None:
    """A fill's legs carry its market time, a deposit's none; legs count from 0."""
    rows = named(journal.COLUMNS, journal.rows([ANN[1], ANN[5]]))

    assert [(row["record_offset"], row["leg"], row["book_account"], str(row["amount"])) for row in rows] == [
        (1, 0, "cash", "10000.00"),
        (1, 1, "external", "-10000.00"),
        (5, 0, "hold", "-600.60"),
        (5, 1, "inventory:X", "600.00"),
        (5, 2, "fees", "0.60"),
        (5, 3, "position:X", "6"),
        (5, 4, "market:X", "-6"),
    ]
    assert [row["market_time"] for row in rows] == [None] * 2 + [story.T3] * 5
    assert {row["event_type"] for row in rows} == {"CashDeposited", "OrderFilled"}
    assert {row["event_id"] for row in rows} == {"evt-acc_fifo-1", "evt-acc_fifo-5"}


def test_fill_row() -> None:
    """A fill's cash change is what it did to free and held cash: 2.00 - 400.40 for 4 at 99.50 and a fee of 0.40."""
    (row,) = named(fills.FILLS, fills.fills(ANN[:5]))

    assert row["cash_change"] == Decimal("-398.40")
    assert (row["execution_id"], row["order_id"], row["account_id"]) == ("e1", "o1", "acc_fifo")
    assert (row["market_time"], row["recorded_at"]) == (story.T1, story.RECORDED_US + 4_000)
    assert msgspec.json.decode(row["evidence"])["tick_price"] == "99.50"


def test_every_event_of_an_order_is_its_history() -> None:
    """Order events in order, with the status that each gives; a redispatch and a refused report give none."""
    rows = named(fills.ORDER_EVENTS, fills.order_events(ANN))

    assert [(row["order_id"], row["event_type"], row["status"]) for row in rows] == [
        ("o1", "OrderAccepted", "PENDING_NEW"),
        ("o1", "OrderAcknowledged", "NEW"),
        ("o1", "OrderFilled", "PARTIALLY_FILLED"),
        ("o1", "OrderFilled", "FILLED"),
        ("o2", "OrderAccepted", "PENDING_NEW"),
        ("o2", "OrderAcknowledged", "NEW"),
        ("o2", "OrderFilled", "PARTIALLY_FILLED"),
        ("o2", "OrderCancelRequested", "PENDING_CANCEL"),
        ("o2", "OrderCanceled", "CANCELED"),
        ("o3", "OrderRejected", "REJECTED"),
        ("o4", "OrderAccepted", "PENDING_NEW"),
        ("o4", "OrderAcknowledged", "NEW"),
        ("o4", "OrderRedispatched", None),
        ("o4", "ReportRejected", None),
    ]


def test_rejected_command_row() -> None:
    """A refused command keeps its code and the values that failed."""
    (row,) = named(fills.COMMAND_REJECTIONS, fills.command_rejections(ANN))

    assert (row["command_id"], row["command_type"], row["code"]) == ("c5", "Withdraw", "CASH_NOT_ENOUGH")
    assert msgspec.json.decode(row["details"]) == {"needed": "99999"}


def test_positions_add_units_cost_and_profit() -> None:
    """Ann's sale of 5 of 7 held units: 5 fewer units, 498 less cost, 53 profit, 0.55 fee."""
    assert positions.positions([ANN[8]]) == [
        ("acc_fifo", "X", Decimal(-5), Decimal(-5), Decimal("-498.00"), Decimal("53.00"), Decimal("0.55"))
    ]


def test_hold_of_units_changes_no_quantity() -> None:
    """Setting 7 units aside leaves the position's quantity as it is."""
    ((_, _, quantity, held, cost, *_),) = positions.positions([ANN[6]])

    assert (quantity, held, cost) == (0, 7, 0)


def test_lots_are_bought_and_used() -> None:
    """A purchase is a lot named by its execution, at its cost; a sale takes from the lots it names."""
    assert positions.lots(ANN) == [
        ("acc_fifo", "X", "e1", Decimal(4), Decimal("398.00"), story.T1),
        ("acc_fifo", "X", "e2", Decimal(6), Decimal("600.00"), story.T3),
        ("acc_fifo", "X", "e1", Decimal(-4), Decimal("-398.00"), None),
        ("acc_fifo", "X", "e2", Decimal(-1), Decimal("-100.00"), None),
    ]


def test_portfolio_is_affected_from_the_earliest_fill_on() -> None:
    """Fills count from their market time, cash movements from the beginning; other events change no value."""
    assert portfolio.affected(ANN[3:9]) == [("acc_fifo", story.T1)]
    assert portfolio.affected(ANN) == [("acc_fifo", 0)]
    assert portfolio.affected(ANN[9:]) == []


def test_archive_row_of_a_live_record() -> None:
    """Sequence, hash and type come from the headers; the record time is ce_time, not Kafka's."""
    tape = Tape("ledger.events", 3)
    record = tape.write(story.ann()[0])
    (row,) = named(archive.COLUMNS, archive.rows(tape.records))

    assert (row["seq"], row["live"], row["hash"]) == (1, True, tape.head.hash)
    assert (row["key"], row["value"]) == (b"acc_fifo", record.value)
    assert row["type"] == "tapeledger.AccountOpened.v1"
    assert (row["recorded_at"], row["kafka_time"]) == (story.RECORDED_US, 1_767_225_600_123_000)


@pytest.mark.parametrize("time", [b"yesterday", b"2026-01-01T00:00:00", b"\xff", None])
def test_archive_falls_back_on_kafka_time(time: bytes | None) -> None:
    """Without a ce_time that names an instant, the record time is Kafka's."""
    record = story_tapes("ledger.events")[0].records[0][0]
    headers = [(name, content) for name, content in record.headers if name != "ce_time"]
    if time is not None:
        headers.append(("ce_time", time))
    (row,) = named(archive.COLUMNS, archive.rows([(record._replace(headers=headers), True)]))

    assert row["recorded_at"] == row["kafka_time"] == 1_767_225_600_123_000


def test_only_live_records_become_events() -> None:
    """A dead record is not decoded, even when it could not be."""
    tape = Tape("ledger.events", 0)
    first = tape.write(story.ann()[0])
    dead = tape.after(head_of(first), story.ann()[1])._replace(value=b"nonsense")

    assert [event.offset for event in live_events([(first, True), (dead, False)])] == [0]


def test_unknown_event_names_its_place() -> None:
    """An event of a type that this program does not know stops it, and says where it stands."""
    record = story_tapes("ledger.events")[1].records[2][0]
    headers = [("ce_type", b"tapeledger.OrderTeleported.v1")]

    with pytest.raises(UnreadableInput, match=r"ledger\.events/1 at offset 2: unknown message type"):
        live_events([(record._replace(headers=headers), True)])


def tick_bytes(**fields: Any) -> tuple[bytes, codec.Headers]:
    good = {"symbol": "X", "market_time_us": story.T1, "price": "101", "volume": "5"}
    return msgspec.json.encode({**good, **fields}), [("ce_type", schema.type_name(Tick).encode())]


def test_tick_row() -> None:
    """A tick's row says whether it closes a bar."""
    value, headers = tick_bytes()

    tick = ticks.read(value, headers)

    assert ticks.rows([ticks.Print(1, 7, tick)]) == [("X", story.T1, Decimal(101), Decimal(5), False, 1, 7)]


@pytest.mark.parametrize(
    "fields",
    [
        {"price": "0"},
        {"price": "NaN"},
        {"price": "1E+300000"},
        {"volume": "Infinity"},
        {"market_time_us": -1},
        {"market_time_us": 10**18},
        {"bar": {"open": "101", "high": "100", "low": "102", "close": "101", "volume": "1"}},
        {"symbol": ""},
        {"colour": "red"},
    ],
)
def test_what_is_no_tick_is_refused(fields: dict[str, Any]) -> None:
    """Prices that are none, times that no database holds, bars with high below low: each is unreadable."""
    with pytest.raises(UnreadableInput):
        ticks.read(*tick_bytes(**fields))


def test_message_of_another_kind_is_no_tick() -> None:
    """A readable message on the tick topic that is no tick is refused as well."""
    record: TapeRecord = story_tapes("ledger.events")[0].records[0][0]

    with pytest.raises(UnreadableInput, match="expected a Tick, it was a AccountOpened"):
        ticks.read(record.value, record.headers)


def test_json_text_replaces_only_the_null_character() -> None:
    """An escaped U+0000 becomes U+FFFD; a backslash followed by u0000 stays what it is."""
    data = msgspec.json.encode({"a": "x\x00\x00y", "b": "\\u0000", "c": "\\\x00"})

    assert msgspec.json.decode(json_text(data)) == {"a": "x\ufffd\ufffdy", "b": "\\u0000", "c": "\\\ufffd"}
