"""The record hash, against bytes laid out by hand as the module's docstring says."""

from __future__ import annotations

import hashlib

from hypothesis import given
from hypothesis import strategies as st

from streams.tape import genesis, record_hash, seal

headers_st = st.lists(st.tuples(st.text(max_size=8), st.binary(max_size=8)), max_size=4)


def test_the_hash_is_over_the_documented_bytes() -> None:
    """A record with one header hashes to SHA-256 of the layout in the docstring, written out here by hand."""
    prev = bytes(range(32))
    by_hand = (
        b"tapeledger:record:v1\n"
        + b"\x00\x00\x00\x00\x00\x00\x00\x07"
        + prev
        + b"\x00\x00\x00\x02ab"
        + b"\xff\xff\xff\xff"
        + b"\x00\x00\x00\x01"
        + b"\x00\x00\x00\x05ce_id"
        + b"\x00\x00\x00\x01x"
    )

    assert record_hash(7, prev, b"ab", None, [("ce_id", b"x")]) == hashlib.sha256(by_hand).digest()


def test_chain_headers_are_left_out() -> None:
    """A sealed record hashes to the same value with and without its own chain headers."""
    digest, headers = seal(1, genesis("t", 0), b"k", b"v", [("a", b"1")])

    assert record_hash(1, genesis("t", 0), b"k", b"v", headers) == digest


def test_each_tape_begins_elsewhere() -> None:
    """No two tapes share a genesis, so a record cannot be moved to another tape."""
    origins = {genesis(topic, partition) for topic in ("a", "b", "ab") for partition in range(3)}

    assert len(origins) == 9


@given(
    st.binary(max_size=6), st.binary(max_size=6), headers_st, st.binary(max_size=6), st.binary(max_size=6), headers_st
)
def test_different_records_have_different_hashes(
    key: bytes,
    value: bytes,
    headers: list[tuple[str, bytes]],
    other_key: bytes,
    other_value: bytes,
    other_headers: list[tuple[str, bytes]],
) -> None:
    """Length prefixes keep fields apart: bytes cannot move from one field into the next."""
    prev = bytes(32)
    same = (key, value, headers) == (other_key, other_value, other_headers)

    first = record_hash(1, prev, key, value, headers)
    second = record_hash(1, prev, other_key, other_value, other_headers)

    assert (first == second) == same
