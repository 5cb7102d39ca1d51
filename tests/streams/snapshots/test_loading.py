"""Goal: a start from a snapshot has the state of the tape, and a snapshot that does not hold is no more than a warning.

Method: something is done to the snapshot topic or to the tape on a real broker, and another agent loads. The expected
state is folded from the tape by a loader that knows no snapshots.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

import pytest

from runtime.clients import kafka_admin
from runtime.settings import Settings
from streams import topics
from streams.ledger.worker import spec
from streams.snapshots.form import Codec, form_of, part_key
from tests.streams.snapshots.kafka import PARTITION, Ledger, accounts, count_reads
from tests.streams.trading import buy, opened
from tests.workers import eventually

pytestmark = pytest.mark.integration


async def test_a_start_reads_the_snapshot_and_what_follows_it(ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    """Twelve events are in the snapshot; the next start decodes only the two behind it, and has the same state."""
    offsets = count_reads(monkeypatch)
    await ledger.start()

    assert offsets == [12, 13]
    assert ledger.digest() == ledger.truth()


async def test_a_started_agent_goes_on_with_snapshots(ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    """The round after a start writes what has changed since the epoch that was loaded, and no more."""
    name = accounts(ledger.settings, 4)[2]
    await ledger.start()
    before = len(ledger.snapshots())
    await ledger.work(buy(name, "third"))
    await ledger.snapshot()
    written = [record.key for record in ledger.snapshots()[before:]]
    offsets = count_reads(monkeypatch)
    await ledger.start()

    changed = [*accounts(ledger.settings, 2), name]
    assert written == [*(f"state:0:{one}".encode() for one in changed), b"epoch"]
    assert offsets == []
    assert ledger.digest() == ledger.truth()


# Damage

Damage = Callable[[Ledger, bytes], None]


def _flip(ledger: Ledger, key: bytes) -> None:
    value = bytearray(ledger.newest(key).value or b"")
    value[-20] ^= 1
    ledger.put(key, bytes(value))


def _cut(ledger: Ledger, key: bytes) -> None:
    ledger.put(key, (ledger.newest(key).value or b"")[:-1])


def _cut_short(ledger: Ledger, key: bytes) -> None:
    ledger.put(key, b"short")


def _end(ledger: Ledger, key: bytes) -> None:
    ledger.put(key, None)


def _under_another_key(ledger: Ledger, key: bytes) -> None:
    other = next(record for record in ledger.snapshots() if record.key not in (key, b"epoch"))
    ledger.put(key, other.value)


def _rewrite(ledger: Ledger, key: bytes, **changes: Any) -> None:
    """A record that is whole in itself and says something else, as a writer with a defect would leave it."""
    own = Codec(ledger.settings.topic("ledger.events"), PARTITION, spec(ledger.settings).snapshots.states.form)  # type: ignore[union-attr]
    content: Any = own.read(key, ledger.newest(key).value or b"")
    fields = {name: getattr(content, name) for name in content.__struct_fields__} | changes
    record = own._sealed(key, type(content)(**fields))
    ledger.put(record.key, record.value)


def _other_version(ledger: Ledger, key: bytes) -> None:
    _rewrite(ledger, key, version=7)


def _no_state(ledger: Ledger, key: bytes) -> None:
    _rewrite(ledger, key, data=b"\x80")


def _other_count(ledger: Ledger, key: bytes) -> None:
    _rewrite(ledger, b"epoch", count=5)


def _other_head(ledger: Ledger, key: bytes) -> None:
    _rewrite(ledger, b"epoch", head_hash=bytes(32))


def _beyond_the_tape(ledger: Ledger, key: bytes) -> None:
    _rewrite(ledger, b"epoch", next_offset=1_000, head_offset=999)


DAMAGES: dict[str, tuple[Damage, str]] = {
    "a flipped bit": (_flip, "it was changed"),
    "a missing byte": (_cut, "it was changed"),
    "nearly nothing": (_cut_short, "expected at least 48 bytes, form and digest, it has 5"),
    "an account is gone": (_end, "a state is lost"),
    "a record under another key": (_under_another_key, "written for another place"),
    "another version than the state's": (_other_version, "version 7, it holds"),
    "a state that is none": (_no_state, "not the state of an account"),
    "an epoch with another count": (_other_count, "expected 5 states"),
    "an epoch with another head": (_other_head, "at offset 11, it is number 12"),
    "an epoch beyond the tape": (_beyond_the_tape, "the tape ends here, expected at least 1000 records"),
}


@pytest.mark.parametrize("damage", DAMAGES)
async def test_a_damaged_snapshot_is_ignored_with_a_warning(
    ledger: Ledger, damage: str, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The log is read instead; one warning says where and why; the next round writes all, and then it holds again."""
    do, words = DAMAGES[damage]
    do(ledger, f"state:0:{accounts(ledger.settings, 4)[3]}".encode())
    with caplog.at_level(logging.WARNING):
        await ledger.start()
    warnings = [record.getMessage() for record in caplog.records if "snapshot" in record.getMessage()]

    assert ledger.digest() == ledger.truth()
    assert len(warnings) == 1
    assert f"{ledger.topic}/{PARTITION}" in warnings[0]
    assert words in warnings[0]

    await ledger.snapshot()
    offsets = count_reads(monkeypatch)
    await ledger.start()

    assert offsets == [], "the snapshot that was written whole does not hold"
    assert ledger.digest() == ledger.truth()


