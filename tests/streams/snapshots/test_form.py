"""The records of a snapshot: what was changed is seen, what is not ours is passed over, sums say what is missing."""

from __future__ import annotations

import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.errors import SnapshotError, UnreadableInput
from streams.snapshots.form import Codec, Epoch, Members, Part, form_of, part_key
from streams.snapshots.stored import Reading

FORM = form_of("account", 1)
EPOCH = Epoch(7, 6, b"h" * 32, 6, {"trading.commands": 5}, 1, b"s" * 32, 1)
OURS = Codec("ledger.events", 0, FORM, part_bytes_max=10)
versions = st.dictionaries(st.text(min_size=1, max_size=5), st.integers(min_value=1, max_value=9), max_size=6)


def _reading() -> Reading:
    return Reading("ledger.snapshots", 0, OURS)


def test_a_state_comes_back_from_its_pieces() -> None:
    """25 bytes at 10 a piece are three records, each saying which it is."""
    records = list(OURS.state("acc_1", 4, 9, b"0123456789" * 2 + b"01234"))
    parts = [OURS.read(record.key, record.value or b"") for record in records]
    whole = hashlib.sha256(b"0123456789012345678901234").digest()

    assert parts == [
        Part("acc_1", 4, 9, 0, 3, whole, b"0123456789"),
        Part("acc_1", 4, 9, 1, 3, whole, b"0123456789"),
        Part("acc_1", 4, 9, 2, 3, whole, b"01234"),
    ]


@given(bit=st.integers(min_value=0))
def test_no_bit_can_be_changed_unseen(bit: int) -> None:
    """Wherever a bit is flipped: it is damage, or, within the form, a record that nobody takes for ours."""
    record = OURS.epoch(EPOCH)
    value = bytearray(record.value or b"")
    at = bit % (len(value) * 8)
    value[at // 8] ^= 1 << at % 8

    if at < 16 * 8:
        assert OURS.read(record.key, bytes(value)) is None
    else:
        with pytest.raises(UnreadableInput, match="it was changed"):
            OURS.read(record.key, bytes(value))


@given(length=st.integers(min_value=0, max_value=10_000))
def test_no_end_can_be_cut_off_unseen(length: int) -> None:
    """However much is missing."""
    record = OURS.epoch(EPOCH)
    value = (record.value or b"")[: length % len(record.value or b"")]

    with pytest.raises(UnreadableInput):
        OURS.read(record.key, value)


@pytest.mark.parametrize("other", [Codec("ledger.events", 1, FORM), Codec("b.ledger.events", 0, FORM)])
def test_a_record_of_another_tape_is_damage(other: Codec) -> None:
    """Another partition, or a ledger with another prefix: its positions and sums mean nothing here."""
    record = other.epoch(EPOCH)

    with pytest.raises(UnreadableInput, match="written for another place"):
        OURS.read(record.key, record.value or b"")


@given(before=versions, after=versions)
def test_the_sum_is_that_of_the_members_whatever_the_way(before: dict[str, int], after: dict[str, int]) -> None:
    """Moved there step by step, or counted afresh with nothing but SHA-256 and addition: the same sum."""
    members = Members()
    for key, version in before.items():
        members.move(key, 0, version)
    for key in before.keys() | after.keys():
        members.move(key, before.get(key, 0), after.get(key, 0))
    total = 0
    for key, version in after.items():
        member = b"tapeledger:snapshot-member:v1\n" + version.to_bytes(8, "big") + key.encode()
        total += int.from_bytes(hashlib.sha256(member).digest(), "big")

    assert members.count == len(after)
    assert members.checksum == (total % 2**256).to_bytes(32, "big")


def _records(version: int, size: int, codec: Codec = OURS) -> list[tuple[bytes, bytes | None]]:
    return [(record.key, record.value) for record in codec.state("acc_1", 0, version, bytes([version]) * size)]


def _read(records: list[tuple[bytes, bytes | None]]) -> dict[str, tuple[int, bytes]]:
    reading = _reading()
    for offset, (key, value) in enumerate(records):
        reading.take(offset, key, value)
    return {key: (state.version, state.data) for key, state in reading.stored().states.items()}


def test_a_state_that_was_being_written_is_the_one_before() -> None:
    """Two of three new pieces are there: the old state counts, which is whole."""
    assert _read(_records(1, 25) + _records(2, 25)[:2]) == {"acc_1": (1, b"\x01" * 25)}


def test_a_state_that_is_there_in_part_is_damage() -> None:
    """Its old pieces were compacted away but one, and its new ones are not all there."""
    with pytest.raises(SnapshotError, match=r"'acc_1' is there in part: pieces \[0, 1, 2\] of versions \[1, 2\]"):
        _read(_records(1, 25)[2:] + _records(2, 25)[:2])


def test_a_state_that_shrinks_leaves_nothing_behind() -> None:
    """From three pieces to one: the other two are ended, and would be passed over if they were not."""
    shrunk = _records(1, 25) + _records(2, 5)

    assert _read(shrunk) == {"acc_1": (2, b"\x02" * 5)}
    assert _read([*shrunk, (part_key("acc_1", 1), None), (part_key("acc_1", 2), None)]) == {"acc_1": (2, b"\x02" * 5)}


def test_damage_that_was_written_over_does_not_count() -> None:
    """A good record of the same key came later."""
    assert _read([(part_key("acc_1", 0), b"x" * 60), *_records(1, 5)]) == {"acc_1": (1, b"\x01" * 5)}


def test_damage_that_counts_is_named_with_its_offset() -> None:
    """The newest record of a key is cut off."""
    key, value = _records(2, 5)[0]

    with pytest.raises(SnapshotError, match=r"ledger\.snapshots/0 at offset 1: its digest is"):
        _read([*_records(1, 5), (key, (value or b"")[:-1])])
