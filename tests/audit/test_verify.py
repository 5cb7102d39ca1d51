"""Goal: `verify` is silent on sound copies and names every planted change. Method: a real tape, archived by the real
projector, then one change after another planted in the database (or on Kafka), each undone before the next."""

from __future__ import annotations

from decimal import Decimal
from typing import Any, NamedTuple

import msgspec
import pytest

from audit.verify import Verdict, verify
from domain.commands import Deposit
from domain.errors import UnavailableError
from runtime.clients import kafka_producer, postgres
from runtime.settings import Settings
from streams.codec import Cause
from tests.audit.planting import Backup
from tests.audit.world import EVENTS, SIGNALS, World, story

pytestmark = pytest.mark.integration


class Plant(NamedTuple):
    """A change of the database, and what verify must say: kind, topic, partition, offset, and words of the finding."""

    name: str
    statement: str
    kind: str
    topic: str
    partition: int
    offset: int
    words: str


AT = "where topic like '%%ledger.events' and partition = 0 and record_offset = 4"
PLANTS = (
    Plant(
        "one byte of the value",
        f"update tape_records set value = set_byte(value, 10, get_byte(value, 10) # 1) {AT}",
        *("archive_differs", EVENTS, 0, 4, "value: expected byte 10 of"),
    ),
    Plant(
        "one byte of the value, seen by its hash",
        f"update tape_records set value = set_byte(value, 10, get_byte(value, 10) # 1) {AT}",
        *("archive_differs", EVENTS, 0, 4, "hash: expected"),
    ),
    Plant(
        "one byte of the key",
        f"update tape_records set key = set_byte(key, 2, get_byte(key, 2) # 32) {AT}",
        *("archive_differs", EVENTS, 0, 4, "key: expected byte 2 of 3"),
    ),
    Plant(
        "a key that is gone", f"update tape_records set key = null {AT}", "archive_differs", EVENTS, 0, 4, "found null"
    ),
    Plant(
        "one byte of a header",
        f"update tape_records set header_values[3] = set_byte(header_values[3], 0, 65) {AT}",
        *("archive_differs", EVENTS, 0, 4, "header ce_source: expected byte 0"),
    ),
    Plant(
        "a header's name",
        f"update tape_records set header_names[3] = 'ce_sauce' {AT}",
        *("archive_differs", EVENTS, 0, 4, "name of header 2: expected 'ce_source', found 'ce_sauce'"),
    ),
    Plant(
        "a header too many",
        f"""update tape_records set header_names = header_names || 'x'::text,
            header_values = header_values || '\\x00'::bytea {AT}""",
        *("archive_differs", EVENTS, 0, 4, "headers: expected"),
    ),
    Plant(
        "the hash column",
        f"update tape_records set hash = set_byte(hash, 31, get_byte(hash, 31) # 1) {AT}",
        *("archive_differs", EVENTS, 0, 4, "(archived header tape-hash)"),
    ),
    Plant(
        "the live column",
        f"update tape_records set live = not live {AT}",
        "archive_differs",
        EVENTS,
        0,
        4,
        "live: expected true",
    ),
    Plant(
        "the seq column",
        f"update tape_records set seq = seq + 1 {AT}",
        "archive_differs",
        EVENTS,
        0,
        4,
        "seq: expected 5",
    ),
    Plant(
        "the type column", f"update tape_records set type = 'x' {AT}", "archive_differs", EVENTS, 0, 4, "type: expected"
    ),
    Plant(
        "Kafka's time",
        f"update tape_records set kafka_time = kafka_time + interval '1 ms' {AT}",
        *("archive_differs", EVENTS, 0, 4, "kafka_time: expected"),
    ),
    Plant(
        "the record time",
        f"update tape_records set recorded_at = recorded_at + interval '1 us' {AT}",
        *("archive_differs", EVENTS, 0, 4, "recorded_at: expected"),
    ),
    Plant("a row removed", f"delete from tape_records {AT}", "archive_missing", EVENTS, 0, 4, "found no row"),
    Plant(
        "a row doubled under another time",
        f"""insert into tape_records select topic, partition, record_offset, seq, live, hash, key, value, header_names,
            header_values, type, kafka_time, recorded_at + interval '1 s' from tape_records {AT}""",
        *("archive_duplicate", EVENTS, 0, 4, "expected one row"),
    ),
    Plant(
        "a row behind the end",
        f"""insert into tape_records select topic, partition, 1000, seq, live, hash, key, value, header_names,
            header_values, type, kafka_time, recorded_at from tape_records {AT}""",
        *("archive_ahead", EVENTS, 0, 1000, "found a row"),
    ),
    Plant(
        "a row of a tape that is not there",
        f"""insert into tape_records select topic, 77, record_offset, seq, live, hash, key, value, header_names,
            header_values, type, kafka_time, recorded_at from tape_records {AT}""",
        *("archive_foreign", EVENTS, 77, 4, "found 1 rows"),
    ),
    Plant(
        "a signal's byte",
        """update tape_records set value = set_byte(value, 5, 0)
           where topic like '%%trading.signals' and partition = 3 and record_offset = 1""",
        *("archive_differs", SIGNALS, 3, 1, "value: expected byte 5 of"),
    ),
    Plant(
        "the projector's head",
        "update projection_progress set head_seq = head_seq - 1 where projection = 'ledger' and partition = 1",
        *("progress_head_differs", EVENTS, 1, 11, "projection_progress head"),
    ),
    Plant(
        "a balance",
        "update balances set amount = amount + 0.01 where account_id = 'bob' and book_account = 'cash'",
        *("balance_differs", EVENTS, 1, 10, "(bob, cash, USD): expected 3488.49, found 3488.5"),
    ),
    Plant(
        "a balance removed",
        "delete from balances where account_id = 'ann' and book_account = 'fees'",
        *("balance_differs", EVENTS, 0, 9, "(ann, fees, USD): expected 3.06, found no row"),
    ),
)


