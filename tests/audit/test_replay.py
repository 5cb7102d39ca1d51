"""Goal: `replay` finds nothing on sound tables and names every planted change of every table it compares.

Method: a real tape, projected by the real projector, then one row after another changed, removed or added, and undone.
"""

from __future__ import annotations

from typing import NamedTuple

import msgspec
import pytest

from audit.replay import replay
from domain import ids
from runtime.clients import kafka_producer, postgres
from runtime.settings import Settings
from streams.tape import read_range
from tests.audit.planting import Backup
from tests.audit.world import AUDIT, EVENTS, SIGNALS, World, story

pytestmark = pytest.mark.integration

BUY_1 = ids.order_id("ann", "buy-1")
REST_1 = ids.order_id("ann", "rest-1")
B2 = ids.order_id("bob", "b2")
DAY, LOSS, HIGH, ASKED = (ids.order_id("dora", name) for name in ("day", "loss", "high", "asked"))
OCO = ids.group_id("dora", "oco")
LOST = ids.break_id("ORDER_MISSING_AT_VENUE", ASKED, None)
TWICE = ids.break_id("EXECUTION_MISSING_IN_LEDGER", "elsewhere", "exe-elsewhere")
TABLES = (
    *("accounts", "balances", "journal_postings", "orders", "order_groups", "order_events", "order_history", "fills"),
    *("command_rejections", "positions", "lots", "order_book_levels", "order_book_orders", "order_book_history"),
    *("signals", "signal_refusals", "signal_outcomes", "model_outcomes"),
    *("audit_actions", "audit_refusals", "access_users", "access_keys"),
    *("desk_events", "desk_controls", "desk_marks", "rebalance_events"),
    "reconciliation_breaks",
)

CORPORATE_TABLES = ("operator_actions", "fill_corrections", "position_changes")  # tests/audit/test_replay_corporate.py


class Plant(NamedTuple):
    """A change of one row, and what replay must say. place: topic, partition, offset of the last event, if any."""

    table: str
    statement: str
    key: str
    column: str
    expected: str
    found: str
    place: tuple[str, int, int] | None