async def test_a_snapshot_of_another_form_is_ignored(ledger: Ledger, caplog: pytest.LogCaptureFixture) -> None:
    """Ids are kept for another time: what is remembered would differ, so the states of before are of no use."""
    other = Ledger(ledger.settings.model_copy(update={"client_ids_kept_s": 3_600}))
    with caplog.at_level(logging.WARNING):
        await other.start()

    assert "expected an epoch of this program and its settings, found 5 records of other forms" in caplog.text
    assert other.digest() == other.truth()


async def test_a_program_that_is_put_back_finds_its_own_snapshot(
    ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A later version wrote an epoch and died; the version before it passes that over and still finds its own."""
    ledger.put(b"epoch", form_of("of tomorrow") + (ledger.newest(b"epoch").value or b"")[16:])
    offsets = count_reads(monkeypatch)
    await ledger.start()

    assert offsets == [12, 13]
    assert ledger.digest() == ledger.truth()


async def test_a_snapshot_of_a_tape_that_was_deleted_is_ignored(
    ledger: Ledger, caplog: pytest.LogCaptureFixture
) -> None:
    """Somebody made the ledger's topics anew and left the snapshots: a new history, longer than the old one."""
    gone = [ledger.settings.topic(name) for name in ("ledger.events", "trading.commands")]
    _delete(ledger.settings, gone)
    _apply_again(ledger.settings)
    again = Ledger(ledger.settings)
    with caplog.at_level(logging.WARNING):
        await again.start()
    assert "the tape ends here, expected at least 12 records" in caplog.text
    (name,) = accounts(ledger.settings, 1)
    await again.work(*opened(name), *(buy(name, f"new-{number}") for number in range(20)))
    caplog.clear()
    with caplog.at_level(logging.WARNING):
        await again.start()

    assert "expected number 12" in caplog.text
    assert again.digest() == again.truth()

    await again.snapshot()
    caplog.clear()
    await again.start()

    assert "ignored" not in caplog.text
    assert again.digest() == again.truth()


def _delete(settings: Settings, names: list[str]) -> None:
    admin = kafka_admin(settings)  # kept: what it promises ends with it
    for future in admin.delete_topics(names).values():
        future.result()


def _apply_again(settings: Settings) -> None:
    """Kafka deletes in the background: until it is done a topic can be neither made nor read."""
    gone = {settings.topic(name) for name in ("ledger.events", "trading.commands")}
    eventually(lambda: not gone & set(kafka_admin(settings).list_topics(timeout=5).topics), "the topics are gone")
    eventually(lambda: len(topics.apply(settings)) == 2, "the topics are made anew")


async def test_without_a_snapshot_topic_the_log_is_read(ledger: Ledger, caplog: pytest.LogCaptureFixture) -> None:
    """A snapshot is a cache: a topic that is gone is a warning, and nothing else."""
    _delete(ledger.settings, [ledger.topic])
    with caplog.at_level(logging.WARNING):
        await ledger.start()

    assert "the snapshot is ignored and the log is read" in caplog.text
    assert ledger.digest() == ledger.truth()


async def test_an_account_may_be_larger_than_a_message(
    ledger_settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An account that remembers 6,000 orders fills several records; it comes back whole, and grows on."""
    own = Ledger(ledger_settings)
    await own.agent.assign([PARTITION])
    (name,) = accounts(ledger_settings, 1)
    await own.work(*opened(name), *(buy(name, f"c-{number}") for number in range(6_000)))
    await own.snapshot()
    keys = [record.key for record in own.snapshots()]
    offsets = count_reads(monkeypatch)
    await own.start()

    assert keys == [*(f"state:{index}:{name}".encode() for index in range(len(keys) - 1)), b"epoch"]
    assert len(keys) == 4
    assert offsets == []
    assert own.digest() == own.truth()

    first = own.newest(part_key(name, 0))
    own.put(first.key, None)  # as if the older pieces were compacted away
    own.put(first.key, first.value)
    _rewrite(own, part_key(name, 1), version=7)
    offsets.clear()
    await own.start()

    assert len(offsets) == 6_002, "pieces that do not belong together were taken for a state"
    assert own.digest() == own.truth()