def test_sound_copies_have_no_findings(told: World) -> None:
    """A ledger as the real projector archived it verifies, and the counts are those of what was written."""
    verdict = verify(told.settings)

    assert verdict.findings == []
    assert verdict.ok
    assert verdict.behind == 0
    by_tape = {(tape.topic, tape.partition): tape for tape in verdict.tapes}
    ann = by_tape[told.settings.topic(EVENTS), 0]
    head = told.heads[EVENTS, 0][-1]
    assert (ann.records, ann.live, ann.dead, ann.archived) == (19, 18, 1, 19)
    assert (ann.head_seq, ann.head_hash) == (head.seq, head.hash.hex())
    assert len(verdict.tapes) == 3 * told.settings.partitions


def test_each_planted_change_is_named(told: World, subtests: pytest.Subtests) -> None:
    """Whatever is changed in the archive, in its progress or in a balance: verify fails and names the record."""
    settings = told.settings
    with (
        postgres(settings, autocommit=True) as connection,
        Backup(connection, ("tape_records", "projection_progress", "balances")) as backup,
    ):
        for plant in PLANTS:
            with subtests.test(plant.name):
                backup.plant(plant.statement)
                verdict = verify(settings)
                backup.restore()

                assert not verdict.ok
                assert [str(one) for one in _named(verdict, plant, settings) if plant.words in str(one)], [
                    str(finding) for finding in verdict.findings
                ]
        assert verify(settings).ok, "the changes were undone"


def _named(verdict: Verdict, plant: Plant, settings: Settings) -> list[Any]:
    place = (plant.kind, settings.topic(plant.topic), plant.partition, plant.offset)
    return [one for one in verdict.findings if (one.kind, one.topic, one.partition, one.offset) == place]


def test_an_archive_that_is_behind_is_no_finding(ledger_settings: Settings) -> None:
    """Records that the projector has not taken yet are counted and told, but they are nobody's fault."""
    world = story(ledger_settings)
    world.project()
    world.open("bob", "FIFO", "1.00")  # refused: the account is open; and a deposit
    world.flush()

    verdict = verify(ledger_settings)

    assert verdict.findings == []
    assert verdict.behind == 2
    assert "the archive is 2 records behind" in verdict.text()


def test_a_forged_record_on_kafka_breaks_the_chain(ledger_settings: Settings) -> None:
    """A record that follows nothing known is named by its offset, and balances are then left out."""
    world = story(ledger_settings)
    world.project()
    producer = kafka_producer(ledger_settings)
    headers: list[Any] = [("tape-seq", b"5"), ("tape-prev", b"00" * 32), ("tape-hash", b"11" * 32)]
    producer.produce(ledger_settings.topic(EVENTS), key=b"ann", value=b"{}", headers=headers, partition=0)
    producer.flush(10)

    verdict = verify(ledger_settings)

    (finding,) = verdict.findings
    assert (finding.kind, finding.partition, finding.offset) == ("chain_broken", 0, 19)
    assert "it was changed" in finding.found


def test_books_versions_and_causes_are_checked(ledger_settings: Settings) -> None:
    """A writer that seals nonsense is caught: unbalanced postings, a version left out, an input answered twice."""
    world = story(ledger_settings)
    world.project()
    topic = ledger_settings.topic("trading.commands")
    command = Deposit(command_id="d9", account_id="ann", issued_at_us=world.now_us, amount=Decimal("5.00"))
    deposit: Any = world.ledger.decide(command, world.now_us)
    crooked = msgspec.structs.replace(
        deposit,
        originator_version=deposit.originator_version + 3,
        postings=(
            msgspec.structs.replace(deposit.postings[0], amount=deposit.postings[0].amount * 2),
            deposit.postings[1],
        ),
    )
    offset = world.append(EVENTS, "ann", crooked, Cause(topic, 0, 0, "in-1"), time_us=world.now_us)
    world.flush()

    found = {finding.kind: finding for finding in verify(ledger_settings).findings}

    assert set(found) == {"postings_unbalanced", "version_gap", "cause_not_increasing"}
    assert {finding.offset for finding in found.values()} == {offset}
    assert "USD sums to 5.00" in found["postings_unbalanced"].found
    assert (found["version_gap"].expected, found["version_gap"].found) == ("18", "21")
    assert found["cause_not_increasing"].found == "offset 0"


def test_memory_does_not_hold_the_archive(told: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """The archive is read in batches whatever their size: with batches of two rows the verdict is the same."""
    monkeypatch.setattr("audit.archive._BATCH", 2)

    assert verify(told.settings).findings == []


def test_an_unreachable_database_is_told(told: World) -> None:
    """What cannot be checked raises, it does not pass."""
    gone = told.settings.model_copy(update={"database_url": "postgresql://nobody@127.0.0.1:1/none"})

    with pytest.raises(UnavailableError, match="the database does not answer"):
        verify(gone)