PLANTS = (
    Plant(
        "accounts",
        "update accounts set version = 99 where account_id = 'bob'",
        "bob",
        "version",
        "10",
        "99",
        (EVENTS, 1, 10),
    ),
    Plant(
        "accounts",
        "update accounts set owner = 'Eve' where account_id = 'ann'",
        "ann",
        "owner",
        "Ann",
        "Eve",
        (EVENTS, 0, 17),
    ),
    Plant(
        "accounts",
        "update accounts set fee_schedule = '{\"bps\": \"9\"}' where account_id = 'ann'",
        "ann",
        "fee_schedule",
        "null",
        '{"bps": "9"}',
        (EVENTS, 0, 17),
    ),
    Plant(
        "accounts", "delete from accounts where account_id = 'ann'", "ann", "(row)", "a row", "no row", (EVENTS, 0, 17)
    ),
    Plant(
        "accounts",
        """insert into accounts select 'eve', owner, currency, lot_method, fee_bps, opened_at, version, updated_at,
           partition, record_offset from accounts where account_id = 'ann'""",
        *("eve", "(row)", "no row", "a row", None),
    ),
    Plant(
        "balances",
        "update balances set amount = 0 where account_id = 'ann' and book_account = 'fees'",
        *("ann, fees, USD", "amount", "3.06", "0", (EVENTS, 0, 9)),
    ),
    Plant(
        "balances",
        "delete from balances where account_id = 'ann' and book_account = 'hold'",
        *("ann, hold, USD", "(row)", "a row", "no row", (EVENTS, 0, 12)),
    ),
    Plant(
        "balances",
        "insert into balances values ('ann', 'gift', 'USD', 1)",
        *("ann, gift, USD", "amount", "0", "1", None),
    ),
    Plant(
        "orders",
        f"update orders set status = 'NEW' where order_id = '{BUY_1}'",
        *(BUY_1, "status", "FILLED", "NEW", (EVENTS, 0, 5)),
    ),
    Plant(
        "orders",
        f"update orders set hold_cash = 1 where order_id = '{REST_1}'",
        *(REST_1, "hold_cash", "900.9", "1", (EVENTS, 0, 13)),
    ),
    Plant(
        "orders",
        f"update orders set dispatch_epoch = 1 where order_id = '{B2}'",
        *(B2, "dispatch_epoch", "2", "1", (EVENTS, 1, 7)),
    ),
    Plant(
        "orders",
        "update orders set reject_code = null where client_order_id = 'unknown'",
        *(ids.order_id("ann", "unknown"), "reject_code", "INSTRUMENT_UNKNOWN", "null", (EVENTS, 0, 11)),
    ),
    Plant(
        "orders", f"delete from orders where order_id = '{BUY_1}'", BUY_1, "(row)", "a row", "no row", (EVENTS, 0, 5)
    ),
    Plant(
        "orders",
        f"update orders set time_in_force = 'GTC' where order_id = '{DAY}'",
        *(DAY, "time_in_force", "DAY", "GTC", (EVENTS, 2, 9)),
    ),
    Plant(
        "orders",
        f"update orders set trigger_price = 95 where order_id = '{LOSS}'",
        *(LOSS, "trigger_price", "94.5", "95", (EVENTS, 2, 18)),
    ),
    Plant(
        "orders",
        f"update orders set replace_terms = null where order_id = '{ASKED}'",
        *(ASKED, "replace_terms", '{"limit_price": "41"}', "null", (EVENTS, 2, 29)),
    ),
    Plant(
        "order_groups",
        f"update order_groups set hold_quantity = 6 where group_id = '{OCO}'",
        *(OCO, "hold_quantity", "3", "6", (EVENTS, 2, 26)),
    ),
    Plant(
        "order_groups",
        f"delete from order_groups where group_id = '{OCO}'",
        *(OCO, "(row)", "a row", "no row", (EVENTS, 2, 26)),
    ),
    Plant(
        "order_history",
        "update order_history set code = 'X' where partition = 2 and record_offset = 7",
        *("partition 2, record_offset 7, leg 0", "code", "VENUE_TOO_LATE", "X", (EVENTS, 2, 7)),
    ),
    Plant(
        "order_history",
        "update order_history set status_before = 'NEW' where partition = 2 and record_offset = 5",
        *("partition 2, record_offset 5, leg 0", "status_before", "PENDING_REPLACE", "NEW", (EVENTS, 2, 5)),
    ),
    Plant(
        "order_history",
        "update order_history set changes = '{}' where partition = 2 and record_offset = 15 and leg = 1",
        *(
            "partition 2, record_offset 15, leg 1",
            "changes",
            '{"replace_revision": [null, "1"]}',
            "{}",
            (EVENTS, 2, 15),
        ),
    ),
    Plant(
        "order_history",
        "delete from order_history where partition = 2 and record_offset = 12 and leg = 2",
        *("partition 2, record_offset 12, leg 2", "(row)", "a row", "no row", (EVENTS, 2, 12)),
    ),
    Plant(
        "order_book_orders",
        f"update order_book_orders set priority_by = 'LOST' where order_id = '{HIGH}'",
        *(HIGH, "priority_by", "ENTERED", "LOST", (EVENTS, 2, 26)),
    ),
    Plant(
        "order_book_orders",
        f"delete from order_book_orders where order_id = '{ASKED}'",
        *(ASKED, "(row)", "a row", "no row", (EVENTS, 2, 29)),
    ),
    Plant(
        "order_book_orders",
        f"""insert into order_book_orders select 'forged', account_id, symbol, side, price, quantity, status,
            priority_by, priority_at, priority_offset, partition, since_offset, since_at from order_book_orders
            where order_id = '{HIGH}'""",
        *("forged", "(row)", "no row", "a row", None),
    ),
    Plant(
        "order_book_history",
        f"update order_book_history set quantity = 9 where order_id = '{DAY}' and since_offset = 3",
        *(f"{DAY}, 2, 3", "quantity", "10", "9", (EVENTS, 2, 4)),
    ),
    Plant(
        "order_book_history",
        f"update order_book_history set until_offset = 9 where order_id = '{DAY}' and since_offset = 7",
        *(f"{DAY}, 2, 7", "until_offset", "8", "9", (EVENTS, 2, 8)),
    ),
    Plant(
        "order_book_history",
        f"delete from order_book_history where order_id = '{DAY}' and since_offset = 5",
        *(f"{DAY}, 2, 5", "(row)", "a row", "no row", (EVENTS, 2, 6)),
    ),
    Plant(
        "order_events",
        "update order_events set data = jsonb_set(data, '{fee}', '\"0.54\"') where partition = 0 and record_offset = 4",
        *("partition 0, record_offset 4", "data", "0.53", "0.54", (EVENTS, 0, 4)),
    ),
    Plant(
        "order_events",
        "delete from order_events where partition = 0 and record_offset = 5",
        *("partition 0, record_offset 5", "(row)", "a row", "no row", (EVENTS, 0, 5)),
    ),
    Plant(
        "fills",
        "update fills set price = 52.02 where partition = 0 and record_offset = 4",
        *("partition 0, record_offset 4", "price", "52.01", "52.02", (EVENTS, 0, 4)),
    ),
    Plant(
        "fills",
        "update fills set cash_change = 0 where partition = 0 and record_offset = 9",
        *("partition 0, record_offset 9", "cash_change", "869.13", "0", (EVENTS, 0, 9)),  # 15 x 58 - 0.87
    ),
    Plant(
        "fills",
        """insert into fills select 'forged', order_id, account_id, symbol, side, quantity, price, fee, realized_pnl,
           cash_change, venue, market_time, recorded_at, evidence, partition, 6 from fills
           where partition = 0 and record_offset = 5""",
        *("partition 0, record_offset 6", "(row)", "no row", "a row", (EVENTS, 0, 6)),
    ),
    Plant(
        "fills",
        "update fills set partition = 9 where partition = 1 and record_offset = 4",
        *("partition 9, record_offset 4", "(row)", "no row", "a row", None),
    ),
    Plant(
        "command_rejections",
        "update command_rejections set code = 'X' where account_id = 'ann'",
        *("partition 0, record_offset 18", "code", "CASH_INSUFFICIENT", "X", (EVENTS, 0, 18)),
    ),
    Plant(
        "journal_postings",
        "update journal_postings set amount = -amount where partition = 0 and record_offset = 1 and leg = 1",
        *("partition 0, record_offset 1, leg 1", "amount", "-10000", "10000", (EVENTS, 0, 1)),
    ),
    Plant(
        "journal_postings",
        "delete from journal_postings where partition = 1 and record_offset = 1 and leg = 0",
        *("partition 1, record_offset 1, leg 0", "(row)", "a row", "no row", (EVENTS, 1, 1)),
    ),
    Plant(
        "journal_postings",
        """insert into journal_postings select partition, 500, leg, account_id, book_account, commodity,
           amount, event_type, event_id, recorded_at, market_time from journal_postings
           where partition = 1 and record_offset = 1 and leg = 0""",
        *("partition 1, record_offset 500, leg 0", "(row)", "no row", "a row", (EVENTS, 1, 500)),
    ),
    Plant(
        "positions",
        "update positions set held_quantity = 1 where account_id = 'ann'",
        *("ann, AAPL", "held_quantity", "0", "1", (EVENTS, 0, 17)),
    ),
    Plant(
        "positions",
        "delete from positions where account_id = 'bob'",
        "bob, IBM",
        "(row)",
        "a row",
        "no row",
        (EVENTS, 1, 4),
    ),
    Plant(
        "lots",
        "update lots set cost = cost + 1 where account_id = 'bob'",
        *("bob, IBM, average", "cost", "1060", "1061", (EVENTS, 1, 4)),
    ),
    Plant(
        "lots",
        "insert into lots values ('bob', 'IBM', 'more', 1, 1, now())",
        *("bob, IBM, more", "(row)", "no row", "a row", None),
    ),
    Plant(
        "order_book_levels",
        "update order_book_levels set orders = 1 where symbol = 'IBM' and side = 'BUY'",
        *("IBM, BUY, 90", "orders", "2", "1", (EVENTS, 2, 5)),
    ),
    Plant(
        "signals",
        "update signals set p_buy = 0.51 where partition = 3 and record_offset = 0",
        *("partition 3, record_offset 0", "p_buy", "0.5", "0.51", (SIGNALS, 3, 0)),
    ),
    Plant(
        "signals",
        "delete from signals where partition = 2 and record_offset = 1",
        *("partition 2, record_offset 1", "(row)", "a row", "no row", (SIGNALS, 2, 1)),
    ),
    Plant(
        "signals",
        "update signals set model_sha256 = '' where partition = 3 and record_offset = 0",
        *("partition 3, record_offset 0", "model_sha256", "7a" * 32, "", (SIGNALS, 3, 0)),
    ),
    Plant(
        "signal_outcomes",
        "update signal_outcomes set realised = 'SELL'",
        *("partition 3, record_offset 1, leg 0", "realised", "BUY", "SELL", (SIGNALS, 3, 1)),
    ),
    Plant(
        "signal_outcomes",
        "delete from signal_outcomes",
        *("partition 3, record_offset 1, leg 0", "(row)", "a row", "no row", (SIGNALS, 3, 1)),
    ),
    Plant(
        "signal_outcomes",
        """insert into signal_outcomes select signal_id, symbol, model_name, model_version, direction, p_buy, p_sell,
           p_hold, realised, entry_price, exit_price, market_time, known_at, partition, record_offset, 1
           from signal_outcomes""",
        *("partition 3, record_offset 1, leg 1", "(row)", "no row", "a row", (SIGNALS, 3, 1)),
    ),
    Plant(
        "model_outcomes",
        "update model_outcomes set outcomes = outcomes + 1",
        *("xgboost, 7, AAPL, BUY, BUY", "outcomes", "1", "2", (SIGNALS, 3, 1)),
    ),
    Plant(
        "model_outcomes",
        "update model_outcomes set realised = 'SELL'",
        *("xgboost, 7, AAPL, BUY, BUY", "(row)", "a row", "no row", (SIGNALS, 3, 1)),
    ),
    Plant(
        "model_outcomes",
        "insert into model_outcomes values ('xgboost', '8', 'AAPL', 'BUY', 'BUY', 1)",
        *("xgboost, 8, AAPL, BUY, BUY", "(row)", "no row", "a row", None),
    ),
    Plant(
        "signal_refusals",
        "update signal_refusals set text = 'yes'",
        *("partition 2, record_offset 2", "text", "no", "yes", (SIGNALS, 2, 2)),
    ),
    Plant(
        "audit_actions",
        "update audit_actions set actor = 'eve' where action_id = 'act-1'",
        *("partition 1, record_offset 0", "actor", "carol", "eve", (AUDIT, 1, 0)),
    ),
    Plant(
        "audit_actions",
        "update audit_actions set details = '{}' where action_id = 'act-2'",
        *("partition 1, record_offset 1", "details", '{"sent_to": "elsewhere"}', "{}", (AUDIT, 1, 1)),
    ),
    Plant(
        "audit_actions",
        "delete from audit_actions where action_id = 'act-2'",
        *("partition 1, record_offset 1", "(row)", "a row", "no row", (AUDIT, 1, 1)),
    ),
    Plant(
        "audit_refusals",
        "update audit_refusals set code = 'X'",
        *("partition 1, record_offset 2", "code", "ACTION_ID_CONFLICT", "X", (AUDIT, 1, 2)),
    ),
    Plant(
        "access_users",
        "update access_users set role = 'admin'",
        *("una", "role", "trader", "admin", (AUDIT, 3, 6)),
    ),
    Plant(
        "access_keys",
        "update access_keys set revoked_at = null where key_id = 'key_2222222222222222'",
        *("una, key_2222222222222222", "revoked_at", "2026-", "null", (AUDIT, 3, 4)),
    ),
    Plant(
        "access_keys",
        "update access_keys set scopes = '{read,trade,admin}' where key_id = 'key_4444444444444444'",
        *("una, key_4444444444444444", "scopes", '["read", "trade"]', '["read", "trade", "admin"]', (AUDIT, 3, 7)),
    ),
    Plant(
        "rebalance_events",
        "update rebalance_events set plan_id = 'pln_other' where event_type = 'RebalancePlanned'",
        *("partition 2, record_offset 36", "plan_id", ids.plan_id("erin", "plan"), "pln_other", (EVENTS, 2, 36)),
    ),
    Plant(
        "desk_events",
        "update desk_events set reason = 'none' where event_type = 'TradingHalted'",
        *("partition 2, record_offset 31", "reason", "drill", "none", (EVENTS, 2, 31)),
    ),
    Plant(
        "desk_controls",
        "update desk_controls set in_force = true where control = 'HALT'",
        *("2, HALT, ", "in_force", "False", "True", (EVENTS, 2, 32)),
    ),
    Plant(
        "desk_controls",
        "update desk_controls set limits = '{}' where control = 'LIMITS'",
        *("2, LIMITS, s1", "limits", "1000.50", "{}", (EVENTS, 2, 30)),
    ),
    Plant(
        "desk_marks",
        "update desk_marks set price = 102 where symbol = 'IBM'",
        *("2, IBM", "price", "101", "102", (EVENTS, 2, 33)),
    ),
    Plant(
        "reconciliation_breaks",
        "update reconciliation_breaks set status = 'RESOLVED' where status = 'OPEN'",
        *(LOST, "status", "OPEN", "RESOLVED", (EVENTS, 2, 38)),
    ),
    Plant(
        "reconciliation_breaks",
        "update reconciliation_breaks set times = 1 where times = 2",
        *(TWICE, "times", "2", "1", (EVENTS, 2, 42)),
    ),
    Plant(
        "reconciliation_breaks",
        "delete from reconciliation_breaks where times = 2",
        *(TWICE, "(row)", "a row", "no row", (EVENTS, 2, 42)),
    ),
)


def test_sound_tables_have_no_differences(told: World) -> None:
    """The fold and the projections agree on every row, and the digest is that of the ledger that decided."""
    verdict = replay(told.settings)

    assert verdict.differences == []
    assert verdict.ok
    assert verdict.digest == told.digest()
    rows = {table.table: table.rows for table in verdict.tables}
    assert set(rows) == {*TABLES, *CORPORATE_TABLES, "tape_causes"}  # tests/audit/test_replay_causes.py
    assert all(rows[name] for name in TABLES), "each table has something to compare"
    assert (verdict.accounts, rows["fills"], rows["orders"], rows["order_book_levels"]) == (4, 8, 20, 3)


def test_each_planted_change_is_named(told: World, subtests: pytest.Subtests) -> None:
    """A value changed, a row removed or added: replay names table, key, column, both values and the last event."""
    settings = told.settings
    assert {plant.table for plant in PLANTS} == set(TABLES)
    with postgres(settings, autocommit=True) as connection, Backup(connection, TABLES) as backup:
        for plant in PLANTS:
            with subtests.test(plant.statement):
                backup.plant(plant.statement)
                verdict = replay(settings)
                backup.restore()

                assert not verdict.ok
                found = [
                    one for one in verdict.differences if (one.table, one.key, one.column) == plant[:1] + plant[2:4]
                ]
                assert len(found) == 1, [str(one) for one in verdict.differences]
                assert plant.expected in found[0].expected
                assert plant.found in found[0].found
                place = None if plant.place is None else (settings.topic(plant.place[0]), *plant.place[1:])
                where = (found[0].topic, found[0].partition, found[0].offset)
                assert where == (place or (None, None, None))
        assert replay(settings).ok, "the changes were undone"


def test_the_fold_stops_where_the_tables_are(ledger_settings: Settings) -> None:
    """Events that the projector has not taken yet are not expected in the tables."""
    world = story(ledger_settings)
    world.project()
    world.submit("bob", "b4", "BUY", "IBM", "1", limit="50")
    world.flush()

    assert replay(ledger_settings).ok
    world.project()
    verdict = replay(ledger_settings)

    assert verdict.ok
    assert verdict.digest == world.digest()


def test_a_log_that_does_not_fold_is_named(ledger_settings: Settings) -> None:
    """A broken chain below the tables' progress is one difference with its place, and no table is compared."""
    story(ledger_settings).project()
    producer = kafka_producer(ledger_settings)
    producer.produce(ledger_settings.topic(EVENTS), key=b"ann", value=b"{}", headers=[], partition=0)
    producer.flush(10)
    with postgres(ledger_settings) as connection:
        connection.execute(
            "update projection_progress set next_offset = next_offset + 1 where projection = 'ledger' and partition = 0"
        )

    verdict = replay(ledger_settings)

    (difference,) = verdict.differences
    assert (difference.table, difference.partition, difference.offset) == ("(tape)", 0, 19)
    assert "tape-seq" in difference.found
    assert msgspec.json.encode(verdict)


def test_a_record_that_is_passed_over_is_told_and_not_missed(ledger_settings: Settings) -> None:
    """A refused command that the projection was told to pass over has no row, which is right; a mark on another record
    excuses nothing."""
    world = story(ledger_settings)
    topic = ledger_settings.topic(EVENTS)
    with postgres(ledger_settings, autocommit=True) as connection:
        place = next(
            record
            for partition in range(4)
            for record in read_range(ledger_settings, topic, partition)
            if dict(record.headers)["ce_type"] == b"tapeledger.CommandRejected.v1"
        )
        mark = """insert into projection_skips (projection, topic, partition, record_offset, sha256, actor, reason)
                  values ('ledger', %s, %s, %s, %s, 'Carol', 'not needed')"""
        digest = bytes.fromhex(dict(place.headers)["tape-hash"].decode())
        connection.execute(mark, (topic, place.partition, place.offset, digest))
        world.project()
        verdict = replay(ledger_settings)

        assert verdict.ok
        assert verdict.skipped == [
            f"{topic}/{place.partition} offset {place.offset} is passed over by projection ledger, by Carol: not needed"
        ]
        assert "1 record passed over on purpose" in verdict.text()
        connection.execute("update projection_skips set sha256 = sha256('another record')")
        assert [(one.table, one.found) for one in replay(ledger_settings).differences] == [
            ("command_rejections", "no row")
        ]
